"""The orchestrator: told once what it lacks, and not told again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import orchestrator
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import ceph_orch


class Orchestrator:
    """One that does at once what it is told. Its daemons run, but for those in `stuck`."""

    def __init__(self):
        self.hosts = {"store1": {"hostname": "store1", "addr": "10.0.0.1", "labels": ["_admin"], "status": ""}}
        self.specs = {kind: {"service_type": kind, "service_name": kind, "placement": {"count": 5}, "unmanaged": True}
                      for kind in ("mon", "mgr")}
        self.up, self.ran, self.stuck, self.fails = {}, [], (), ""

    def run(self, argv):
        assert argv[:3] == ["ceph", "--connect-timeout", "30"]
        words = argv[3:]
        if words[-2:] == ["--format", "json"]:
            return Result(0, json.dumps(getattr(self, "ask_" + "_".join(words[:-2]).replace("--", ""))()), "")
        self.ran.append(" ".join(words[:3]))
        if words[:3] == ["orch", "apply", "-i"]:
            spec = json.loads(Path(words[3]).read_text())
            self.ran[-1] += f" {spec.get('hostname') or orchestrator.name(spec)}"
            if self.fails and self.fails in self.ran[-1]:
                return Result(22, "", "Error EINVAL: Failed to connect to store2 (10.0.0.2).\n")
            self.apply(spec)
        return Result(0, "", "")

    def apply(self, spec):
        if spec["service_type"] == "host":
            labels = self.hosts.get(spec["hostname"], {"labels": []})["labels"] + spec["labels"]
            self.hosts[spec["hostname"]] = {"hostname": spec["hostname"], "addr": spec["addr"], "labels": sorted(set(labels))}
            return
        self.specs[orchestrator.name(spec)] = {key: value for key, value in spec.items() if value is not False}
        if spec["service_type"] == "osd" and not spec["unmanaged"] and "osd" not in self.stuck:
            self.up.setdefault(spec["service_id"], set()).update(spec["spec"]["data_devices"]["paths"])

    def ask_orch_host_ls(self):
        return list(self.hosts.values())

    def ask_orch_ls_export(self):
        return list(self.specs.values())

    def ask_orch_ls(self):
        return [{"service_name": name, "status": {"running": 0 if name in self.stuck else 1, "size": 1}} for name in self.specs]

    def ask_osd_tree(self):
        nodes, number = [], 0
        for host, devices in self.up.items():
            ids = range(number, number + len(devices))
            number += len(devices)
            nodes.append({"id": -number - 1, "name": host, "type": "host", "children": [*ids]})
            nodes += [{"id": each, "name": f"osd.{each}", "type": "osd", "status": "up"} for each in ids]
        return {"nodes": nodes}


@pytest.fixture
def orch(monkeypatch):
    made = Orchestrator()
    monkeypatch.setattr(ceph_orch, "runner", lambda _module: made.run)
    return made


WANTED = {
    "hosts": [{"name": "store1", "address": "10.0.0.1", "labels": ["mon", "mgr", "osd"]},
              {"name": "store2", "address": "10.0.0.2", "labels": ["mgr", "osd", "mds"]}],
    "osds": [{"hosts": ["store1", "store2"], "devices": ["/dev/sdb"]}], "filesystems": ["scratch"],
}
NEW = {"store1": ["/dev/sdb"], "store2": ["/dev/sdb"]}


def test_everything_is_told_once(orch, call_module):
    predicted = call_module(ceph_orch, check=True, new=NEW, **WANTED)
    assert orch.ran == [] and not predicted["verified"]
    result = call_module(ceph_orch, new=NEW, **WANTED)
    assert result["changed"] and result["verified"] and result["commands"] == predicted["commands"]
    assert result["after"] == predicted["after"]
    assert orch.ran == [f"orch apply -i {name}" for name in
                        ("store1", "store2", "mon", "mgr", "crash", "mds.scratch", "osd.store1", "osd.store2")]
    assert {each["name"] for each in result["impact"] if each["kind"] == "data_moves"} == {"osd.store1", "osd.store2"}
    assert not call_module(ceph_orch, new=NEW, **WANTED)["changed"]


def test_afterwards_it_takes_no_disk(orch, call_module):
    call_module(ceph_orch, new=NEW, **WANTED)
    result = call_module(ceph_orch, **WANTED)
    assert orch.specs["osd.store2"]["unmanaged"] is True and len(result["commands"]) == 2 and not result["impact"]
    assert not call_module(ceph_orch, **WANTED)["changed"]


def test_what_does_not_run_is_an_error_even_where_nothing_changes(orch, call_module):
    call_module(ceph_orch, new=NEW, **WANTED)
    orch.stuck = ("mds.scratch",)
    result = call_module(ceph_orch, new=NEW, timeout=0, **WANTED)
    assert result["failed"] and "mds.scratch: 0 of 1 run" in result["msg"] and result["lacking"] == ["mds.scratch: 0 of 1 run"]


def test_an_osd_that_does_not_come_is_an_error(orch, call_module):
    orch.stuck = ("osd",)
    result = call_module(ceph_orch, new={"store2": ["/dev/sdb"]}, timeout=0, **WANTED)
    assert "store2: 0 of 1 OSDs are up" in result["msg"]


def test_a_failure_says_what_stays(orch, call_module):
    orch.fails = "mds.scratch"
    result = call_module(ceph_orch, new=NEW, **WANTED)
    assert "service mds.scratch" in result["msg"] and result["changed"]
    assert result["rollback_commands"][0] == "ceph orch rm crash" and "ceph orch host rm store2" in result["rollback_commands"]


def test_a_new_disk_is_a_declared_one(orch, call_module):
    assert "osds declares none there" in call_module(ceph_orch, new={"store3": ["/dev/sdb"]}, **WANTED)["msg"] and orch.ran == []
