"""The verdict on a node's hardware."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_hardware

SLURMD_C = "NodeName=cn3 CPUs=32 Boards=1 SocketsPerBoard=2 CoresPerSocket=8 ThreadsPerCore=2 RealMemory=57344\nUpTime=0-05:00:58\n"
DECLARED = {"sockets": 2, "cores_per_socket": 8, "threads_per_core": 2, "memory": 57344}


@pytest.fixture(autouse=True)
def slurmd(monkeypatch):
    """A node with 56 GiB."""
    monkeypatch.setattr(slurm_hardware, "runner", lambda _module: lambda _argv: Result(0, SLURMD_C, ""))
    monkeypatch.setattr(slurm_hardware.platform, "node", lambda: "cn017")


def test_as_declared(call_module):
    result = call_module(slurm_hardware, **DECLARED)
    assert (result["verified"], result["differences"], result["warnings"], result["found"]) == (True, [], [], DECLARED)


@pytest.mark.parametrize("check", [False, True])
def test_less_fails_and_in_check_mode_warns(call_module, check):
    result = call_module(slurm_hardware, check=check, **{**DECLARED, "memory": 65536})
    assert result.get("failed", False) is not check
    assert "cn017 declares 64 GiB, has 56 GiB: a DIMM is gone? slurmctld refuses it" in str(result["warnings"] if check else result["msg"])
    assert (result["verified"], result["differences"][0]["item"]) == (False, "memory")


def test_more_is_a_warning(call_module):
    result = call_module(slurm_hardware, **{**DECLARED, "memory": 28672})
    assert result["verified"] and result["warnings"] == ["cn017 declares 28 GiB, has 56 GiB: correct the cluster file"]


def test_a_node_without_slurmd(call_module, monkeypatch):
    monkeypatch.setattr(slurm_hardware, "runner", lambda _module: lambda _argv: Result(127, "", "slurmd: No such file or directory"))
    assert "is slurmd installed here?" in call_module(slurm_hardware, **DECLARED)["msg"]
