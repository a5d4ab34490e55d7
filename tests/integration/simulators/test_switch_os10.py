"""The simulated Dell OS10: what its commands do, and what bites."""

from __future__ import annotations

import pytest
from netmiko import ConnectHandler


@pytest.fixture
def leaf(fabric, request):
    return fabric.switch(request.node.name[:40], "os10", ports=6, lags={"port-channel33": ["ethernet1/1/5", "ethernet1/1/6"]})


INSIDE = ("configure terminal", "interface vlan 10", "interface vlan 11", "interface vlan 12", "interface ethernet1/1/1")


def port(leaf):
    return leaf.running.ports["ethernet1/1/1"]


def test_a_session_as_netmiko_holds_it(leaf):
    with ConnectHandler(**leaf.netmiko()) as session:
        said = session.send_config_set(["interface vlan 10", "interface ethernet 1/1/1", "switchport access vlan 10"])
        assert f"{leaf.name}(conf-if-eth1/1/1)#" in said and "Error" not in said
        session.save_config()
    assert (port(leaf).access, leaf.saves) == (10, 1)


def test_a_list_adds_and_no_takes_away(leaf, talk):
    talk(leaf, *INSIDE, "switchport mode trunk", "switchport trunk allowed vlan 10", "switchport trunk allowed vlan 11-12",
         "no switchport trunk allowed vlan 10")
    assert leaf.running.carries(port(leaf)) == (1, {11, 12})
    talk(leaf, *INSIDE, "switchport access vlan 10")
    assert leaf.running.carries(port(leaf)) == (10, {11, 12})
    assert "    10     Active                                    A Eth1/1/1" in talk(leaf, "show vlan").split("\n")
    talk(leaf, *INSIDE, "switchport mode access")
    assert (port(leaf).access, port(leaf).allowed) == (10, frozenset())


def test_a_removed_vlan_drops_its_ports_into_vlan_1(leaf, talk):
    talk(leaf, *INSIDE, "switchport access vlan 10", "no interface vlan 10")
    assert leaf.running.carries(port(leaf)) == (1, frozenset())


@pytest.mark.parametrize("line, words", [
    ("vlan 10", "Unrecognized command"), ("switchport access vlan 99", "does not exist"),
    ("switchport trunk allowed vlan 10", "not in trunk mode"), ("mtu 9217", "Illegal parameter"),
    ("interface ethernet1/1/99", "Illegal parameter"), ("no interface vlan 1", "cannot be deleted"),
])
def test_what_it_refuses(leaf, talk, line, words):
    assert words in talk(leaf, *INSIDE, line)[-1]


def test_a_vlan_is_on_a_port_in_one_way_only(leaf, talk):
    answers = talk(leaf, *INSIDE, "switchport mode trunk", "switchport access vlan 10", "switchport trunk allowed vlan 10")
    assert "VLAN 10 is the access VLAN" in answers[-1]


def test_a_transaction_changes_nothing_until_it_is_committed(leaf, talk, terminal):
    with terminal(leaf) as person:
        person.read("# ")
        person.type("start transaction\rconfigure terminal\rinterface vlan 10\rend\r")
        person.type("show diff candidate-configuration running-configuration\r")
        person.read("+interface vlan10")
        assert 10 not in leaf.running.vlans
    assert 10 not in leaf.running.vlans
    talk(leaf, "start transaction", "configure terminal", "interface vlan 10", "end", "commit")
    assert 10 in leaf.running.vlans
    assert "No transaction" in talk(leaf, "commit")
