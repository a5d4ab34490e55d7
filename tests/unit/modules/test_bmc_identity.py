"""bmc_identity: proof, doubt, and crossed ones by their names."""

from __future__ import annotations

from ansible_collections.clusterwright.hpc.plugins.modules import bmc_identity
from ansible_collections.clusterwright.hpc.tests.unit.modules.bmcs_in_memory import ask, bmcs  # noqa: F401


def known(bmcs, **more):  # noqa: F811
    """The option bmcs, with serial numbers."""
    return [{"name": name, "address": bmc.is_network.address, "serial": more.get(name, bmc.is_identity.serial)}
            for name, bmc in bmcs.items()]


def test_all_proven(ask, bmcs):  # noqa: F811
    found = ask(bmc_identity, bmcs=known(bmcs))
    assert (found["proven"], found["unknown"], found["failed_bmcs"]) == (["n1", "n2", "n3"], {}, {})
    assert found["identities"]["n1"] == {"serial": "SN4711"} and found["warnings"] == []


def test_swapped_ones_fail(ask, bmcs):  # noqa: F811
    bmcs["n1"].is_identity, bmcs["n3"].is_identity = bmcs["n3"].is_identity, bmcs["n1"].is_identity
    found = ask(bmc_identity, bmcs=known(bmcs, n1="SN4711", n3="SN4713"))
    assert found["failed"] and "n1 and n3 are swapped: the BMC at 10.11.1.1 belongs to n3" in found["msg"]
    assert found["proven"] == ["n2"] and {bad["verdict"] for bad in found["failed_bmcs"].values()} == {"wrong machine"}


def test_nothing_to_compare_is_a_warning(ask, bmcs):  # noqa: F811
    found = ask(bmc_identity, bmcs=known(bmcs, n2="To be filled by O.E.M."))
    assert not found.get("failed") and found["proven"] == ["n1", "n3"] and list(found["unknown"]) == ["n2"]
    assert "n2: whose BMC 10.11.1.2 is cannot be told" in found["warnings"][0]
