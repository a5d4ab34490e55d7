"""The module as a whole: units are real files, systemd and the kernel are in memory."""

from __future__ import annotations

import json

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.filesystems import mounts
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import services
from ansible_collections.clusterwright.hpc.plugins.modules import node_mounts

SOURCE = "10.60.0.11:/srv/home"


class Kernel:
    """What is mounted follows from units that were started; `busy` ones are not unmounted."""

    def __init__(self, node):
        self.node = node
        self.mounted = {}
        self.busy = False

    def run(self, argv):
        if argv[0] == "findmnt":
            return Result(0, json.dumps({"filesystems": [{"target": path, **entry} for path, entry in self.mounted.items()]}), "")
        for name in [word for word in argv if argv[0] == "systemctl" and word.endswith("mount")]:
            self.node.units.setdefault(name, {"LoadState": "loaded", "UnitFileState": "disabled", "ActiveState": "inactive"})
        done = self.node.run(argv)
        if argv[0] == "rm":
            for path in argv[2:]:
                (self.node.path / path.rpartition("/")[2]).unlink(missing_ok=True)
        path = f"/{argv[-1].partition('.')[0]}"
        if list(argv[:2]) == ["systemctl", "start"] and argv[-1].endswith(".mount"):
            unit = dict(line.split("=", 1) for line in (self.node.path / argv[-1]).read_text().splitlines() if "=" in line)
            self.mounted[path] = {"source": unit["What"], "fstype": "nfs4", "options": f"rw,{unit['Options'].replace(',_netdev', '')}"}
        elif list(argv[:2]) == ["systemctl", "start"]:
            self.mounted[path] = {"source": "systemd-1", "fstype": "autofs", "options": "rw"}
        elif list(argv[:2]) == ["systemctl", "stop"] and not self.busy:
            self.mounted.pop(path, None)
        return done


@pytest.fixture
def kernel(node, monkeypatch, tmp_path):
    made = Kernel(node)
    monkeypatch.setattr(node_mounts, "runner", lambda _module: made.run)
    monkeypatch.setattr(mounts, "UNITS", node.path)
    monkeypatch.setattr(services, "UNIT_FILES", str(node.path))
    monkeypatch.setattr(mounts, "PROCESSES", tmp_path / "proc")
    intent = mounts.node_intent

    def mine(packages, declared):
        made_intent = intent(packages, declared)
        return {**made_intent, "files": [{**file, "owner": node.owner, "group": node.group} for file in made_intent["files"]]}

    monkeypatch.setattr(mounts, "node_intent", mine)
    return made


def wish(**more):
    return [{"path": "/cwhome", "source": SOURCE, "options": ["vers=4.2", "hard", "_netdev"], **more}]


def test_check_run_and_run_again(kernel, call_module):
    predicted = call_module(node_mounts, check=True, mounts=wish())
    assert predicted["changed"] and kernel.mounted == {} and [entry["kind"] for entry in predicted["impact"]] == ["mounts"]
    result = call_module(node_mounts, mounts=wish())
    assert result["verified"] and result["commands"] == predicted["commands"] and result["before"] == {"/cwhome": None}
    assert result["after"]["/cwhome"]["source"] == predicted["after"]["/cwhome"]["source"] == SOURCE
    again = call_module(node_mounts, mounts=wish())
    assert (again["changed"], again["verified"], again["commands"], again["pending"]) == (False, True, [], {})


@pytest.mark.usefixtures("kernel")
def test_another_option_waits_for_the_next_mount(call_module):
    call_module(node_mounts, mounts=wish())
    result = call_module(node_mounts, mounts=wish(options=["vers=4.1", "hard", "_netdev"]))
    assert result["pending"] == {"/cwhome": ["vers=4.1"]} and "systemctl restart cwhome.mount" in result["impact"][0]["text"]
    assert not any(command.startswith(("systemctl stop", "systemctl restart")) for command in result["commands"])
    assert not call_module(node_mounts, mounts=wish(options=["vers=4.1", "hard", "_netdev"]))["changed"]


def test_what_somebody_else_mounted_there_is_left_alone(kernel, call_module):
    kernel.mounted["/cwhome"] = {"source": "10.9.9.9:/x", "fstype": "nfs", "options": "rw"}
    result = call_module(node_mounts, mounts=wish())
    assert result["failed"] and "/cwhome has 10.9.9.9:/x (nfs) mounted" in result["msg"] and list(kernel.node.path.iterdir()) == []


@pytest.mark.usefixtures("kernel")
def test_an_automount_waits(call_module):
    result = call_module(node_mounts, mounts=wish(automount=True))
    assert result["verified"] and result["after"] == {"/cwhome": "automount"}
    assert "systemctl enable cwhome.automount" in result["commands"] and "systemctl enable cwhome.mount" not in result["commands"]
    assert not call_module(node_mounts, mounts=wish(automount=True))["changed"]


def test_absent_unmounts_what_we_mounted(kernel, call_module):
    call_module(node_mounts, mounts=wish())
    predicted = call_module(node_mounts, check=True, mounts=wish(state="absent"))
    assert predicted["changed"] and predicted["after"] == {"/cwhome": None} and "/cwhome" in kernel.mounted
    result = call_module(node_mounts, mounts=wish(state="absent"))
    assert result["commands"] == predicted["commands"] and kernel.mounted == {} and list(kernel.node.path.iterdir()) == []
    assert not call_module(node_mounts, mounts=wish(state="absent"))["changed"]


def test_a_mount_in_use_stays(kernel, call_module):
    call_module(node_mounts, mounts=wish())
    kernel.busy = True
    result = call_module(node_mounts, mounts=wish(state="absent"))
    assert result["failed"] and "/cwhome could not be unmounted, it is in use: 'fuser -vm /cwhome' says by whom" in result["msg"]
    assert (kernel.node.path / "cwhome.mount").exists() and not result["changed"]


def test_a_mount_stays_while_a_job_runs(kernel, call_module, tmp_path):
    call_module(node_mounts, mounts=wish())
    (tmp_path / "proc/4711").mkdir(parents=True)
    (tmp_path / "proc/4711/comm").write_text("slurmstepd\n")
    result = call_module(node_mounts, mounts=wish(state="absent"))
    assert result["failed"] and "a job runs on this node" in result["msg"] and "/cwhome" in kernel.mounted


@pytest.mark.usefixtures("kernel")
def test_a_path_twice_is_refused(call_module):
    assert "/cwhome is declared twice" in call_module(node_mounts, mounts=wish() * 2)["msg"]


def test_a_mount_that_fails_says_why_and_leaves_nothing(kernel, call_module):
    kernel.node.unit("cwhome.mount", dies=True)
    said = "mount: /cwhome: unknown filesystem type 'lustre'.\n       dmesg(1) may have more information after failed mount system call.\n"
    kernel.node.refuses = {"journalctl": lambda _argv: Result(0, said, "")}
    result = call_module(node_mounts, mounts=wish(type="lustre"))
    assert result["failed"] and "its last words: mount: /cwhome: unknown filesystem type 'lustre'. See" in result["msg"], result["msg"]
    assert list(kernel.node.path.iterdir()) == []
