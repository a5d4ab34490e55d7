"""QOS, accounts and users: values by meaning, few commands, and nothing removed that is in use."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import accounts, accounts_plan, limits
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.accounts import Job, State

RESOURCES = frozenset({"cpu", "mem", "node", "gres/gpu"})


def declared(qos=(), accounts_=(), state="present"):
    return accounts.declared({"cluster": "lab", "state": state, "qos": list(qos), "accounts": list(accounts_)})


def known(**more):
    """A slurmdbd as slurmctld's first contact leaves it, and more."""
    state = {"qos": {"normal": {}}, "accounts": {"root": {"Fairshare": "1"}}, "users": {"root": ["root"]}}
    state["default_accounts"] = {"root": "root"}
    return State(registered=True, resources=RESOURCES, **{name: {**value, **more.get(name, {})} for name, value in state.items()})


def lines(planned):
    return [str(command).replace("sacctmgr --immediate ", "") for command in planned.commands]


# --- values


@pytest.mark.parametrize(("name", "written", "shown"), [
    ("MaxTRESPerUser", "mem=1536,cpu=064", "cpu=64,mem=1.50G"),
    ("GrpTRES", "mem=10240M,gres/gpu=4", "gres/gpu=4,mem=10G"),
    ("GrpTRESMins", "cpu=1K", "cpu=1024"),
    ("MaxWallDurationPerJob", "36:00:00", "1-12:00:00"),
    ("MaxWallDurationPerJob", 90, "01:30:00"),
    ("MaxWallDurationPerJob", "1-12", "1-12:00:00"),
    ("MaxWallDurationPerJob", "30:30", "00:31:00"),         # in whole minutes
    ("PreemptExemptTime", 90, "01:30:00"),                  # a bare number is minutes
    ("GraceTime", 90, "00:01:30"),                          # here it is seconds
    ("UsageFactor", 2, "2.000000"),
    ("UsageFactor", 1, ""),
    ("MaxJobsPerUser", "05", "5"),
    ("MaxJobsPerUser", 0, "0"),
    ("Priority", 0, "0"),
    ("GraceTime", 0, "00:00:00"),
    ("Flags", "NoReserve,DenyOnLimit", "DenyOnLimit,NoReserve"),
    ("Description", "For those in a HURRY", "for those in a hurry"),
])
def test_what_is_written_is_what_sacctmgr_shows(name, written, shown):
    wanted = limits.canonical(name, limits.QOS[name], written)
    found = limits.observed(limits.QOS, {name: shown})
    assert limits.difference(limits.QOS, {name: wanted}, found) == []


@pytest.mark.parametrize("lifted", [-1, "-1", "omit", "UNLIMITED"])
def test_a_limit_is_lifted_by_any_of_these_and_each_resource_by_itself(lifted):
    found = {"MaxJobsPerUser": "5", "GrpTRES": {"cpu": "4", "mem": "1G"}}
    wanted = {name: limits.canonical(name, limits.QOS[name], lifted) for name in ("MaxJobsPerUser", "GrpTRES", "GrpJobs")}
    assert limits.difference(limits.QOS, wanted, found) == ["MaxJobsPerUser=-1", "GrpTRES=cpu=-1,mem=-1"]
    one = {"GrpTRES": limits.canonical("GrpTRES", limits.TRES, f"mem={lifted}")}
    assert limits.difference(limits.QOS, one, found) == ["GrpTRES=mem=-1"]
    assert limits.merged(one, found) == {"MaxJobsPerUser": "5", "GrpTRES": {"cpu": "4"}}
    assert limits.merged(wanted, found) == {}


def test_what_sacctmgr_takes_differs_from_what_it_shows():
    wanted = {"GraceTime": "00:02:00", "Flags": "", "Preempt": "", "Description": "", "MinPrioThresh": "5"}
    found = {"Flags": "DenyOnLimit", "Preempt": "low", "Description": "x"}
    assert limits.difference(limits.QOS, wanted, found) == ["GraceTime=120", "Flags=-1", "Preempt=", "Description=", "MinPrioThresh=5"]


@pytest.mark.parametrize(("name", "value", "words"), [
    ("MaxJobsPerUser", "many", "MaxJobsPerUser is a whole number"),
    ("MaxJobsPerUser", True, "needs a value"),
    ("MaxJobsPerUser", "", "needs a value"),
    ("MaxWallDurationPerJob", "1 day", "a time such as"),
    ("GrpTRES", "64", "a list such as cpu=64"),
    ("GrpTRES", "mem=1000K", "a list such as"),             # sacctmgr would take K for M
    ("GrpTRES", "cpu=1.5", "a list such as"),
    ("UsageFactor", "-2", "a number from 0 on"),
])
def test_values_that_sacctmgr_would_not_take(name, value, words):
    with pytest.raises(ClusterwrightError, match=words):
        limits.canonical(name, limits.QOS[name], value)


def test_limits_by_any_of_their_names():
    assert limits.canonical_name("maxwall", limits.QOS_LIMITS) == "MaxWallDurationPerJob"
    assert limits.canonical_name("MaxTRESPU", limits.QOS_LIMITS) == "MaxTRESPerUser"
    assert limits.canonical_name("MaxTRES", limits.ACCOUNT_LIMITS) == "MaxTRESPerJob"
    with pytest.raises(ClusterwrightError, match="there is no limit MaxTRESPerUser; these are: GrpJobs"):
        limits.canonical_name("MaxTRESPerUser", limits.ACCOUNT_LIMITS)


def test_what_sacctmgr_has_never_shown_is_said():
    with pytest.raises(ClusterwrightError, match="shows a value that this module cannot read: GrpWall"):
        limits.observed(limits.QOS, {"GrpWall": "soon"})


@given(st.integers(0, 10**7))
def test_a_time_survives_its_spelling(minutes):
    shown = limits.canonical("GrpWall", limits.MINUTES, minutes)
    assert limits.canonical("GrpWall", limits.MINUTES, shown) == shown


@given(st.dictionaries(st.sampled_from(["cpu", "mem", "gres/gpu", "bb/x"]), st.integers(0, 10**9), min_size=1))
def test_resources_survive_their_spelling(amounts):
    shown = limits.canonical("GrpTRES", limits.TRES, ",".join(f"{name}={amount}" for name, amount in amounts.items()))
    assert limits.canonical("GrpTRES", limits.TRES, limits.printed(shown)) == shown


@given(st.text(), st.sampled_from(sorted(limits.QOS)))
def test_no_text_breaks_the_readers(text, name):
    try:
        value = limits.canonical(name, limits.QOS[name], text)
    except ClusterwrightError:
        return
    assert not value or limits.canonical(name, limits.QOS[name], limits.printed(value)) == value


# --- declarations that are refused before anything happens


@pytest.mark.parametrize(("qos", "accounts_", "words"), [
    ([{"name": "High"}], [], "QOS High: Slurm keeps this name in lower case: write high"),
    ([{"name": "a,b"}], [], "QOS a,b: a name has lower-case letters"),
    ([{"name": "x"}, {"name": "x"}], [], "QOS x is declared twice"),
    ([{"name": "x", "limits": {"MaxFun": 1}}], [], "QOS x: there is no limit MaxFun"),
    ([{"name": "x", "limits": {"MaxWall": 1, "MaxWallDurationPerJob": 2}}], [], "QOS x: MaxWallDurationPerJob is said twice"),
    ([{"name": "x", "description": "a|b"}], [], "QOS x: description: sacctmgr takes no"),
    ([], [{"name": "root"}], "root is Slurm's own"),
    ([], [{"name": "a", "parent": "a"}], "account a is its own parent"),
    ([], [{"name": "a", "users": ["x y"]}], "account a: x y is no user's name"),
])
def test_a_bad_declaration_is_named(qos, accounts_, words):
    with pytest.raises(ClusterwrightError) as error:
        declared(qos, accounts_)
    assert words in str(error.value)


@pytest.mark.parametrize(("qos", "accounts_", "words"), [
    ([{"name": "x", "preempt": ["low"]}], [], "QOS x preempts low, and there is no such QOS"),
    ([{"name": "x", "limits": {"GrpTRES": "gres/tpu=1"}}], [], "QOS x limits gres/tpu, which slurmdbd does not count"),
    ([], [{"name": "a", "parent": "b"}], "account a is below b, and there is no such account"),
    ([], [{"name": "a", "qos": ["normal", "high"]}], "account a uses QOS high, and there is no such QOS"),
    ([{"name": "high"}], [{"name": "a", "qos": ["normal"], "default_qos": "high"}], "the default QOS high, which is none of normal"),
    ([], [{"name": "a", "parent": "b"}, {"name": "b", "parent": "a"}], "is below itself (a < b)"),
])
def test_names_that_nothing_stands_behind(qos, accounts_, words):
    with pytest.raises(ClusterwrightError) as error:
        accounts_plan.plan(declared(qos, accounts_), known())
    assert words in str(error.value)


# --- plans


def test_equal_changes_go_together_and_parents_come_first():
    planned = accounts_plan.plan(declared(
        [{"name": "high", "priority": 10, "preempt": ["low"]}, {"name": "low"}, {"name": "lower"}],
        [{"name": "optics", "parent": "physics", "users": ["eve"]}, {"name": "physics", "shares": 5, "users": ["ada", "bob", "ada"]},
         {"name": "chem", "shares": 5}],
    ), known())
    assert lines(planned) == [
        "add qos name=high Priority=10",
        "add qos name=low,lower",
        "modify qos where name=high set Preempt=low",
        "add account name=physics,chem cluster=lab Parent=root Fairshare=5",
        "add account name=optics cluster=lab Parent=physics",
        "add user name=eve account=optics cluster=lab",
        "add user name=ada,bob account=physics cluster=lab",
    ]
    assert planned.after.default_accounts["ada"] == "physics"


def test_only_what_differs_is_set_and_what_is_not_declared_stays():
    state = known(
        qos={"high": {"Priority": "10", "MaxTRESPerUser": {"cpu": "4", "mem": "1G"}}},
        accounts={name: {"Parent": "root", "Fairshare": "1", "MaxJobs": "7"} for name in ("a", "b")},
        users={"a": ["ada"], "b": ["bob"]}, default_accounts={"ada": "a", "bob": "b"},
    )
    wanted = declared(
        [{"name": "high", "limits": {"MaxTRESPU": "cpu=8"}}], [{"name": "a", "shares": 3}, {"name": "b", "shares": 3, "users": ["bob"]}],
    )
    planned = accounts_plan.plan(wanted, state)
    assert lines(planned) == [
        "modify qos where name=high set MaxTRESPerUser=cpu=8",
        "modify account where name=a,b cluster=lab set Fairshare=3",
    ]
    assert planned.commands[0].undo == [["sacctmgr", "--immediate", "modify", "qos", "where", "name=high", "set", "MaxTRESPerUser=cpu=4"]]
    assert planned.after.qos["high"] == {"Priority": "10", "MaxTRESPerUser": {"cpu": "8", "mem": "1G"}}
    assert accounts_plan.plan(wanted, planned.after).commands == []


STATE = {
    "qos": {"old": {"Priority": "3"}, "theirs": {}},
    "accounts": {name: {"Parent": parent, "Fairshare": "1"} for name, parent in (("a", "root"), ("b", "root"), ("c", "b"), ("d", "c"))},
    "users": {"a": ["ada", "bob"], "c": ["ada", "eve"], "d": ["eve"]},
    "default_accounts": {"ada": "c", "bob": "a", "eve": "c"},
}


def test_exact_removes_from_the_bottom_and_moves_default_accounts_first():
    state = replace(known(**STATE), qos_elsewhere=frozenset({"theirs"}))
    planned = accounts_plan.plan(declared([], [{"name": "a", "users": ["ada"]}], "exact"), state)
    assert lines(planned) == [
        "modify user where name=ada cluster=lab set DefaultAccount=a",
        "delete user where name=eve account=d cluster=lab",
        "delete user where name=ada account=c cluster=lab",
        "delete user where name=bob,eve cluster=lab",       # each leaves the last account
        "delete account where name=d cluster=lab",
        "delete account where name=c cluster=lab",
        "delete account where name=b cluster=lab",
        "delete qos where name=old",                        # not normal, and not what another cluster uses
    ]
    assert [argv[3:] for argv in planned.commands[3].undo] == [
        ["user", "name=bob", "account=a", "cluster=lab"], ["user", "name=eve", "account=c", "cluster=lab"],
    ]
    assert planned.commands[-1].undo == [["sacctmgr", "--immediate", "add", "qos", "name=old", "Priority=3"]]


def test_users_stay_where_an_account_does_not_say_whose_it_is():
    everything = [{"name": name, "parent": parent} for name, parent in (("a", "root"), ("b", "root"), ("c", "b"), ("d", "c"))]
    planned = accounts_plan.plan(declared([{"name": "old"}, {"name": "theirs"}], everything, "exact"), known(**STATE))
    assert planned.commands == [] and not planned.removes


def test_present_removes_nothing():
    assert accounts_plan.plan(declared(), known(**STATE)).commands == []


def test_what_has_jobs_is_not_removed_and_all_of_it_is_named():
    planned = accounts_plan.plan(declared([], [{"name": "a", "users": ["ada"]}], "exact"), known(**STATE))
    jobs = [Job("7", "c", "eve", "old"), Job("8", "a", "bob", "normal"), Job("9", "a", "ada", "normal")]
    with pytest.raises(ClusterwrightError) as error:
        accounts_plan.refuse_in_use(planned, jobs)
    assert "account c has jobs 7; QOS old has jobs 7; user bob of account a has jobs 8." in str(error.value)
    accounts_plan.refuse_in_use(planned, jobs[2:])


def test_what_a_plan_disturbs_is_told():
    there = {"a": {"Parent": "root", "QOS": "high,normal"}}
    state = known(accounts=there, qos={"high": {}}, users={"a": ["ada", "bob"]}, default_accounts={"ada": "a"})
    account = {"name": "a", "qos": ["normal"], "limits": {"GrpTRESMins": "cpu=10"}, "users": ["ada"]}
    wanted = declared([{"name": "high"}], [account], "exact")
    told = accounts_plan.impact(wanted, state, accounts_plan.plan(wanted, state))
    assert [item["kind"] for item in told] == ["users_removed", "qos_withdrawn", "limit_ends_jobs"]
    assert "account a gets GrpTRESMins=cpu=10: jobs that run and are beyond it end" in told[2]["text"]


# --- slurmdbd


def test_names_beyond_the_size_of_an_argument_go_in_parts():
    users = [f"user{number:05}" for number in range(2500)]
    planned = accounts_plan.plan(declared([], [{"name": "a", "users": users}]), known())
    assert [len(command.argv[4].split(",")) for command in planned.commands[1:]] == [1000, 1000, 500]


def test_a_failing_command_tells_what_is_done_and_how_to_undo_it():
    planned = accounts_plan.plan(declared([{"name": "high"}], [{"name": "a", "users": ["ada"]}]), known())

    def run(argv):
        return Result(1, "", "sacctmgr: error: no\n Access denied") if "user" in argv else Result(0, "", "")

    with pytest.raises(ClusterwrightError) as error:
        accounts.apply(run, planned.commands)
    command = "sacctmgr --immediate add user name=ada account=a cluster=lab"
    assert f"account a: user ada: '{command}' failed: sacctmgr: error: no / Access denied" in str(error.value)
    assert error.value.details["rollback_commands"] == [
        "sacctmgr --immediate delete account where name=a cluster=lab", "sacctmgr --immediate delete qos where name=high",
    ]


def test_waiting_for_the_cluster_ends_at_the_deadline_and_names_who_is_silent():
    now = [0.0]

    def pause(seconds):
        now[0] += seconds

    with pytest.raises(accounts.NoAnswer, match="slurmdbd does not know the cluster lab"):
        accounts.wait_registered(lambda _argv: Result(0, "other\n", ""), "lab", 5, lambda: now[0], pause)
    assert now[0] == 5
    refused = Result(1, "", "sacctmgr: error: Sending PersistInit msg: Connection refused\n")
    with pytest.raises(accounts.NoAnswer, match=r"slurmdbd does not answer .*Connection refused"):
        accounts.wait_registered(lambda _argv: refused, "lab", 0)


def test_a_last_column_may_hold_anything():
    assert accounts.parse("a|uni|one | two\nb|x|\n", 3) == [["a", "uni", "one | two"], ["b", "x", ""]]
