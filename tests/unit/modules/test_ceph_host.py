"""What of Ceph is on a host, and whom it refuses."""

from __future__ import annotations

import os
import stat
import types

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import containers, osds
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import ceph_host

FSID, OTHER = "669d3f16-94ed-500d-9c94-340c3dd8bfb3", "0a1b2c3d-0000-4000-8000-0123456789ab"


class Host:
    """A host whose disks are files."""

    def __init__(self, folder):
        self.folder, self.signature, self.ran = folder, "", []

    def run(self, argv):
        self.ran.append(argv[0])
        return Result(0, f"TYPE={self.signature}\n", "") if self.signature else Result(2, "", "")

    def disk(self, name, content=b""):
        path = self.folder.parent / name
        path.write_bytes(content)
        os.truncate(path, 64 * 2**20)
        return str(path)

    def daemon(self, name, fsid=FSID, block=None):
        place = self.folder / fsid / name
        place.mkdir(parents=True)
        if block:
            (place / "block").symlink_to(block)


@pytest.fixture
def host(tmp_path, monkeypatch):
    folder = tmp_path / "ceph"
    folder.mkdir()
    made = Host(folder)
    monkeypatch.setattr(ceph_host, "runner", lambda _module: made.run)
    monkeypatch.setattr(containers.observe, "__defaults__", (str(folder), str(tmp_path / "block")))
    monkeypatch.setattr(containers.unfinished, "__defaults__", (str(folder),))
    monkeypatch.setattr(containers.refuse_unfinished, "__defaults__", (str(folder),))
    monkeypatch.setattr(osds, "stat", types.SimpleNamespace(S_ISBLK=stat.S_ISREG))      # for the module a file is a disk here
    return made


def test_an_empty_host(host, call_module):
    disk = host.disk("sdb")
    result = call_module(ceph_host, fsid=FSID, disks=[{"devices": [disk], "size": 64}])
    assert (result["changed"], result["daemons"], result["osds"], result["new"]) == (False, [], {}, [disk])


def test_a_disk_with_an_osd_is_not_new_by_whatever_name(host, call_module, tmp_path):
    disk, other = host.disk("sdb"), host.disk("sdc")
    host.daemon("osd.0", block=disk)
    host.daemon("mon.store1")
    (host.folder / FSID / "home").mkdir()
    (tmp_path / "by-id").symlink_to(disk)
    result = call_module(ceph_host, fsid=FSID, disks=[{"devices": [str(tmp_path / "by-id"), other], "size": 64}])
    assert (result["daemons"], result["new"]) == (["mon.store1", "osd.0"], [other])


def test_a_volume_lies_on_its_disk(tmp_path):
    (tmp_path / "dm-1/slaves/dm-0").mkdir(parents=True)
    (tmp_path / "dm-0/slaves/sdb").mkdir(parents=True)
    assert containers.below("/dev/dm-1", str(tmp_path)) == ["/dev/dm-1", "/dev/dm-0", "/dev/sdb"]


def test_a_disk_with_data_is_refused_before_any_is_told_new(host, call_module):
    good, bad = host.disk("sdb"), host.disk("sdc", b"precious")
    result = call_module(ceph_host, fsid=FSID, disks=[{"devices": [good, bad], "size": 64}])
    assert f"{bad} carries data" in result["msg"]
    host.signature = "xfs"
    assert "carries data (xfs)" in call_module(ceph_host, fsid=FSID, disks=[{"devices": [good], "size": 64}])["msg"]


def test_another_cluster_is_refused(host, call_module):
    host.daemon("mon.store1", fsid=OTHER)
    result = call_module(ceph_host, fsid=FSID)
    assert f"mon.store1 of another Ceph cluster ({OTHER}, ours is {FSID})" in result["msg"] and result["clusters"] == [OTHER]


def test_daemons_from_packages_are_refused(host, call_module):
    (host.folder / "mon/ceph-store1").mkdir(parents=True)
    (host.folder / "osd/ceph-3").mkdir(parents=True)
    assert "mon.store1, osd.3 from packages" in call_module(ceph_host, fsid=FSID)["msg"]


def test_an_interrupted_beginning_is_refused(host, call_module):
    host.daemon("mon.store1")
    (host.folder / f"{FSID}.bootstrap").touch()
    result = call_module(ceph_host, fsid=FSID)
    assert "was interrupted here" in result["msg"] and f"cephadm rm-cluster --force --fsid {FSID}" in result["msg"]
