"""Node descriptions: what the fabric manager matches, and what it takes for nothing without a word."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import descriptions


@pytest.mark.parametrize(("pattern", "why"), [
    ("knl[16-01] hfi1_0", "the range [16-01] runs backwards"),
    ("knl[12-11]", "the range [12-11] runs backwards"),
    ("knl[00-05]", "[00-05] has a bound of zeros alone"),
    ("knl[001-12]", "[001-12] changes its zero padding"),
    ("knl[08-112]", "[08-112] changes its zero padding"),
    ("knl[1,3]", "[1,3] is not a range such as [01-16]"),
    ("knl[1-123456]", "[1-123456] has a number of more than 5 digits"),
    ("[1-2]", "it is a range and nothing else"),
    ("k*[1-2]", "a range cannot follow a wildcard"),
    ("knl(1)", "it has a '('"),
    ("knl[1-2", "it has a '['"),
    ("sw:2", "after ':' stands a range of ports such as [2-4], and nothing else"),
    ("k" * 65, "it has more than 64 characters"),
    ("knl[01-16] hfi1_0", None), ("node[001-016] hfi1_0", None), ("n[8-12]", None), ("n[0-5]", None), ("rack[1-2]node[01-02]", None),
    ("*Rack1*", None), ("?SWITCH[0-1]:[2-3]", None), ("Some Name", None), ("a-b,c=d.e_f", None),
])
def test_what_is_no_pattern_has_a_reason(pattern, why):
    assert descriptions.problem(pattern) == why


@pytest.mark.parametrize(("pattern", "taken", "left"), [
    ("node[06-10]", ["node06", "node09", "node10"], ["node6", "node11", "node006", "xnode06", "node06x"]),
    ("node[1-4]", ["node1", "node4"], ["node01", "node5", "node"]),
    ("node[8-12]", ["node8", "node12"], ["node08", "node13"]),
    ("*Rack1*", ["Rack1", "a Rack1 b", "xRack1"], ["Rack2"]),
    ("HFI?", ["HFI", "HFIx"], ["HFIxy"]),
    ("a.b", ["a.b"], ["axb"]),
    ("node[10-06]", [], ["node06", "node08", "node10"]),
])
def test_what_a_pattern_matches(pattern, taken, left):
    assert [text for text in (*taken, *left) if descriptions.matches(pattern, text)] == taken


names = st.from_regex(r"\A[a-z]{1,3}[0-9]{0,4}(-[a-z]{1,2}[0-9]{0,2})?( hfi1_[01])?\Z")


@settings(max_examples=40, deadline=None)
@given(st.lists(names, max_size=40, unique=True))
def test_what_is_folded_stands_for_just_that(many):
    folded = descriptions.fold(many)
    assert [pattern for pattern in folded if descriptions.problem(pattern)] == []
    assert sorted(text for pattern in folded for text in descriptions.expand(pattern)) == sorted(many)
    assert all(sum(descriptions.matches(pattern, text) for pattern in folded) == 1 for text in many)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=30), st.text(max_size=20))
def test_any_text_is_read(pattern, text):
    descriptions.matches(pattern, text)
    assert descriptions.expand(pattern)


def test_a_thousand_nodes_are_one_pattern():
    assert descriptions.fold([f"cn{number:04d} hfi1_0" for number in range(1, 1001)]) == ["cn[0001-1000] hfi1_0"]
    assert descriptions.fold(["cn00", "cn01", "cn02", "login"]) == ["cn00", "login", "cn[01-02]"]
