"""From which release to which one may go in one step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import releases


@pytest.mark.parametrize(
    ("version", "release"),
    [
        *(("24.11.5", "24.11"), ("24.11", "24.11"), ("26.05.5-1", "26.05"), ("24.11.5-4+deb13u1", "24.11")),
        *(("22.05.8-4+deb12u3", "22.05"), ("25.05.0~rc1-1", "25.05"), ("1:23.11.4-1", "23.11")),
        *(("", ""), ("(null)", ""), ("unknown", ""), ("124.11.5", ""), ("2.41-12", "")),
    ],
)
def test_the_release_of_a_version(version, release):
    assert releases.release(version) == release


@pytest.mark.parametrize(("running", "target"), [("24.11", "26.05"), ("22.05", "23.11"), ("24.05", "24.11"), ("24.11", "24.11")])
def test_within_the_window(running, target):
    assert releases.refusal(running, target) == ""


def test_debian_12_to_debian_13_is_too_far_and_the_steps_are_named():
    said = releases.refusal("22.05", "24.11")
    assert said.startswith("Slurm 24.11 takes over from 24.05, 23.11, 23.02, not from 22.05: go in steps, 22.05 -> 23.11 -> 24.11")


def test_three_releases_back_only_where_that_is_documented():
    assert releases.refusal("24.05", "25.11") == ""
    assert "22.05" in releases.refusal("22.05", "24.05")


def test_no_way_back():
    assert "does not go back" in releases.refusal("26.05", "24.11")


def test_an_unknown_release_is_refused():
    assert "is not known here" in releases.refusal("26.05", "27.05")
    assert "no way in steps" in releases.refusal("16.05", "26.05")


@given(st.sampled_from([*releases.TAKES]), st.sampled_from([*releases.TAKES]))
def test_each_of_the_steps_is_allowed(running, target):
    way = releases.steps(running, target)
    assert bool(way) is (running <= target)
    assert all(releases.refusal(one, other) == "" for one, other in zip(way, way[1:]))


def test_the_table_has_no_hole_and_looks_back_in_order():
    known = ["20.11", "21.08", *releases.TAKES]
    for position, (release, before) in enumerate(releases.TAKES.items(), start=2):
        depth = 3 if releases.number(release) >= (24, 11) else 2
        assert list(before) == known[position - depth : position][::-1]


@pytest.mark.parametrize(("protocol", "release"), [(9728, "22.05"), (10752, "24.11"), (11520, "26.05"), (0, ""), (30064, "")])
def test_the_release_of_a_protocol(protocol, release):
    assert releases.by_protocol(protocol) == release
