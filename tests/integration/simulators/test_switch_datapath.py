"""Real frames through simulated switches: what the configuration says is what pings see."""

from __future__ import annotations

import time

import pytest

from ansible_collections.clusterwright.hpc.tests.simulators.switch import datapath

WHY_NOT = datapath.missing()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=f"no datapath: {WHY_NOT}")


@pytest.fixture(scope="module")
def wired(fabric):
    """leaf1 (EOS) with hosts a, b and t (tags 20), a trunk to leaf2 (Comware) with host c."""
    leaf1 = fabric.switch("leaf1", "eos", ports=6)
    leaf2 = fabric.switch("leaf2", "comware", ports=6)
    with datapath.Datapath() as wires:
        wires.host("a", leaf1, "Ethernet1", "10.0.0.1/24")
        wires.host("b", leaf1, "Ethernet2", "10.0.0.2/24")
        wires.host("t", leaf1, "Ethernet3", "10.0.0.3/24", vlan=20)
        wires.host("c", leaf2, "XGE1/0/1", "10.0.0.4/24")
        wires.link(leaf1, "Ethernet6", leaf2, "XGE1/0/6")
        yield wires, leaf1, leaf2


def test_ports_in_one_vlan_reach_each_other_and_others_do_not(wired, talk):
    wires, leaf1, _leaf2 = wired
    assert wires.pings("a", "b")
    talk(leaf1, "configure", "vlan 10,20", "interface Ethernet1", "switchport access vlan 10")
    assert not wires.pings("a", "b")
    talk(leaf1, "configure", "interface Ethernet2", "switchport access vlan 10")
    assert wires.pings("a", "b")
    talk(leaf1, "configure", "no vlan 10")
    assert not wires.pings("a", "b")


def test_tagged_frames_pass_where_they_are_allowed(wired, talk):
    wires, leaf1, _leaf2 = wired
    talk(leaf1, "configure", "vlan 20", "interface Ethernet1", "switchport access vlan 20", "interface Ethernet3", "switchport mode trunk",
         "switchport trunk allowed vlan 30")
    assert not wires.pings("a", "t")
    talk(leaf1, "configure", "interface Ethernet3", "switchport trunk allowed vlan add 20")
    assert wires.pings("a", "t")


def test_a_trunk_between_two_switches_carries_what_both_permit(wired, talk):
    wires, leaf1, leaf2 = wired
    talk(leaf1, "configure", "vlan 20", "interface Ethernet1", "switchport access vlan 20", "interface Ethernet6", "switchport mode trunk")
    talk(leaf2, "system-view", "vlan 20", "interface XGE1/0/1", "port access vlan 20", "interface XGE1/0/6", "port link-type trunk")
    assert not wires.pings("a", "c")
    talk(leaf2, "system-view", "interface XGE1/0/6", "port trunk permit vlan 20")
    assert wires.pings("a", "c")
    talk(leaf2, "system-view", "undo vlan 20")
    assert not wires.pings("a", "c")


def test_an_unconfirmed_commit_lets_frames_pass_until_it_goes_back(wired, talk):
    wires, leaf1, _leaf2 = wired
    talk(leaf1, "configure", "vlan 20,21", "interface Ethernet1-2", "switchport access vlan 20")
    talk(leaf1, "configure session one", "interface Ethernet2", "switchport access vlan 21", "commit timer 00:03:00")
    assert not wires.pings("a", "b")
    time.sleep(0.5)
    assert wires.pings("a", "b")
