"""bmc_power against simulated BMCs on the network, on good and on bad days."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("pyghmi")

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import driver, options, power
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import fleet as bmc_fleet

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).resolve().parents[3]
FAULTS = ["drop", "hang", "busy", "refuse", "stuck", "wrong password", "crossed"]
DEADLINE = 10.0     # seconds; a healthy BMC beside 300 others on a busy machine needs one or two


def targets(bmcs, **more):
    params = {"username": "admin", "password": "simulated", "validate_certs": True, "timeout": DEADLINE, "side_by_side": 64, **more}
    optional = dict.fromkeys(("port", "username", "password", "uuid", "serial", "mac", "bmc_mac"))
    return options.targets({**params, "bmcs": [{"protocol": "ipmi", **optional, **entry} for entry in bmcs]})


def switch(bmcs, state, wait=5.0, at_once=300, **more):
    """As the module does it: {name: Outcome}."""
    found = targets(bmcs, **more)
    outcomes = power.observe(found, state, True, DEADLINE, 64)
    work = [target for target in found if outcomes[target["name"]].ok and power.steps(state, outcomes[target["name"]].value)]
    return {**outcomes, **power.apply(work, state, at_once, 0, DEADLINE, wait, 64)}


def test_the_power_of_300_by_one_call(fleet, bmcs):
    fleet.call(lambda: [setattr(machine, "power", True) for machine in list(fleet.machines.values())[::3]])
    outcomes = power.observe(targets(bmcs()), "status", True, 10, 64)
    assert {name: outcome.value for name, outcome in outcomes.items()} == {
        name: "on" if machine.power else "off" for name, machine in fleet.machines.items()}
    assert Counter(outcome.value for outcome in outcomes.values()) == {"on": 100, "off": 200}


def test_sessions_are_closed(fleet, bmcs):
    power.observe(targets(bmcs(20)), "status", True, 10, 64)
    # An open request that is repeated on a busy machine leaves one half open; those a BMC drops by itself.
    assert not [session for entry in bmcs(20) for session in fleet[entry["name"]].wire.sessions.values() if session.open]


@pytest.mark.parametrize("count", [30, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_on_one_of_many(fleet, bmcs, fault, count):
    entries = [{**entry, "serial": fleet.machines[entry["name"]].serial} for entry in bmcs(count)]
    bad = fleet["node007"]
    verdicts = {"drop": "timed out", "hang": "timed out", "busy": "busy", "refuse": "refused", "stuck": "lies",
                "wrong password": "wrong password", "crossed": "wrong machine"}
    if fault == "crossed":
        fleet.cross("node007", "node009")
    elif fault == "wrong password":
        bad.users.places[2].password = b"another"
    else:
        setattr(bad.faults, fault, {"busy": -1, "refuse": 0xD5}.get(fault, True))
    outcomes = switch(entries, "on")
    wrong = {name: outcome.verdict for name, outcome in outcomes.items() if not outcome.ok}
    assert wrong == dict.fromkeys(["node007", "node009"] if fault == "crossed" else ["node007"], verdicts[fault])
    if fault == "crossed":
        assert "node007 and node009 are swapped" in outcomes["node009"].text
    on = {name for name, machine in fleet.machines.items() if machine.power}
    assert on == {entry["name"] for entry in entries} - set(wrong)


def test_a_wrong_password_on_some(fleet, bmcs):
    wrong = ["node002", "node011", "node012"]
    for name in wrong:
        fleet[name].users.places[2].password = b"another"
    outcomes = power.observe(targets(bmcs(30)), "status", True, DEADLINE, 64)
    assert {name: outcome.verdict for name, outcome in outcomes.items() if not outcome.ok} == dict.fromkeys(wrong, "wrong password")


def test_a_bmc_that_loses_packets_or_answers_late_is_just_slow(fleet, bmcs):
    fleet["node001"].faults.loss, fleet["node002"].faults.delay, fleet["node003"].faults.busy = 0.05, 0.1, 3
    outcomes = power.observe(targets(bmcs(3)), "status", True, 20, 64)
    assert {outcome.verdict for outcome in outcomes.values()} == {"ok"}


def test_waves_never_switch_more_than_asked(fleet, bmcs):
    switch(bmcs(12), "on", at_once=4)
    started = [number for machine in list(fleet.machines.values())[:12] for number, action in machine.actions]
    assert len(started) == 12
    waves = [sorted(fleet.machines[entry["name"]].actions[0][0] for entry in bmcs(4, start)) for start in (0, 4, 8)]
    assert max(waves[0]) < min(waves[1]) <= max(waves[1]) < min(waves[2])


def test_soft_waits_for_the_system(fleet, bmcs):
    for name in ("node001", "node002"):
        fleet.machines[name].power = fleet.machines[name].up = True
    fleet["node002"].faults.deaf = "soft"
    outcomes = switch(bmcs(2), "soft", wait=3)
    assert outcomes["node001"].value == "off" and outcomes["node002"].verdict == "not done"
    assert "state=off cuts its power" in outcomes["node002"].text


def test_a_cycle_really_goes_off_and_on(fleet, bmcs, monkeypatch):
    monkeypatch.setattr(power, "REST", 0.1)
    switch(bmcs(3), "on")
    switch(bmcs(3), "cycle")
    assert [[action for _number, action in machine.actions] for machine in list(fleet.machines.values())[:3]] == [["on", "off", "on"]] * 3


def test_a_bmc_without_suite_17_is_spoken_to_by_suite_3(fleet, bmcs):
    suites = fleet["node001"].suites
    fleet["node001"].suites = [suite for suite in suites if suite.number == 3]
    try:
        assert power.observe(targets(bmcs(1)), "status", True, 10, 64)["node001"].ok
    finally:
        fleet["node001"].suites = suites


def test_five_of_a_hundred_that_hang_cost_their_deadline_once(fleet, bmcs):
    entries = bmcs(100)
    for entry in entries[::20]:
        fleet[entry["name"]].faults.hang = True
    outcomes = bmc_fleet.call(targets(entries), lambda session, _target, _report: session.power(), 3, 64)
    assert Counter(outcome.verdict for outcome in outcomes.values()) == {"ok": 95, "timed out": 5}
    assert "answered the login and then nothing more" in outcomes["node001"].text


def test_the_module_by_ansible(fleet, bmcs, tmp_path):
    """The password is nowhere, not even with -vvv."""
    driver.load(["ipmi"])
    (tmp_path / "play.yml").write_text("""
- hosts: localhost
  gather_facts: false
  tasks:
    - clusterwright.hpc.bmc_power: {bmcs: "{{ bmcs }}", username: admin, password: "{{ word }}", state: "on", timeout: 5}
""")
    (tmp_path / "vars.json").write_text(json.dumps({"bmcs": bmcs(5), "word": "simulated"}))
    fleet["node004"].users.places[2].password = b"other"

    def play(*more):
        command = [Path(sys.executable).parent / "ansible-playbook", "-i", "localhost,", "-c", "local", "-e", "@vars.json", *more,
                   "-e", f"ansible_python_interpreter={sys.executable}", "play.yml"]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build/collections"), "ANSIBLE_LOCALHOST_WARNING": "false"}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False)

    done = play("-vvv")
    said = done.stdout + done.stderr
    assert done.returncode and "1 of 5 BMCs did not do as asked (on)" in said and "simulated" not in said
    assert sum(machine.power for machine in fleet.machines.values()) == 4
    fleet["node004"].users.places[2].password = b"simulated"
    assert "changed=1" in play().stdout and "changed=0" in play().stdout


@pytest.mark.slow
def test_a_thousand_in_one_process(ports):
    """A process of its own, because pyghmi's select takes no descriptor above 1023."""
    command = [sys.executable, "-m", "bmc", "--count", "1000", "--network", "127.6.0.0/16", "--port", str(ports[0])]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "tests/simulators")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as simulator:
        assert "1000 BMCs" in simulator.stdout.readline()
        first = ipaddress.IPv4Address("127.6.1.1")
        entries = [{"name": f"node{number + 1:03}", "address": str(first + number), **({"port": ports[0]} if ports[0] != 623 else {})}
                   for number in range(1000)]
        outcomes = power.apply(targets(entries, timeout=10), "on", 1000, 0, 10, 10, 64)
        simulator.terminate()
    assert Counter(outcome.verdict for outcome in outcomes.values()) == {"ok": 1000}
