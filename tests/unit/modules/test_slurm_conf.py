"""slurm_conf before it touches anything. What it does to a real slurmctld stands in tests/integration/test_cluster_slurm_conf.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import change
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_conf

INTENT = {
    "cluster_name": "c", "controllers": [{"name": "head1", "address": "10.0.0.1"}], "dbds": [], "jwt": False, "enforce": False,
    "nodes": [], "partitions": [], "config": {}, "cgroup": {}, "gres": [], "topology": [], "job_container": {}, "plugstack": [],
}


@pytest.fixture
def asked(monkeypatch):
    """A host on which no command exists; what was asked for."""
    seen = []

    def run(argv):
        seen.append(" ".join(argv))
        return Result(127, "", f"{argv[0]}: No such file or directory")

    monkeypatch.setattr(slurm_conf, "runner", lambda _module: run)
    return seen


def test_what_is_no_intent_is_refused(call_module, asked):
    result = call_module(slurm_conf, intent={key: value for key, value in INTENT.items() if key not in ("gres", "nodes")})
    assert result["failed"]
    assert result["msg"].startswith("intent has no gres, nodes: give the variable slurm_intent")
    assert asked == []


def test_where_slurmctld_is_not_installed_nothing_is_changed(call_module, asked):
    result = call_module(slurm_conf, intent=INTENT)
    assert result["failed"]
    assert "slurmctld is not installed on this host: nothing was changed" in result["msg"]
    assert asked == ["slurmctld -V"]


# --- on a controller whose slurmctld answers

UNIT = ("LoadState=loaded\nUnitFileState=enabled\nActiveState=active\nActiveEnterTimestampMonotonic=1\nExecMainStartTimestampMonotonic=1\n"
        "NeedDaemonReload=no\n")
NODE = "NodeName=cn1 CPUTot=2 NodeAddr=10.0.0.21 State=MIXED\n"
PARTITION = "PartitionName=all Nodes=cn1 State=UP\n"
ONE_NODE = {**INTENT, "nodes": [{"NodeName": "cn1", "NodeAddr": "10.0.0.21"}], "partitions": [{"PartitionName": "all", "Nodes": "cn1"}]}


class Host:
    """slurmctld runs with ONE_NODE, with a job on cn1; the trial has read the same and what the declared file adds."""

    def __init__(self, directory):
        self.directory, self.ran = directory, []

    def config(self, text):
        keys = [line.replace("=", " = ", 1) for line in text.splitlines() if not line.startswith(("#", "NodeName", "PartitionName"))]
        return "\n".join([*keys, "SLURM_VERSION = 24.11.5", "HASH_VAL = Match", ""])

    def __call__(self, argv):
        line = " ".join(argv)
        text = (self.directory / "slurm.conf").read_text()
        if argv[0] == "unshare":
            scratch = Path(argv[-2])
            tried = self.config((scratch / "declared.conf").read_text())
            for name, said in {"config": tried, "node": NODE, "partition": PARTITION}.items():
                (scratch / name).write_text(said)
            return Result(0, "", "")
        answers = {"slurmctld -V": "slurm-wlm 24.11.5\n", "systemctl show -p Load": UNIT, "scontrol show config": self.config(text),
                   "show node": NODE, "show partition": PARTITION, "squeue": "7|ada|RUNNING|all|cn1\n"}
        for words, said in answers.items():
            if words in line:
                return Result(0, said, "")
        self.ran.append(line)
        return Result(1, "", "not in this test")


@pytest.fixture
def host(monkeypatch, tmp_path):
    directory = tmp_path / "slurm"
    directory.mkdir()
    monkeypatch.setattr(change.trial, "DIRECTORY", directory)
    monkeypatch.setattr(change.trial, "SCRATCH", str(tmp_path))
    for name, text in change.declared(ONE_NODE, {}).items():
        (directory / name).write_text(text)
    made = Host(directory)
    monkeypatch.setattr(slurm_conf, "runner", lambda _module: made)
    return made


def test_check_mode_says_what_would_be_done_and_does_nothing(call_module, host):
    texts = {path.name: path.read_text() for path in host.directory.iterdir()}
    result = call_module(slurm_conf, check=True, intent={**ONE_NODE, "config": {"KillWait": 45}})
    assert not result.get("failed"), result["msg"]
    assert (result["changed"], result["needs"], result["verified"]) == (True, "reconfigure", False)
    assert result["commands"][-1] == "scontrol reconfigure"
    assert [(entry["key"], entry["new"]) for entry in result["changes"]] == [("KillWait", "45")]
    assert result["after"]["settings"] == {"KillWait in slurm.conf": "45"}
    assert "KillWait=45" in result["diff"][0]["after"]
    assert ({path.name: path.read_text() for path in host.directory.iterdir()}, host.ran) == (texts, [])


def test_check_mode_names_the_jobs_too(call_module, host):
    result = call_module(slurm_conf, check=True, intent={**ONE_NODE, "config": {"SlurmdPort": 6918}})
    assert result["failed"], result
    assert "SlurmdPort in slurm.conf (unset to 6918) needs cn1 drained and would hit job 7 of ada (RUNNING on cn1)" in result["msg"]
    assert (result["impact"][0]["id"], result["needs"], host.ran) == ("7", "drained nodes", [])


def test_a_name_that_does_not_resolve_is_refused_before_anything_is_tried(call_module, host, monkeypatch):
    monkeypatch.setattr(change.running, "unresolvable", lambda names: names)
    before = (host.directory / "slurm.conf").read_text()
    result = call_module(slurm_conf, intent={**ONE_NODE, "nodes": [{"NodeName": "cn[1-3]"}]})
    assert result["failed"]
    assert "cn[1-3] does not resolve on this controller, and each such name stops slurmctld for 10 s" in result["msg"]
    assert (result["unresolvable"], (host.directory / "slurm.conf").read_text(), host.ran) == (["cn1", "cn2", "cn3"], before, [])


def test_two_active_controllers_are_refused_before_anything_is_tried(call_module, host, monkeypatch):
    monkeypatch.setattr(change.running, "controllers", lambda *_words: {"head1": "active", "head2": "active"})
    result = call_module(slurm_conf, intent={**ONE_NODE, "config": {"KillWait": 45}})
    assert result["failed"] and "head1 and head2 both run as the active controller" in result["msg"]
    assert (result["controllers"], host.ran) == ({"head1": "active", "head2": "active"}, [])
