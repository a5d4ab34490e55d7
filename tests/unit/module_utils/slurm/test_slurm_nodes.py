"""Nodes as slurmctld sees them. Lines as scontrol of Slurm 24.11 prints them, shortened."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import nodes

LINES = """\
NodeName=cn1 Arch=x86_64 CoresPerSocket=2 State=IDLE ThreadsPerCore=1 TmpDisk=0 Partitions=all
NodeName=cn2 Arch=x86_64 State=IDLE+DRAIN ThreadsPerCore=1 Partitions=all Reason=DIMM swap [root@2026-11-21T05:00:00]
NodeName=cn3 State=IDLE+NOT_RESPONDING ThreadsPerCore=1 Partitions=all
NodeName=cn4 State=DOWN+INVALID_REG Partitions=all Reason=Low RealMemory (reported:24105 < 100.00% of configured:65536) [slurm@2026-11-21T05:00:00]
NodeName=cn5 State=IDLE+CLOUD+POWERED_DOWN+NOT_RESPONDING Partitions=all
NodeName=cn6 State=UNKNOWN Partitions=all
"""  # noqa: E501 (as scontrol prints them)


def test_states_and_reasons_are_read():
    seen = nodes.parse(LINES)
    assert str(seen["cn1"]) == "IDLE"
    assert str(seen["cn2"]) == "DRAIN+IDLE (DIMM swap)"
    assert str(seen["cn4"]).startswith("DOWN+INVALID_REG (Low RealMemory (reported:24105")


def test_who_does_not_respond_and_why():
    bad = nodes.not_responding(["cn1", "cn2", "cn3", "cn4", "cn5", "cn6", "cn9"], nodes.parse(LINES))
    assert set(bad) == {"cn3", "cn4", "cn6", "cn9"}
    assert "Low RealMemory" in bad["cn4"] and "cluster file" in bad["cn4"]
    assert "NOT_RESPONDING" in bad["cn3"] and "journalctl" in bad["cn3"]
    assert "slurmctld does not know it" in bad["cn9"]


def waiting(*answers):
    """A slurmctld that gives these answers in turn, and a clock that the pauses move."""
    now = [0.0]
    left = list(answers)

    def run(_argv):
        return Result(0, left.pop(0) if len(left) > 1 else left[0], "")

    def pause(seconds):
        now[0] += seconds

    return run, (lambda: now[0]), pause, now


def test_waiting_ends_when_the_last_node_responds():
    states = ("UNKNOWN", "IDLE+NOT_RESPONDING", "IDLE")
    run, clock, pause, now = waiting(*(f"NodeName=cn1 State={state}\n" for state in states))
    assert nodes.wait_responding(run, ["cn1"], 60, clock, pause)[1] == {}
    assert now[0] == 2


def test_waiting_ends_at_the_deadline():
    run, clock, pause, now = waiting("NodeName=cn1 State=UNKNOWN\n")
    assert "UNKNOWN" in nodes.wait_responding(run, ["cn1"], 9, clock, pause)[1]["cn1"]
    assert now[0] == 9


def test_a_node_that_slurmctld_refuses_is_given_up_soon():
    run, clock, pause, now = waiting("NodeName=cn1 State=DOWN+INVALID_REG Reason=Low RealMemory [slurm@x]\n")
    assert "Low RealMemory" in nodes.wait_responding(run, ["cn1"], 60, clock, pause)[1]["cn1"]
    assert now[0] == nodes.GRACE


def test_a_silent_slurmctld_is_named():
    with pytest.raises(ClusterwrightError, match="slurmctld does not answer"):
        nodes.observe(lambda _argv: Result(1, "", "slurm_load_node error: Unable to contact slurm controller (connect failure)"))
