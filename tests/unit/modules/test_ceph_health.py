"""Health: what is accepted, what never is, and the wait."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.modules import ceph_health
from ansible_collections.clusterwright.hpc.tests.unit.modules.ceph_in_memory import Ceph


@pytest.fixture
def ceph(monkeypatch):
    made = Ceph()
    monkeypatch.setattr(ceph_health, "runner", lambda _module: made.run)
    return made


LOW = {"MON_DISK_LOW": ("HEALTH_WARN", "mon store1 is low on available space")}
FULL = {"OSD_FULL": ("HEALTH_ERR", "1 full osd(s)")}


def test_a_warning_counts_unless_it_is_accepted(ceph, call_module):
    ceph.health = LOW
    refused = call_module(ceph_health, timeout=0)
    assert refused["failed"] and "MON_DISK_LOW (mon store1 is low on available space)" in refused["msg"]
    assert refused["status"] == "HEALTH_WARN"
    accepted = call_module(ceph_health, timeout=0, accept=["MON_DISK_LOW"])
    assert accepted["verified"] and not accepted["changed"] and accepted["after"]["health"]["status"] == "HEALTH_WARN"


def test_an_error_is_never_accepted(ceph, call_module):
    ceph.health = {**LOW, **FULL}
    result = call_module(ceph_health, timeout=0, accept=["MON_DISK_LOW", "OSD_FULL"])
    assert result["failed"] and "OSD_FULL" in result["msg"] and "MON_DISK_LOW (" not in result["msg"]


def test_it_waits_until_it_is_well(ceph, call_module, monkeypatch):
    ceph.health = FULL
    monkeypatch.setattr(ceph_health.health.wait, "__defaults__", (lambda: 0.0, lambda _seconds: ceph.health.clear() or None))
    ceph.health = dict(FULL)
    result = call_module(ceph_health, timeout=60)
    assert (result["before"]["health"]["status"], result["after"]["health"]) == ("HEALTH_ERR", {"status": "HEALTH_OK"})


def test_check_mode_looks_once(ceph, call_module):
    ceph.health = FULL
    assert call_module(ceph_health, check=True, timeout=600)["failed"] and ceph.asked == ["health"]
