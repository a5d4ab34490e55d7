"""The conversion in the foreground: begun once, watched, joined."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import convert

CONVERTS = (
    '[2026-11-21T08:59:48.256] adding column sluid after script_hash_inx in table "upgr_job_table"\n'
    '[2026-11-21T08:59:59.284] Warning: Note very large processing time from make table current "upgr_job_table": usec=11028346\n'
)
READY = "[2026-11-21T08:59:59.770] slurmdbd version 26.05.5 started\n"
TOO_OLD = "slurmdbd: fatal: Database schema is too old for this version of Slurm to upgrade.\n"


class Systemd:
    """One transient unit: its journal grows by a piece each time it is read, and then it stays or ends."""

    def __init__(self, *journal, service=False, ends=False):
        self.journal, self.service, self.ends, self.read, self.ran = journal, service, ends, 0, []

    def __call__(self, argv):
        self.ran.append(" ".join(argv))
        if argv[:2] == ("systemctl", "is-active"):
            return Result(0 if self.service else 3, "", "")
        if argv[:2] == ("systemctl", "show"):
            self.read += 1
            over = self.ends and self.read >= len(self.journal)
            return Result(0, f"ActiveState={'failed' if over else 'active'}\nInvocationID=abc\n", "")
        return Result(0, "".join(self.journal[: self.read]) if argv[0] == "journalctl" else "", "")


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def pause(self, seconds):
        self.now += seconds


def wait(systemd, seconds):
    clock = Clock()
    return convert.wait(systemd, seconds, clock, clock.pause), clock.now


def test_it_is_through_when_slurmdbd_says_so():
    state, seconds = wait(Systemd("", CONVERTS, "", READY), 60)
    assert (state.version, state.lines[-1], seconds) == ("26.05.5", "slurmdbd version 26.05.5 started", 3 * convert.PAUSE)


def test_it_comes_back_with_what_there_is_when_the_time_is_over():
    state, seconds = wait(Systemd(CONVERTS), 15)
    assert (state.version, seconds) == ("", 15.0)
    assert state.lines[0] == 'adding column sluid after script_hash_inx in table "upgr_job_table"'


def test_one_that_ends_is_an_error_with_its_reason():
    with pytest.raises(ClusterwrightError, match="Database schema is too old for this version of Slurm to upgrade") as error:
        wait(Systemd("slurmdbd: error: Database settings not recommended values\n", TOO_OLD, "", ends=True), 60)
    assert len(error.value.details["lines"]) == 2


def test_a_word_less_end():
    with pytest.raises(ClusterwrightError, match="it left no word"):
        wait(Systemd("", ends=True), 60)


def test_it_runs_as_its_user_in_the_foreground_and_no_timeout_kills_it():
    said = " ".join(convert.command("slurm"))
    assert "-p User=slurm" in said and said.endswith("slurmdbd -D -v") and "TimeoutStopSec=infinity" in said
