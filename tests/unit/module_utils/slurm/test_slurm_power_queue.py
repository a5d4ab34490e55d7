"""Slurm's power saving: the queue, the steps, and a worker that is killed anywhere, before a small Slurm and small BMCs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import verdict
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import Outcome
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import power_steps
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import NodeState
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.power_spool import Spool
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.power_steps import Entry, Limits
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.power_worker import Bmcs, Worker, limits

CHECKOUT = Path(__file__).resolve().parents[4]
LIMITS = Limits(120, 600)
NAMES = ["cn1", "cn2", "cn3"]


class Killed(BaseException):
    """As by SIGKILL: nothing handles it."""


class Site:
    """Slurm, BMCs and machines, in which time passes when somebody looks. `kill` is how many calls from now on a worker lives."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "queue").mkdir()
        self.now, self.requests, self.kill = 1000.0, 0, None
        self.power = dict.fromkeys(NAMES, "on")
        self.states = dict.fromkeys(NAMES, "IDLE")
        self.reasons, self.told, self.boots = {}, [], {}
        self.silent, self.stuck, self.never_boots, self.slurm_answers = set(), set(), set(), True
        self.boot_seconds = 60

    def ask(self, action, nodeset):
        self.requests += 1
        (self.folder / "queue" / f"{self.requests:019}-1.{action}").write_text(nodeset + "\n")

    def suspend(self, *names):
        for name in names:
            self.states[name] = "IDLE+POWERING_DOWN"
        self.ask("suspend", ",".join(names))

    def resume(self, *names):
        for name in names:
            self.states[name] = "ALLOCATED+POWERING_UP"
        self.ask("resume", ",".join(names))

    def _step(self):
        if self.kill is not None:
            self.kill -= 1
            if self.kill < 0:
                raise Killed

    def run(self, argv):
        self._step()
        words = argv[2:] if argv[0] == "env" else list(argv)
        if not self.slurm_answers:
            return Result(1, "", "Unable to contact slurm controller")
        if words[:3] == ["scontrol", "show", "config"]:
            return Result(0, "SuspendTimeout          = 120 sec\nResumeTimeout           = 600 sec\n", "")
        if "partition" in words:
            return Result(0, "PartitionName=all Nodes=cn[1-3] SuspendTimeout=GLOBAL ResumeTimeout=GLOBAL\n", "")
        if words[:3] == ["scontrol", "show", "hostnames"]:
            return Result(0, "\n".join(NAMES) + "\n", "")
        if words[1] == "update":
            keys = dict(word.split("=", 1) for word in words[2:])
            for name in self.expand(keys["nodename"]):
                self.states[name], self.reasons[name] = "DOWN", keys["reason"]
            return Result(0, "", "")
        for name, since in list(self.boots.items()):
            if self.now - since >= self.boot_seconds and name not in self.never_boots and self.power[name] == "on":
                del self.boots[name]
                if self.states[name].endswith("POWERING_UP"):
                    self.states[name] = "ALLOCATED"
        return Result(0, "".join(f"NodeName={name} State={state} Reason={self.reasons.get(name, '(null)')}\n"
                                 for name, state in self.states.items()), "")

    @staticmethod
    def expand(nodeset):
        if found := re.fullmatch(r"cn\[(\d)-(\d)\]", nodeset):
            return [f"cn{number}" for number in range(int(found[1]), int(found[2]) + 1)]
        return re.sub(r"[\[\]]", "", nodeset.replace(",", ",cn").replace("cncn", "cn")).split(",")

    def look(self, targets, _check_identity):
        self._step()
        return {target["name"]: Outcome(verdict.TIMED_OUT, text="does not answer") if target["name"] in self.silent
                else Outcome(verdict.OK, self.power[target["name"]]) for target in targets}

    def tell(self, targets, steps):
        self._step()
        said = {}
        for target in targets:
            name, action = target["name"], power_steps.TOLD[steps[target["name"]]]
            said[name] = Outcome(verdict.OK, self.power[name])
            if name in self.stuck or self.power[name] == power_steps.GOAL[steps[name]]:
                continue
            self.told.append((name, action))
            self.power[name] = power_steps.GOAL[steps[name]]
            if action == "on":
                self.boots[name] = self.now
        self._step()        # a kill right after the BMCs were told, before anything is written down
        return said

    def worker(self, at_once=32):
        targets = {name: {"name": name, "address": "192.0.2.1", "protocol": "ipmi"} for name in NAMES}
        return Worker(Spool(self.folder), targets, self.run, at_once, 1.0, Bmcs(self.look, self.tell), lambda: self.now)

    def work(self, seconds=2000, worker=None):
        """Until there is no more to do, or so much time has passed."""
        worker, end = worker or self.worker(), self.now + seconds
        while (pause := worker.round()) is not None and self.now < end:
            self.now += max(pause, 1.0)
        return worker


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def left(site):
    return sorted(path.name for path in site.folder.rglob("*") if path.is_file())


def test_idle_nodes_go_off_and_come_back_for_a_job(site, capsys):
    site.suspend("cn1", "cn2")
    site.work()
    assert (site.power, site.told) == ({"cn1": "off", "cn2": "off", "cn3": "on"}, [("cn1", "soft"), ("cn2", "soft")])
    site.resume("cn1", "cn2")
    site.work()
    assert site.told[2:] == [("cn1", "on"), ("cn2", "on")]
    assert site.states["cn1"] == "ALLOCATED"
    assert left(site) == []
    assert "<5>cn[1-2] is switched on: Slurm has work for it\n" in capsys.readouterr().out


def test_a_node_that_just_got_a_job_stays_on(site, capsys):
    site.suspend("cn1", "cn2")
    site.states["cn1"] = "ALLOCATED"
    site.work()
    assert site.told == [("cn2", "soft")]
    assert "<5>cn1 stays on: Slurm has it as ALLOCATED" in capsys.readouterr().out


def test_nothing_goes_off_while_slurm_does_not_answer(site, capsys):
    site.suspend("cn1")
    site.slurm_answers = False
    worker = site.work(30)
    assert site.told == []
    assert capsys.readouterr().out.count("<4>waits: slurmctld does not answer") == 1
    site.slurm_answers = True
    site.work(worker=worker)
    assert site.told == [("cn1", "soft")]


def test_a_resume_waits_until_the_shutdown_that_was_begun_is_over(site):
    site.suspend("cn1")
    site.stuck = {"cn1"}
    worker = site.work(5)
    site.resume("cn1")
    site.work(5, worker)
    assert site.told == []
    site.stuck, site.power["cn1"] = set(), "off"      # the shutdown is done
    site.work(worker=worker)
    assert (site.told, site.states["cn1"]) == ([("cn1", "on")], "ALLOCATED")


def test_a_system_that_does_not_shut_down_loses_its_power(site):
    site.suspend("cn1")
    tell, site.tell = site.tell, lambda targets, steps: tell(targets, steps) if "soft" not in steps.values() else {
        target["name"]: Outcome(verdict.OK, "on") for target in targets}
    site.work()
    assert site.told == [("cn1", "off")]


def test_a_machine_that_is_on_though_slurm_took_it_for_off_is_cycled(site):
    site.resume("cn1")
    site.work()
    assert (site.told, site.states["cn1"]) == ([("cn1", "off"), ("cn1", "on")], "ALLOCATED")


def test_a_node_that_never_boots_is_cycled_once_and_set_down(site):
    site.power["cn1"], site.never_boots = "off", {"cn1"}
    site.resume("cn1")
    site.work()
    assert site.told == [("cn1", "on"), ("cn1", "off"), ("cn1", "on")]
    assert site.reasons["cn1"].startswith("power: has power, and slurmd did not answer within 6")
    assert site.reasons["cn1"].endswith(", power-cycled once (clusterwright)")
    assert left(site) == []


def test_a_node_that_boots_too_slowly_is_cycled_once_and_set_down(site):
    site.power["cn1"], site.boot_seconds = "off", 400
    site.resume("cn1")
    site.work()
    assert site.told == [("cn1", "on"), ("cn1", "off"), ("cn1", "on")]
    assert site.states["cn1"] == "DOWN" and site.reasons["cn1"].endswith(", power-cycled once (clusterwright)")


def test_a_node_that_reboots_by_itself_while_it_comes_up_has_more_patience(site):
    site.power["cn1"] = "off"
    site.resume("cn1")
    worker = site.work(40)
    site.boots["cn1"] = site.now
    site.work(worker=worker)
    assert (site.told, site.states["cn1"]) == ([("cn1", "on")], "ALLOCATED")


def test_a_node_that_loses_its_power_while_it_comes_up_gets_it_back(site):
    site.power["cn1"] = "off"
    site.resume("cn1")
    worker = site.work(40)
    site.power["cn1"] = "off"
    site.work(worker=worker)
    assert (site.told, site.states["cn1"]) == ([("cn1", "on"), ("cn1", "on")], "ALLOCATED")


def test_slurmctld_restarts_while_nodes_resume(site):
    site.power.update(cn1="off", cn2="off")
    site.resume("cn1")
    worker = site.work(5)
    site.slurm_answers = False
    site.resume("cn2")
    site.work(30, worker)
    assert site.told == [("cn1", "on")]         # cn2 may not be wanted any more: that only slurmctld knows
    site.slurm_answers = True
    site.work(worker=worker)
    assert (site.told, site.states["cn1"], site.states["cn2"]) == ([("cn1", "on"), ("cn2", "on")], "ALLOCATED", "ALLOCATED")


def test_a_bmc_that_does_not_answer_holds_up_no_other(site):
    site.power.update(cn1="off", cn2="off")
    site.silent = {"cn1"}
    site.resume("cn1", "cn2")
    site.work()
    assert (site.states["cn1"], site.states["cn2"]) == ("DOWN", "ALLOCATED")
    assert site.reasons["cn1"] == "power: its BMC does not answer (clusterwright)"


def test_a_bmc_that_refuses_to_ask_for_a_shutdown_cuts_the_power(site):
    site.suspend("cn1")
    tell = site.tell
    site.tell = lambda targets, steps: tell(targets, steps) if "soft" not in steps.values() else {
        target["name"]: Outcome(verdict.REFUSED, text="refused to switch the power") for target in targets}
    site.work()
    assert site.told == [("cn1", "off")]


def test_a_bmc_that_refuses_everything_is_given_up(site, capsys):
    site.power["cn1"] = "off"
    site.resume("cn1")
    site.tell = lambda targets, _steps: {target["name"]: Outcome(verdict.REFUSED, text="refused to switch the power") for target in targets}
    site.work()
    assert site.reasons["cn1"] == "power: its BMC refused to switch the power (clusterwright)"
    assert capsys.readouterr().out.count("<4>cn1 its BMC refused to switch the power (refused); again in 10 s") == 1


def test_slurm_says_first_that_a_node_did_not_come(site):
    site.power["cn1"], site.never_boots = "off", {"cn1"}
    site.resume("cn1")
    worker = site.work(30)
    site.states["cn1"] = "DOWN+POWERED_DOWN"
    site.ask("resume-failed", "cn1")
    site.work(worker=worker)
    assert site.states["cn1"] == "DOWN" and "(clusterwright)" in site.reasons["cn1"]
    site.ask("resume-failed", "cn2")        # nobody here has heard of it
    site.states["cn2"] = "DOWN+POWERED_DOWN"
    site.work()
    assert site.reasons["cn2"] == "power: not up within ResumeTimeout (clusterwright)"


def test_why_a_node_was_set_down_stays_when_slurms_own_time_is_over(site, capsys):
    site.power["cn1"], site.silent = "off", {"cn1"}
    site.resume("cn1")
    site.work()
    site.ask("resume-failed", "cn1")
    site.work()
    assert site.reasons["cn1"] == "power: its BMC does not answer (clusterwright)"
    assert "cn1 is down already: power: its BMC does not answer" in capsys.readouterr().out
    assert left(site) == []


def test_the_same_request_twice_does_nothing_twice(site):
    site.power["cn1"] = "off"
    site.resume("cn1")
    worker = site.work(10)
    site.resume("cn1")
    site.work(worker=worker)
    site.suspend("cn1")
    site.ask("suspend", "cn1")
    site.work()
    site.ask("suspend", "cn1")
    site.work()
    assert site.told == [("cn1", "on"), ("cn1", "soft")]


def test_no_more_than_at_once_are_told_in_a_round(site):
    site.power = dict.fromkeys(NAMES, "off")
    site.resume(*NAMES)
    worker = site.worker(at_once=2)
    worker.round()
    assert [name for name, _action in site.told] == ["cn1", "cn2"]
    worker.round()
    assert [name for name, _action in site.told] == NAMES


def test_what_has_no_bmc_here_or_is_no_nodeset_is_said(site, capsys):
    site.ask("suspend", "gpu1")
    site.ask("suspend", "cn[1-")
    site.work()
    said = capsys.readouterr().out
    assert "<3>gpu1 has no BMC here, so suspend is left out" in said and "'cn[1-' is no NodeSet" in said
    assert left(site) == []


def test_what_is_no_request_does_not_stay_in_the_queue(site):
    (site.folder / "queue/1-1.reboot").write_text("cn1")
    site.suspend("cn2")
    site.work()
    assert (site.told, left(site)) == ([("cn2", "soft")], ["unknown.1-1.reboot"])


@given(st.lists(st.integers(1, 25), max_size=12), st.sampled_from(["boots", "never boots", "is on"]))
@settings(deadline=None, max_examples=15)
def test_killed_anywhere_nothing_is_lost_and_nothing_is_done_twice(tmp_path_factory, lives, cn1):
    site = Site(tmp_path_factory.mktemp("spool"))
    site.power.update(cn1="on" if cn1 == "is on" else "off", cn2="off")
    site.never_boots = {"cn1"} if cn1 == "never boots" else set()
    site.resume("cn1", "cn2")
    site.suspend("cn3")
    for life in lives:
        site.kill = life
        try:
            site.work()
        except Killed:
            site.now += 2       # systemd starts it anew
    site.kill = None
    site.work()
    assert (site.states["cn2"], site.power["cn3"]) == ("ALLOCATED", "off")
    expected = {"boots": ["on"], "never boots": ["on", "off", "on"], "is on": ["off", "on"]}[cn1]
    assert [action for name, action in site.told if name == "cn1"] == expected
    assert [action for name, action in site.told if name == "cn2"] == ["on"]
    assert [action for name, action in site.told if name == "cn3"] == ["soft"]
    assert site.states["cn1"] == ("DOWN" if cn1 == "never boots" else "ALLOCATED")
    assert left(site) == []


def test_a_request_that_was_written_down_and_not_removed_is_not_taken_again(site, monkeypatch):
    site.power["cn1"] = "off"
    site.resume("cn1")
    monkeypatch.setattr(Spool, "_drop", lambda self: (_ for _ in ()).throw(Killed) if self._taken and self.nodes else None)
    with pytest.raises(Killed):
        site.work()
    monkeypatch.undo()
    assert len(left(site)) == 2
    spool = Spool(site.folder)
    assert (spool.waiting(), list(spool.nodes), left(site)) == ([], ["cn1"], ["nodes.json"])


def test_partitions_have_timeouts_of_their_own():
    def run(argv):
        if "hostnames" in argv:
            return Result(0, "cn2\ncn3\n", "")
        if "partition" in argv:
            return Result(0, "PartitionName=all Nodes=cn[1-3] SuspendTimeout=GLOBAL ResumeTimeout=GLOBAL\n"
                          "PartitionName=slow Nodes=cn[2-3] SuspendTimeout=GLOBAL ResumeTimeout=900\n"
                          "PartitionName=slower Nodes=cn2 SuspendTimeout=300 ResumeTimeout=800\n", "")
        return Result(0, "ResumeTimeout           = 600 sec\nSuspendTimeout          = 120 sec\n", "")

    assert limits(run) == {"": Limits(120, 600), "cn2": Limits(300, 900), "cn3": Limits(120, 900)}


@pytest.mark.parametrize(("states", "up"), [
    ("ALLOCATED", True), ("MIXED", True), ("IDLE", True), ("IDLE+DRAIN", True), ("ALLOCATED+POWERING_UP", False),
    ("IDLE+NOT_RESPONDING", False), ("DOWN", False), ("IDLE+POWERED_DOWN", False),
])
def test_when_a_node_is_up(states, up):
    assert power_steps.is_up(NodeState(frozenset(states.split("+")))) is up


def test_another_machines_bmc_is_told_nothing():
    wrong = Outcome(verdict.WRONG_MACHINE, text="cn1 and cn2 are swapped")
    node = NodeState(frozenset({"IDLE", "POWERING_DOWN"}))
    move = power_steps.advance(Entry("asked", 0, 0), node, wrong, 1, LIMITS)
    assert (move.entry, move.tell, move.said) == (None, False, "stays on: its BMC cn1 and cn2 are swapped")


def test_the_program_puts_a_request_into_the_queue_whole(tmp_path):
    text = (CHECKOUT / "roles/slurm_power/templates/program.j2").read_text()
    (tmp_path / "queue").mkdir()
    program = tmp_path / "power-resume"
    program.write_text(text.replace("{{ __slurm_power_spool }}", str(tmp_path)))
    program.chmod(0o755)
    subprocess.run([program, "cn[1-300]"], check=True)
    spool = Spool(tmp_path)
    (request,) = spool.waiting()
    assert (request.action, request.nodeset) == ("resume", "cn[1-300]")
