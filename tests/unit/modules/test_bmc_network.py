"""bmc_network: what is not given stays, and a moved BMC is looked for where it went."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.modules import bmc_network
from ansible_collections.clusterwright.hpc.tests.unit.modules.bmcs_in_memory import ask, bmcs  # noqa: F401


def test_gateway_and_netmask_of_all(ask, bmcs):  # noqa: F811
    wanted = {"netmask": "255.255.240.0", "gateway": "10.11.0.1"}
    predicted, done = ask(bmc_network, check=True, **wanted), ask(bmc_network, **wanted)
    assert done["verified"] and done["after"] == predicted["after"] and done["after"]["n2"]["gateway"] == "10.11.0.1"
    assert done["commands"][:2] == ["n1: netmask 255.255.240.0", "n1: gateway 10.11.0.1"]
    assert done["after"]["n1"]["address"] == "10.11.1.1" and done["impact"][0]["text"] == "the BMC of n1 is then to be reached at 10.11.1.1"
    assert ask(bmc_network, **wanted)["changed"] is False and len(bmcs["n1"].told) == 1


def test_a_new_address_is_read_back_there(ask, bmcs):  # noqa: F811
    done = ask(bmc_network, addresses={"n2": "10.11.9.2"}, vlan=11)
    assert done["verified"] and done["after"]["n2"]["address"] == "10.11.9.2" == bmcs["n2"].is_network.address
    assert done["impact"][1] == {"kind": "bmc_moves", "nodes": ["n2"], "address": "10.11.9.2", "vlan": 11,
                                 "text": "the BMC of n2 is then to be reached at 10.11.9.2 in VLAN 11"}


def test_an_address_from_dhcp_is_not_set(ask, bmcs):  # noqa: F811
    bmcs["n1"].is_network = bmcs["n1"].is_network._replace(source="dhcp")
    done = ask(bmc_network, gateway="10.11.0.1")
    assert done["failed"] and "n1: has its address from DHCP: with source=static it can be set" in done["msg"] and not bmcs["n1"].told
    assert ask(bmc_network, gateway="10.11.0.1", source="static")["verified"]


@pytest.mark.parametrize(
    ("options", "said"),
    [({"gateway": "10.11.0"}, "'10.11.0' is no IPv4 address"), ({"addresses": {"n1": "10.0.0.1", "n2": "10.0.0.1"}}, "an address twice"),
     ({"addresses": {"n9": "10.0.0.1"}}, "addresses names n9, which bmcs does not"), ({"vlan": 4095}, "vlan 4095 is none from 1 to 4094")],
)
def test_what_makes_no_sense_changes_nothing(ask, bmcs, options, said):  # noqa: F811
    done = ask(bmc_network, **options)
    assert done["failed"] and said in done["msg"] and not any(bmc.told for bmc in bmcs.values())
