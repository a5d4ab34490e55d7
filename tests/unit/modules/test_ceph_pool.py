"""Pools: made, changed, left alone, and refused where data would be lost."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.modules import ceph_pool
from ansible_collections.clusterwright.hpc.tests.unit.modules.ceph_in_memory import Ceph

IMAGES = {"name": "images", "pg_num": 64, "application": "rbd"}
ARCHIVE = {"name": "archive", "pg_num": 32, "k": 4, "m": 2, "application": "cephfs"}


@pytest.fixture
def ceph(monkeypatch):
    made = Ceph()
    monkeypatch.setattr(ceph_pool, "runner", lambda _module: made.run)
    return made


@pytest.fixture
def call(ceph, call_module):
    def run(*pools, check=False, **options):
        ceph.ran, ceph.asked = [], []
        return call_module(ceph_pool, check, pools=list(pools), **options)
    return run


def test_new_pools_are_made_whole_and_a_second_run_changes_nothing(call, ceph):
    predicted = call(IMAGES, ARCHIVE, check=True)
    assert ceph.ran == [] and predicted["changed"] and not predicted["verified"]
    result = call(IMAGES, ARCHIVE)
    assert result["commands"] == predicted["commands"] == [
        "ceph osd crush rule create-replicated clusterwright_host default host",
        "ceph osd pool create images 64 64 replicated clusterwright_host --autoscale-mode=off",
        "ceph osd pool set images size 3",
        "ceph osd pool set images min_size 2",
        "ceph osd pool application enable images rbd",
        "ceph osd erasure-code-profile set archive k=4 m=2 crush-failure-domain=host",
        "ceph osd pool create archive 32 32 erasure archive --autoscale-mode=off",
        "ceph osd pool set archive min_size 5",
        "ceph osd pool set archive allow_ec_overwrites true",
        "ceph osd pool application enable archive cephfs",
    ]
    assert result["after"] == predicted["after"] and result["verified"]
    again = call(IMAGES, ARCHIVE)
    assert not again["changed"] and ceph.ran == [] and again["diff"] == []
    assert ceph.asked == ["osd dump", "osd crush rule dump"], "two questions, however many pools"


def test_a_new_size_never_leaves_the_min_size_of_the_mons_choice(call, ceph):
    call(IMAGES)
    result = call({**IMAGES, "size": 2})
    assert result["commands"] == ["ceph osd pool set images size 2", "ceph osd pool set images min_size 2"]
    assert ceph.pools["images"]["min_size"] == 2
    assert result["impact"][0]["text"] == "pool images: size 3 -> 2 moves its data between OSDs"


def test_what_somebody_else_made_of_a_pool_is_set_right(call, ceph):
    call(IMAGES)
    ceph.pools["images"].update(min_size=1, autoscale="on", applications=["mine"])
    call(IMAGES)
    assert ceph.ran == [
        "osd pool set images pg_autoscale_mode off", "osd pool set images min_size 2", "osd pool application enable images rbd"]
    assert ceph.pools["images"]["applications"] == ["mine", "rbd"]


@pytest.mark.parametrize(("change", "reason"), [
    ({"size": 1}, "size 1 loses data with the first disk that dies"),
    ({"min_size": 1}, "min_size 1 takes writes with a single copy"),
    ({"size": 2, "min_size": 3}, "min_size 3 is more than its 2 copies"),
    ({"k": 4, "m": 2, "min_size": 4}, "at least k + 1 = 5"),
    ({"k": 4, "m": 2, "size": 3}, "its size is k + m = 6, not 3"),
    ({"pg_num": 60}, "60 placement groups are unequal in size"),
])
def test_what_would_lose_data_is_refused_before_anything(call, ceph, change, reason):
    result = call({**ARCHIVE, "k": 0, "m": 0, **change}, IMAGES)
    assert result["failed"] and reason in result["msg"] and "pool archive" in result["msg"]
    assert ceph.ran == ceph.asked == []


def test_what_no_pool_can_become_is_refused_before_anything(call, ceph):
    call(IMAGES, ARCHIVE)
    for pool in ({**ARCHIVE, "k": 8, "m": 3}, {**ARCHIVE, "k": 0, "m": 0}, {**IMAGES, "k": 2, "m": 1}):
        result = call({"name": "new", "pg_num": 8, "application": "rbd"}, pool)
        assert result["failed"] and "no pool can become" in result["msg"] and ceph.ran == []


def test_a_foreign_profile_of_the_same_name_is_refused(call, ceph):
    ceph.profiles["archive"] = {"k": "2", "m": "1"}
    assert "is there with other parts" in call(ARCHIVE)["msg"] and ceph.ran == []


def test_a_rejected_step_says_what_stays_and_how_it_goes(call, ceph):
    call(IMAGES, ARCHIVE)
    ceph.fails = "size 2"
    result = call({**IMAGES, "pg_num": 128, "size": 2})
    assert result["failed"] and result["changed"] and result["commands"] == ["ceph osd pool set images pg_num 128"]
    assert result["rollback_commands"] == ["ceph osd pool set images pg_num 64"] and "it does not please" in result["msg"]


def test_what_is_not_taken_up_is_no_success(call, ceph):
    call(IMAGES)
    ceph.deaf = True
    result = call({**IMAGES, "pg_num": 128})
    assert result["failed"] and result["mismatch"] == ["pool images"] and not result["verified"]


def test_mons_that_do_not_answer(call, ceph):
    ceph.up = False
    assert "more than half of which must run" in call(IMAGES)["msg"]


def test_a_pool_is_declared_once(call):
    assert "declared twice" in call(IMAGES, IMAGES)["msg"]


def test_check_mode_before_there_is_a_ceph(call, ceph):
    ceph.up = False
    result = call(IMAGES, check=True)
    assert result["changed"] and not result["verified"] and "Predicted as for an empty one" in result["warnings"][0]
