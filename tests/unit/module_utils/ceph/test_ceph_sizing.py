"""The arithmetic against what Ceph's documentation and calculators print, and against its own promises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import sizing


@pytest.mark.parametrize(("osds", "copies", "share", "published"), [
    (200, 3, 1, 8192),      # "Placement groups", choosing the number: 200 OSDs and 3 replicas, 6667, next 8192
    (10, 4, 1, 256),        # "Pool, PG and CRUSH config reference": about 100 * 10 / 4 = 250, written as 256
    # PG Calc: its formula, and its rule of 25 %, for 100 OSDs with 3 copies.
    (100, 3, 0.948, 4096),  # 3160: the nearest power of two
    (100, 3, 0.75, 2048),   # 2500: 2048 is 18 % below
    (100, 3, 0.85, 4096),   # 2833: 2048 would be nearer, but is 27.7 % below
    (100, 3, 0.001, 32),    # 3.3 is less than one group for each OSD (33.3)
    (100, 6, 1, 2048),      # EC 4+2: 1667, the nearest
])
def test_published_numbers(osds, copies, share, published):
    assert sizing.pg_num(osds, copies, share) == published


@given(osds=st.integers(1, 20000), copies=st.integers(1, 20), share=st.floats(0, 1), target=st.integers(30, 250))
def test_a_power_of_two_near_what_is_wanted_and_a_group_for_each_osd(osds, copies, share, target):
    number = sizing.pg_num(osds, copies, share, target)
    wanted = max(target * osds * share / copies, osds / copies, 1)
    assert sizing.is_power_of_two(number)
    assert 0.75 * wanted <= number <= 1.5 * wanted


@given(osds=st.integers(1, 5000), copies=st.integers(1, 12), shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_more_data_never_gets_fewer_groups(osds, copies, shares):
    assert sizing.pg_num(osds, copies, min(shares)) <= sizing.pg_num(osds, copies, max(shares))


def test_nothing_to_place_on():
    with pytest.raises(ValueError, match="0 OSDs"):
        sizing.pg_num(0, 3, 1)


@pytest.mark.parametrize(("copies", "domains", "reason"), [
    (sizing.replicated(3), 3, None),
    (sizing.replicated(2), 2, None),                # min_size 2: waits, loses nothing
    (sizing.replicated(1), 3, "size 1 loses data"),
    (sizing.replicated(3, 1), 3, "min_size 1 takes writes with a single copy"),
    (sizing.replicated(2, 3), 3, "min_size 3 is more than its 2 copies"),
    (sizing.replicated(3), 2, "3 copies need 3 failure domains, and 2 have OSDs"),
    (sizing.erasure(4, 2), 6, None),
    (sizing.erasure(4, 2, 4), 6, "at least k + 1 = 5"),
    (sizing.erasure(4, 2, 7), 6, "min_size 7 is more than its 6 parts"),
    (sizing.erasure(8, 3), 10, "11 parts need 11 failure domains, and 10 have OSDs"),
])
def test_what_loses_data(copies, domains, reason):
    found = sizing.loses_data(copies, domains)
    assert found == [] if reason is None else len(found) == 1 and reason in found[0]


@given(k=st.integers(2, 20), m=st.integers(1, 10), domains=st.integers(1, 40), min_size=st.none() | st.integers(1, 40))
def test_what_is_not_refused_keeps_every_write_through_one_loss(k, m, domains, min_size):
    copies = sizing.erasure(k, m, min_size)
    if not sizing.loses_data(copies, domains):
        assert copies.k < copies.min_size <= copies.width <= domains


def test_disks_that_one_byte_takes():
    assert (sizing.replicated(3).raw, sizing.erasure(4, 2).raw, sizing.erasure(8, 3).raw) == (3.0, 1.5, 1.375)


def test_room_that_the_loss_of_the_largest_host_leaves():
    here = sizing.room({"a": 100, "b": 100, "c": 100, "d": 200}, 3)
    assert (here.raw, here.largest, here.recovers) == (500, 200, True)
    assert here.fill == pytest.approx(0.85 * 300 / 500)
    # Filled as far as it may be, the three that are left are at nearfull, and not beyond.
    assert sizing.filled_after_loss(here.usable, here) == pytest.approx(sizing.NEARFULL)


def test_without_a_host_to_spare_nothing_moves():
    here = sizing.room({"a": 100, "b": 100, "c": 100}, 3)
    assert not here.recovers and here.fill == sizing.NEARFULL
    assert sizing.filled_after_loss(240, here) == pytest.approx(0.8)
    assert any("none to recover onto" in text for text in sizing.warnings(sizing.replicated(3), 3))
    assert any("the first loss stops all I/O" in text for text in sizing.warnings(sizing.replicated(2), 3))
    assert sizing.warnings(sizing.replicated(3), 4) == []


def test_hours_of_recovery():
    here = sizing.room(dict.fromkeys("abcdef", 96 * 2**20), 3)        # six hosts of 96 TiB
    # 40 TiB of 240 on the lost one, 60 OSDs left, 50 MiB/s each.
    assert sizing.recovery_hours(240 * 2**20, here, 60) == pytest.approx(40 * 2**20 / 3000 / 3600)


def test_mons_that_may_be_lost():
    assert [sizing.survivable_mons(mons) for mons in range(1, 8)] == [0, 0, 1, 1, 2, 2, 3]


def test_groups_of_an_osd():
    assert sizing.pg_per_osd([(128, 3), (32, 6)], 6) == 96
