"""The proposal for ResumeTimeout, from whichever log has boots."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_boot_times


@pytest.fixture
def slurm(monkeypatch, tmp_path):
    """slurm(log, journal): what stands there."""
    def has(log=None, journal=""):
        path = tmp_path / "slurmctld.log"
        if log is not None:
            path.write_text(log)
        config = f"ResumeTimeout           = 600 sec\nSlurmctldLogFile        = {path}\n"
        monkeypatch.setattr(slurm_boot_times, "runner", lambda _module: lambda argv: Result(
            0, journal if argv[0] == "journalctl" else config, ""))

    return has


LOG = "[2026-11-21T14:15:00.0] powering up node cn1\n[2026-11-21T14:16:40.0] Node cn1 now responding\n"


def test_from_slurmctlds_log(call_module, slurm):
    slurm(LOG)
    result = call_module(slurm_boot_times)
    assert (result["resume_timeout"], result["configured"], result["count"]) == (210, 600, 1)
    assert (result["source"], result["slowest"], result["changed"]) == ("slurmctld's log", {"cn1": 100.0}, False)
    assert call_module(slurm_boot_times, factor=1)["resume_timeout"] == 120


def test_the_queues_journal_is_better(call_module, slurm):
    slurm(LOG, "cn[1-2] is up after 181 s\n")
    result = call_module(slurm_boot_times)
    assert (result["resume_timeout"], result["count"], result["source"]) == (390, 2, "power queue")
    assert result["seconds"] == {"median": 181, "percentile": 181, "longest": 181}


def test_where_nothing_was_booted_nothing_is_proposed(call_module, slurm):
    slurm("")
    result = call_module(slurm_boot_times)
    assert result["resume_timeout"] is None and "let Slurm power some nodes up" in str(result["warnings"])


def test_no_log_and_bad_options_are_said(call_module, slurm):
    slurm()
    assert "is this the controller" in call_module(slurm_boot_times)["msg"]
    assert "percentile has to be" in call_module(slurm_boot_times, percentile=0)["msg"]
