"""The filter slurm_upgrade_plan, as the playbook uses it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.clusterwright.hpc.plugins.filter.slurm_upgrade_plan import FilterModule

PLAN = FilterModule().filters()["slurm_upgrade_plan"]
SEEN = {
    "head1": {
        "before": {"slurmctld": "24.11.5-4"}, "candidate": {"slurmctld": "26.05.5-1"}, "trouble": [], "unfinished": [], "old_steps": 0,
        "daemons": {"slurmctld.service": {"active": True, "down": False, "stale": False}},
    },
}  # fmt: skip
HOSTS = {"slurmdbd": [], "slurmctld": ["head1"], "slurmd": [], "others": []}


def test_a_plan():
    plan = PLAN(SEEN, "26.05", hosts=HOSTS, config="SLURM_VERSION = 24.11.5\n")
    assert plan["release"] == "26.05" and plan["refusals"] == [] and plan["todo"]["slurmctld"]
    assert plan["lines"] == ["slurmctld on head1, 24.11.5-4 -> 26.05.5-1: stop, copy its state, replace the packages, start"]


def test_a_number_is_a_release_too():
    """26.05 without quotes is a float in YAML, and 25.10 would lose its end, but no release ends in 0."""
    assert PLAN(SEEN, 26.05, hosts=HOSTS)["release"] == "26.05"


@pytest.mark.parametrize("seen", [None, [], "head1"])
def test_what_is_no_answer_of_the_hosts_is_an_error(seen):
    with pytest.raises(AnsibleFilterError, match="answers of slurm_packages by host"):
        PLAN(seen, "26.05", hosts=HOSTS)
