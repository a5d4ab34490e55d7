"""CephFS: made, widened, and never moved."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.modules import ceph_fs
from ansible_collections.clusterwright.hpc.tests.unit.modules.ceph_in_memory import Ceph


@pytest.fixture
def ceph(monkeypatch):
    made = Ceph()
    monkeypatch.setattr(ceph_fs, "runner", lambda _module: made.run)
    return made


SCRATCH = {"name": "scratch", "metadata": "meta", "data": ["data", "archive"], "max_mds": 2}


def test_a_filesystem_is_made_and_a_second_run_changes_nothing(ceph, call_module):
    predicted = call_module(ceph_fs, check=True, filesystems=[SCRATCH])
    assert ceph.ran == []
    result = call_module(ceph_fs, filesystems=[SCRATCH])
    assert result["commands"] == predicted["commands"] == [
        "ceph fs new scratch meta data", "ceph fs add_data_pool scratch archive", "ceph fs set scratch max_mds 2"]
    assert result["after"] == predicted["after"]
    assert not call_module(ceph_fs, filesystems=[SCRATCH])["changed"]


def test_a_pool_is_never_taken_away(ceph, call_module):
    call_module(ceph_fs, filesystems=[SCRATCH])
    result = call_module(ceph_fs, filesystems=[{**SCRATCH, "data": ["data"], "max_mds": 1}])
    assert result["commands"] == ["ceph fs set scratch max_mds 1"] and result["impact"][0]["kind"] == "mds_fewer"
    assert ceph.fs["scratch"]["data"] == ["data", "archive"]


def test_other_pools_are_refused(ceph, call_module):
    call_module(ceph_fs, filesystems=[SCRATCH])
    ceph.ran = []
    for change in ({"metadata": "other"}, {"data": ["other"]}):
        result = call_module(ceph_fs, filesystems=[{"name": "new", "metadata": "a", "data": ["b"]}, {**SCRATCH, **change}])
        assert "cannot change" in result["msg"] and ceph.ran == []


def test_each_is_declared_once_with_data(ceph, call_module):
    for filesystems in ([SCRATCH, SCRATCH], [{**SCRATCH, "data": []}]):
        assert "declared once" in call_module(ceph_fs, filesystems=filesystems)["msg"] and ceph.ran == []
