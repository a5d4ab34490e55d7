"""A fabric compared with what is declared. What is seen is the fabric of test_ib_topology, altered."""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import isolation, pairs, topology, verdict
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.topology import Manager

HEAD, ONE, TWO, THREE = (f"0x0002c903000000{n:02x}" for n in (1, 11, 12, 13))
NAMES = {HEAD: "head1", ONE: "cn1", TWO: "cn2", THREE: "cn3"}
SAID = json.loads((Path(__file__).parent / "fabric.json").read_text())


@pytest.fixture
def seen():
    return topology.assemble(SAID)


@pytest.fixture
def wanted():
    return {
        "fabric": "ib0", "speed": "", "width": "", "mtu": 0, "managers": [{"name": "head1", "guid": HEAD}], "cables": [],
        "without_guid": [], "ports": [{"name": name, "guid": guid} for guid, name in NAMES.items()],
    }


@pytest.fixture
def store(intent):
    members = [{"name": "cn1", "guid": ONE, "membership": "full"}, {"name": "cn2", "guid": TWO, "membership": "limited"},
               {"name": "cn3", "guid": THREE, "membership": "limited"}]
    return {**intent, "partitions": [{**intent["partitions"][0], "name": "store", "members": members}]}


def altered(seen, guid, table):
    port = seen.hosts[guid]
    return dataclasses.replace(seen, ports={**seen.ports, (port.node, port.number): dataclasses.replace(port, table=table)})


def texts(findings):
    return [finding["text"] for finding in findings]


def manager(seen, guid, state):
    first = seen.managers[0]
    return Manager(seen.hosts[guid].node, first.info._replace(guid=guid, state=state, priority=4))


def test_what_is_as_declared_is_no_finding(seen, wanted):
    assert verdict.compare(wanted, seen) == []
    assert verdict.notes(wanted, seen) == []


def test_mtu_and_links_that_no_manager_has_configured(seen, wanted):
    found = verdict.compare({**wanted, "mtu": 4096}, seen)
    assert [finding["kind"] for finding in found] == ["mtu"] * 4
    assert "host0 - " not in found[0]["text"] and found[0]["text"].startswith("head1 - leaf0 port 1 has an MTU of 2048 and not of 4096")
    for ends in seen.links:
        for end in ends:
            seen.ports[end] = dataclasses.replace(seen.ports[end], info=seen.ports[end].info._replace(state="init"))
    assert {finding["kind"] for finding in verdict.compare(wanted, seen)} == {"not_active"}


def test_a_link_on_which_more_is_possible_wants_another_cable(seen, wanted):
    for end in seen.links[1]:
        info = seen.ports[end].info._replace(enabled_width="4x")
        seen.ports[end] = dataclasses.replace(seen.ports[end], info=info)
    assert texts(verdict.compare({**wanted, "width": "4x"}, seen)) == [
        "leaf0 port 2 - cn1 runs at 1x FDR and not at 4x: both ends can do more, so reseat or replace the cable"]


def test_two_masters(seen, wanted):
    both = dataclasses.replace(seen, managers=[*seen.managers, manager(seen, THREE, "master")])
    found = verdict.compare(wanted, both)
    assert [finding["kind"] for finding in found] == ["many_masters", "foreign_master"]
    assert verdict.sentence("ib0", found).startswith("ib0 is not as declared: head1 and cn3 are master at once: switch off")


def test_managers_of_ours_and_of_others_that_stand_by(seen, wanted):
    both = {**wanted, "managers": [*wanted["managers"], {"name": "cn1", "guid": ONE}]}
    assert texts(verdict.compare(both, seen)) == ["no subnet manager runs on cn1: `systemctl status opensm` there"]
    standing = dataclasses.replace(seen, managers=[*seen.managers, manager(seen, ONE, "standby")])
    assert verdict.compare(both, standing) == verdict.notes(both, standing) == []
    assert "is standby on cn1 (priority 4): switch it off" in verdict.notes(wanted, standing)[0]


def test_who_is_master_is_not_judged_where_no_guid_of_a_manager_is_known(seen, wanted):
    assert verdict.compare({**wanted, "managers": [{"name": "head1", "guid": ""}]}, seen) == []


def test_somebody_whose_link_is_up_and_who_does_not_answer(seen, wanted):
    silent = dataclasses.replace(seen, silent=[("0xfd00000000000000", 7)])
    assert texts(verdict.compare(wanted, silent))[0].startswith("the link of leaf0 port 7 is up and nobody answers behind it")


@pytest.mark.parametrize(("switch", "port", "fits"), [
    ("leaf0", "3", True), ("leaf0", "IB1/3", True), ("0xfd00000000000000", "3", True), ("leaf0", "4", False), ("leaf", "3", False),
])
def test_cables(seen, wanted, switch, port, fits):
    cable = {"name": "cn2", "guid": TWO, "switch": switch, "port": port}
    assert (verdict.compare({**wanted, "cables": [cable]}, seen) == []) == fits


def test_the_first_findings_make_the_sentence():
    found = [{"text": f"{n} is wrong"} for n in range(5)]
    assert verdict.sentence("ib0", found) == "ib0 is not as declared: 0 is wrong; 1 is wrong; 2 is wrong; and 2 more, in findings"


def test_pairs_that_are_as_declared(seen, store):
    tables = isolation.declared(store, seen)
    assert isolation.differing(tables, seen) == []
    assert [(NAMES[pair.one], NAMES[pair.other], pair.verdict.allowed, pair.count) for pair in isolation.kinds_of_pairs(tables, seen)] == [
        ("head1", "cn1", True, 1), ("head1", "cn2", True, 2), ("cn1", "cn2", True, 2), ("cn2", "cn3", False, 1)]


def test_pairs_that_are_open_and_cut(seen, store):
    for table, kind, text in (
        ({0x101: "full", 0x7FFF: "limited"}, "open", "cn2 and cn3 may talk and must not (by 0x0101)"),
        ({0x7FFF: "limited"}, "cut", "cn1 and cn2 should talk and cannot (both limited members of 0x7fff)"),
    ):
        wrong = altered(seen, TWO, table)
        tables = isolation.declared(store, wrong)
        found = isolation.findings(tables, wrong, isolation.kinds_of_pairs(tables, wrong), NAMES)
        assert [finding["kind"] for finding in found] == [kind, "table"]
        assert found[0]["text"] == f"{text}: run ib_partitions on the master"


def test_partitions_of_others_are_theirs(seen, store):
    shared = altered(altered(seen, TWO, {0x101: "limited", 0x300: "full", 0x7FFF: "limited"}), THREE,
                     {0x101: "limited", 0x300: "full", 0x7FFF: "limited"})
    tables = isolation.declared(store, shared)
    assert isolation.findings(tables, shared, isolation.kinds_of_pairs(tables, shared), NAMES) == []


def test_what_the_manager_says_is_held_against_the_tables(seen, store):
    listed = isolation.kinds_of_pairs(isolation.declared(store, seen), seen)
    assert isolation.refused(listed, [0xFFFF, 0xFFFF, 0x8101, 0], NAMES) == []
    found = isolation.refused(listed, [0xFFFF, 0xFFFF, 0, 0x8101], NAMES)
    assert texts(found)[0].startswith("the subnet manager grants no path between cn1 and cn2, and their tables say otherwise (by 0x0101)")
    assert texts(found)[1].startswith("the subnet manager grants a path by 0x0101 between cn2 and cn3")
    assert [finding["kind"] for finding in isolation.refused(listed, [None] * 4, NAMES)] == ["no_answer"]


def test_too_many_pairs_to_list(seen, store, monkeypatch):
    monkeypatch.setattr(isolation, "MOST", 5)
    with pytest.raises(ClusterwrightError, match="4 ports have more than 5 pairs, too many to list: leave `pairs` at sample"):
        isolation.every_pair(isolation.declared(store, seen), seen)


def test_a_sample_takes_the_wrong_ones_first_and_the_others_evenly(monkeypatch):
    monkeypatch.setattr(isolation, "SAMPLE", 3)
    verdicts = [isolation.Pair("a", str(place), place != 5, pairs.Verdict(True, (), "")) for place in range(9)]
    assert [pair.other for pair in isolation.sample(verdicts)] == ["5", "0", "4"]
    assert isolation.sample(verdicts[:2]) == verdicts[:2]
    assert len(isolation.sample([verdicts[5]] * 9)) == 3


@given(st.lists(st.dictionaries(st.sampled_from([0x101, 0x102, 0x7FFF]), st.sampled_from(["full", "limited"])), min_size=4, max_size=4))
def test_kinds_of_pairs_say_the_same_as_all_pairs(tables):
    seen = topology.assemble(SAID)
    for guid, table in zip(NAMES, tables):
        seen = altered(seen, guid, table)
    declared = {guid: {0x101: "full"} for guid in seen.tables}
    kinds, every = isolation.kinds_of_pairs(declared, seen), isolation.every_pair(declared, seen)
    assert sum(pair.count for pair in kinds) == len(every) == 6
    assert sum(pair.count for pair in kinds if not pair.right) == sum(not pair.right for pair in every)
    for pair, (one, other) in zip(every, itertools.combinations(seen.hosts, 2)):
        assert {pair.one, pair.other} == {one, other}
        assert pair.verdict == pairs.may_talk(seen.tables[one], seen.tables[other])


def test_firmware_is_compared_by_board(wanted):
    board = {"name": "mlx5_0", "guid": "", "link": "InfiniBand", "firmware": "20.31.1014", "psid": "MT_0000000223", "type": "MT4123"}
    seen = {"cn1": [board], "cn2": [{**board, "firmware": "20.30.1004"}], "cn3": [{**board, "psid": "MT_0000000010"}],
            "cn4": [{**board, "psid": "MT_0000000359", "link": "Ethernet"}], "cn5": []}
    assert verdict.firmware(wanted, seen) == [], "nothing is declared"
    found = verdict.firmware({**wanted, "firmware": {"MT_0000000223": "20.31.1014"}}, seen)
    assert [(finding["kind"], finding["name"]) for finding in found] == [("firmware", "cn2"), ("psid", "cn3")]
    assert found[0]["text"].startswith("mlx5_0 of cn2 (MT_0000000223) has firmware 20.30.1004 and not 20.31.1014: burn it")
    assert (found[0]["has"], found[0]["should"], found[0]["psid"]) == ("20.30.1004", "20.31.1014", "MT_0000000223")
