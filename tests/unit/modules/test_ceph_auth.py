"""What clients may do; no key ever leaves the module."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.modules import ceph_auth
from ansible_collections.clusterwright.hpc.tests.unit.modules.ceph_in_memory import KEY, Ceph


@pytest.fixture
def ceph(monkeypatch):
    made = Ceph()
    monkeypatch.setattr(ceph_auth, "runner", lambda _module: made.run)
    return made


BACKUP = {"name": "client.backup", "caps": {"mon": "profile rbd", "osd": "profile rbd pool=images"}}


def test_an_entity_comes_changes_and_goes(ceph, call_module):
    assert call_module(ceph_auth, check=True, entities=[BACKUP])["changed"] and ceph.ran == []
    result = call_module(ceph_auth, entities=[BACKUP])
    assert result["commands"] == ["ceph auth add client.backup mon 'profile rbd' osd 'profile rbd pool=images'"]
    assert not call_module(ceph_auth, entities=[BACKUP])["changed"]
    fewer = call_module(ceph_auth, entities=[{**BACKUP, "caps": {"mon": "allow r"}}])
    assert ceph.auth["client.backup"] == {"mon": "allow r"} and fewer["impact"][0]["kind"] == "capabilities"
    gone = call_module(ceph_auth, entities=[BACKUP], state="absent")
    assert "client.backup" not in ceph.auth and "locked out" in gone["impact"][0]["text"]
    assert not call_module(ceph_auth, entities=[BACKUP], state="absent")["changed"]


def test_no_key_is_in_what_is_returned(ceph, call_module):
    ceph.auth["client.backup"] = {"mon": "allow r"}
    for fails in ("", "caps"):
        ceph.fails = fails
        assert KEY not in str(call_module(ceph_auth, entities=[BACKUP]))


@pytest.mark.parametrize(("name", "reason"), [
    ("client.admin", "the cluster's own"), ("mon.", "the cluster's own"), ("backup", "write client.backup"),
])
def test_names_that_are_refused(ceph, call_module, name, reason):
    assert reason in call_module(ceph_auth, entities=[{"name": name}])["msg"] and ceph.ran == []


def test_an_entity_is_declared_once(ceph, call_module):
    assert "declared twice" in call_module(ceph_auth, entities=[BACKUP, BACKUP])["msg"] and ceph.ran == []
