"""What a run is told of its nodes."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_node


@pytest.fixture
def slurmctld(monkeypatch):
    """Takes the lines that slurmctld answers with, the same each time."""

    def answers(*lines, rc=0):
        text = "".join(f"{line}\n" for line in lines)
        monkeypatch.setattr(slurm_node, "runner", lambda _module: lambda _argv: Result(rc, text, text if rc else ""))

    return answers


def test_nodes_that_respond(call_module, slurmctld):
    drained = "NodeName=cn2 State=IDLE+DRAIN Reason=DIMM swap [root@2026-11-21T05:00:00]"
    slurmctld("NodeName=cn1 State=IDLE", drained, "NodeName=cn3 State=UNKNOWN")
    result = call_module(slurm_node, nodes=["cn1", "cn2"])
    assert result["states"] == {"cn1": "IDLE", "cn2": "DRAIN+IDLE (DIMM swap)"}
    assert (result["verified"], result["not_responding"], result["changed"]) == (True, {}, False)
    assert result["warnings"] == []     # who has drained a node knows it


def test_a_node_that_slurmctld_took_out_is_a_warning(call_module, slurmctld):
    slurmctld("NodeName=cn1 State=DOWN Reason=Not responding [slurm@2026-11-21T05:00:00]")
    assert "state=resume" in str(call_module(slurm_node, nodes=["cn1"])["warnings"])


@pytest.mark.parametrize("check", [False, True])
def test_nodes_that_do_not_respond_fail_the_run_and_only_warn_in_check_mode(call_module, slurmctld, check):
    slurmctld(*(f"NodeName=cn{number} State=UNKNOWN" for number in range(1, 8)))
    names = [f"cn{number}" for number in range(1, 9)]
    result = call_module(slurm_node, nodes=names, timeout=0, check=check)
    assert result.get("failed", False) is not check and result["verified"] is False
    assert sorted(result["not_responding"]) == names
    said = str(result["warnings"]) if check else result["msg"]
    assert "8 of 8 nodes do not respond" in said and said.count("journalctl") == 5 and "and 3 more" in said


def test_a_slurmctld_that_does_not_answer_is_named(call_module, slurmctld):
    slurmctld("slurm_load_node error: Unable to contact slurm controller", rc=1)
    assert "slurmctld does not answer (slurm_load_node error" in call_module(slurm_node, nodes=["cn1"])["msg"]
