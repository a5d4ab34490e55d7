"""Boot device, users, network and facts, by IPMI and by Redfish, against the simulation."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip("pyghmi")
pytest.importorskip("sushy")

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import change, options, power, settings
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import fleet as bmc_fleet
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.tests.simulators.bmc import Fleet

pytestmark = pytest.mark.integration



@pytest.fixture(params=["ipmi", "redfish"])
def params(request, ports, network):
    """Options for three BMCs that speak both."""
    port, https = ports
    with Fleet(port=port) as running:
        running.add_all(list(zip(("n1", "n2", "n3"), (f"{network}.{number}" for number in (251, 252, 253)))), https=https)
        entries = [{"name": name, "address": bmc.address, "protocol": request.param, "port": port if request.param == "ipmi" else https,
                    **dict.fromkeys(("username", "password", "uuid", "serial", "mac", "bmc_mac"))} for name, bmc in running.bmcs.items()]
        yield SimpleNamespace(fleet=running, options={"bmcs": entries, "username": "admin", "password": "simulated", "timeout": 10,
                                                      "validate_certs": False, "side_by_side": 64})


def run(params, subject, check=False):
    return change.run(SimpleNamespace(params=params.options, check_mode=check), subject)


def test_boot_device(params):
    subject = settings.BootDevice("pxe", True, True)
    assert run(params, subject, check=True)["changed"] and params.fleet["n1"].machine.flags == bytes(5)
    done = run(params, subject)
    assert done["verified"] and run(params, subject)["changed"] is False
    params.fleet.call(lambda: params.fleet.machines["n1"].control("on"))
    targets = options.targets(params.options)
    outcomes = power.apply(targets, "on", 3, 0, 10, 5, 64)
    assert all(outcome.ok for outcome in outcomes.values())
    assert [str(machine.boots[0].device) for machine in params.fleet.machines.values()] == ["pxe"] * 3
    assert len(run(params, subject)["before"]) == 3         # it was used up
    always = settings.BootDevice("bios", False, False)
    assert run(params, always)["after"]["n2"] == {"device": "bios", "once": False, "uefi": False}
    assert run(params, always)["changed"] is False
    assert run(params, settings.BootDevice("none", True, True))["verified"]


def test_users(params):
    wanted = settings.WantedUser("slurm", "operator", "engine")
    done = run(params, settings.BmcUser(wanted))
    assert done["verified"] and run(params, settings.BmcUser(wanted))["changed"] is False
    as_slurm = {**params.options, "username": "slurm", "password": "engine"}
    outcomes = bmc_fleet.call(options.targets(as_slurm), power.switch("on", 5), 20, 64)
    assert all(outcome.ok for outcome in outcomes.values())
    with pytest.raises(ClusterwrightError, match="no privilege"):
        change.run(SimpleNamespace(params=as_slurm, check_mode=False), settings.BmcUser(settings.WantedUser("eve", "user", "apple")))
    assert run(params, settings.BmcUser(wanted._replace(password="other", level="user")))["verified"]
    assert run(params, settings.BmcUser(settings.WantedUser("slurm", None, None)))["verified"]
    assert [bmc.users.named("slurm") for bmc in params.fleet.bmcs.values()] == [None] * 3


def test_network(params):
    wanted = settings.BmcNetwork(settings.WantedNetwork(netmask="255.255.240.0", gateway="127.3.0.1", vlan=12))
    done = run(params, wanted)
    assert done["verified"] and run(params, wanted)["changed"] is False
    assert {bmc.lan["vlan"] for bmc in params.fleet.bmcs.values()} == {12}
    assert run(params, settings.BmcNetwork(settings.WantedNetwork(vlan=0)))["verified"]


def test_facts_and_identity(params):
    machine = params.fleet.machines["n2"]
    machine.power = True
    found = bmc_fleet.call(options.targets(params.options), lambda session, _target, _report: (
        session.facts(["firmware", "fru", "sensors", "sel"]), session.identity(["uuid", "serial", "bmc_mac"])), 20, 64)["n2"].value
    facts, who = found
    assert facts["firmware"]["version"] == "1.42" and (facts["uuid"], facts["serial"]) == (machine.uuid, machine.serial)
    sensors = {sensor["name"]: sensor for sensor in facts["sensors"]}
    assert sensors["FAN1"]["value"] == pytest.approx(8400) and sensors["12V"]["value"] == pytest.approx(12.1)
    assert len(facts["sel"]) == 1 and facts["sel"][0]["severity"] == "warning"
    assert (who.uuid.lower(), who.serial, who.bmc_mac) == (machine.uuid, machine.serial, machine.bmc_mac)
