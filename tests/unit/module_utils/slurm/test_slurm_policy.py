"""What a change needs, by key and version."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf, policy
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.policy import Needs

BOOKWORM, TRIXIE = (22, 5), (24, 11)


@pytest.mark.parametrize(("place", "key", "before", "since"), [
    ("slurm.conf", "KillWait", Needs.RECONFIGURE, Needs.RECONFIGURE),
    ("slurm.conf", "TaskPlugin", Needs.RESTART_SLURMD, Needs.RECONFIGURE),
    ("slurm.conf", "SchedulerType", Needs.RESTART_SLURMCTLD, Needs.RECONFIGURE),
    ("slurm.conf", "SlurmdPort", Needs.DRAINED_NODES, Needs.DRAINED_NODES),
    ("slurm.conf", "AuthType", Needs.EMPTY_CLUSTER, Needs.EMPTY_CLUSTER),
    ("NodeName", "Weight", Needs.RESTART_SLURMD, Needs.RECONFIGURE),
    ("gres.conf", "File", Needs.DRAINED_NODES, Needs.DRAINED_NODES),
])
def test_what_a_change_needs(place, key, before, since):
    assert policy.cost(place, key, BOOKWORM).needs == before
    assert policy.cost(place, key.upper(), TRIXIE).needs == since


def test_a_key_that_nobody_knows_restarts_the_daemons_and_says_so():
    cost = policy.cost("slurm.conf", "FancyNewKey", TRIXIE)
    assert (cost.needs, cost.known) == (Needs.RESTART_SLURMD, False)


def test_no_key_stands_twice_in_the_table():
    keys = [(rule.place, rule.key.lower()) for rule in policy.RULES]
    assert len(keys) == len(set(keys))
    assert not {key for place, key in keys if place == "slurm.conf"} & policy.REREAD


def test_what_we_render_ourselves_is_in_the_table():
    known = [policy.cost("slurm.conf", key, TRIXIE).known for key in conf.DEFAULTS]
    assert all(known) and all(policy.cost("cgroup.conf", key, TRIXIE).known for key in conf.CGROUP_DEFAULTS)


@pytest.mark.parametrize("rule", policy.RULES, ids=lambda rule: f"{rule.place} {rule.key}")
def test_a_newer_slurm_asks_for_no_more(rule):
    assert rule.since.action <= rule.before.action and rule.since.jobs <= rule.before.jobs
    assert rule.why and rule.before.known and rule.since.known


@pytest.mark.parametrize("place", ["NodeName", "PartitionName", "cgroup.conf", "gres.conf", "topology.conf", "job_container.conf"])
def test_every_other_place_has_a_rule_for_any_key(place):
    assert policy.cost(place, "FancyNewKey", TRIXIE).known


def test_reexecution_begins_with_23_11():
    assert [policy.cost("slurm.conf", "TaskPlugin", version).needs for version in ((23, 2), (23, 11), (25, 5))] == [
        Needs.RESTART_SLURMD, Needs.RECONFIGURE, Needs.RECONFIGURE]
    assert policy.cost("slurm.conf", "TaskPlugin", (0,)).needs == Needs.RESTART_SLURMD      # a version that nobody knows


def test_a_cost_in_words():
    cost = policy.cost("slurm.conf", "SelectType", BOOKWORM)
    assert (str(cost), cost.needs.words) == ("restart slurmd, empty cluster", "empty cluster")
    assert str(policy.cost("slurm.conf", "KillWait", BOOKWORM)) == "reconfigure"


def test_the_table_in_markdown():
    rows = policy.table().splitlines()
    assert len(rows) == len(policy.RULES) + 2
    assert "| slurm.conf | `SelectType` | restart slurmd, empty cluster | reconfigure, empty cluster | " in policy.table()
    assert any(row.startswith("| slurm.conf, NodeName | every other key | ") for row in rows)
