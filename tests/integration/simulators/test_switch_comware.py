"""The simulated HPE Comware: what its commands do, and what bites."""

from __future__ import annotations

import time

import pytest
from netmiko import ConnectHandler

from ansible_collections.clusterwright.hpc.tests.simulators.switch import Neighbour


@pytest.fixture
def leaf(fabric, request):
    members = {"Bridge-Aggregation33": ["Ten-GigabitEthernet1/0/5", "XGE1/0/6"]}
    return fabric.switch(request.node.name[:40], "comware", ports=6, lags=members)


def port(leaf, number):
    return leaf.running.ports[f"Ten-GigabitEthernet1/0/{number}"]


def test_a_session_as_netmiko_holds_it(leaf):
    with ConnectHandler(**leaf.netmiko()) as session:
        said = session.send_config_set(["vlan 10", "name admin", "interface Ten-GigabitEthernet1/0/1", "port access vlan 10"])
        assert f"[{leaf.name}-Ten-GigabitEthernet1/0/1]" in said and "^" not in said
        assert "successfully" in session.save_config()
    assert (port(leaf, 1).access, leaf.startup.vlans[10]) == (10, "admin")
    assert not leaf.rejected


def test_undo_vlan_drops_its_access_ports_into_vlan_1(leaf, talk):
    talk(leaf, "system-view", "vlan 10", "interface XGE1/0/1", "port access vlan 10", "undo vlan 10")
    assert port(leaf, 1).access == 1 and leaf.running.carries(port(leaf, 1))[0] == 1


def test_permitted_is_not_passing_and_lists_wrap(leaf, talk):
    talk(leaf, "system-view", *(f"vlan {number}" for number in range(10, 60, 2)), "interface XGE1/0/1", "port link-type trunk",
         "port trunk permit vlan 2 to 4094", "port trunk pvid vlan 10")
    text = talk(leaf, f"display interface {port(leaf, 1).name}")
    assert " VLAN permitted: 1-9, 10(default vlan), 11-4094" in text
    passing = text[text.index(" VLAN Passing:"):text.index(" VLAN permitted:")].splitlines()
    assert len(passing) > 1 and passing[1].startswith(" " * 17) and "58" in passing[-1] and "60" not in "".join(passing)


def test_a_trunk_permits_vlan_1_alone_and_permit_adds(leaf, talk):
    talk(leaf, "system-view", "interface XGE1/0/1", "port link-type trunk")
    assert port(leaf, 1).allowed == {1}
    talk(leaf, "system-view", "interface XGE1/0/1", "port trunk permit vlan 10", "port trunk permit vlan 20 to 22",
         "undo port trunk permit vlan 1")
    assert port(leaf, 1).allowed == {10, 20, 21, 22}
    assert " undo port trunk permit vlan 1\n port trunk permit vlan 10 20 to 22" in talk(leaf, "display current-configuration")


@pytest.mark.parametrize("line, words", [
    ("port trunk permit vlan " + " ".join(str(number) for number in range(2, 24, 2)), "Too many parameters"),
    ("port trunk permit vlan 4095", "Wrong parameter"), ("port hybrid pvid vlan 3", "not hybrid"),
    ("port link-type hybrid", "access first"),
    ("mtu 9000", "Unrecognized command"), ("port access vlan 1", "not access"), ("interface HGE1/0/99", "Wrong parameter"),
    ("port", "Incomplete"),
    ("undo vlan 1", "cannot be deleted"), ("undo vlan 99", "does not exist"),
])
def test_what_it_refuses(leaf, talk, line, words):
    talk(leaf, "system-view", "interface XGE1/0/1", "port link-type trunk")
    before = leaf.running.copy()
    assert words in talk(leaf, "system-view", "interface XGE1/0/1", line)[-1]
    assert leaf.running == before


def test_an_access_port_needs_a_vlan_that_exists(leaf, talk):
    assert talk(leaf, "system-view", "interface XGE1/0/1", "port access vlan 10")[-1] == "The VLAN does not exist."


def test_what_an_aggregate_is_told_its_members_have_too(leaf, talk):
    talk(leaf, "system-view", "interface Bridge-Aggregation 33", "port link-type trunk", "port trunk permit vlan 10")
    assert port(leaf, 5).allowed == port(leaf, 6).allowed == {1, 10}
    assert "Aggregate Interface: Bridge-Aggregation33" in talk(leaf, "display link-aggregation member-port")


def test_a_delayed_commit_takes_back_all_since_it_was_asked_for(leaf, talk):
    talk(leaf, "system-view", "configuration commit delay 1", "vlan 10")
    leaf.change(lambda config: config.vlans.update({99: "other"}))
    time.sleep(0.4)
    assert set(leaf.running.vlans) == {1}
    talk(leaf, "system-view", "configuration commit delay 1", "vlan 11", "configuration commit")
    time.sleep(0.4)
    assert 11 in leaf.running.vlans


def test_saving_asks_unless_forced(leaf, terminal):
    with terminal(leaf) as person:
        person.read(">")
        person.type("save\ry\r\r")
        assert "[Y/N]:y\r\n" in person.read("press the enter key):")
        person.read("successfully")
    assert leaf.saves == 1


def test_what_it_displays(leaf, talk):
    leaf.neighbours.append(Neighbour("Ten-GigabitEthernet1/0/2", "cn002", "eth0", "00:11:22:33:44:55"))
    talk(leaf, "system-view", "vlan 10", "interface XGE1/0/1", "port access vlan 10", "description cn001 eth0")
    text = talk(leaf, "display vlan 10")
    assert " Untagged ports:\n    Ten-GigabitEthernet1/0/1" in text and " Tagged ports:   None" in text
    assert "XGE1/0/1             UP   10G     F      A    10   cn001 eth0" in talk(leaf, "display interface brief")
    assert " Chassis ID          : 0011-2233-4455" in talk(leaf, "display lldp neighbor-information verbose")
    assert "(simulated)" in talk(leaf, "display version")
    assert talk(leaf, "system-view", "interface XGE1/0/1", "display this")[-1].startswith("#\ninterface Ten-GigabitEthernet1/0/1")
