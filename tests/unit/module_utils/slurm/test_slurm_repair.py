"""Why a node is stuck, and that nobody's node is touched and no job ends: each state that was seen on a real Slurm 24.11."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import repair

NOW = 1795270000.0
WELL = {"services": {"munge": {"unit": "munge", "state": "active"}, "slurmd": {"unit": "slurmd", "state": "active"},
                     "time": {"unit": "chrony", "state": "active"}},
        "munge": "", "skew_seconds": 0, "mounts": {}, "booted_at": 1795232615}


def node(state, reason="", by="slurm"):
    return {"states": state.split("+"), "reason": reason, "reason_by": by if reason else "", "comment": "", "slurmd_started": None,
            "sockets": 1, "cores_per_socket": 2, "threads_per_core": 1, "memory": 1024}


def job(state="RUNNING", nodes="cn1", started=NOW - 1000, restarts=0):
    return {"id": "7", "job_id": 7, "user": "ada", "state": state, "reason": "", "nodes": nodes, "started_at": int(started),
            "restarts": restarts}


def check(munge="active", slurmd="active", time="active", **more):
    states = {"munge": munge, "slurmd": slurmd, "time": time}
    return {**WELL, "services": {name: {**WELL["services"][name], "state": state} for name, state in states.items()}, **more}


def find(state, reason="", by="slurm", jobs=(), power="", **sight):
    """The finding on cn1; check=None is one that was asked and did not answer."""
    found = repair.diagnose({"cn1": node(state, reason, by)}, list(jobs), {"cn1": sight["check"]} if "check" in sight else {},
                            {"cn1": power} if power else {}, NOW, 300)
    return found[0] if found else None


@pytest.mark.parametrize("state", ["IDLE", "MIXED", "ALLOCATED", "IDLE+POWERING_DOWN", "IDLE+POWER_DOWN", "IDLE+MAINTENANCE"])
def test_a_node_that_is_well_is_not_looked_at(state):
    assert find(state) is None


@pytest.mark.parametrize(("state", "reason", "by", "said"), [
    ("DRAIN+IDLE", "DIMM swap", "root", "root has taken it out: left alone"),
    ("DOWN", "PDU", "eve", "eve has taken it out"),
    ("DRAIN+IDLE", "Kill task failed", "slurm", "after a failure"),
    ("DOWN+DRAIN", "DIMM swap : Not responding", "slurm", "left alone"),
    ("DRAIN+IDLE", "kernel 6.12 (clusterwright)", "root", "for a maintenance"),
    ("DRAIN+IDLE+INVALID_REG", "Low RealMemory (reported:512 < 100.00% of configured:1024)", "slurm", "a DIMM is gone?"),
])
def test_what_others_have_taken_out_gets_no_steps(state, reason, by, said):
    finding = find(state, reason, by)
    assert said in finding.why and (finding.steps, finding.look) == ([], False)
    assert find(state, reason, by, check=check(slurmd="failed"), power="off").steps == []


# What is found on a node that answers: (what is wrong, units that are started).
TROUBLE = [
    (check(slurmd="inactive"), "slurmd is inactive", ["slurmd"]),
    (check(munge="failed"), "munge is failed", ["munge", "slurmd"]),
    (check(time="inactive"), "chrony is inactive", ["chrony", "slurmd"]),
    (check(mounts={"/scratch": "scratch.mount"}), "/scratch is not mounted", ["scratch.mount", "slurmd"]),
]


@pytest.mark.parametrize(("seen", "said", "units"), TROUBLE)
@pytest.mark.parametrize(("state", "reason", "take"), [
    ("IDLE+NOT_RESPONDING", "", []),
    ("MIXED+NOT_RESPONDING", "", []),
    ("DOWN+NOT_RESPONDING", "Not responding", ["take"]),
    ("DOWN+NOT_RESPONDING", "repair: over : Not responding", ["take"]),
    ("DOWN+NOT_RESPONDING", "repair (clusterwright)", ["take"]),
    ("DOWN+POWERED_DOWN", "ResumeTimeout reached", ["take"]),
    ("IDLE+POWERED_DOWN", "", []),
])
def test_what_stands_still_is_started_and_slurmd_last(state, reason, take, seen, said, units):
    finding = find(state, reason, check=seen, jobs=[job()] if "MIXED" in state else [])
    assert said in finding.why
    assert (finding.steps, finding.units) == ([*take, "start", "resume"], units)


@pytest.mark.parametrize(("seen", "said"), [
    (check(skew_seconds=400), "its clock is 400 s ahead: type `chronyc makestep` there"),
    (check(skew_seconds=-90, munge="active"), "90 s behind"),
    (check(slurmd="not installed"), "run site.yml"),
    ({**check(), "munge": "cn1 has another munge key than head1"}, "another munge key"),
])
def test_what_no_start_mends_is_for_somebody_to_mend(seen, said):
    finding = find("DOWN+NOT_RESPONDING", "Not responding", check=seen)
    assert said in finding.why and finding.steps == []


def test_after_an_unexpected_reboot_a_node_that_is_well_is_resumed():
    finding = find("DOWN", "Node unexpectedly rebooted", check=check())
    assert finding.steps == ["take", "resume"] and "is well again" in finding.why


def test_down_and_off_in_slurms_eyes():
    assert find("DOWN+POWERED_DOWN", "ResumeTimeout reached").look
    on = find("DOWN+POWERED_DOWN", "ResumeTimeout reached", check=check())
    assert on.steps == ["take", "start", "resume"] and on.units == ["slurmd"] and "it is on" in on.why
    assert find("DOWN+POWERED_DOWN", "ResumeTimeout reached", check=None, power="off").steps == ["take", "power_on", "resume"]
    assert find("DOWN+POWERED_DOWN", "ResumeTimeout reached", check=None, power="on").steps == ["take", "power_cycle", "resume"]
    assert find("DOWN+POWERED_DOWN", "ResumeTimeout reached", check=None).steps == []
    assert find("DOWN+POWERED_DOWN", "power: not up within ResumeTimeout (clusterwright)", "root", check=None, power="off").steps


def test_idle_and_off_in_slurms_eyes_but_really_on():
    assert find("IDLE+POWERED_DOWN") == repair.Finding("cn1", "IDLE+POWERED_DOWN", "", look=True)
    assert find("IDLE+POWERED_DOWN", check=None) is None and find("IDLE+POWERED_DOWN", check=None, power="off") is None
    assert find("IDLE+POWERED_DOWN", check=None, power="on").steps == ["power_off"]
    assert find("IDLE+POWERED_DOWN", check=check()).steps == ["start", "resume"]


@pytest.mark.parametrize("seen", [{}, {"check": None, "power": "on"}, {"check": check()}])
def test_a_node_that_slurm_waits_for_too_long_is_given_up(seen):
    waits = [job("CONFIGURING", started=NOW - 400)]
    finding = find("MIXED+NOT_RESPONDING+POWERING_UP", jobs=waits, **seen)
    assert finding.steps == ["power_down"] and "for 400 s, longer than ResumeTimeout (300 s)" in finding.why
    assert find("MIXED+NOT_RESPONDING+POWERING_UP", jobs=[job("CONFIGURING", started=NOW - 310)]) is None     # Slurm does it itself
    assert find("IDLE+NOT_RESPONDING+POWERING_UP") is None      # nobody knows since when
    assert find("POWERING_UP+POWER_DOWN+UNKNOWN").steps == ["power_down"]


def test_a_silent_node_is_cycled_only_where_no_job_can_run():
    silent = "ALLOCATED+NOT_RESPONDING"
    assert find("IDLE+NOT_RESPONDING", check=None, power="on").steps == ["power_cycle", "resume"]
    busy = find(silent, check=None, power="on", jobs=[job()])
    assert busy.steps == [] and "jobs 7 may run there" in busy.why
    off = find(silent, check=None, power="off", jobs=[job()])
    assert off.steps == ["power_on", "resume"] and "jobs 7 ended with it" in off.why
    assert find("IDLE+NOT_RESPONDING", check=None).steps == []


def test_jobs_of_folded_nodes_count_for_each():
    nodes = {name: node("MIXED+NOT_RESPONDING") for name in ("cn1", "cn2")}
    found = repair.diagnose(nodes, [job(nodes="cn[1-2]")], dict.fromkeys(nodes), dict.fromkeys(nodes, "on"), NOW, 300)
    assert [(finding.node, finding.steps) for finding in found] == [("cn1", []), ("cn2", [])]


def test_jobs_in_a_loop_are_named():
    said = repair.loops([job(restarts=2), job("PENDING", "", restarts=4), job(restarts=None)])
    assert len(said) == 1 and "job 7 of ada was requeued 4 times and is PENDING" in said[0] and "scontrol hold 7" in said[0]
