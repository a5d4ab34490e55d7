"""OS10: what is read, and what is written."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.os10 import DRIVER
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS, MakeVlan, Port, RemoveVlan, SetPort, State
from ansible_collections.clusterwright.hpc.tests.unit.module_utils.ethernet import recordings

recorded = recordings.of("os10")
NAME = "ethernet1/1/1"


@pytest.fixture(scope="module")
def state():
    return DRIVER.parse({"config": recorded("show_running-configuration_interface.txt")})


def test_vlans_are_called_what_their_interface_is_described_as(state):
    assert state.vlans == {1: "", 20: "tenant physics", 30: "storage", 4094: ""}


def test_ports(state):
    wide = frozenset({20, 31, 32, 33, 100, *range(102, 123, 2), *range(3000, 3101)})
    assert state.ports == {port.name: port for port in (
        Port("port-channel10", "trunk", 1, ALL_VLANS - {1}, 9184, "spine1"),
        Port("ethernet1/1/1", "access", 20, mtu=9000, description="cn001 eth0"),
        Port("ethernet1/1/2", "trunk", 30, wide, 1500),
        Port("ethernet1/1/3", "trunk", None, frozenset({20}), 1500),
        Port("ethernet1/1/4:1", "other", None, mtu=1500, description="to the firewall"),
        Port("ethernet1/1/5", "other", None, mtu=1500, lag="port-channel10"),
        Port("ethernet1/1/6", "other", None, mtu=1500),
    )}


def test_every_vlan():
    text = "".join(f"!\ninterface vlan{vlan}\n description v{vlan}\n no shutdown\n" for vlan in range(1, 4095))
    assert DRIVER.parse({"config": text}).vlans == {vlan: f"v{vlan}" for vlan in range(1, 4095)}


def test_nothing_is_nothing():
    assert DRIVER.parse({"config": ""}) == State({}, {})


def test_a_line_that_is_no_interface_is_named():
    with pytest.raises(ValueError, match="% Error: Unrecognized command"):
        DRIVER.parse({"config": "% Error: Unrecognized command.\n"})


def test_about():
    said = {"version": recorded("show_version.txt"), "inventory": recorded("show_inventory.txt")}
    assert DRIVER.about(said) == ("S5248F-ON", "10.5.1.4", "ABC1234")


def test_neighbours():
    assert DRIVER.lldp({"lldp": recorded("show_lldp_neighbors_detail.txt")}) == [
        ("ethernet1/1/49", "spine1", "ethernet1/1/49", "02:00:5e:00:53:02"), (NAME, "cn001", "eth0", "02:00:5e:00:53:01")]


def test_learned_addresses():
    assert DRIVER.macs({"macs": recorded("show_mac_address-table.txt")}) == [
        ("02:00:5e:00:53:01", 20, NAME), ("02:00:5e:00:53:02", 1, "port-channel10")]


def commands(*steps):
    return DRIVER.commands(steps, State(), {})


def test_vlans_are_made_named_and_removed():
    assert commands(MakeVlan(20, "tenant physics"), MakeVlan(21, ""), RemoveVlan(30, "old")) == [
        "interface vlan 20", 'description "tenant physics"', "exit", "interface vlan 21", "exit", "no interface vlan 30"]


def test_a_new_trunk():
    after = Port(NAME, "trunk", 10, frozenset({20, 21, 22, 40}), 9000, "cn001 eth0")
    assert commands(SetPort(Port(NAME, "access", 1, mtu=1500), after)) == [
        f"interface {NAME}", 'description "cn001 eth0"', "mtu 9032", "switchport mode trunk", "switchport trunk allowed vlan 20-22,40",
        "switchport access vlan 10", "exit"]


def test_a_trunk_gains_before_it_loses():
    assert commands(SetPort(Port(NAME, "trunk", 1, frozenset({20, 21})), Port(NAME, "trunk", None, frozenset({21, 22})))) == [
        f"interface {NAME}", "switchport trunk allowed vlan 22", "no switchport access vlan", "no switchport trunk allowed vlan 20", "exit"]


def test_an_access_port_has_no_list_left():
    assert commands(SetPort(Port(NAME, "trunk", 1, frozenset({20, 30}), 1500, "x"), Port(NAME, "access", 20, mtu=1500))) == [
        f"interface {NAME}", "no description", "no switchport trunk allowed vlan 20", "switchport access vlan 20",
        "no switchport trunk allowed vlan 30", "switchport mode access", "exit"]


def test_the_untagged_vlan_of_a_trunk_becomes_a_tagged_one_and_the_other_way_round():
    assert commands(SetPort(Port(NAME, "trunk", 10, frozenset({20})), Port(NAME, "trunk", 20, frozenset({10})))) == [
        f"interface {NAME}", "no switchport trunk allowed vlan 20", "switchport access vlan 20", "switchport trunk allowed vlan 10", "exit"]


def test_names():
    assert [DRIVER.port_name(name) for name in ("eth1/1/1", "ethernet 1/1/1", "Po10", "port-channel 10", "ethernet1/1/4:1")] == [
        NAME, NAME, "port-channel10", "port-channel10", "ethernet1/1/4:1"]
