"""ipmitool and FreeIPMI's ipmipower, written by others, agree with the simulation and with this collection's driver."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import bulk, options, power

pytestmark = pytest.mark.integration

ipmitool = pytest.mark.skipif(not shutil.which("ipmitool"), reason="there is no ipmitool (apt-get install ipmitool)")
ipmipower = pytest.mark.skipif(not shutil.which("ipmipower"), reason="there is no ipmipower (apt-get install freeipmi-tools)")


def run(*argv, fails=False):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert bool(done.returncode) is fails, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def tool(fleet):
    """tool("node001", "power status"): what ipmitool prints."""
    def call(name, words, suite=17, password="simulated", fails=False):
        return run("ipmitool", "-I", "lanplus", "-H", fleet[name].address, "-p", str(fleet.port), "-U", "admin", "-P", password,
                   "-C", str(suite), "-N", "1", "-R", "3", *words.split(), fails=fails)

    return call


@ipmitool
@pytest.mark.parametrize("suite", [3, 17])
def test_ipmitool_switches(fleet, tool, suite):
    assert "is off" in tool("node001", "power status", suite)
    tool("node001", "power on", suite)
    assert "is on" in wait(lambda: tool("node001", "power status", suite), "is on")
    tool("node001", "power off", suite)
    assert "is off" in wait(lambda: tool("node001", "power status", suite), "is off")
    assert [action for _number, action in fleet.machines["node001"].actions] == ["on", "off"]


def wait(ask, word):
    """The answer, once the word is in it."""
    for _time in range(50):
        if word in (said := ask()):
            break
    return said


@ipmitool
def test_boot_flags_are_used_up_by_a_boot_unless_they_are_to_stay(fleet, tool):
    tool("node001", "chassis bootdev pxe options=efiboot")
    said = tool("node001", "chassis bootparam get 5")
    assert "Force PXE" in said and "only next boot" in said and "EFI" in said
    tool("node001", "power on")
    wait(lambda: tool("node001", "power status"), "is on")
    assert "Boot Flag Invalid" in tool("node001", "chassis bootparam get 5")
    tool("node001", "chassis bootdev bios options=persistent")
    tool("node001", "power reset")
    assert "Boot Flag Valid" in tool("node001", "chassis bootparam get 5")
    assert [(boot.device, boot.uefi) for boot in fleet.machines["node001"].boots] == [("pxe", True), ("bios", False)]


@ipmitool
def test_what_a_bmc_tells_of_its_machine(fleet, tool):
    machine = fleet.machines["node002"]
    assert machine.uuid in tool("node002", "mc guid")
    assert re.search(rf"Product Serial +: {machine.serial}", tool("node002", "fru print"))
    assert machine.bmc_mac in tool("node002", "lan print 1")
    assert "Correctable ECC" in tool("node002", "sel elist")
    assert re.search(r"Inlet Temp +\| 02h \| ok .*22 degrees C", tool("node002", "sdr elist"))
    assert re.search(r"CPU Temp .*\| ns ", tool("node002", "sdr elist"))        # it has no power
    assert re.search(r"2 +admin .* ADMINISTRATOR", tool("node002", "user list 1"))
    assert re.search(r"^3 .*hmac_sha1 .*\n17 .*hmac_sha256 ", tool("node002", "channel getciphers ipmi 1"), re.MULTILINE)


@ipmitool
def test_a_user_that_ipmitool_makes_can_log_in(fleet, tool):
    for words in ("user set name 3 ada", "user set password 3 engine", "user enable 3", "channel setaccess 1 3 ipmi=on privilege=3"):
        tool("node003", words)
    argv = ["ipmitool", "-I", "lanplus", "-H", fleet["node003"].address, "-p", str(fleet.port), "-U", "ada", "-P", "engine", "-C", "17"]
    assert "is off" in run(*argv, "-L", "OPERATOR", "power", "status")
    assert "nsufficient privilege" in run(*argv, "-L", "OPERATOR", "user", "set", "name", "4", "eve", fails=True)


@ipmitool
def test_wrong_passwords_and_faults_are_seen_by_ipmitool_too(fleet, tool):
    assert "Unable to establish" in tool("node004", "power status", password="wrong", fails=True)
    fleet["node004"].faults.busy = -1
    tool("node004", "power status", fails=True)
    fleet["node005"].faults.stuck = True
    tool("node005", "power on")
    assert "is off" in tool("node005", "power status")


@ipmipower
def test_ipmipower_reads_all_of_them(fleet, bmcs):
    fleet.call(lambda: [setattr(machine, "power", True) for machine in list(fleet.machines.values())[:250:5]])
    hosts = ",".join(f"{entry['address']}:{fleet.port}" for entry in bmcs())
    said = run("ipmipower", "-h", hosts, "-u", "admin", "-p", "simulated", "-D", "LAN_2_0", "-I", "17", "--stat")
    powers = dict(re.findall(r"^(127[\d.]+)(?::\d+)?: (on|off)$", said, re.MULTILINE))
    assert powers == {bmc.address: "on" if bmc.machine.power else "off" for bmc in fleet.bmcs.values()}


@ipmipower
def test_ipmipower_has_the_same_verdicts(fleet):
    fleet["node002"].users.places[2].password = b"other"
    hosts = ",".join(f"{fleet[name].address}:{fleet.port}" for name in ("node001", "node002"))
    said = run("ipmipower", "-h", hosts, "-u", "admin", "-p", "simulated", "-D", "LAN_2_0", "--stat", fails=True)
    assert "password invalid" in said and said.count(": off") == 1
    said = run("ipmipower", "-h", hosts, "-u", "nobody", "-p", "simulated", "-D", "LAN_2_0", "--stat", fails=True)
    assert said.count("username invalid") == 2


@ipmipower
def test_ipmipower_serves_bulk_status_and_the_driver_tells_what_ails_the_rest(fleet, bmcs):
    pytest.importorskip("pyghmi")
    fleet.call(lambda: [setattr(machine, "power", True) for machine in list(fleet.machines.values())[:40:2]])
    fleet["node003"].faults.hang = True
    fleet["node004"].users.places[2].password = b"other"
    targets = [{"protocol": "ipmi", "username": "admin", "password": "simulated", "verify_tls": True, "port": fleet.port, **entry}
               for entry in bmcs(40)]
    quick = bulk.powers(targets, 3)
    assert len(quick) == 39 and "node003" not in quick
    outcomes = power.observe(targets, "status", True, 6, 64)
    assert {name: outcome.verdict for name, outcome in outcomes.items() if not outcome.ok} == {
        "node003": "timed out", "node004": "wrong password"}
    assert "answered the login and then nothing more" in outcomes["node003"].text
    told = {name: outcome.value for name, outcome in outcomes.items() if outcome.ok}
    assert told == {name: "on" if fleet.machines[name].power else "off" for name in told}


@ipmitool
@ipmipower
def test_all_three_agree(fleet, bmcs, tool):
    """bmc_power's way, ipmitool and ipmipower, one after the other on the same machines."""
    pytest.importorskip("pyghmi")
    entries = bmcs(8)
    optional = dict.fromkeys(("port", "username", "password", "uuid", "serial", "mac", "bmc_mac"))
    targets = options.targets({"bmcs": [{"protocol": "ipmi", **optional, **entry} for entry in entries], "username": "admin",
                               "password": "simulated", "validate_certs": True, "timeout": 6, "side_by_side": 64})
    power.apply(targets[::2], "on", 32, 0, 6, 5, 64)
    ours = {name: outcome.value for name, outcome in power.observe(targets, "status", False, 6, 64).items()}
    assert ours == {entry["name"]: "off" if number % 2 else "on" for number, entry in enumerate(entries)}
    assert {name: re.findall("on|off", tool(name, "power status"))[-1] for name in ours} == ours
    hosts = ",".join(f"{entry['address']}:{fleet.port}" for entry in entries)
    said = run("ipmipower", "-h", hosts, "-u", "admin", "-p", "simulated", "-D", "LAN_2_0", "-I", "17", "--stat")
    addresses = dict(re.findall(r"^(127[\d.]+)(?::\d+)?: (on|off)$", said, re.MULTILINE))
    assert {entry["name"]: addresses[entry["address"]] for entry in entries} == ours
