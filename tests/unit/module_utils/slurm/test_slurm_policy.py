"""What a change needs, by key and version; and how slurm.conf is tried."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import policy, trial
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


def test_a_trial_touches_nothing_of_the_running_daemon():
    text = ("ClusterName=c\nSlurmctldHost=head1(10.0.0.1)\nStateSaveLocation=/srv/state\nSlurmctldPidFile=/run/slurmctld.pid\n"
            "AccountingStorageType=accounting_storage/slurmdbd\nKillWait=30\n")
    lines = trial.rehearsal(text, "head1", "/tmp/scratch", lambda _path: True).split("\n")
    assert "KillWait=30" in lines
    assert not [line for line in lines if line.startswith("AccountingStorageType")]
    assert all(line.split("=", 1)[1].startswith("/tmp/scratch/") for line in lines if line.startswith(("StateSave", "SlurmctldPid")))
    assert len(lines) > text.count("\n")      # what follows the real lines comes after them, so that their numbers stay
    assert lines[5] == "KillWait=30"
