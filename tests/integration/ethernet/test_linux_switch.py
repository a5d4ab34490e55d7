"""A real Linux with ifupdown2 that is configured by our driver: what comes through its ports is what the intent says."""

from __future__ import annotations

import re
import time

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import session
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.terminal import LostError, NetmikoTerminal
from ansible_collections.clusterwright.hpc.plugins.modules import switch_facts, switch_vlans
from ansible_collections.clusterwright.hpc.tests.simulators import linux_switch
from ansible_collections.clusterwright.hpc.tests.simulators.switch import datapath

pytestmark = [pytest.mark.integration, pytest.mark.slow,
              pytest.mark.skipif(bool(linux_switch.missing() or datapath.missing()), reason=linux_switch.missing() or datapath.missing())]

PLATFORM = "cumulus_ifupdown2"
FILE = "cat /etc/network/interfaces"


@pytest.fixture(scope="module")
def machine():
    with linux_switch.LinuxSwitch() as running:
        yield running


@pytest.fixture(scope="module")
def wires(machine):
    """Hosts of one subnet, so that VLANs alone decide who reaches whom. d301 and d302 tag their frames, on the wire of d."""
    with datapath.Datapath() as running:
        for number, name in enumerate("abc", 1):
            running.cable(machine.taps[f"swp{number}"], **{name: (f"10.0.0.{number}/24", None)})
        running.cable(machine.taps["swp4"], d=("10.0.0.4/24", None), d301=("10.0.0.5/24", 301), d302=("10.0.0.6/24", 302))
        yield running


@pytest.fixture
def switch(machine):
    machine.reset()
    return machine


@pytest.fixture
def bring(call, switch):
    def run(intent, **options):
        return call(switch_vlans, switch, intent=intent, timeout=240, **options)
    return run


def port(number, mode="access", untagged=301, tagged=(), **more):
    return {"name": f"swp{number}", "mode": mode, "untagged": untagged, "tagged": [*tagged], "mtu": None, "description": f"cn{number} eth0",
            "protected": False, **more}


def intent(*ports, vlans=(10, 301)):
    return {"name": "leaf1", "platform": PLATFORM, "vlans": [{"id": vlan, "name": f"v{vlan}"} for vlan in vlans], "ports": [*ports],
            "owned": [[10, 10], [20, 20], [300, 310]]}


WISH = intent(port(1), port(2, untagged=10), port(3), port(4, "trunk", 10, [301]))


def reaches(wires, one, other):
    """Whether a ping comes back; on a busy machine an emulated one may be late."""
    return any(wires.pings(one, other) for _ in range(5))


def test_the_intent_is_on_the_wire_and_a_second_run_changes_nothing(bring, call, switch, wires):
    assert reaches(wires, "a", "b") and not wires.pings("a", "c")
    predicted = bring(WISH, check=True)
    assert predicted["changed"] and switch.root(FILE) == linux_switch.INTERFACES
    result = bring(WISH)
    assert result["changed"] and result["verified"], result
    assert result["after"] == predicted["after"]
    assert [re.sub(r"cw[0-9a-f]{8,}", "clusterwright", line) for line in result["commands"]] == predicted["commands"]
    assert reaches(wires, "a", "c") and reaches(wires, "b", "d") and reaches(wires, "a", "d301") and reaches(wires, "c", "d301")
    for one, other in (("a", "b"), ("a", "d"), ("b", "c"), ("b", "d301"), ("a", "d302"), ("b", "d302")):
        assert not wires.pings(one, other), (one, other)
    assert "# the hosts" in switch.root(FILE)       # what is not ours is still there
    assert not re.search("cw[0-9a-f]{8,}", switch.root("systemctl list-timers --all; ls /etc/network"))
    again = bring(WISH)
    assert (again["changed"], again["verified"], again["commands"]) == (False, True, []), again
    facts = call(switch_facts, switch, platform=PLATFORM, gather=["macs"], timeout=240)
    assert {(each["vlan"], each["port"]) for each in facts["macs"]} == {
        (10, "swp2"), (10, "swp4"), (301, "swp1"), (301, "swp3"), (301, "swp4")}, facts


def test_a_change_made_by_hand_is_shown_and_put_right(bring, switch, wires):
    assert bring(WISH)["verified"]
    switch.root("bridge vlan del dev swp3 vid 301; bridge vlan add dev swp3 vid 10 pvid untagged")
    assert reaches(wires, "c", "b") and not wires.pings("c", "a")
    shown = bring(WISH, check=True)
    assert shown["changed"] and "swp3: access, untagged 10" in shown["diff"][0]["before"], shown
    result = bring(WISH)
    assert result["verified"], result
    assert reaches(wires, "c", "a") and not wires.pings("c", "b")


def test_a_step_that_the_kernel_refuses_is_taken_back(bring, switch, wires):
    """The last port takes no long frames: ifupdown2 says so when all the rest is done."""
    wish = intent(port(1), port(2, untagged=10), port(6, mtu=9000))
    result = bring(wish)
    assert result["failed"] and "`sudo -n ifreload -a` was refused (warning: " in result["msg"] and "mtu" in result["msg"], result
    assert "the switch is as it was" in result["msg"] and not result["changed"], result
    assert switch.root(FILE) == linux_switch.INTERFACES
    assert reaches(wires, "a", "b") and not wires.pings("a", "c")


def test_a_file_that_ifupdown2_does_not_take_stays_what_somebody_made_of_it(bring, switch, wires):
    switch.root("printf '\\niface\\n' >> /etc/network/interfaces")
    before = switch.root(FILE)
    result = bring(WISH)
    assert result["failed"] and not result["changed"], result
    assert "`sudo -n ifreload -a -s` was refused (error: " in result["msg"] and "the switch is as it was" in result["msg"], result
    assert switch.root(FILE) == before and reaches(wires, "a", "b")


def test_a_session_that_is_lost_in_the_change(bring, switch, wires, monkeypatch):
    """The shell that reloads is gone with it. A timer on the switch brings the old configuration back."""
    monkeypatch.setattr(session, "MINUTES", 0.4)
    send = NetmikoTerminal.send

    def cut(terminal, command):
        if command != "sudo -n ifreload -a":
            return send(terminal, command)
        terminal._channel.sendall(f"{command}\n")
        time.sleep(4)
        terminal.close()
        raise LostError(f"the session ended at `{command}`")

    monkeypatch.setattr(NetmikoTerminal, "send", cut)
    result = bring(WISH)
    assert result["failed"] and "goes back by itself" in result["msg"], result
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and (switch.root(FILE) != linux_switch.INTERFACES or not wires.pings("a", "b")):
        time.sleep(2)
    assert switch.root(FILE) == linux_switch.INTERFACES
    assert reaches(wires, "a", "b") and not wires.pings("a", "c")
