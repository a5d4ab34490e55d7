"""How long nodes boot, by lines that Slurm 24.11 has written; and what follows for ResumeTimeout."""

from __future__ import annotations

import gzip
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import boot_times

LOG = """\
[2026-11-21T14:15:01.402] power down request repeating for node cn1
[2026-11-21T14:15:14.438] _slurm_rpc_submit_batch_job: JobId=3 InitPrio=1 usec=274
[2026-11-21T14:15:14.445] powering up node cn3
[2026-11-21T14:15:15.003] sched: Allocate JobId=3 NodeList=cn1 #CPUs=1 Partition=all
[2026-11-21T14:15:15.003] sched/backfill: _start_job: Started JobId=4 in all on cn[2,4]
[2026-11-21T14:15:24.043] Node cn3 now responding
[2026-11-21T14:15:35.717] node cn2 not resumed by ResumeTimeout(20), setting DOWN and POWERED_DOWN
[2026-11-21T14:15:35.717] requeue job JobId=4 due to failure of node cn2
[2026-11-21T14:15:45.503] Node cn1 now responding
[2026-11-21T14:15:46.719] node cn4 not resumed by ResumeTimeout(20), setting DOWN and POWERED_DOWN
[2026-11-21T14:15:55.003] Node cn4 now responding
"""


def test_boots_in_slurmctlds_log():
    boots = boot_times.from_log(LOG.splitlines())
    assert [(name, round(seconds, 1)) for name, seconds in boots.times] == [("cn3", 9.6), ("cn1", 30.5), ("cn4", 40.0)]
    assert (boots.late, boots.failed) == (1, ("cn2",))


def test_with_debugflags_power():
    lines = ["[2026-11-21T14:15:01] power_save: waking nodes cn[1-2]",
             "[2026-11-21T14:15:02.5] sched: Allocate JobId=3 NodeList=cn1 #CPUs=1",
             "[2026-11-21T14:16:01] Node cn1 now responding", "[2026-11-21T14:17:01] Node cn2 now responding"]
    assert boot_times.from_log(lines).times == [("cn1", 60.0), ("cn2", 120.0)]


@pytest.mark.parametrize("between", ["error: Nodes cn[1-3] not responding", "_job_complete: JobId=3 WEXITSTATUS 0",
                                     "_slurm_rpc_kill_job: REQUEST_KILL_JOB JobId=3 uid 0"])
def test_a_node_that_ran_and_was_lost_did_not_boot(between):
    lines = ["[2026-11-21T14:15:01.0] sched: Allocate JobId=3 NodeList=cn1 #CPUs=1", f"[2026-11-21T14:15:30.0] {between}",
             "[2026-11-21T14:16:01.0] Node cn1 now responding"]
    assert boot_times.from_log(lines).times == []
    assert boot_times.from_log([lines[0], lines[2]]).times == [("cn1", 60.0)]


def test_boots_in_the_journal_of_the_queue():
    lines = ["cn[1-3] resume was asked for by slurmctld", "cn[1-3] is switched on: Slurm has work for it", "cn[1-2] is up after 181 s",
             "cn3 has power, and slurmd did not answer within 300 s: its power is cycled, once", "cn3 is up after 512 s",
             "cn3 resume was asked for by slurmctld", "cn3 is up after 190 s", "cn2 is off after 12 s"]
    assert boot_times.from_queue(lines).times == [("cn1", 181), ("cn2", 181), ("cn3", 190)]


def test_logs_that_were_put_away_are_read_first(tmp_path):
    log = tmp_path / "slurmctld.log"
    for age, (ending, data) in enumerate([(".2.gz", gzip.compress(b"one\n")), (".1", b"two\n"), ("", b"three\n")]):
        path = tmp_path / f"slurmctld.log{ending}"
        path.write_bytes(data)
        os.utime(path, (age, age))
    assert boot_times.read(log) == ["one", "two", "three"]
    with pytest.raises(ClusterwrightError, match="is this the controller"):
        boot_times.read(tmp_path / "none")


@pytest.mark.parametrize(("times", "seconds"), [([10], 60), ([100], 210), ([*[100] * 99, 400], 210), ([*[100] * 98, 400, 400], 810),
                                                ([181.2] * 5, 390)])
def test_the_proposal(times, seconds):
    assert boot_times.propose(times, 99, 2) == seconds


@given(st.lists(st.floats(1, 3000), min_size=1), st.floats(1, 100), st.floats(1, 4))
def test_a_proposal_is_enough_for_its_percentile(times, percent, factor):
    proposed = boot_times.propose(times, percent, factor)
    assert proposed % 30 == 0 and proposed >= 60
    assert sum(seconds * factor <= proposed for seconds in times) >= len(times) * percent / 100 - 1e-9


@given(st.lists(st.text()))
def test_any_log_is_read(lines):
    boot_times.from_log(lines)
    boot_times.from_queue(lines)
