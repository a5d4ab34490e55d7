"""Nodes that are drained, resumed and reserved under real jobs: none ends unasked, and what others have drained stays theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).resolve().parents[2]
OURS = "kernel 6.12 (clusterwright)"


@pytest.fixture
def slurm(cluster):
    """Runs a module on the controller; its result."""
    def run(module, **options):
        command = [str(Path(sys.executable).with_name("ansible")), "head1", "-i", str(cluster.file),
                   "-m", f"clusterwright.hpc.{module}", "-a", json.dumps(options)]
        environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=120, check=False)
        verdict, said, result = done.stdout.partition(" => ")
        assert said, done.stdout + done.stderr
        # Ansible takes these two out of what it prints of a result.
        return {**json.loads(result), "failed": verdict.endswith("FAILED!"), "warnings": " ".join(done.stderr.split())}
    return run


@pytest.fixture
def job(cluster):
    """A job of ada's on cn1 that would run for long."""
    number = cluster.user("sbatch --parsable -w cn1 -o /dev/null --wrap='sleep 600'")
    cluster.user(f"until squeue -hj {number} -o %T | grep -q RUNNING; do sleep 0.2; done")
    yield number
    cluster.user(f"scancel {number}; while squeue -hj {number} | grep -q .; do sleep 0.2; done")


def reasons(cluster):
    """Every node's Reason."""
    rows = cluster.node("head1").sh("sinfo -hN -o '%N %E' | sort -u").splitlines()
    return dict(row.split(" ", 1) for row in rows)


def test_drain_waits_for_the_job_and_names_it(cluster, slurm, job):
    wanted = {"nodes": ["cn[1-2]"], "reason": "kernel 6.12"}
    late = slurm("slurm_node", state="drained", timeout=2, **wanted)
    assert late["failed"] and late["changed"], late
    assert "1 of 2 nodes are not drained after 2 s: on cn1 runs job " in late["msg"]
    assert f"job {job} of ada (RUNNING, until " in late["msg"]
    assert set(late["not_reached"]) == {"cn1"}
    # The job goes on, and no new one comes.
    assert cluster.user(f"squeue -hj {job} -o '%T %N'") == "RUNNING cn1"
    assert cluster.states() == {"cn1": "draining", "cn2": "drained", "cn3": "idle"}

    cluster.user(f"scancel {job}")
    waited = slurm("slurm_node", state="drained", **wanted)
    assert not waited["failed"] and waited["verified"], waited
    assert set(waited["states"].values()) == {f"DRAIN+IDLE ({OURS})"}
    again = slurm("slurm_node", state="drained", **wanted)
    assert (again["changed"], again["commands"], again["verified"]) == (False, [], True)

    resumed = slurm("slurm_node", state="resumed", **wanted)
    assert resumed["changed"] and resumed["verified"], resumed
    assert len(resumed["commands"]) == 1
    assert set(resumed["states"]) == {"cn1", "cn2"}
    cluster.wait_states()
    # With the tag, a drain by slurmctld itself would pass for ours: it keeps an old Reason.
    assert "clusterwright" not in cluster.node("head1").sh("scontrol show node")
    assert slurm("slurm_node", state="resumed", **wanted)["changed"] is False


def test_what_an_administrator_has_drained_is_left_alone(cluster, slurm):
    head1 = cluster.node("head1")
    head1.sh("scontrol update nodename=cn3 state=drain reason='DIMM swap'")
    said = head1.sh("scontrol show node cn3 | grep Reason=")
    try:
        for state, reached in (("drained", {"cn2": f"DRAIN+IDLE ({OURS})"}), ("resumed", {"cn2": "IDLE (kernel 6.12: over)"})):
            result = slurm("slurm_node", nodes=["cn[2-3]"], state=state, reason="kernel 6.12")
            assert result["changed"] and result["verified"], result
            assert result["left_alone"] == {"cn3": "DRAIN+IDLE (DIMM swap), by root"}
            assert result["after"] == reached
            assert "cn3: DRAIN+IDLE (DIMM swap), by root" in result["warnings"]
            assert head1.sh("scontrol show node cn3 | grep Reason=") == said
        assert cluster.states() == {"cn1": "idle", "cn2": "idle", "cn3": "drained"}
    finally:
        head1.sh("scontrol update nodename=cn3 state=resume")


def test_down_ends_no_job_unasked(cluster, slurm, job):
    refused = slurm("slurm_node", nodes=["cn[1-2]"], state="down", reason="PDU")
    assert refused["failed"] and not refused["changed"], refused
    assert f"to set these nodes down ends job {job} of ada" in refused["msg"]
    assert "nothing was changed" in refused["msg"]
    assert [item["id"] for item in refused["impact"]] == [job]
    assert cluster.user(f"squeue -hj {job} -o '%T %N'") == "RUNNING cn1"
    assert cluster.states()["cn2"] == "idle"


def test_a_name_that_nobody_has_changes_nothing(cluster, slurm):
    before = reasons(cluster)
    refused = slurm("slurm_node", nodes=["cn[1-9]"], state="drained", reason="PDU")
    assert refused["failed"] and not refused["changed"], refused
    assert "slurmctld does not know cn[4-9]: nothing was changed" in refused["msg"]
    assert cluster.states() == {"cn1": "idle", "cn2": "idle", "cn3": "idle"}
    assert reasons(cluster) == before


def test_a_reservation_and_what_slurm_info_sees(cluster, slurm, job):
    reservation = {"name": "pdu", "nodes": "cn[2-3]", "start": "+1h", "duration": "2h", "users": ["root"], "flags": ["maint"]}
    made = slurm("slurm_reservation", **reservation)
    try:
        assert made["changed"] and made["verified"] and made["before"] is None, made
        again = slurm("slurm_reservation", **reservation)
        assert (again["changed"], again["commands"], again["after"]) == (False, [], made["after"])
        seen = slurm("slurm_info", gather=["nodes", "partitions", "jobs", "reservations"])
    finally:
        gone = slurm("slurm_reservation", name="pdu", state="absent")
    assert gone["changed"] and gone["after"] is None, gone
    assert "No reservations" in cluster.node("head1").sh("scontrol show reservation")
    assert slurm("slurm_reservation", name="pdu", state="absent")["changed"] is False

    assert not seen["failed"] and not seen["changed"], seen
    assert seen["reservations"] == {"pdu": made["after"]}
    found = seen["reservations"]["pdu"]
    assert (found["nodes"], found["users"], found["ends_at"] - found["starts_at"]) == ("cn[2-3]", ["root"], 7200)
    assert [(item["id"], item["user"], item["state"], item["nodes"]) for item in seen["jobs"]] == [(job, "ada", "RUNNING", "cn1")]
    assert (seen["nodes"]["cn1"]["cpus_allocated"] > 0, seen["nodes"]["cn2"]["cpus_allocated"]) == (True, 0)
    assert seen["partitions"]["all"]["nodes"] == "cn[1-3]"
