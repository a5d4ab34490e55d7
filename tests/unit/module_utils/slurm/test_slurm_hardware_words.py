"""What a node has beside what is declared of it, in plain words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import hardware
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.hardware import Hardware

SLURMD_C = "NodeName=cn3 CPUs=32 Boards=1 SocketsPerBoard=2 CoresPerSocket=8 ThreadsPerCore=2 RealMemory=57344\nUpTime=0-05:00:58\n"
DECLARED = Hardware(2, 8, 2, 65536)


def texts(declared, found):
    return {difference.item: (difference.refused, difference.text) for difference in hardware.compare(declared, found)}


def test_what_slurmd_says():
    assert hardware.parse(SLURMD_C) == Hardware(2, 8, 2, 57344)
    with pytest.raises(ClusterwrightError, match=r"slurmd -C.*No such file"):
        hardware.observe(lambda _argv: Result(127, "", "slurmd: No such file or directory"))


@pytest.mark.parametrize(
    ("change", "refused", "text"),
    [
        ({"memory": 57344}, True, "declares 64 GiB, has 56 GiB: a DIMM is gone?"),
        ({"memory": 64215}, True, "declares 65536 MiB, has 64215 MiB: the kernel and the firmware keep a part, so declare 64200 MiB"),
        ({"memory": 131072}, False, "declares 64 GiB, has 128 GiB: correct the cluster file"),
        ({"sockets": 1}, True, "declares 2 sockets, has 1: a processor is gone?"),
        ({"threads_per_core": 1}, True, "declares 2 threads a core, has 1: SMT is switched off in the firmware or the kernel?"),
        ({"cores_per_socket": 16}, False, "declares 8 cores a socket, has 16: correct the cluster file"),
    ],
)
def test_a_difference_in_words(change, refused, text):
    assert list(texts(DECLARED, DECLARED._replace(**change)).values()) == [(refused, text)]


def test_as_many_cpus_otherwise_divided_are_taken_but_said():
    found = texts(DECLARED, DECLARED._replace(sockets=1, cores_per_socket=16))
    assert not any(refused for refused, _text in found.values())
    assert "as many CPUs in all" in found["sockets"][1]


def test_what_is_not_declared_is_not_compared():
    assert hardware.compare(Hardware(memory=65536), Hardware(1, 1, 1, 65536)) == []
    assert hardware.compare(Hardware(), Hardware(1, 1, 1, 65536)) == []


COUNTS = st.integers(1, 256)


@given(*(st.builds(Hardware, COUNTS, COUNTS, COUNTS, st.integers(1, 10**7)) for _side in range(2)))
def test_refused_is_what_slurmctld_refuses(declared, found):
    cpus = [one.sockets * one.cores_per_socket * one.threads_per_core for one in (declared, found)]
    refused = [difference for difference in hardware.compare(declared, found) if difference.refused]
    assert bool(refused) == (cpus[1] < cpus[0] or found.memory < declared.memory)
    assert hardware.compare(declared, declared) == []


def test_slurmctlds_reasons():
    low = "Low socket*core*thread count, Low CPUs, Low RealMemory (reported:24105 < 100.00% of configured:65536)"
    said = hardware.explain(low, DECLARED)
    assert said.startswith("declares 64 GiB, has 23.5 GiB: a DIMM is gone?; it declares 2 sockets, 8 cores a socket, 2 threads a core, has")
    assert hardware.explain("gres/gpu count reported lower than configured (3 < 4)", DECLARED) == "declares 4 gpu, has 3: a device is gone?"
    assert hardware.explain("DIMM swap", DECLARED) == ""
