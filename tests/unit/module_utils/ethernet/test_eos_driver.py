"""Arista EOS: what it answers, and what it is told."""

from __future__ import annotations

import json

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.eos import DRIVER, MTU
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS, MakeVlan, Port, RemoveVlan, SetPort, State
from ansible_collections.clusterwright.hpc.tests.unit.module_utils.ethernet import recordings

read = recordings.of("eos")
NAMES = {"vlans": "show_vlan.json", "switchport": "show_interfaces_switchport.json", "status": "show_interfaces_status.json"}


@pytest.fixture(scope="module")
def state():
    return DRIVER.parse({key: read(name) for key, name in NAMES.items()})


def test_vlans_with_their_names_and_without_those_that_eos_makes_for_itself(state):
    assert state.vlans == {1: "default", 10: "admin", 301: "bio lab"}


def test_ports(state):
    assert state.ports == {port.name: port for port in (
        Port("Ethernet1", "access", 10, description="cn1 eth0"),
        Port("Ethernet2", "trunk", 10, frozenset({301, 302, 303, 305}), description='cn2 "old"'),
        Port("Ethernet3", "trunk", 1, ALL_VLANS - {1}),
        Port("Ethernet4", "trunk", None, frozenset({301})),         # its native VLAN is not in the list
        Port("Ethernet5", "trunk", None),
        Port("Ethernet6", "other", None),
        Port("Ethernet7", "other", None, description="to the core"),
        Port("Ethernet21", "other", None, description="peer", lag="Port-Channel20"),
        Port("Port-Channel20", "trunk", 10, ALL_VLANS - {10}, description="peer link"))}


def test_every_vlan():
    vlans = json.dumps({"vlans": {str(vlan): {"name": f"VLAN{vlan:04}", "dynamic": False} for vlan in ALL_VLANS}})
    assert DRIVER.parse({**{key: read(name) for key, name in NAMES.items()}, "vlans": vlans}).vlans.keys() == ALL_VLANS


def test_an_empty_switch():
    nothing = {"vlans": '{"vlans": {}}', "switchport": '{"switchports": {}}', "status": '{"interfaceStatuses": {}}'}
    assert DRIVER.parse(nothing) == State()


@pytest.mark.parametrize("text", ["", "% Invalid input", "[]"])
def test_what_is_no_json_is_named(text):
    with pytest.raises(ValueError, match=r"the answer to `show vlan \| json` is no JSON"):
        DRIVER.parse({"vlans": text, "switchport": "{}", "status": "{}"})


def test_about():
    assert DRIVER.about({"version": read("show_version.json")}) == ("DCS-7050TX-64-R", "4.15.5M", "JPE15012345")


def test_neighbours():
    assert [tuple(each) for each in DRIVER.lldp({"lldp": read("show_lldp_neighbors_detail.json")})] == [
        ("Ethernet1", "cn1.lab.example", "eth0", "02:00:00:00:00:01"), ("Ethernet2", "leaf2", "Ethernet49", "00:1c:73:00:00:01")]


def test_learned_addresses():
    assert [tuple(each) for each in DRIVER.macs({"macs": read("show_mac_address-table.json")})] == [
        ("02:00:00:00:00:01", 10, "Ethernet1"), ("02:00:00:00:00:02", 301, "Port-Channel20")]


def typed(*steps):
    return DRIVER.commands(steps, State(), {})


def test_vlans_are_made_named_and_removed():
    assert typed(MakeVlan(301, "bio"), MakeVlan(302, ""), RemoveVlan(303, "old")) == [
        "vlan 301", "name bio", "exit", "vlan 302", "exit", "no vlan 303"]


def test_a_new_trunk_gets_its_list_before_its_mode_and_neighbours_are_a_range():
    steps = [SetPort(Port(name), Port(name, "trunk", 10, frozenset({301}))) for name in ("Ethernet1", "Ethernet2", "Ethernet4")]
    inner = ["switchport trunk allowed vlan 10,301", "switchport trunk native vlan 10", "switchport mode trunk", "exit"]
    assert typed(*steps) == ["interface Ethernet1-2", *inner, "interface Ethernet4", *inner]


def test_a_switched_port_takes_9214_bytes_whatever_it_is_told():
    assert DRIVER.mtu(1500) == DRIVER.mtu(9000) == MTU


@pytest.mark.parametrize(("short", "full"), [("Et1", "Ethernet1"), ("eth1/1", "Ethernet1/1"), ("Po20", "Port-Channel20")])
def test_names(short, full):
    assert DRIVER.port_name(short) == full
