"""bmc_facts: what can be had is had, also when one BMC fails."""

from __future__ import annotations

from ansible_collections.clusterwright.hpc.plugins.modules import bmc_facts
from ansible_collections.clusterwright.hpc.tests.unit.modules.bmcs_in_memory import ask, bmcs  # noqa: F401


def test_what_is_gathered(ask):  # noqa: F811
    found = ask(bmc_facts, gather=["firmware", "sel"])
    assert found["machines"]["n3"] == {"firmware": {"version": "1.42"}, "sel": []} and found["changed"] is False


def test_one_that_fails_does_not_cost_the_others(ask, bmcs):  # noqa: F811
    entries = [{"name": name, "address": bmc.is_network.address} for name, bmc in bmcs.items()]
    entries[1]["password"] = "another word"
    found = ask(bmc_facts, bmcs=entries)
    assert found["failed"] and "1 of 3 BMCs did not tell what they know. n2: does not take this password" in found["msg"]
    assert list(found["machines"]) == ["n1", "n3"] and "another word" not in str(found)
