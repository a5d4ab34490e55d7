"""Comware: what is read, and what is written."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.comware import DRIVER
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS, MakeVlan, Port, RemoveVlan, SetPort, State
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import expand
from ansible_collections.clusterwright.hpc.tests.unit.module_utils.ethernet import recordings

recorded = recordings.of("comware")
NAME = "Ten-GigabitEthernet1/0/1"


@pytest.fixture(scope="module")
def state():
    return DRIVER.parse({"vlans": recorded("display_vlan_all.txt"), "interfaces": recorded("display_interface.txt"),
                         "lags": recorded("display_link-aggregation_verbose.txt")})


def test_vlans_with_their_names(state):
    assert state.vlans == {1: "VLAN 0001", 20: "storage", 4094: "tenant physics"}


def test_ports(state):
    wide = expand("2-21,41-43,45-47,49-50,52-101,103,105,107-109,111-112,114-116,118-119,121-125,127-129,131,4001-4002")
    assert state.ports == {port.name: port for port in (
        Port("Bridge-Aggregation20", "trunk", 1, wide, None, "spine1 Bridge-Aggregation3"),
        Port("Ten-GigabitEthernet1/0/1", "access", 20, mtu=9000, description="cn001 eth0"),
        Port("Ten-GigabitEthernet1/0/2", "trunk", 2190, ALL_VLANS - {1, 2190}, 9194),
        Port("Ten-GigabitEthernet1/0/3", "other", None, mtu=9194),                              # hybrid
        Port("Ten-GigabitEthernet1/0/4", "trunk", None, frozenset({4050}), 9194),               # its PVID is not permitted
        Port("Ten-GigabitEthernet1/0/5", "other", None, mtu=9194, description="uplink", lag="Bridge-Aggregation20"),
        Port("FortyGigE1/0/50", "other", None, mtu=9194, lag="Bridge-Aggregation21"),
        Port("FortyGigE1/0/49", "other", None, description="router"),
    )}


def test_comware_5():
    state = DRIVER.parse({"vlans": recorded("display_vlan_all_v5.txt"), "interfaces": recorded("display_interface_v5.txt"), "lags": ""})
    assert state == State({1: "VLAN 0001", 250: "VLAN 0250"}, {
        "Bridge-Aggregation11": Port("Bridge-Aggregation11", "trunk", 201, frozenset(range(202, 213)), None, "mydescr"),
        "GigabitEthernet1/0/2": Port("GigabitEthernet1/0/2", "access", 200, mtu=9978)})


def test_every_vlan():
    text = "\n".join(f" VLAN ID: {vlan}\n VLAN type: Static\n Description: x\n Name: VLAN {vlan:04}\n Tagged ports:   None\n"
                     for vlan in range(1, 4095))
    assert DRIVER.parse({"vlans": text, "interfaces": "", "lags": ""}).vlans == {vlan: f"VLAN {vlan:04}" for vlan in range(1, 4095)}


@pytest.mark.parametrize("text", ["", "Too many users"])
def test_a_switch_without_vlan_1_has_not_answered(text):
    with pytest.raises(ValueError, match="no VLAN"):
        DRIVER.parse({"vlans": text, "interfaces": "", "lags": ""})


def test_about():
    assert DRIVER.about({"version": recorded("display_version.txt"), "manuinfo": recorded("display_device_manuinfo.txt")}) == (
        "HP FlexFabirc 5930-32QSFP+ Switch JG726A", "7.1.070 2612P06", "CN00000001")


def test_neighbours():
    assert DRIVER.lldp({"lldp": recorded("display_lldp_neighbor-information_verbose.txt")}) == [
        (NAME, "cn001", "eth0", "02:00:5e:00:53:01"),
        ("Ten-GigabitEthernet1/0/48", "spine1", "Ten-GigabitEthernet1/0/5", "02:00:5e:00:53:02")]


def test_learned_addresses():
    assert DRIVER.macs({"macs": recorded("display_mac-address.txt")}) == [
        ("02:00:5e:00:53:01", 20, NAME), ("02:00:5e:00:53:02", 1, "Bridge-Aggregation20")]
    assert DRIVER.macs({"macs": recorded("display_mac-address_v5.txt")}) == [
        ("02:00:5e:00:53:01", 10, "GigabitEthernet1/0/20"), ("02:00:5e:00:53:02", 1, "Bridge-Aggregation1")]


def commands(*steps):
    return DRIVER.commands(steps, State(), {})


def test_vlans_are_made_named_and_removed():
    assert commands(MakeVlan(20, "storage"), MakeVlan(21, ""), RemoveVlan(30, "old")) == [
        "vlan 20", "name storage", "quit", "vlan 21", "quit", "undo vlan 30"]


def test_a_new_trunk_loses_vlan_1():
    after = Port(NAME, "trunk", 10, frozenset({20, 21, 22, 40}), 9000, "cn001 eth0")
    assert commands(SetPort(Port(NAME, "access", 10, mtu=1514), after)) == [
        f"interface {NAME}", "description cn001 eth0", "jumboframe enable 9022", "port link-type trunk",
        "port trunk permit vlan 10 20 to 22 40", "port trunk pvid vlan 10", "undo port trunk permit vlan 1", "quit"]


def test_a_trunk_gains_before_it_loses():
    assert commands(SetPort(Port(NAME, "trunk", 1, frozenset({20, 21})), Port(NAME, "trunk", 1, frozenset({21, 22})))) == [
        f"interface {NAME}", "port trunk permit vlan 22", "undo port trunk permit vlan 20", "quit"]


def test_a_trunk_without_untagged_frames():
    assert commands(SetPort(Port(NAME), Port(NAME, "trunk", None, frozenset({20, 30})))) == [
        f"interface {NAME}", "port link-type trunk", "port trunk permit vlan 20 30", "port trunk pvid vlan 1",
        "undo port trunk permit vlan 1", "quit"]


def test_an_access_port():
    assert commands(SetPort(Port(NAME, "trunk", 1, ALL_VLANS - {1}, 9000, "x"), Port(NAME, "access", 20, mtu=9000))) == [
        f"interface {NAME}", "undo description", "port link-type access", "port access vlan 20", "quit"]


def test_a_hybrid_port_becomes_a_trunk_by_way_of_access():
    assert commands(SetPort(Port(NAME, "other", None), Port(NAME, "trunk", 1, frozenset({20})))) == [
        f"interface {NAME}", "port link-type access", "port link-type trunk", "port trunk permit vlan 20", "quit"]


def test_a_line_takes_ten_ranges():
    lines = commands(SetPort(Port(NAME, "trunk", 1), Port(NAME, "trunk", 1, frozenset(range(2, 60, 2)))))
    assert lines[1] == "port trunk permit vlan 2 4 6 8 10 12 14 16 18 20"
    assert len(lines) == 2 + 3


def test_names():
    assert [DRIVER.port_name(name) for name in ("XGE1/0/1", "GE1/0/2", "BAGG20", "FGE1/0/49", "Ten-GigabitEthernet 1/0/1")] == [
        NAME, "GigabitEthernet1/0/2", "Bridge-Aggregation20", "FortyGigE1/0/49", NAME]
