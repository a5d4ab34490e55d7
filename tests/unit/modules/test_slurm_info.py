"""What is asked for is read, and nothing else."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_info


@pytest.fixture
def slurm(monkeypatch):
    """A Slurm of a version, that answers by the last word of a command; returns the commands it got."""
    asked = []

    def answers(version, **texts):
        def run(argv):
            asked.append(list(argv))
            if "--version" in argv:
                return Result(0, f"slurm-wlm {version}\n", "")
            kind = "jobs" if "squeue" in argv else argv[-1]
            return Result(0, texts[kind], "") if kind in texts else Result(1, "", "slurm_load: Unable to contact slurm controller")

        monkeypatch.setattr(slurm_info, "runner", lambda _module: run)
        return asked

    return answers


def test_json_from_24_11_on_and_lines_before(call_module, slurm):
    asked = slurm("24.11.5", nodes='{"nodes": [{"name": "cn1", "state": ["IDLE"]}]}', node="NodeName=cn1 State=IDLE\n")
    result = call_module(slurm_info, gather=["nodes"])
    assert (result["version"], result["nodes"]["cn1"]["states"], result["changed"]) == ("24.11.5", ["IDLE"], False)
    assert "--json" in asked[-1] and "jobs" not in result
    slurm("22.05.8", node="NodeName=cn1 State=IDLE\n")
    assert call_module(slurm_info, gather=["nodes"])["nodes"]["cn1"]["states"] == ["IDLE"]
    assert "--json" not in asked[-1]


def test_a_slurmctld_that_does_not_answer(call_module, slurm):
    slurm("24.11.5")
    assert "slurmctld does not answer" in call_module(slurm_info)["msg"]
