"""bmc_boot: predicted, done, read back, and done once."""

from __future__ import annotations

from ansible_collections.clusterwright.hpc.plugins.modules import bmc_boot
from ansible_collections.clusterwright.hpc.tests.unit.modules.bmcs_in_memory import ask, bmcs  # noqa: F401


def test_for_the_next_start(ask, bmcs):  # noqa: F811
    predicted = ask(bmc_boot, check=True, device="pxe")
    assert predicted["changed"] and not predicted["verified"] and not bmcs["n1"].told
    done = ask(bmc_boot, device="pxe")
    assert done["changed"] and done["verified"] and str(bmcs["n2"].is_boot) == "pxe once by UEFI"
    assert done["before"]["n1"] == {"device": "none", "once": True, "uefi": False}
    assert done["after"] == predicted["after"] and done["commands"] == predicted["commands"] == [
        f"n{number}: boot from pxe once by UEFI" for number in (1, 2, 3)]
    assert done["impact"] == [{"kind": "next_boot", "nodes": ["n1", "n2", "n3"],
                               "text": "the next start of n1, n2, n3 is from pxe once by UEFI"}]
    assert "n3: device pxe, once True, uefi True\n" in done["diff"]["after"]
    again = ask(bmc_boot, device="pxe")
    assert (again["changed"], again["commands"], len(bmcs["n1"].told)) == (False, [], 1)
    assert ask(bmc_boot, device="none")["commands"][0] == "n1: no override of the boot device"
    assert ask(bmc_boot, device="disk", once=False, uefi=False)["after"]["n1"] == {"device": "disk", "once": False, "uefi": False}


def test_a_bmc_that_does_not_keep_it_lies(ask, bmcs):  # noqa: F811
    bmcs["n2"].forgets = True
    done = ask(bmc_boot, device="bios")
    assert done["failed"] and done["after"]["n2"] == "unknown" and done["failed_bmcs"]["n2"]["verdict"] == "lies"
    assert "1 of 3 BMCs did not do as asked (boot device). n2: took its boot device, and still has device none" in done["msg"]
