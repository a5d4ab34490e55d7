"""Settings of the mons' database: compared by meaning."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.modules import ceph_config
from ansible_collections.clusterwright.hpc.tests.unit.modules.ceph_in_memory import Ceph


@pytest.fixture
def ceph(monkeypatch):
    made = Ceph()
    monkeypatch.setattr(ceph_config, "runner", lambda _module: made.run)
    return made


def test_settings_are_set_removed_and_left_alone(ceph, call_module):
    ceph.config = {("osd", "osd_max_backfills"): "3", ("mon", "mine"): "1"}
    wanted = {"osd": {"osd_memory_target": "4G", "osd_max_backfills": "omit"}, "global": {"mon_allow_pool_delete": True}}
    predicted = call_module(ceph_config, check=True, settings=wanted)
    assert ceph.ran == [] and predicted["changed"]
    result = call_module(ceph_config, settings=wanted)
    assert ceph.ran == [
        "config set osd osd_memory_target 4G", "config rm osd osd_max_backfills", "config set global mon_allow_pool_delete true"]
    assert result["after"]["osd"] == {"osd_memory_target": "4294967296"} and ceph.config["mon", "mine"] == "1"
    ceph.asked = []
    again = call_module(ceph_config, settings=wanted)
    assert not again["changed"] and ceph.asked == ["config dump"]


@pytest.mark.parametrize(("there", "same"), [
    ("4294967296", "4G"), ("true", True), ("true", "yes"), ("0.85", 0.85), ("1", 1), ("hdd", "HDD"),
])
def test_values_are_compared_by_meaning(ceph, call_module, there, same):
    ceph.config = {("osd", "x"): there}
    assert not call_module(ceph_config, settings={"osd": {"x": same}})["changed"]


def test_a_rejected_setting_says_how_to_take_back_the_others(ceph, call_module):
    ceph.fails = "nonsense"
    result = call_module(ceph_config, settings={"osd": {"a": 1, "nonsense": 2}})
    assert result["failed"] and result["rollback_commands"] == ["ceph config rm osd a"] and "osd nonsense" in result["msg"]


def test_a_section_is_a_mapping(ceph, call_module):
    assert "write them as a mapping" in call_module(ceph_config, settings={"osd": 5})["msg"] and ceph.ran == []
