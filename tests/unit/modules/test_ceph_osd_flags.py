"""Flags of the OSD map."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.modules import ceph_osd_flags
from ansible_collections.clusterwright.hpc.tests.unit.modules.ceph_in_memory import Ceph


@pytest.fixture
def ceph(monkeypatch):
    made = Ceph()
    monkeypatch.setattr(ceph_osd_flags, "runner", lambda _module: made.run)
    return made


def test_flags_come_and_go_and_others_stay(ceph, call_module):
    ceph.flags = {"noscrub", "sortbitwise"}
    result = call_module(ceph_osd_flags, set=["noout"], unset=["noscrub"])
    assert result["commands"] == ["ceph osd set noout", "ceph osd unset noscrub"] and ceph.flags == {"noout", "sortbitwise"}
    assert [entry["name"] for entry in result["impact"]] == ["noout"]
    assert not call_module(ceph_osd_flags, set=["noout"], unset=["noscrub"])["changed"]


def test_check_mode_only_says_it(ceph, call_module):
    result = call_module(ceph_osd_flags, check=True, set=["noout"])
    assert result["changed"] and ceph.flags == set() and not result["verified"]


def test_both_at_once_is_refused(ceph, call_module):
    assert "noout shall be set and not be set" in call_module(ceph_osd_flags, set=["noout"], unset=["noout"])["msg"] and ceph.ran == []
