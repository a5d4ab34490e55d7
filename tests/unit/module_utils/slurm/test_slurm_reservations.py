"""Reservations: times as people say them, and the one command that closes the gap."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import reservations
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.info import Reservation

NOW = 1795248000.5
FOUND = Reservation(state="INACTIVE", nodes="cn[3-4]", node_count=2, partition="", starts_at=1795251600, ends_at=1795255200, users=["root"],
                    accounts=[], flags=["MAINT", "SPEC_NODES"])


def want(**options):
    params = dict.fromkeys(("start", "duration", "end", "nodes", "node_count", "partition", "users", "accounts", "flags"))
    return reservations.wanted({**params, "name": "pdu", **options}, NOW)


def plan(found, same=True, **options):
    return reservations.plan(want(**options), found, same, NOW)


@pytest.mark.parametrize(
    ("text", "at", "moves"),
    [
        ("now", 0, True), ("+10min", 600, True), ("now+2hours", 7200, True), ("+1day", 86400, True), (" + 30 s", 30, True),
        ("2026-11-21T09:00:00Z", 3600, False), ("2026-11-21T10:00+01:00", 3600, False), ("2026-11-21 09:00:00+00:00", 3600, False),
    ],
)
def test_times(text, at, moves):
    assert reservations.moment(text, NOW, "start") == (1795248000 + at, moves)


def test_a_time_without_zone_is_the_controllers():
    local = datetime(2026, 11, 21, 9, 0).timestamp()
    assert reservations.moment("2026-11-21T09:00", NOW, "start") == (int(local), False)


@pytest.mark.parametrize("text", ["tomorrow-ish", "+10", "+min", "25:00", ""])
def test_what_is_no_time(text):
    with pytest.raises(ClusterwrightError, match="nothing was changed"):
        reservations.moment(text, NOW, "start")


@pytest.mark.parametrize(("text", "seconds"), [("4h", 14400), ("90min", 5400), ("1-12:00:00", 129600), ("2:00:00", 7200), ("30s", 60)])
def test_durations(text, seconds):
    assert reservations.length(text) == seconds


@pytest.mark.parametrize("text", ["14400", "4", "long", "0:00:00"])
def test_a_bare_number_is_no_duration(text):
    """YAML makes 14400 of 4:00:00 without quotes."""
    with pytest.raises(ClusterwrightError, match="in quotes"):
        reservations.length(text)


def test_a_new_one():
    argv = plan(None, nodes="cn[3-4]", start="+10min", duration="1h", users=["root", "ada"], flags=["maint", "ignore_jobs"])
    assert argv == ["scontrol", "create", "reservation", "reservationname=pdu", "starttime=uts1795248600", "endtime=uts1795252200",
                    "nodes=cn[3-4]", "users=root,ada", "flags=IGNORE_JOBS,MAINT"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nodes": "cn1"}, "to make it needs users or accounts, duration or end"),
        ({"nodes": "cn1", "users": ["root"], "start": "2026-11-21T07:00Z", "duration": "4h"}, "which is past"),
        ({"nodes": "cn1", "users": ["root"], "start": "+2h", "end": "+1h"}, "before it starts"),
        ({"name": "a nodes=ALL"}, "cannot be a reservation's name"),
    ],
)
def test_what_cannot_be_made(options, said):
    with pytest.raises(ClusterwrightError, match=f"{said}.*nothing was changed"):
        plan(None, **options)


def test_what_is_as_asked_stays():
    assert plan(FOUND, nodes="cn[3-4]", start="now", duration="1h", users=["root"], flags=["maint"]) == []
    assert plan(FOUND, start="2026-11-21T09:00:30Z", end="2026-11-21T10:00Z") == []
    assert plan(FOUND) == []


def test_only_what_differs_is_changed():
    assert plan(FOUND, duration="90min")[3:] == ["endtime=uts1795257000"]
    assert plan(FOUND, start="2026-11-21T09:30Z")[3:] == ["starttime=uts1795253400", "endtime=uts1795257000"]
    assert plan(FOUND, same=False, nodes="cn[2-4]")[3:] == ["nodes=cn[2-4]"]
    assert plan(FOUND, users=["ada"], accounts=["physics"])[3:] == ["users=ada", "accounts=physics"]
    assert plan(FOUND, flags=["ignore_jobs"])[3:] == ["flags+=IGNORE_JOBS", "flags-=MAINT"]
    assert plan(FOUND, flags=[])[3:] == ["flags-=MAINT"]


def test_one_that_has_started_keeps_its_start():
    started = Reservation(**{**FOUND, "starts_at": 1795246000, "state": "ACTIVE"})
    assert plan(started, start="now") == [] == plan(started, start="+10min")
    assert plan(started, duration="3h")[3:] == ["endtime=uts1795256800"]
    with pytest.raises(ClusterwrightError, match=r"has started at .* delete it"):
        plan(started, start="2026-11-21T12:00Z")


def test_one_that_repeats_moves_on_by_itself():
    daily = Reservation(**{**FOUND, "flags": ["DAILY", "SPEC_NODES"]})
    assert plan(daily, start="2026-11-20T09:00Z", end="2026-11-20T10:00Z", flags=["daily"]) == []


TIMES = st.sampled_from([None, "now", "+10min", "+3h", "2026-11-21T09:00Z", "2026-11-22T09:00Z"])
OPTIONS = st.fixed_dictionaries({}, optional={
    "start": TIMES, "duration": st.sampled_from(["1h", "90min", "1-00:00:00"]),
    "users": st.lists(st.sampled_from(["root", "ada"]), min_size=1),
    "flags": st.lists(st.sampled_from(["maint", "ignore_jobs", "daily"])),
    "node_count": st.integers(1, 9), "partition": st.just("all"),
})


@given(OPTIONS, st.one_of(st.none(), st.just(FOUND)))
def test_what_was_made_is_not_changed_again(options, found):
    if found is None:
        options = {"node_count": 2, "users": ["root"], "duration": "1h", **options}
    after = reservations.predict(want(**options), found, NOW)
    assert plan(after, **options) == []


def test_nodes_are_compared_as_names():
    asked = want(nodes="cn4,cn3")
    names = {"cn[3-4]": "cn3\ncn4\n"}

    def run(argv):
        return Result(0, names[argv[3]], "")

    assert reservations.same_nodes(run, asked, FOUND)
    assert not reservations.same_nodes(run, want(nodes="cn3"), FOUND)
    assert not reservations.same_nodes(run, want(nodes="ALL"), FOUND)
    assert reservations.same_nodes(run, want(nodes="all"), Reservation(**{**FOUND, "flags": ["ALL_NODES"]}))


def test_what_slurm_refuses_has_a_way_out():
    busy = Result(1, "", "Error creating the reservation: Requested nodes are busy\n")
    with pytest.raises(ClusterwrightError, match=r"jobs run there beyond the start: .*ignore_jobs"):
        reservations.apply(lambda _argv: busy, ["scontrol", "create"], "pdu")


def test_a_node_that_slurmctld_does_not_know_is_named():
    with pytest.raises(ClusterwrightError, match="reservation pdu: slurmctld does not know cn9"):
        reservations.know_nodes(lambda _argv: Result(0, "NodeName=cn1 State=IDLE\n", ""), want(nodes="cn1,cn9"))
