"""Onyx: what is read, and what is written."""

from __future__ import annotations

import json

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.onyx import DRIVER
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS, MakeVlan, Port, RemoveVlan, SetPort, State
from ansible_collections.clusterwright.hpc.tests.unit.module_utils.ethernet import recordings

recorded = recordings.of("onyx")


@pytest.fixture(scope="module")
def state():
    return DRIVER.parse({"vlans": recorded("show_vlan.json"), "switchport": recorded("show_interfaces_switchport.json"),
                         "config": recorded("show_running-config_interface.txt")})


def test_vlans_with_their_names(state):
    assert state.vlans == {1: "default", 20: "tenant physics", 4000: "MLAG"}


def test_ports(state):
    assert state.ports == {port.name: port for port in (
        Port("Eth1/1", "access", 20, mtu=9216, description="cn001 eth0"),
        Port("Eth1/2", "trunk", None, frozenset({20, 30, 31, 32, 100, 102, 104, 106, 4000}), 9216),
        Port("Eth1/3", "trunk", 1, ALL_VLANS - {1}, 1500),
        Port("Eth1/4", "other", None, mtu=1500),                                    # dot1q-tunnel
        Port("Mpo12", "trunk", 1, frozenset({20}), 9216, "leaf2"),
        Port("Eth1/12", "other", None, mtu=1500, lag="Mpo12"),
        Port("Eth1/13", "other", None, mtu=1500, lag="Po100"),
        Port("Eth1/14", "other", None, mtu=1500, lag="Po100"),
        Port("Eth1/15", "other", None, mtu=1500),                                   # routed
        Port("Eth1/16/1", "other", None, mtu=1500, description="spare"),
        Port("Po100", "other", None, mtu=1500),
    )}


def test_before_3_6_6000_entries_were_not_wrapped():
    switchport = recorded("show_interfaces_switchport_3.6.5.json")
    state = DRIVER.parse({"vlans": recorded("show_vlan_3.6.5.json"), "switchport": switchport, "config": ""})
    assert state == State({1: "default", 20: ""}, {
        "Eth1/1": Port("Eth1/1", mtu=1500), "Eth1/2": Port("Eth1/2", "trunk", 1, frozenset({20}), 1500)})


def test_every_vlan():
    text = json.dumps({str(vlan): [{"Name": f"v{vlan}", "Ports": ""}] for vlan in range(1, 4095)})
    assert DRIVER.parse({"vlans": text, "switchport": "", "config": ""}).vlans == {vlan: f"v{vlan}" for vlan in range(1, 4095)}


def test_what_is_no_json_is_named():
    with pytest.raises(ValueError, match="% Unrecognized command"):
        DRIVER.parse({"vlans": '% Unrecognized command "vlan".', "switchport": "", "config": ""})


def test_about():
    assert DRIVER.about({"version": recorded("show_version.json")}) == ("x86onie", "3.9.1014", "MT0000000001")


def test_neighbours():
    assert DRIVER.lldp({"lldp": recorded("show_lldp_interfaces_ethernet_remote.json")}) == [
        ("Eth1/1", "cn001", "eth0", "02:00:5e:00:53:01"), ("Eth1/13", "", "Eth1/11", "02:00:5e:00:53:02")]
    assert DRIVER.lldp({"lldp": recorded("show_lldp_nobody.json")}) == []


def test_learned_addresses():
    assert DRIVER.macs({"macs": recorded("show_mac-address-table.txt")}) == [
        ("02:00:5e:00:53:01", 20, "Eth1/1"), ("02:00:5e:00:53:02", 20, "Mpo12")]


def commands(*steps):
    return DRIVER.commands(steps, State(), {})


def test_vlans_are_made_named_and_removed():
    assert commands(MakeVlan(20, "tenant physics"), MakeVlan(21, ""), RemoveVlan(30, "old")) == [
        "vlan 20", 'name "tenant physics"', "exit", "vlan 21", "exit", "no vlan 30"]


def test_a_trunk_with_an_untagged_vlan_is_a_hybrid_port():
    after = Port("Eth1/1", "trunk", 10, frozenset({20, 21, 22, 40}), 9000, "cn001 eth0")
    assert commands(SetPort(Port("Eth1/1", "access", 1, mtu=1500), after)) == [
        "interface ethernet 1/1", 'description "cn001 eth0"', "mtu 9000 force", "switchport mode hybrid",
        "switchport hybrid allowed-vlan none", "switchport hybrid allowed-vlan add 20-22", "switchport hybrid allowed-vlan add 40",
        "switchport access vlan 10", "exit"]


def test_one_without_is_a_trunk():
    assert commands(SetPort(Port("Mpo12"), Port("Mpo12", "trunk", None, frozenset({20})))) == [
        "interface mlag-port-channel 12", "switchport mode trunk", "switchport trunk allowed-vlan none",
        "switchport trunk allowed-vlan add 20", "exit"]


def test_a_trunk_gains_before_it_loses():
    assert commands(SetPort(Port("Po5", "trunk", 1, frozenset({20, 21})), Port("Po5", "trunk", 1, frozenset({21, 22})))) == [
        "interface port-channel 5", "switchport hybrid allowed-vlan add 22", "switchport hybrid allowed-vlan remove 20", "exit"]


def test_an_access_port():
    assert commands(SetPort(Port("Eth1/1", "trunk", None, frozenset({20}), 1500, "x"), Port("Eth1/1", "access", 20, mtu=1500))) == [
        "interface ethernet 1/1", "no description", "switchport mode access", "switchport access vlan 20", "exit"]


def test_names():
    assert [DRIVER.port_name(name) for name in ("ethernet 1/1", "Eth1/1", "port-channel 5", "mlag-port-channel 12", "mpo12")] == [
        "Eth1/1", "Eth1/1", "Po5", "Mpo12", "Mpo12"]
