"""SONiC: what is read, and what is written."""

from __future__ import annotations

import json

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.sonic import DRIVER
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import MakeVlan, Port, RemoveVlan, SetPort, State
from ansible_collections.clusterwright.hpc.tests.unit.module_utils.ethernet import recordings

recorded = recordings.of("sonic")


@pytest.fixture(scope="module")
def answers():
    return {"config": recorded("show_runningconfiguration_all.json")}


def test_vlans_have_no_names(answers):
    assert DRIVER.parse(answers).vlans == {20: "", 300: "", 4094: ""}


def test_ports(answers):
    assert DRIVER.parse(answers).ports == {port.name: port for port in (
        Port("Ethernet0", "access", 20, mtu=9100, description="cn001 eth0"),
        Port("Ethernet4", "trunk", 20, frozenset({300, 4094}), 1500),
        Port("Ethernet8", "access", 1, mtu=9100),                               # in no VLAN
        Port("Ethernet12", "other", None, mtu=9100, description="to the firewall"),
        Port("Ethernet16", "other", None, mtu=9100, lag="PortChannel0001"),
        Port("PortChannel0001", "trunk", 1, frozenset({300}), 9100),            # no untagged VLAN
    )}


def test_every_vlan():
    config = {"VLAN": {f"Vlan{vlan}": {"vlanid": str(vlan)} for vlan in range(2, 4095)}, "PORT": {"Ethernet0": {}},
              "VLAN_MEMBER": {f"Vlan{vlan}|Ethernet0": {"tagging_mode": "tagged"} for vlan in range(2, 4095)}}
    state = DRIVER.parse({"config": json.dumps(config)})
    assert state.vlans.keys() == state.ports["Ethernet0"].tagged == set(range(2, 4095))


def test_an_empty_switch():
    assert DRIVER.parse({"config": "{}"}) == State({}, {})


def test_what_is_no_json_is_named():
    with pytest.raises(ValueError, match="no JSON"):
        DRIVER.parse({"config": "{broken"})


def test_about():
    assert DRIVER.about({"platform": recorded("show_platform_summary.txt"), "version": recorded("show_version.txt")}) == (
        "Mellanox-SN2700", "202311.495933-1b9e9fbfd", "MT0000K00001")


def test_neighbours():
    assert DRIVER.lldp({"lldp": recorded("show_lldp_table.txt")}) == [
        ("Ethernet0", "cn001", "eth0", "02:00:5e:00:53:01"), ("Ethernet4", "spine1.example.org", "Ethernet1/49", "")]


def test_learned_addresses():
    assert DRIVER.macs({"macs": recorded("show_mac.txt")}) == [
        ("02:00:5e:00:53:01", 20, "Ethernet0"), ("02:00:5e:00:53:02", 300, "PortChannel0001")]


def commands(answers, *steps):
    return [line.removeprefix("sudo -n ") for line in DRIVER.commands(steps, State(), answers)]


def test_vlans_are_made_and_removed(answers):
    assert commands(answers, MakeVlan(21, ""), RemoveVlan(30, "")) == ["config vlan add 21", "config vlan del 30"]


def test_a_switchport_mode_is_set_where_there_is_one(answers):
    after = Port("Ethernet8", "trunk", 20, frozenset({300}), 9000, "cn002's eth0")
    assert commands(answers, SetPort(Port("Ethernet8", "access", 1, mtu=9100), after)) == [
        "sonic-db-cli CONFIG_DB hset 'PORT|Ethernet8' description 'cn002'\"'\"'s eth0'", "config interface mtu Ethernet8 9000",
        "config switchport mode trunk Ethernet8", "config vlan member add 300 Ethernet8", "config vlan member add -u 20 Ethernet8"]


def test_a_trunk_becomes_an_access_port_once_it_has_no_tagged_vlans(answers):
    before = DRIVER.parse(answers).ports["Ethernet4"]
    assert commands(answers, SetPort(before, Port("Ethernet4", "access", 300, mtu=1500))) == [
        "config vlan member del 20 Ethernet4", "config vlan member del 300 Ethernet4", "config vlan member add -u 300 Ethernet4",
        "config vlan member del 4094 Ethernet4", "config switchport mode access Ethernet4"]


def test_a_lag_without_modes(answers):
    before = DRIVER.parse(answers).ports["PortChannel0001"]
    assert commands(answers, SetPort(before, Port("PortChannel0001", "trunk", 300, frozenset({20}), 9000))) == [
        "sonic-db-cli CONFIG_DB hset 'PORTCHANNEL|PortChannel0001' mtu 9000", "config vlan member add 20 PortChannel0001",
        "config vlan member del 300 PortChannel0001", "config vlan member add -u 300 PortChannel0001"]


def test_a_port_without_an_untagged_vlan(answers):
    before = DRIVER.parse(answers).ports["Ethernet0"]
    assert commands(answers, SetPort(before, Port("Ethernet0", "access", 1, mtu=9100, description="cn001 eth0"))) == [
        "config vlan member del 20 Ethernet0"]


def test_names():
    assert [DRIVER.port_name(name) for name in ("Eth0", "ethernet 4", "Po0001", "PortChannel 0001")] == [
        "Ethernet0", "Ethernet4", "PortChannel0001", "PortChannel0001"]
