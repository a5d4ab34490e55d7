"""The simulated switch as a terminal: logins, echo, pages, faults, counters. What a platform says is in the tests of the dialects."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st
from netmiko import ConnectHandler, NetmikoAuthenticationException

from ansible_collections.clusterwright.hpc.tests.simulators import switch as simulated
from ansible_collections.clusterwright.hpc.tests.simulators.switch import Fabric, Neighbour, vlans


@pytest.fixture
def leaf(fabric, request):
    return fabric.switch(request.node.name, "eos", ports=30)


def test_each_character_is_echoed_and_lines_end_in_crlf(leaf, terminal):
    with terminal(leaf) as person:
        person.read("#")
        person.type("show host")
        assert person.read("show host") == "show host"
        person.type("x\x7fname\r")
        assert person.read("\r\n") == "x\b \bname\r\n"
        assert person.read("\r\n") == f"Hostname: {leaf.name}\r\n"


def test_long_answers_come_in_pages_until_paging_is_off(leaf, terminal):
    with terminal(leaf) as person:
        person.read("#")
        person.type("show interfaces status\r")
        first = person.read("--More--")
        assert first.count("\r\n") == 24 and "Et30" not in first
        person.type("\r")
        assert "Et23" in person.read("--More--")
        person.type(" ")
        assert "Et30" in person.read("#")
        person.type("terminal length 0\r")
        person.read("disabled.")
        person.type("show interfaces status\r")
        assert "--More--" not in person.read("Et30")


def test_a_question_mark_lists_what_may_come_next(leaf, terminal):
    with terminal(leaf) as person:
        person.read("#")
        person.type("terminal ?")
        assert "  length\r\n  width\r\n" in person.read("#terminal ")


def test_abbreviations_and_lines_that_nobody_knows(leaf):
    with ConnectHandler(**leaf.netmiko()) as session:
        assert session.send_command("sh vl br").startswith("VLAN")
        assert session.send_command("show vlam") == "% Invalid input"
        assert session.send_command("show v") == "% Ambiguous command"
        assert session.send_command("show") == "% Incomplete command"
    assert leaf.rejected == ["show vlam", "show v", "show"]


def test_sessions_are_few(leaf, terminal):
    leaf.max_sessions = 1
    with terminal(leaf), pytest.raises((OSError, asyncssh.Error)), terminal(leaf):
        pass
    assert leaf.sessions <= 1


def test_a_timer_does_not_outlive_a_start(leaf, talk):
    talk(leaf, "configure session one", "vlan 10", "commit timer 00:00:10")
    leaf.reboot()
    leaf.change(lambda config: config.vlans.update({11: "later"}))
    time.sleep(0.2)
    assert set(leaf.running.vlans) == {1, 11}


def test_it_knows_nothing_of_the_plugins():
    package = Path(simulated.__file__).parent
    files = list(package.rglob("*.py"))
    assert len(files) > 15
    assert not [path for path in files if re.search(r"^\s*(from|import) .*plugins", path.read_text(), re.M)]


@given(st.frozensets(st.integers(1, 4094), max_size=60))
def test_lists_of_vlans_survive_writing_and_reading(ids):
    assert vlans.expand(vlans.fold(ids)) == ids if ids else vlans.fold(ids) == ""
    rows = vlans.wrap(vlans.fold(ids).split(","), 40)
    assert "".join(rows) == vlans.fold(ids) and all(len(row) <= 41 for row in rows)


def test_a_command_without_a_terminal(leaf, terminal):
    with terminal(leaf) as person:
        status, output = person.run("show hostname")
        assert (status, output.split("\r\n")[0]) == (0, f"Hostname: {leaf.name}")


def test_a_wrong_password_is_refused_and_counted(leaf):
    with pytest.raises(NetmikoAuthenticationException):
        ConnectHandler(**{**leaf.netmiko(), "password": "wrong"})
    assert (leaf.refused_logins, leaf.sessions) == (1, 0)


def test_a_silent_switch_accepts_and_says_nothing(leaf):
    leaf.faults.silent = True
    with socket.create_connection((leaf.host, leaf.port), timeout=2) as wire:
        wire.settimeout(0.2)
        with pytest.raises(TimeoutError):
            wire.recv(1)


def test_sessions_commands_and_saves_are_counted(leaf):
    for _round in range(2):
        with ConnectHandler(**leaf.netmiko()) as session:
            session.send_config_set(["vlan 10", "nonsense"])
            session.save_config()
    assert (leaf.sessions, leaf.saves) == (2, 2)
    assert leaf.lines.count("vlan 10") == 2
    assert leaf.rejected == ["nonsense"] * 2


def test_running_is_not_startup_until_it_is_saved(leaf):
    with ConnectHandler(**leaf.netmiko()) as session:
        session.send_config_set(["vlan 10", "name admin"])
        assert (leaf.running.vlans.get(10), leaf.startup.vlans.get(10)) == ("admin", None)
        session.save_config()
    assert leaf.startup.vlans[10] == "admin"
    leaf.change(lambda config: config.vlans.pop(10))
    leaf.reboot()
    assert leaf.running.vlans[10] == "admin"


def test_the_session_is_lost_before_or_after_a_command(leaf, terminal):
    leaf.faults.drop_after(at="vlan 11")
    with terminal(leaf) as person:
        person.type("configure\rvlan 10\rvlan 11\r")
        assert person.ended()
    assert 10 in leaf.running.vlans and 11 not in leaf.running.vlans
    leaf.faults.drop_after(2, done=True)
    with terminal(leaf) as person:
        person.type("configure\rvlan 10\rvlan 11\r")
        assert person.ended()
    assert 11 in leaf.running.vlans
    assert leaf.drops == 2


def test_a_command_can_be_rejected_slow_and_raced(leaf):
    leaf.faults.reject("vlan 10", "% Internal error", times=1)
    leaf.faults.delay(0.3, at="vlan 10")
    leaf.faults.interfere("vlan 12", lambda config: config.vlans.update({99: "other"}))
    started = time.monotonic()
    with ConnectHandler(**leaf.netmiko()) as session:
        assert "% Internal error" in session.send_config_set(["vlan 10", "vlan 12"])
    assert time.monotonic() - started > 0.3
    assert set(leaf.running.vlans) == {1, 12, 99}
    assert [change.who for change in leaf.device.log] == ["somebody else", "session 1"]


def test_eighty_switches_in_one_process(terminal):
    with Fabric() as many:
        switches = [many.switch(f"leaf{number}", "nxos", ports=48) for number in range(80)]
        assert len({(switch.host, switch.port) for switch in switches}) == 80
        for switch in switches[::20]:
            with terminal(switch) as person:
                person.read(f"{switch.name}# ")
        assert sum(switch.sessions for switch in switches) == 4


def test_a_stumbling_simulation_is_told(terminal):
    other = Fabric()
    with pytest.raises(AssertionError, match="stumbled over 'show vlan'"), other:
        broken = other.switch("leaf1", "eos")
        broken.running.vlans = None
        with terminal(broken) as person:
            person.type("show vlan\r")
            person.ended()


def test_neighbours_and_learned_addresses(leaf):
    leaf.neighbours.append(Neighbour("Ethernet1", "cn001", "eth0", "00:11:22:33:44:55"))
    leaf.device.learn([("00:11:22:33:44:55", 1, "Ethernet1")])
    with ConnectHandler(**leaf.netmiko()) as session:
        assert "Et1           cn001                    eth0" in session.send_command("show lldp neighbors")
        assert "0011.2233.4455    DYNAMIC     Et1" in session.send_command("show mac address-table")
