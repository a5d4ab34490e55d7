"""What a compute node is asked, in one call."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_node_check

DECODED = "STATUS:          Success (0)\nENCODE_TIME:     x (1000)\nDECODE_TIME:     x (%d)\n"


@pytest.fixture
def node(monkeypatch):
    """Takes what unmunge answers."""
    def answers(rc, out="", err=""):
        units = "Id=munge.service\nLoadState=loaded\nActiveState=active\n\nId=slurmd.service\nLoadState=loaded\nActiveState=active\n"
        monkeypatch.setattr(slurm_node_check, "runner", lambda _module: lambda argv: Result(0, units, "") if argv[0] == "systemctl"
                            else Result(rc, out, err) if argv[0] == "sh" else Result(127, "", ""))

    return answers


def ask(call_module, **more):
    return call_module(slurm_node_check, **{"credential": "MUNGE:abc:", "source": "head1", "made_at": 1000.0, "now": 1004.0, **more})


def test_a_node_that_is_well(call_module, node):
    node(0, DECODED % 1005)
    result = ask(call_module)
    assert (result["munge"], result["skew_seconds"], result["changed"]) == ("", 1, False)
    assert result["services"]["slurmd"] == {"unit": "slurmd", "state": "active"} and result["booted_at"] > 0


def test_a_clock_that_is_off_is_a_figure_and_another_key_is_a_sentence(call_module, node):
    node(16, DECODED % 904)
    assert ask(call_module)["skew_seconds"] == -100
    node(14, err="unmunge: Error: Invalid credential\n")
    assert "another munge key than head1" in ask(call_module)["munge"]


def test_without_a_credential_nothing_is_said_of_munge(call_module, node):
    node(1, err="never called")
    result = ask(call_module, credential="")
    assert (result["munge"], result["skew_seconds"]) == ("", None)
