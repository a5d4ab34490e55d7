"""NX-OS: what is read, and what is written."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.nxos import DRIVER
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS, MakeVlan, Port, RemoveVlan, SetPort, State
from ansible_collections.clusterwright.hpc.tests.unit.module_utils.ethernet import recordings

recorded = recordings.of("nxos")


@pytest.fixture(scope="module")
def state():
    return DRIVER.parse({"vlans": recorded("show_vlan_brief.txt"), "switchport": recorded("show_interface_switchport.txt"),
                         "config": recorded("show_running-config_interface.txt")})


def test_vlans_with_their_names(state):
    assert state.vlans == {1: "default", 20: "storage", 30: "tenant physics", 31: "VLAN0031", 300: "a-name-of-thirty-two-characters-"}


def test_ports(state):
    wide = {20, 30, 31, 300, *range(1002, 1006), *range(1100, 1113, 2), *range(1114, 1121), 3967}
    assert state.ports == {port.name: port for port in (
        Port("Ethernet1/1", "access", 77, mtu=1500, description="cn001 eth0"),
        Port("Ethernet1/2", "trunk", 20, frozenset(wide - {20}), 1500, "switchport mode access is what this says"),
        Port("Ethernet1/3", "trunk", None, frozenset({20, 30}), 1500),          # its native VLAN is not in the list
        Port("Ethernet1/4", "other", None, mtu=9000, description="to the firewall"),
        Port("Ethernet1/5", "other", None, mtu=9216, description="uplink", lag="port-channel10"),
        Port("Ethernet1/6", "trunk", None, frozenset(), 1500),
        Port("Ethernet1/36", "other", None, mtu=1500),
        Port("port-channel10", "trunk", 1, ALL_VLANS - {1}, 9216, "spine1 Ethernet1/1"),
    )}


def test_every_vlan():
    lines = [f"{vlan:<4} {f'VLAN{vlan:04}':<32} active    Po1, Po2, Eth1/1\n{'':48}Eth1/2" for vlan in range(1, 4095)]
    vlans = DRIVER.parse({"vlans": "\n".join(lines), "switchport": "", "config": ""}).vlans
    assert vlans == {vlan: f"VLAN{vlan:04}" for vlan in range(1, 4095)}


def test_nothing_is_nothing():
    assert DRIVER.parse({"vlans": "", "switchport": "", "config": ""}) == State({}, {})


def test_a_line_that_is_no_vlan_is_named():
    with pytest.raises(ValueError, match="Cannot process request"):
        DRIVER.parse({"vlans": "Cannot process request", "switchport": "", "config": ""})


def test_about():
    assert DRIVER.about({"version": recorded("show_version.txt")}) == ("Nexus9000 C93180YC-FX3", "10.4(5)", "FLM000000AB")
    assert DRIVER.about({"version": recorded("show_version_5548.txt")}) == ("Nexus5548", "5.2(1)N1(4)", "FOC000000CD")


def test_neighbours():
    assert DRIVER.lldp({"lldp": recorded("show_lldp_neighbors_detail.txt")}) == [
        ("Ethernet1/48", "spine1.example.org", "Ethernet1/49", "02:00:5e:00:53:02"),
        ("Ethernet1/1", "cn001", "eth0", "02:00:5e:00:53:01"),          # its port id is a MAC: the description names the port
        ("mgmt0", "", "0200.5e00.5309", "02:00:5e:00:53:09"),
    ]


def test_learned_addresses():
    assert DRIVER.macs({"macs": recorded("show_mac_address-table.txt")}) == [
        ("02:00:5e:00:53:01", 20, "Ethernet1/1"), ("02:00:5e:00:53:02", 20, "port-channel10")]


def commands(*steps):
    return DRIVER.commands(steps, State(), {})


def test_vlans_are_made_named_and_removed():
    assert commands(MakeVlan(20, "storage"), MakeVlan(21, ""), RemoveVlan(30, "old")) == [
        "vlan 20", "name storage", "exit", "vlan 21", "exit", "no vlan 30"]


def test_a_new_trunk_gets_its_list_before_its_mode():
    before = Port("Ethernet1/1", "access", 10, mtu=1500)
    after = Port("Ethernet1/1", "trunk", 10, frozenset({20, 21, 22, 40}), 9216, "cn001 eth0")
    assert commands(SetPort(before, after)) == [
        "interface Ethernet1/1", "description cn001 eth0", "mtu 9216", "switchport trunk allowed vlan 10,20-22,40",
        "switchport trunk native vlan 10", "switchport mode trunk", "exit"]


def test_a_trunk_gains_before_it_loses():
    before = Port("port-channel1", "trunk", 1, frozenset({20, 21}))
    after = Port("port-channel1", "trunk", 30, frozenset({21, 22}))
    assert commands(SetPort(before, after)) == [
        "interface port-channel1", "switchport trunk allowed vlan add 22,30", "switchport trunk native vlan 30",
        "switchport trunk allowed vlan remove 1,20", "exit"]


def test_a_trunk_without_untagged_frames_has_a_native_vlan_that_is_not_in_its_list():
    before = Port("Ethernet1/1", "access", 1)
    assert commands(SetPort(before, Port("Ethernet1/1", "trunk", None, frozenset({1, 2, 4})))) == [
        "interface Ethernet1/1", "switchport trunk allowed vlan 1-2,4", "switchport trunk native vlan 3", "switchport mode trunk", "exit"]


def test_an_access_port():
    trunk = Port("Ethernet1/1", "trunk", 1, ALL_VLANS - {1}, 9216, "x")
    assert commands(SetPort(trunk, Port("Ethernet1/1", "access", 20, mtu=9216))) == [
        "interface Ethernet1/1", "no description", "switchport access vlan 20", "switchport mode access", "exit"]


def test_a_routed_port_is_made_a_switched_one():
    routed = Port("Ethernet1/4", "other", None, mtu=1500)
    assert commands(SetPort(routed, Port("Ethernet1/4", "access", 20, mtu=1500))) == [
        "interface Ethernet1/4", "switchport", "switchport access vlan 20", "switchport mode access", "exit"]


def test_a_long_list_is_written_in_lines_that_a_switch_takes():
    after = Port("Ethernet1/1", "trunk", None, frozenset(range(2, 3900, 2)))
    lines = commands(SetPort(Port("Ethernet1/1"), after))
    lists = [line for line in lines if " allowed vlan " in line]
    assert max(map(len, lines)) < 250
    assert not lists[0].startswith("switchport trunk allowed vlan add")
    assert all(line.startswith("switchport trunk allowed vlan add ") for line in lists[1:])


def test_neighbours_to_which_the_same_happens_are_a_range():
    def step(name, vlan=20):
        return SetPort(Port(name), Port(name, "access", vlan))

    ports = ["Ethernet1/1", "Ethernet1/2", "Ethernet1/3", "Ethernet1/7", "port-channel9", "port-channel10"]
    assert commands(*map(step, ports), SetPort(Port("Ethernet1/8"), Port("Ethernet1/8")), step("Ethernet1/9", 30)) == [
        "interface Ethernet1/1-3", "switchport access vlan 20", "exit", "interface Ethernet1/7", "switchport access vlan 20", "exit",
        "interface port-channel9-10", "switchport access vlan 20", "exit", "interface Ethernet1/9", "switchport access vlan 30", "exit"]


def test_nothing_to_change():
    assert commands(SetPort(Port("Ethernet1/1"), Port("Ethernet1/1"))) == []


def test_a_switched_port_has_one_of_two_mtus():
    assert [DRIVER.mtu(size) for size in (1400, 1500, 1501, 9000)] == [1500, 1500, 9216, 9216]


def test_names():
    assert [DRIVER.port_name(name) for name in ("Eth1/1", "e1/1", "ethernet 1/1", "Po10", "port-channel 10", "mgmt0")] == [
        "Ethernet1/1", "Ethernet1/1", "Ethernet1/1", "port-channel10", "port-channel10", "mgmt0"]
