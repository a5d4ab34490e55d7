"""A fabric from the answers of its ports. `fabric.json` was recorded on ibsim: four hosts on a switch, at FDR, 1x FDR, QDR and FDR10."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import attributes, survey, topology

HEAD, ONE, TWO, THREE = (f"0x0002c903000000{n:02x}" for n in (1, 11, 12, 13))
LEAF = "0xfd00000000000000"


@pytest.fixture
def said():
    return json.loads((Path(__file__).parent / "fabric.json").read_text())


@pytest.fixture
def seen(said):
    return topology.assemble(said)


def test_who_is_there(seen):
    assert [(node.description, node.info.kind) for node in seen.nodes.values()] == [
        ("host0", "ca"), ("leaf0", "switch"), ("host1", "ca"), ("host2", "ca"), ("host3", "ca")]
    assert sorted(seen.hosts) == [HEAD, ONE, TWO, THREE]
    assert seen.kinds == {HEAD: "ca", LEAF: "switch", ONE: "ca", TWO: "ca", THREE: "ca"}
    assert [(manager.info.guid, manager.info.state) for manager in seen.masters] == [(HEAD, "master")]


def test_width_and_speed_of_links(seen):
    links = {seen.name(ends[1], {TWO: "cn2"}): seen.ports[ends[1]].info for ends in seen.links[1:]}
    assert {name: (info.width, info.speed, info.enabled_speed, info.possible_speed) for name, info in links.items()} == {
        "host1": ("1x", "FDR", "FDR", "HDR"), "cn2": ("4x", "QDR", "QDR", "QDR"), "host3": ("4x", "FDR10", "FDR10", "FDR10")}
    assert {info.mtu for info in links.values()} == {2048}


def test_a_switch_says_at_port_0_whether_its_ports_have_extended_speeds(seen):
    port = seen.ports[LEAF, 2].info
    assert (port.capabilities, port.speed) == (0, "FDR")


def test_tables_are_memberships_of_managed_ports(seen):
    assert seen.tables == {HEAD: {0x7FFF: "full"}, LEAF: {0x7FFF: "limited"}, ONE: {0x101: "full", 0x7FFF: "limited"},
                           TWO: {0x101: "limited", 0x7FFF: "limited"}, THREE: {0x101: "limited", 0x7FFF: "limited"}}


def test_facts_are_data(seen):
    facts = topology.facts(seen)
    assert json.loads(json.dumps(facts)) == facts
    port = next(port for port in facts["ports"] if (port["name"], port["port"]) == ("leaf0", 2))
    assert (port["errors"], port["grown"], port["peer"]) == (
        {"symbol_error": 200}, {}, {"node": "0x0002c9030000000a", "name": "host1", "port": 1})


def test_what_grows_between_two_readings(said):
    port = next(port for port in said["ports"] if (port["node"], port["port"]) == (LEAF, 2))
    port["later"] = port["counters"].replace("00c8", "00d2", 1)
    grown = topology.assemble(said).ports[LEAF, 2]
    assert (grown.errors, grown.grown) == ({"symbol_error": 210}, {"symbol_error": 10})


def test_a_port_that_gives_no_answer_is_left_out(said):
    del said["ports"][3]["info"]
    assert (LEAF, said["ports"][3]["port"]) not in topology.assemble(said).ports


def test_one_command_for_the_whole_fabric(said):
    ran = []

    def run(argv):
        ran.append(argv)
        return Result(0, json.dumps(said), "")

    topology.look(run, keys=True)
    assert len(ran) == 1
    assert json.loads(ran[0][-1]) == {"keys": True, "counters": False, "interval": 0}


@pytest.mark.parametrize("answer", [
    Result(0, '{"error": "there is no active InfiniBand port on this host"}', ""),
    Result(1, "", "OSError: there is no active InfiniBand port on this host"),
])
def test_a_host_without_a_port_is_named(answer):
    with pytest.raises(ClusterwrightError, match=r"cannot be seen from here: .*there is no active InfiniBand port on this host\. Run this"):
        topology.look(lambda _argv: answer)


def test_firmware_is_what_the_kernel_of_this_host_says(tmp_path, monkeypatch):
    for name, files in {"mlx5_0": {"fw_ver": "20.31.1014\n", "board_id": "MT_0000000223\n", "node_guid": "b859:9f03:00a1:0012\n",
                                   "hca_type": "MT4123\n", "ports/1/link_layer": "InfiniBand\n"}, "odd": {}}.items():
        (tmp_path / name / "ports" / "1").mkdir(parents=True)
        for file, text in files.items():
            (tmp_path / name / file).write_text(text)
    monkeypatch.setattr(topology, "SYSFS", tmp_path)
    assert topology.adapters() == [{"name": "mlx5_0", "guid": "0xb8599f0300a10012", "link": "InfiniBand",
                                    "firmware": "20.31.1014", "psid": "MT_0000000223", "type": "MT4123"}]
    monkeypatch.setattr(topology, "SYSFS", tmp_path / "none")
    assert topology.adapters() == []


@given(st.binary(max_size=80), st.binary(max_size=20), st.none() | st.integers(0, 2**32 - 1))
def test_any_bytes_are_some_port(data, mellanox, capabilities):
    info = attributes.port(data, mellanox, capabilities)
    for speed in (info.speed, info.possible_speed, info.enabled_speed):
        assert not speed or speed in attributes.FASTER
    assert not info.width or info.width in attributes.WIDER
    assert info.state in attributes.STATES.values()


@given(st.binary(max_size=80))
def test_any_bytes_are_some_node_manager_and_counters(data):
    assert attributes.node(data).kind in ("ca", "switch", "router")
    assert attributes.manager(data).state in attributes.MANAGER_STATES.values()
    assert all(count > 0 for count in attributes.errors(data).values())
    assert attributes.description(data).isprintable()


@given(st.dictionaries(st.sampled_from(sorted(attributes.COUNTERS)), st.integers(1, 255)))
def test_counters_are_where_the_specification_has_them(counts):
    data = bytearray(44)
    for name, count in counts.items():
        at, size = attributes.COUNTERS[name]
        data[at:at + size] = count.to_bytes(size, "big")
    assert attributes.errors(bytes(data)) == counts


def test_every_pair_is_asked_for_once():
    assert survey.every(3) == [(0, 1), (0, 2), (1, 2)]
