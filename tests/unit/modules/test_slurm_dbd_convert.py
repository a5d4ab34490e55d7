"""The conversion of the database, as a run asks for it."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_dbd_convert


class Host:
    """A host with a new slurmdbd: `service` runs or not, and the one in the foreground says `journal` once it was started."""

    def __init__(self, tmp_path):
        self.service, self.started, self.journal, self.ran = False, False, "slurmdbd version 26.05.5 started\n", []
        self.config = str(tmp_path / "slurmdbd.conf")
        (tmp_path / "slurmdbd.conf").write_text("SlurmUser=slurm\n")

    def __call__(self, argv):
        if argv[:2] == ("systemctl", "is-active"):
            return Result(0 if self.service else 3, "", "")
        if argv[:2] == ("systemctl", "show"):
            return Result(0, f"ActiveState={'active' if self.started else 'inactive'}\nInvocationID={'a' * self.started}\n", "")
        if argv[0] == "journalctl":
            return Result(0, self.journal, "")
        self.ran.append(" ".join(argv))
        self.started = argv[0] == "systemd-run" or (self.started and "stop" not in argv)
        return Result(0, "", "")


@pytest.fixture
def host(monkeypatch, tmp_path):
    made = Host(tmp_path)
    monkeypatch.setattr(slurm_dbd_convert, "runner", lambda _module: made)
    return made


def test_started_watched_and_stopped_when_it_is_through(call_module, host):
    result = call_module(slurm_dbd_convert, config=host.config)
    assert (result["finished"], result["version"], result["changed"], result["verified"]) == (True, "26.05.5", True, True)
    assert host.ran[1] == " ".join(result["commands"]).replace("'", "")
    assert host.ran[-1] == "systemctl stop clusterwright-slurmdbd.service"


def test_one_that_is_not_through_runs_on(call_module, host):
    host.journal = 'adding column sluid after script_hash_inx in table "upgr_job_table"\n'
    result = call_module(slurm_dbd_convert, config=host.config, wait=0)
    assert (result["finished"], result["verified"], result["lines"]) == (False, False, [host.journal.strip()])
    assert host.started


def test_one_that_an_earlier_run_has_begun_is_joined(call_module, host):
    host.started = True
    result = call_module(slurm_dbd_convert, config=host.config)
    assert result["finished"] and result["commands"] == [] and not any("systemd-run" in line for line in host.ran)


def test_where_the_service_runs_there_is_nothing_to_convert(call_module, host):
    host.service = True
    result = call_module(slurm_dbd_convert, config=host.config)
    assert (result["changed"], result["finished"], host.ran) == (False, True, [])


def test_check_mode_starts_nothing(call_module, host):
    result = call_module(slurm_dbd_convert, check=True, config=host.config)
    assert (result["changed"], result["finished"], host.ran) == (True, False, []) and "systemd-run" in result["commands"][0]
