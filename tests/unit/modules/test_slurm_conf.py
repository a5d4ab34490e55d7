"""slurm_conf before it touches anything. What it does to a real slurmctld stands in tests/integration/test_cluster_slurm_conf.py."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_conf

INTENT = {
    "cluster_name": "c", "controllers": [{"name": "head1", "address": "10.0.0.1"}], "dbds": [], "jwt": False, "enforce": False,
    "nodes": [], "partitions": [], "config": {}, "cgroup": {}, "gres": [], "topology": [], "job_container": {},
}


@pytest.fixture
def asked(monkeypatch):
    """A host on which no command exists; what was asked for."""
    seen = []

    def run(argv):
        seen.append(" ".join(argv))
        return Result(127, "", f"{argv[0]}: No such file or directory")

    monkeypatch.setattr(slurm_conf, "runner", lambda _module: run)
    return seen


def test_what_is_no_intent_is_refused(call_module, asked):
    result = call_module(slurm_conf, intent={key: value for key, value in INTENT.items() if key not in ("gres", "nodes")})
    assert result["failed"]
    assert result["msg"].startswith("intent has no gres, nodes: give the variable slurm_intent")
    assert asked == []


def test_where_slurmctld_is_not_installed_nothing_is_changed(call_module, asked):
    result = call_module(slurm_conf, intent=INTENT)
    assert result["failed"]
    assert "slurmctld is not installed on this host: nothing was changed" in result["msg"]
    assert asked == ["slurmctld -V"]
