"""Cables that are where they belong, and those that are not, in the words that a person reads."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import cabling, terminal
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import session as sessions
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Learned, Neighbour
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import Port, State
from ansible_collections.clusterwright.hpc.plugins.modules import cabling_check

CABLES = [{"port": f"Ethernet{number}", "node": f"cn00{number}", "interface": "eth0", "mac": f"02:00:00:00:00:0{number}"}
          for number in range(1, 6)]
LINK = {"port": "Port-Channel1", "node": "leaf2", "interface": "Port-Channel1", "mac": None}
STATE = State({1: ""}, {name: Port(name) for name in (*(f"Ethernet{number}" for number in range(1, 9)), "Port-Channel1")})


def lldp(port, system, remote_port="eth0", remote_id=""):
    return Neighbour(f"Ethernet{port}", system, remote_port, remote_id)


def right(*besides):
    return [lldp(number, f"cn00{number}") for number in range(1, 6) if number not in besides]


def compare(neighbours=(), macs=(), cables=CABLES, state=STATE):
    return [(finding["kind"], finding["text"]) for finding in cabling.compare("leaf1", cables, neighbours, macs, state)]


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
    state = State({}, {**STATE.ports, "Ethernet8": Port("Ethernet8", "other", None, lag="Port-Channel1")})
    assert compare([*right(), lldp(8, "leaf2", "Ethernet8")], cables=[*CABLES, LINK], state=state) == []
    assert compare([*right(), lldp(8, "leaf3", "Ethernet8")], cables=[*CABLES, LINK], state=state)[0][0] == "wrong"


def test_a_port_that_the_switch_lacks():
    state = State({}, {name: port for name, port in STATE.ports.items() if name != "Ethernet4"})
    assert compare(right(4), state=state) == [("missing", "leaf1 has no port Ethernet4, where cn004 eth0 should be")]


class Silent:
    def close(self):
        """Nothing to end."""


@pytest.fixture
def leaf(monkeypatch):
    """A switch that sees what it is told."""
    def sees(*neighbours):
        monkeypatch.setattr(terminal, "connect", lambda _access, _driver: Silent())
        monkeypatch.setattr(sessions, "observe", lambda _session: (STATE, {}))
        monkeypatch.setattr(sessions, "neighbours", lambda _session: [*neighbours])
        monkeypatch.setattr(sessions, "macs", lambda _session: [])
    return sees


OPTIONS = {"name": "leaf1", "platform": "eos", "cables": CABLES, "host": "10.0.0.1", "user": "admin", "password": "hidden"}


def test_the_module_fails_for_what_is_wrong_and_warns_of_what_is_not_seen(call_module, leaf):
    leaf(*right(4))
    result = call_module(cabling_check, **OPTIONS)
    assert (result["changed"], result["checked"]) == (False, {"cables": 5, "right": 4})
    assert "cn004 eth0 is not seen" in result["warnings"][0]
    leaf(lldp(2, "cn005"), lldp(5, "cn002"), *right(2, 5))
    result = call_module(cabling_check, **OPTIONS)
    assert result["failed"] and "cn002 and cn005 are swapped on leaf1" in result["msg"] and result["checked"]["right"] == 3
    leaf()
    more = [{**cable, "port": f"Ethernet{number}"} for number, cable in enumerate(CABLES * 2, 1) if number < 8]
    assert call_module(cabling_check, **{**OPTIONS, "cables": more})["warnings"][-1] == "leaf1: 2 more cables are not seen"
