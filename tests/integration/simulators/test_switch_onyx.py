"""The simulated NVIDIA Onyx: what its commands do, and what bites."""

from __future__ import annotations

import json

import pytest
from netmiko import ConnectHandler


@pytest.fixture
def leaf(fabric, request):
    return fabric.switch(request.node.name[:40], "onyx", ports=6, lags={"Po33": ["Eth1/5", "Eth1/6"]})


INSIDE = ("enable", "configure terminal", "vlan 10", "exit", "vlan 11", "exit", "interface ethernet 1/1")


def test_a_session_as_netmiko_holds_it(leaf):
    with ConnectHandler(**leaf.netmiko()) as session:
        assert session.find_prompt() == f"{leaf.name} [standalone: master] >"
        session.enable()
        said = session.send_config_set(["vlan 10", 'name "admin"', "exit", "interface ethernet 1/1", "switchport access vlan 10", "exit"])
        assert f"{leaf.name} [standalone: master] (config interface ethernet 1/1) #" in said and "%" not in said
        session.save_config()
    assert (leaf.running.ports["Eth1/1"].access, leaf.startup.vlans[10], leaf.saves) == (10, "admin", 1)


def test_a_context_knows_its_own_commands_alone(leaf, talk):
    assert talk(leaf, "configure terminal").startswith('% Unrecognized command "configure"')
    assert talk(leaf, *INSIDE, "vlan 12")[-1].startswith('% Unrecognized command "vlan"')
    assert not talk(leaf, *INSIDE, "exit", "interface ethernet 1/1 switchport mode trunk")[-1]
    assert leaf.running.ports["Eth1/1"].mode == "trunk"


def test_hybrid_is_a_trunk_with_an_untagged_vlan(leaf, talk):
    talk(leaf, *INSIDE, "switchport mode hybrid", "switchport hybrid allowed-vlan add 10", "switchport access vlan 11")
    assert leaf.running.carries(leaf.running.ports["Eth1/1"]) == (11, {10})
    said = json.loads(talk(leaf, "show interfaces switchport | json-print"))["Eth1/1"]
    assert said == [{"Mode": "hybrid", "Access vlan": "11", "Allowed vlans": "10"}]
    talk(leaf, *INSIDE, "switchport mode trunk")
    assert leaf.running.carries(leaf.running.ports["Eth1/1"]) == (None, {1, 10, 11})


@pytest.mark.parametrize("line, words", [
    ("switchport access vlan 99", "does not exist"), ("switchport trunk allowed-vlan 10", "not in trunk mode"), ("mtu 9000", "force"),
    ("mtu 9999 force", "between"), ("speed", "Unrecognized"),
])
def test_what_it_refuses(leaf, talk, line, words):
    assert words in talk(leaf, *INSIDE, line)[-1]
    assert "member of port-channel 33" in talk(leaf, *INSIDE[:-1], "interface ethernet 1/5", "switchport mode trunk")[-1]


def test_the_running_configuration_is_a_setting_a_line(leaf, talk):
    talk(leaf, *INSIDE, 'description "cn001 eth0"', "mtu 9000 force", "switchport access vlan 10")
    lines = talk(leaf, "enable", 'show running-config | include "interface "')[-1].split("\n")
    assert [line.strip() for line in lines] == [
        "interface port-channel 33", 'interface ethernet 1/1 description "cn001 eth0"', "interface ethernet 1/1 mtu 9000 force",
        "interface ethernet 1/5-1/6 channel-group 33 mode active", "interface ethernet 1/1 switchport access vlan 10"]
