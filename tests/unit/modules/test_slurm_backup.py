"""A copy of the database or of the state, as a run asks for it."""

from __future__ import annotations

import gzip
import pwd

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import backup as util
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_backup


@pytest.fixture(autouse=True)
def slurm(monkeypatch, tmp_path):
    """A StateSaveLocation, a database of 1600 KiB, and daemons that are in `running`."""
    running: list[str] = []

    def run(argv):
        if argv[0] == "systemctl":
            return Result(0 if argv[-1] in running else 3, "", "")
        if argv[0] == "runuser":
            return Result(0, f"1638400\t294912\t34\t{tmp_path}\n", "")
        return Result(0, "4096\tstate\n", "")

    monkeypatch.setattr(slurm_backup, "runner", lambda _module: run)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "job_state").write_text("jobs")
    (tmp_path / "slurm.conf").write_text(f"StateSaveLocation={tmp_path}/state\n")
    user = pwd.getpwuid(tmp_path.stat().st_uid).pw_name
    (tmp_path / "slurmdbd.conf").write_text(f"SlurmUser={user}\nStoragePass=geheim\n")
    return running


def test_the_state_is_copied_once(call_module, tmp_path):
    options = {"what": "state", "path": str(tmp_path / "copies/state.tar.gz"), "config": str(tmp_path / "slurm.conf")}
    first, second = call_module(slurm_backup, **options), call_module(slurm_backup, **options)
    assert (first["changed"], first["verified"], first["before"]) == (True, True, {})
    assert (second["changed"], second["verified"], second["before"]) == (False, True, first["after"])
    assert b"jobs" in gzip.decompress((tmp_path / "copies/state.tar.gz").read_bytes())


def test_a_daemon_that_runs_is_refused_but_not_in_check_mode(call_module, slurm, tmp_path):
    slurm.append("slurmctld.service")
    options = {"what": "state", "path": str(tmp_path / "copies/state.tar.gz"), "config": str(tmp_path / "slurm.conf")}
    assert call_module(slurm_backup, **options)["msg"].startswith("slurmctld.service runs: stop it first")
    looked = call_module(slurm_backup, check=True, **options)
    assert (looked["changed"], looked["verified"], looked["after"]) == (True, False, {"path": options["path"]})
    assert not (tmp_path / "copies").exists()


def test_too_little_room_is_said_before_anything_is_stopped(call_module, slurm, tmp_path, monkeypatch):
    monkeypatch.setattr(util, "_free", lambda _path: (1, 1 << 20))
    slurm.append("slurmdbd.service")
    result = call_module(slurm_backup, check=True, what="database", path="/var/backups/x", config=str(tmp_path / "slurmdbd.conf"))
    assert result["failed"] and "database slurm_acct_db: /var/backups and" in result["msg"] and "make room" in result["msg"]


def test_the_password_is_nowhere(call_module, tmp_path):
    result = call_module(slurm_backup, check=True, what="database", path=str(tmp_path / "x"), config=str(tmp_path / "slurmdbd.conf"))
    assert result["source"] == "database slurm_acct_db, 1.6 MiB" and "geheim" not in str(result)
