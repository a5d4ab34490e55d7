"""Cables that are where they belong, and those that are not, in the words that a person reads."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import cabling
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Learned, Neighbour
from ansible_collections.clusterwright.hpc.plugins.modules import cabling_check


def rows(switch, first):
    """Cables of a switch's first five ports."""
    return [{"switch": switch, "port": f"Ethernet{number}", "node": f"cn{first + number:03}", "interface": "eth0",
             "mac": f"02:00:00:00:00:{first + number:02}"} for number in range(1, 6)]


CABLES = rows("leaf1", 0)
LINK = {"switch": "leaf1", "port": "Port-Channel1", "node": "leaf2", "interface": "Port-Channel1", "mac": None}
PORTS = dict.fromkeys([*(f"Ethernet{number}" for number in range(1, 9)), "Port-Channel1"])


def lldp(port, system, remote_port="eth0", remote_id=""):
    return Neighbour(f"Ethernet{port}", system, remote_port, remote_id)


def right(*besides):
    return [lldp(number, f"cn00{number}") for number in range(1, 6) if number not in besides]


def compare(neighbours=(), macs=(), cables=CABLES, ports=PORTS):
    """One switch."""
    return together({"leaf1": (neighbours, macs)}, cables, ports)


def together(views, cables, ports=PORTS):
    views = {switch: cabling.View(ports, *view) for switch, view in views.items()}
    return [(finding["kind"], finding["text"]) for finding in cabling.compare(cables, views)]


def test_all_is_right_by_lldp_with_or_without_domain_or_by_the_mac():
    assert compare(right()) == []
    assert compare([lldp(1, "cn001.example.org", "enp1s0"), lldp(2, "", "02:00:00:00:00:02", "02:00:00:00:00:02"), *right(1, 2)]) == []
    assert compare(right(3), [Learned("02:00:00:00:00:03", 10, "Ethernet3")]) == []


def test_crossed_cables_are_named():
    crossed = [lldp(2, "cn005"), lldp(5, "cn002"), *right(2, 5)]
    assert compare(crossed) == [
        ("swapped", "cn002 and cn005 are swapped on leaf1: Ethernet2 has cn005 eth0, Ethernet5 has cn002 eth0")]
    by_mac = [Learned("02:00:00:00:00:05", 10, "Ethernet2"), Learned("02:00:00:00:00:02", 10, "Ethernet5")]
    assert compare(right(2, 5), by_mac)[0][0] == "swapped"


@pytest.mark.parametrize(("neighbours", "kind", "text"), [
    ([*right(1, 2), lldp(1, "cn002")], "wrong", "leaf1 Ethernet1 has cn002 eth0, whose port is Ethernet2; cn001 eth0 should be there"),
    ([*right(1), lldp(1, "printer")], "wrong", "leaf1 Ethernet1 has printer eth0; cn001 eth0 should be there"),
    ([*right(1), lldp(7, "cn001")], "moved", "cn001 eth0 is at leaf1 Ethernet7, not at Ethernet1"),
    ([*right(), lldp(7, "cn001")], "unknown", "leaf1 Ethernet7 has cn001 eth0, which the cluster file does not plug in there"),
    (right(4), "unseen", "cn004 eth0 is not seen at leaf1 Ethernet4: it is off"),
])
def test_what_is_not_right(neighbours, kind, text):
    ((found, said),) = compare(neighbours)
    assert found == kind and said.startswith(text)


def test_three_in_a_circle_are_three_wrong_ports():
    kinds = [kind for kind, _text in compare([lldp(1, "cn002"), lldp(2, "cn003"), lldp(3, "cn001"), *right(1, 2, 3)])]
    assert kinds == ["wrong"] * 3


def test_many_macs_behind_a_port_say_nothing_of_its_cable():
    macs = [Learned(cable["mac"], 10, "Ethernet8") for cable in CABLES]
    assert compare(right(), macs) == []


def test_a_lag_between_switches_is_seen_at_its_members():
    ports = {**PORTS, "Ethernet8": "Port-Channel1"}
    assert compare([*right(), lldp(8, "leaf2", "Ethernet8")], cables=[*CABLES, LINK], ports=ports) == []
    assert compare([*right(), lldp(8, "leaf3", "Ethernet8")], cables=[*CABLES, LINK], ports=ports)[0][0] == "wrong"


def test_a_port_that_the_switch_lacks():
    ports = {name: lag for name, lag in PORTS.items() if name != "Ethernet4"}
    assert compare(right(4), ports=ports) == [("missing", "leaf1 has no port Ethernet4, where cn004 eth0 should be")]


# --- two switches

BOTH = [*rows("leaf1", 0), *rows("leaf2", 10)]


def eleven(*besides):
    return [lldp(number, f"cn{10 + number:03}") for number in range(1, 6) if number not in besides]


def test_cables_that_are_crossed_between_two_switches_are_one_swap():
    said = [("swapped", "cn002 (leaf1 Ethernet2) and cn015 (leaf2 Ethernet5) are swapped: each is at the other's port")]
    assert together({"leaf1": ([*right(2), lldp(2, "cn015")], ()), "leaf2": ([*eleven(5), lldp(5, "cn002")], ())}, BOTH) == said
    macs = {"leaf1": [Learned("02:00:00:00:00:15", 10, "Ethernet2")], "leaf2": [Learned("02:00:00:00:00:02", 10, "Ethernet5")]}
    assert together({"leaf1": (right(2), macs["leaf1"]), "leaf2": (eleven(5), macs["leaf2"])}, BOTH) == said


def test_a_node_of_another_switch_that_nobody_has_looked_at():
    assert together({"leaf1": ([*right(2), lldp(2, "cn015")], ())}, BOTH) == [
        ("wrong", "leaf1 Ethernet2 has cn015 eth0, whose port is leaf2 Ethernet5; cn002 eth0 should be there")]
    assert together({"leaf1": (right(2), ()), "leaf2": ([*eleven(), lldp(8, "cn002")], ())}, BOTH) == [
        ("moved", "cn002 eth0 is at leaf2 Ethernet8, not at leaf1 Ethernet2")]


def test_a_node_that_is_seen_over_a_link_is_at_home():
    """A MAC of leaf2 on leaf1's way there, be the link in the file or not."""
    macs = [Learned("02:00:00:00:00:15", 10, port) for port in ("Ethernet8", "Port-Channel1")]
    found = together({"leaf1": (right(), macs), "leaf2": (eleven(), ())}, [*BOTH, LINK])
    assert [kind for kind, _text in found] == ["unseen"]        # the link itself


# --- the module

def facts(*neighbours):
    return {"leaf1": {"platform": "eos", "ports": [{"name": name, "lag": lag, "mode": "access"} for name, lag in PORTS.items()],
                      "neighbours": [each._asdict() for each in neighbours], "macs": []}}


def test_the_module_fails_for_what_is_wrong_and_warns_of_what_is_not_seen(call_module):
    short = [{**cable, "port": cable["port"].replace("Ethernet", "Et")} for cable in CABLES]
    result = call_module(cabling_check, cables=short, facts=facts(*right(4)))
    assert (result["changed"], result["checked"]) == (False, {"switches": 1, "cables": 5, "right": 4})
    assert "cn004 eth0 is not seen" in result["warnings"][0]
    result = call_module(cabling_check, cables=BOTH, facts=facts(lldp(2, "cn005"), lldp(5, "cn002"), *right(2, 5)))
    assert result["failed"] and "cn002 and cn005 are swapped on leaf1" in result["msg"]
    assert result["checked"] == {"switches": 1, "cables": 5, "right": 3}
    more = [{**cable, "port": f"Ethernet{number}"} for number, cable in enumerate(CABLES * 2, 1) if number < 8]
    assert call_module(cabling_check, cables=more, facts=facts())["warnings"][-1] == "2 more cables are not seen"


def test_facts_that_are_none(call_module):
    result = call_module(cabling_check, cables=CABLES, facts={"leaf1": {"platform": "eos", "ports": []}})
    assert result["failed"] and result["msg"].startswith("leaf1: its facts lack neighbours, macs")
