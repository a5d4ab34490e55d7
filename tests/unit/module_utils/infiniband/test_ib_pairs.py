"""Who may talk to whom."""

from __future__ import annotations

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.pairs import matrix, may_talk


def test_one_of_two_must_be_a_full_member():
    assert may_talk({0x101: "full"}, {0x101: "limited"}) == (True, (0x101,), "by 0x0101")
    assert may_talk({0x101: "limited"}, {0x101: "limited"}) == (False, (0x101,), "both limited members of 0x0101")
    assert may_talk({0x101: "full"}, {0x102: "full"}) == (False, (), "no P_Key in common")


def test_any_key_will_do_and_those_that_do_are_named():
    one, other = {0x7FFF: "limited", 0x101: "limited", 0x102: "full"}, {0x7FFF: "limited", 0x101: "limited", 0x102: "limited"}
    assert may_talk(one, other).reason == "by 0x0102"
    assert may_talk(other, other).reason == "both limited members of 0x0101, 0x0102, 0x7fff"


def test_the_matrix_has_each_pair_once():
    tables = {"a": {1: "full"}, "b": {1: "limited"}, "c": {1: "limited"}}
    assert [(one, other, verdict.allowed) for one, other, verdict in matrix(tables)] == [
        ("a", "b", True), ("a", "c", True), ("b", "c", False)]
    assert [verdict.allowed for _one, _other, verdict in matrix(tables, [("c", "a")])] == [True]
