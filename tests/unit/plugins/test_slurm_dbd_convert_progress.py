"""The action of slurm_dbd_convert: what is seen while the database is converted."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.template import Templar

from ansible_collections.clusterwright.hpc.plugins.action import slurm_dbd_convert

ADDING = 'adding column sluid after script_hash_inx in table "c1_job_table"'
STARTED = {"changed": True, "finished": False, "lines": [], "commands": ["systemd-run … slurmdbd -D -v"]}
CONVERTS = {"changed": True, "finished": False, "lines": [ADDING], "commands": []}
THROUGH = {"changed": True, "finished": True, "lines": [ADDING, "slurmdbd version 26.05.5 started"], "commands": []}


@pytest.fixture
def converted(monkeypatch):
    """Runs the action with these answers of the module; returns its result and the lines that were shown."""

    def run(*answers, check=False):
        given, shown = iter(answers), []
        monkeypatch.setattr(slurm_dbd_convert.ActionModule, "_execute_module", lambda _self, **_: dict(next(given)))
        monkeypatch.setattr(slurm_dbd_convert, "display", SimpleNamespace(display=shown.append))
        task = Task()
        task.action, task.args, task.check_mode = "clusterwright.hpc.slurm_dbd_convert", {}, check
        loader, connection = DataLoader(), SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
        action = slurm_dbd_convert.ActionModule(task, connection, PlayContext(), loader, Templar(loader), None)
        return action.run(task_vars={"inventory_hostname": "db1"}), shown

    return run


def test_each_look_is_a_line_until_it_is_through(converted):
    result, shown = converted(STARTED, CONVERTS, CONVERTS, THROUGH)
    assert [re.sub(r"\d+ s", "N s", line) for line in shown] == [
        "[db1] slurmdbd converts its tables since N s: no word yet",
        f"[db1] slurmdbd converts its tables since N s: {ADDING}",
        f"[db1] slurmdbd converts its tables since N s: {ADDING}",
    ]
    assert result["finished"] and result["commands"] == STARTED["commands"]


def test_a_failure_ends_it(converted):
    result, _ = converted(STARTED, {"failed": True, "msg": "slurmdbd ends before …"})
    assert result["failed"] and result["msg"] == "slurmdbd ends before …"


def test_check_mode_looks_once(converted):
    result, shown = converted(STARTED, check=True)
    assert shown == [] and not result["finished"]
