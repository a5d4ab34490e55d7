"""A cluster begins once, and not half."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import containers
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import ceph_bootstrap

FSID, OTHER = "669d3f16-94ed-500d-9c94-340c3dd8bfb3", "0a1b2c3d-0000-4000-8000-0123456789ab"
PASSWORD = "correct horse"


class Cephadm:
    """What cephadm leaves on a host."""

    def __init__(self, folder):
        self.folder, self.conf, self.ran, self.login, self.fails = folder, folder.parent / "ceph.conf", [], None, False

    def run(self, argv):
        self.ran.append(argv)
        if "rm-cluster" in argv:
            for daemon in (self.folder / FSID).iterdir():
                daemon.rmdir()
            return Result(0, "", "")
        assert containers.unfinished(FSID, str(self.folder)).exists()
        if "--registry-json" in argv:
            path = Path(argv[argv.index("--registry-json") + 1])
            assert path.stat().st_mode & 0o077 == 0
            self.login = json.loads(path.read_text())
        (self.folder / FSID / "mon.store1").mkdir(parents=True)
        self.conf.touch()
        if self.fails:
            return Result(1, "", "ERROR: Failed to pull container image\n")
        (self.folder / FSID / "mgr.store1.abcdef").mkdir(parents=True)
        return Result(0, "", "")


@pytest.fixture
def cephadm(tmp_path, monkeypatch):
    folder = tmp_path / "ceph"
    folder.mkdir()
    made = Cephadm(folder)
    monkeypatch.setattr(ceph_bootstrap, "runner", lambda _module: made.run)
    monkeypatch.setattr(containers.observe, "__defaults__", (str(folder), str(tmp_path)))
    for function in (containers.unfinished, containers.refuse_unfinished):
        monkeypatch.setattr(function, "__defaults__", (str(folder),))
    monkeypatch.setattr(containers.bootstrap, "__defaults__", (str(folder), (str(made.conf),)))
    monkeypatch.setattr(containers, "LOG", str(tmp_path / "cephadm.log"))
    monkeypatch.setattr(containers, "KEPT_LOG", str(tmp_path / "kept.log"))
    return made


def test_a_cluster_begins_once(cephadm, call_module):
    options = {"fsid": FSID, "address": "10.0.0.1", "image": "registry.example:5000/ceph:16"}
    predicted = call_module(ceph_bootstrap, check=True, **options)
    assert predicted["changed"] and cephadm.ran == []
    result = call_module(ceph_bootstrap, **options)
    assert result["commands"] == predicted["commands"] and result["after"] == {"daemons": ["mgr.store1.abcdef", "mon.store1"]}
    assert cephadm.ran[0][:6] == ["cephadm", "--image", "registry.example:5000/ceph:16", "bootstrap", "--fsid", FSID]
    assert {"--skip-dashboard", "--skip-monitoring-stack", "--orphan-initial-daemons"} <= set(cephadm.ran[0])
    assert not call_module(ceph_bootstrap, **options)["changed"] and len(cephadm.ran) == 1


def test_what_fails_is_taken_back(cephadm, call_module):
    cephadm.fails = True
    result = call_module(ceph_bootstrap, fsid=FSID, address="10.0.0.1")
    assert "Failed to pull container image; what it had made is taken back" in result["msg"]
    assert cephadm.ran[1] == ["cephadm", "rm-cluster", "--force", "--fsid", FSID]
    assert not cephadm.conf.exists() and not containers.unfinished(FSID, str(cephadm.folder)).exists()
    cephadm.fails = False
    assert call_module(ceph_bootstrap, fsid=FSID, address="10.0.0.1")["changed"]


def test_the_password_is_on_no_command_line(cephadm, call_module):
    result = call_module(ceph_bootstrap, fsid=FSID, address="10.0.0.1", image="r.example/ceph:16", registry="r.example", registry_user="me",
                         registry_password=PASSWORD)
    assert cephadm.login == {"url": "r.example", "username": "me", "password": PASSWORD}
    assert PASSWORD not in str(cephadm.ran) and PASSWORD not in json.dumps(result["commands"])


def test_another_cluster_is_refused(cephadm, call_module):
    (cephadm.folder / OTHER / "mon.store1").mkdir(parents=True)
    assert "another Ceph cluster" in call_module(ceph_bootstrap, fsid=FSID, address="10.0.0.1")["msg"] and cephadm.ran == []


def test_a_configuration_of_another_is_not_written_over(cephadm, call_module):
    cephadm.conf.write_text("[global]\n")
    result = call_module(ceph_bootstrap, fsid=FSID, address="10.0.0.1")
    assert "move them away" in result["msg"] and cephadm.ran == [] and cephadm.conf.read_text() == "[global]\n"


def test_an_interrupted_one_is_not_taken_for_a_cluster(cephadm, call_module):
    containers.unfinished(FSID, str(cephadm.folder)).touch()
    assert "was interrupted" in call_module(ceph_bootstrap, fsid=FSID, address="10.0.0.1")["msg"] and cephadm.ran == []
