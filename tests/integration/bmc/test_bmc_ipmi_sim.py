"""OpenIPMI's ipmi_sim, a BMC that others wrote: what bmc_power, bmc_boot, bmc_identity and bmc_facts do by IPMI is right there, too.

It knows no cipher suite 17, lets every user do everything, and keeps of a boot override only the device: read back, that is not valid.
"""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest

pytest.importorskip("pyghmi")

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import driver, identity, options, power
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import fleet as bmc_fleet

pytestmark = [pytest.mark.integration,
              pytest.mark.skipif(not shutil.which("ipmi_sim"), reason="there is no ipmi_sim (apt-get install openipmi)")]

PORT = 6231
UUID = "a1b2c3d4-e5f6-0718-293a-4b5c6d7e8f90"
LAN = """name "sim"
set_working_mc 0x20
startlan 1
  addr {address} {port}
  priv_limit admin
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid {guid}
endlan
chassis_control "{folder}/chassis"
user 1 true "" "test" user 10 none md2 md5 straight
user 2 true "admin" "simulated" admin 10 none md2 md5 straight
"""
COMMANDS = "mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\nsel_enable 0x20 100 0x0a\nmc_enable 0x20\n"
# The machine: ipmi_sim calls it with what is read or set, and gives it no more than that.
CHASSIS = """#!/bin/sh
cd {folder} || exit 1
action=$1; shift
while [ $# -gt 0 ]; do
    case $action in
        get) echo "$1:$(cat "$1" 2>/dev/null || echo 0)"; shift;;
        set) echo "$2" >"$1"; echo "$1=$2" >>log; shift 2;;
    esac
done
"""


@pytest.fixture
def sim(tmp_path, network):
    """The folder with its machine, and a function that makes targets of it."""
    address = f"{network}.254"
    (tmp_path / "lan.conf").write_text(LAN.format(address=address, port=PORT, guid=UUID.replace("-", ""), folder=tmp_path))
    (tmp_path / "commands").write_text(COMMANDS)
    (tmp_path / "chassis").write_text(CHASSIS.format(folder=tmp_path))
    (tmp_path / "chassis").chmod(0o755)
    (tmp_path / "power").write_text("0\n")
    (tmp_path / "boot").write_text("none\n")

    def targets(**more):
        unset = dict.fromkeys(("username", "password", "serial", "mac", "bmc_mac"))
        entry = {"name": "n1", "address": address, "protocol": "ipmi", **unset, "port": PORT, "uuid": UUID, **more}
        return options.targets({"bmcs": [entry], "username": "admin", "password": "simulated", "validate_certs": True, "timeout": 8,
                                "side_by_side": 4})

    # It ends with its standard input.
    with (tmp_path / "out").open("w") as out, subprocess.Popen(
            ["ipmi_sim", "-c", tmp_path / "lan.conf", "-f", tmp_path / "commands", "-s", tmp_path, "-p"], stdin=subprocess.PIPE,
            stdout=out, stderr=out, cwd=tmp_path) as process:
        end = time.monotonic() + 20
        while "mc_enable" not in (tmp_path / "out").read_text() and time.monotonic() < end:
            time.sleep(0.05)
        yield tmp_path, targets
        process.kill()


def one(outcomes):
    return outcomes["n1"]


def test_power(sim):
    folder, targets = sim
    assert one(power.observe(targets(), "status", True, 8, 4)).value == "off"
    for state, is_now, told in (("on", "on", ["power=1"]), ("on", "on", []), ("reset", "on", ["reset=1"]), ("off", "off", ["power=0"])):
        (folder / "log").write_text("")
        assert one(power.apply(targets(), state, 4, 0, 8, 5, 4)) == ("ok", is_now, "")
        assert (folder / "log").read_text().split() == told


def test_who_may_not(sim):
    _folder, targets = sim
    assert one(power.observe(targets(password="other"), "status", True, 8, 4)).verdict == "wrong password"
    assert one(power.observe(targets(username="nobody"), "status", True, 8, 4)).verdict == "wrong user"


def test_boot_device_and_identity(sim):
    folder, targets = sim
    found = one(bmc_fleet.call(targets(), lambda session, _target, _report: (
        session.set_boot(driver.Boot("pxe", True, False)), session.identity(["uuid"]),
        session.facts(["firmware"])["firmware"]["version"]), 15, 4))
    assert found.ok, found.text
    _none, who, version = found.value
    assert (folder / "boot").read_text() == "pxe\n" and version == "9.08"
    assert one(identity.judge(targets(), {"n1": who})).verdict == "ok"
    assert one(identity.judge(targets(uuid=UUID.replace("a1", "b1")), {"n1": who})).verdict == "wrong machine"
