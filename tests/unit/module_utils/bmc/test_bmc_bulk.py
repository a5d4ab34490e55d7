"""ipmipower's words, and what it is told. A program of its name stands in for it; the real one is in tests/integration/bmc."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import bulk, power
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import Outcome

PROGRAM = """#!/bin/sh
echo "$@" >> {folder}/arguments
cat >> {folder}/input
cat {folder}/answer
"""


@pytest.fixture
def ipmipower(tmp_path, monkeypatch):
    """ipmipower("10.0.0.1: on") lets it answer that."""
    program = tmp_path / "ipmipower"
    program.write_text(PROGRAM.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setattr(bulk, "PATH", f"{tmp_path}:/usr/bin:/bin")
    (tmp_path / "arguments").touch()
    return lambda answer: (tmp_path / "answer").write_text(answer) and tmp_path


def targets(count, **more):
    return [{"name": f"node{number}", "address": f"10.0.0.{number}", "port": None, "protocol": "ipmi", "username": "admin",
             "password": "s3cret", "verify_tls": True, **more} for number in range(1, count + 1)]


def test_a_clear_word_is_taken_and_nothing_else(ipmipower):
    folder = ipmipower("10.0.0.1: on\n10.0.0.2:623: off\n10.0.0.3: session timeout\n10.0.0.4: BMC busy\n10.0.0.5: password invalid\n"
                       "10.0.0.6: username invalid\n10.0.0.99: on\n10.0.0.7: on fire\n")
    found = bulk.powers(targets(20), 1.0)
    assert {name: (outcome.verdict, outcome.value) for name, outcome in found.items()} == {
        "node1": ("ok", "on"), "node2": ("ok", "off"), "node5": ("wrong password", None), "node6": ("wrong user", None)}
    arguments = (folder / "arguments").read_text()
    assert "10.0.0.1:623,10.0.0.2:623," in arguments and "--session-timeout=1000" in arguments
    assert "s3cret" not in arguments and "admin" not in arguments
    assert (folder / "input").read_text() == "username admin\npassword s3cret\n"


@pytest.mark.parametrize("members", [
    targets(15),
    targets(20, protocol="redfish"),
    targets(20, address="10.0.0.1"),            # whose answer it is could not be told
    targets(20, password="with a # and a space"),
])
def test_few_others_and_what_it_cannot_be_told_are_left_to_the_driver(ipmipower, members):
    folder = ipmipower("10.0.0.1: on\n")
    assert bulk.powers(members, 1.0) == {}
    assert (folder / "arguments").read_text() == ""


def test_without_the_program_there_is_no_answer(monkeypatch, tmp_path):
    monkeypatch.setattr(bulk, "PATH", str(tmp_path))
    assert bulk.powers(targets(20), 1.0) == {}


def test_one_process_for_so_many_and_one_for_each_login(ipmipower, monkeypatch):
    monkeypatch.setattr(bulk, "PIECE", 10)
    folder = ipmipower("10.0.0.1: on\n")
    bulk.powers([*targets(12), *({**each, "name": f"x{each['name']}", "address": f"10.1.0.{number}", "username": "other"}
                                 for number, each in enumerate(targets(4)))], 1.0)
    assert len((folder / "arguments").read_text().splitlines()) == 3
    assert sorted((folder / "input").read_text().split()[1::4]) == ["admin", "admin", "other"]


def test_one_that_hangs_is_given_up(ipmipower):
    folder = ipmipower("10.0.0.1: on\n")
    (folder / "ipmipower").write_text("#!/bin/sh\nexec sleep 60\n")
    assert bulk.powers(targets(20), 0.1) == {}


def test_the_others_are_asked_one_by_one_in_the_time_that_is_left(monkeypatch):
    asked = []

    def call(members, _work, deadline, _limit):
        asked.append(([member["name"] for member in members], deadline))
        return {member["name"]: Outcome("timed out", text="does not answer") for member in members}

    monkeypatch.setattr(power.fleet, "call", call)
    monkeypatch.setattr(power.bulk, "powers", lambda _targets, patience: {"node2": Outcome("ok", "on")} if patience == 2.0 else {})
    found = power.observe(targets(3), "status", True, 10.0, 64)
    assert asked == [(["node1", "node3"], 8.0)]
    assert [(name, outcome.verdict) for name, outcome in found.items()] == [
        ("node1", "timed out"), ("node2", "ok"), ("node3", "timed out")]
