"""The simulated Arista EOS: what its commands do, and what bites."""

from __future__ import annotations

import json
import time

import pytest
from netmiko import ConnectHandler

from ansible_collections.clusterwright.hpc.tests.simulators.switch import Neighbour


@pytest.fixture
def leaf(fabric, request):
    return fabric.switch(request.node.name, "eos", ports=6, lags={"Port-Channel33": ["Ethernet5", "Ethernet6"]})


def port(leaf, number):
    return leaf.running.ports[f"Ethernet{number}"]


def test_prompts_tell_the_context(leaf):
    with ConnectHandler(**leaf.netmiko()) as session:
        for line, prompt in {
            "configure": "(config)#", "vlan 10,12-14": "(config-vlan-10,12-14)#", "interface Ethernet1": "(config-if-Et1)#",
            "interface et1-3": "(config-if-Et1-3)#", "interface Port-Channel 33": "(config-if-Po33)#", "exit": "(config)#", "end": "#",
            "configure session change-1": "(config-s-change)#", "interface Ethernet2": "(config-s-change-if-Et2)#", "abort": "#",
        }.items():
            session.send_command(line, expect_string=r"#")
            assert session.find_prompt() == f"{leaf.name}{prompt}"


def test_a_trunk_list_is_replaced_unless_one_says_add(leaf, talk):
    start = ("configure", "interface Ethernet1", "switchport mode trunk")
    talk(leaf, *start)
    assert len(port(leaf, 1).allowed) == 4094
    talk(leaf, *start, "switchport trunk allowed vlan 10,20-22")
    talk(leaf, *start, "switchport trunk allowed vlan 30")
    assert port(leaf, 1).allowed == {30}
    talk(leaf, *start, "switchport trunk allowed vlan add 31-32", "switchport trunk allowed vlan remove 30")
    assert port(leaf, 1).allowed == {31, 32}
    assert "switchport trunk allowed vlan 31-32" in talk(leaf, "show running-config interfaces Ethernet1")
    talk(leaf, *start, "switchport trunk allowed vlan none")
    assert not port(leaf, 1).allowed


def test_an_access_port_makes_the_vlan_that_is_missing(leaf, talk):
    answers = talk(leaf, "configure", "interface Ethernet1", "switchport access vlan 20")
    assert answers[-1] == "! Access VLAN does not exist. Creating vlan 20"
    assert leaf.running.vlans[20] == "VLAN0020"


def test_a_removed_vlan_stays_on_the_port_and_carries_nothing(leaf, talk):
    talk(leaf, "configure", "interface Ethernet1", "switchport access vlan 20", "no vlan 20")
    assert port(leaf, 1).access == 20
    assert leaf.running.carries(port(leaf, 1)) == (None, frozenset())
    assert "Access Mode VLAN: 20 (inactive)" in talk(leaf, "show interfaces Ethernet1 switchport")


def test_a_switch_port_keeps_its_own_mtu(leaf, talk):
    talk(leaf, "configure", "interface Ethernet1", "mtu 9000")
    assert "   mtu 9000" in talk(leaf, "show running-config interfaces Ethernet1")
    assert json.loads(talk(leaf, "show interfaces | json"))["interfaces"]["Ethernet1"]["mtu"] == 9214


@pytest.mark.parametrize("line", [
    "vlan 0", "vlan 4095", "vlan 10-9", "interface Ethernet99", "interface swp1", "mtu 9000", "commit", "duplex full",
])
def test_what_it_refuses(leaf, talk, line):
    assert talk(leaf, "configure", line)[-1] == "% Invalid input"
    assert talk(leaf, "show vlan 77").startswith("% VLAN 77 not found")


def test_json_has_the_shapes_of_the_api(leaf, talk):
    leaf.neighbours.append(Neighbour("Ethernet1", "spine1", "Ethernet7", "00:1c:73:00:00:01", bridge=True))
    leaf.device.learn([("00:11:22:33:44:55", 10, "Ethernet2")])
    talk(leaf, "configure", "vlan 10", "name admin", "interface Ethernet2", "switchport access vlan 10")
    assert json.loads(talk(leaf, "show vlan | json"))["vlans"]["10"] == {
        "dynamic": False, "name": "admin", "status": "active", "interfaces": {"Ethernet2": {"privatePromoted": False}}}
    info = json.loads(talk(leaf, "show interfaces switchport | json"))["switchports"]
    assert info["Port-Channel33"]["switchportInfo"]["trunkAllowedVlans"] == "ALL" and "Ethernet5" not in info
    status = json.loads(talk(leaf, "show interfaces status | json"))["interfaceStatuses"]
    assert status["Ethernet5"]["vlanInformation"]["vlanExplanation"] == "in Po33"
    assert status["Ethernet2"]["vlanInformation"]["vlanId"] == 10
    heard = json.loads(talk(leaf, "show lldp neighbors detail | json"))["lldpNeighbors"]
    assert heard["Ethernet1"]["lldpNeighborInfo"][0]["systemName"] == "spine1" and heard["Ethernet2"] == {"lldpNeighborInfo": []}
    assert json.loads(talk(leaf, "show mac address-table | json"))["unicastTable"]["tableEntries"][0]["interface"] == "Ethernet2"
    assert "simulated" in json.loads(talk(leaf, "show version | json"))["modelName"]


def test_a_session_changes_nothing_until_it_is_committed(leaf, talk):
    answers = talk(leaf, "configure session one", "vlan 10", "name admin", "show session-config diffs")
    assert "+vlan 10" in answers[-1].split("\n") and answers[-1].startswith("--- system:/running-config\n+++ session:/one-session-config")
    assert 10 not in leaf.running.vlans
    talk(leaf, "configure session one commit")
    assert leaf.running.vlans[10] == "admin"
    assert talk(leaf, "configure session one").startswith("% Cannot enter session one")


def test_a_commit_overwrites_what_others_did_meanwhile(leaf, talk):
    talk(leaf, "configure session one", "vlan 10")
    talk(leaf, "configure", "vlan 99")
    talk(leaf, "configure session one commit")
    assert set(leaf.running.vlans) == {1, 10}


def test_an_unconfirmed_commit_goes_back_by_itself(leaf, talk):
    talk(leaf, "configure session one", "vlan 10", "commit timer 00:00:30")
    assert 10 in leaf.running.vlans
    time.sleep(0.3)
    assert 10 not in leaf.running.vlans
    assert leaf.device.log[-1].who == "commit timer"


def test_a_confirmed_commit_stays_and_an_aborted_one_goes(leaf, talk):
    talk(leaf, "configure session one", "vlan 10", "commit timer 00:00:10")
    assert talk(leaf, "configure session two", "vlan 12", "commit")[-1].startswith("% Cannot commit")
    talk(leaf, "configure session one commit")
    time.sleep(0.2)
    assert 10 in leaf.running.vlans
    talk(leaf, "configure session three", "vlan 11", "commit timer 01:00:00")
    talk(leaf, "configure session three abort")
    assert 11 not in leaf.running.vlans


def test_five_sessions_may_be_pending(leaf, talk):
    answers = [talk(leaf, f"configure session s{number}") for number in range(6)]
    assert answers[:5] == [""] * 5 and "Maximum number of pending sessions" in answers[5]
    talk(leaf, "configure session s0 abort")
    assert talk(leaf, "configure session s5") == ""
