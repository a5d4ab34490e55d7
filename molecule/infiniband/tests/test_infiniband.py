"""What the playbook brings about on two subnet managers and three nodes, and what holds when the master ends."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
PARTITIONS = "/etc/opensm/partitions.conf"
UNITS = {"sm1": "opensm@0x0002c90300000011", "sm2": "opensm@0x0002c90300000021"}
NODES = {"cn1": "0x0002c90300000031", "cn2": "0x0002c90300000041", "cn3": "0x0002c90300000051"}


def run(*words):
    """ansible-playbook's status and output."""
    command = [Path(sys.executable).parent / "ansible-playbook", "playbooks/fabric.yml", "-i", os.environ["LAB_INVENTORY"], *words]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    return done.returncode, done.stdout


def master(asked):
    """The GUID of the master, as a manager sees it."""
    said = asked.check_output("on-ibsim timeout 5 sminfo || true")
    return re.search(r"sm guid (0x[0-9a-f]+).*MASTER|$", said)[1]


def lids(asked):
    """The LID of each node, as the manager has written it down."""
    written = dict(re.findall(r"^(0x\w+) (0x\w+)", asked.file("/var/cache/opensm/guid2lid").content_string, re.MULTILINE))
    return {name: int(written[guid], 16) for name, guid in NODES.items()}


def tables(asked):
    """The P_Keys that the ports of the nodes hold, read from the fabric."""
    found = {}
    for name, lid in lids(asked).items():
        said = asked.check_output(f"on-ibsim smpquery pkeys {lid}")
        found[name] = sorted({key for key in re.findall(r"0x[0-9a-f]{4}\b", said) if key != "0x0000"})
    return found


EXPECTED = {"cn1": ["0x7fff", "0x8101"], "cn2": ["0x0101", "0x7fff", "0x8102"], "cn3": ["0x0101", "0x7fff", "0x8103"]}


@pytest.fixture
def managers(host):
    return host("sm1"), host("sm2")


def test_the_first_manager_is_master_and_the_ports_hold_what_the_tenants_imply(managers):
    for manager, unit in zip(managers, UNITS.values()):
        assert manager.service(unit).is_running and manager.service("opensm").is_enabled
    assert master(managers[0]) == master(managers[1]) == "0x2c90300000011"
    assert tables(managers[0]) == EXPECTED


def test_exactly_the_declared_pairs_get_a_path(managers):
    def path(one, other):
        return managers[0].run(f"on-ibsim saquery PR --slid {number[one]} --dlid {number[other]}").stdout
    number = lids(managers[0])
    assert "PathRecord" in path("cn1", "cn2") and "PathRecord" in path("cn1", "cn3")
    assert path("cn2", "cn3").strip() == ""


def test_a_tenants_level_reaches_its_paths_and_has_a_lane(managers):
    number = lids(managers[0])
    said = managers[0].check_output(f"on-ibsim saquery PR --slid {number['cn1']} --dlid {number['cn2']}")
    assert re.search(r"\bsl\.+0x2\b", said) and "0x8101" in said
    assert "| 0| 0| 1| 0|" in managers[0].check_output(f"on-ibsim smpquery sl2vl {number['cn1']} 1")
    arbitration = managers[0].check_output(f"on-ibsim smpquery vlarb {number['cn1']} 1")
    assert "|0x40|0xC0|" in arbitration.partition("High priority")[0]


def test_both_managers_have_the_same_files(managers):
    for path in (PARTITIONS, "/var/cache/opensm/guid2lid"):
        assert managers[0].file(path).content_string == managers[1].file(path).content_string


def test_nodes_have_an_interface_for_each_partition_and_no_adapter_is_no_failure(host):
    node = host("cn2")
    child = node.file("/etc/systemd/network/50-ib0.8101.netdev").content_string
    assert "PartitionKey=0x8101\n" in child, "limited members have the bit too"
    assert "IPoIB=ib0.8101\nIPoIB=ib0.8102\n" in node.file("/etc/systemd/network/50-ib0.network").content_string
    assert '*:00:02:c9:03:00:00:00:41", NAME="ib0"' in node.file("/etc/udev/rules.d/70-persistent-ipoib.rules").content_string
    node.check_output("udevadm verify /etc/udev/rules.d/70-persistent-ipoib.rules")
    assert "memlock unlimited" in node.file("/etc/security/limits.d/50-infiniband.conf").content_string
    node.check_output("systemctl restart systemd-networkd")
    assert "50-ib0" not in node.check_output("journalctl -u systemd-networkd -o cat"), "networkd has no complaint"
    assert not node.service("systemd-networkd-wait-online").is_enabled


def test_a_log_that_was_rotated_is_let_go(managers):
    log = f"/var/log/opensm.{UNITS['sm1'][7:]}.log"
    managers[0].check_output("logrotate --force /etc/logrotate.d/opensm")
    managers[0].check_output("sleep 1")
    process = managers[0].check_output(f"systemctl show -P MainPID {UNITS['sm1']}")
    opened = managers[0].check_output(f"readlink /proc/{process}/fd/*")
    assert log in opened.splitlines() and f"{log}.1" not in opened.splitlines()


def test_a_broken_file_is_named_and_mended_and_what_can_be_read_again_restarts_nothing(managers):
    def processes():
        return [manager.check_output(f"systemctl show -P MainPID {unit}") for manager, unit in zip(managers, UNITS.values())]
    before = processes()
    managers[0].check_output(f"sed -i 's/;//' {PARTITIONS}")
    status, output = run("--check", "--diff", "--limit", "sm1", "-v")
    assert status == 0 and f"OpenSM discards {PARTITIONS} as it is (line " in " ".join(output.split()), output
    status, output = run("-e", '{"opensm_config": {"sweep_interval": 20}}', "--limit", "subnet_manager")
    assert status == 0, output
    assert tables(managers[0]) == EXPECTED and ";" in managers[0].file(PARTITIONS).content_string
    assert "sweep_interval 20" in managers[1].file("/etc/opensm/opensm.conf").content_string and processes() == before
    status, output = run("-e", "opensm_routing_engine=updn", "--limit", "sm2")
    assert status == 0, output
    assert processes()[0] == before[0] and processes()[1] != before[1], "OpenSM reads its routing engine only when it starts"


def test_the_standby_takes_over_with_the_same_lids_and_tables(managers, eventually):
    before = lids(managers[0])
    managers[0].check_output(f"systemctl stop {UNITS['sm1']}")
    try:
        def taken_over():
            return master(managers[1]) == "0x2c90300000021"
        eventually(taken_over)
        assert lids(managers[1]) == before and tables(managers[1]) == EXPECTED
    finally:
        # One after the other, because ibsim drops what answers the trap by which a higher manager asks for its place.
        managers[1].check_output(f"systemctl stop {UNITS['sm2']}")
        managers[0].check_output(f"systemctl start {UNITS['sm1']}")
        managers[1].check_output(f"sleep 2; systemctl start {UNITS['sm2']}")
