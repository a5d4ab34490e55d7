"""What storage.yml brings about, and that data outlives the loss of an OSD and of a mon."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
MOUNT = "/scratch/all-users"
ACCEPTED = ["MON_DISK_LOW", "OSD_SLOW_PING_TIME_BACK", "OSD_SLOW_PING_TIME_FRONT"]


def ansible(program, *words, inventory=os.environ["LAB_INVENTORY"]):
    """Status and output of one of Ansible's programs."""
    command = [Path(sys.executable).parent / program, "-i", inventory, *words]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False)
    return done.returncode, done.stdout


def module(host, name, **options):
    """A module of ours on one host."""
    return ansible("ansible", host, "-m", f"clusterwright.hpc.{name}", "-a", json.dumps(options))


@pytest.fixture
def admin(host):
    """What `ceph` says as data, on a mon that no test stops."""
    def ask(words):
        return json.loads(host("store1").check_output(f"ceph {words} --format json"))
    return ask


@pytest.fixture
def well(host):
    """Starts what a test stopped, and waits."""
    yield
    for name in ("store1", "store2", "store3"):
        host(name).run("systemctl reset-failed 'ceph-*'; systemctl start ceph.target 'ceph-mon@*' ceph-mon@%s ceph-osd.target", name)
        host(name).run("for place in /var/lib/ceph/osd/ceph-*; do systemctl start ceph-osd@${place##*-}; done")
    status, output = module("store1", "ceph_health", accept=["RECENT_CRASH", *ACCEPTED], timeout=120)
    assert status == 0, output


def test_it_is_as_declared(admin):
    status = admin("status")
    assert sorted(status["quorum_names"]) == ["store1", "store2", "store3"]
    assert (status["osdmap"]["num_up_osds"], status["osdmap"]["num_in_osds"]) == (3, 3)
    pools = {pool["pool_name"]: (pool["size"], pool["min_size"], pool["pg_num"]) for pool in admin("osd dump")["pools"]}
    assert (pools["scratch_data"], pools["scratch_metadata"]) == ((3, 2, 32), (3, 2, 16))


def test_the_modules_of_the_manager_run(admin):
    assert admin("mgr module ls")["enabled_modules"] == ["iostat"]
    broken = [name for name in admin("health detail")["checks"] if name.startswith("MGR_")]
    assert broken == [], "the managers' stand-in for bcrypt is not taken"


def test_bcrypt_of_the_manager_is_the_real_one(host):
    program = "import bcrypt; print(bcrypt.hashpw(b\"secret\", bcrypt.gensalt(4)).decode())"
    said = host("store1").check_output(f"PYTHONPATH=/usr/lib/clusterwright-ceph-mgr python3 -c '{program}'")
    assert host("store1").check_output(f"python3 -c 'import bcrypt; print(bcrypt.checkpw(b\"secret\", b\"{said}\"))'") == "True"


@pytest.mark.usefixtures("well")
def test_data_outlives_an_osd_and_a_mon_and_no_further_host_is_taken_down(host, admin, eventually):
    node, lost = host("cn1"), host("store3")
    node.check_output(f"head -c 60M /dev/urandom > {MOUNT}/before && sync {MOUNT}/before")
    known = node.check_output(f"sha256sum {MOUNT}/before").split()[0]
    lost.check_output("systemctl kill -s KILL ceph-osd@* && systemctl stop 'ceph-osd@*' ceph-mon@store3")

    def osd_is_seen_down():
        return admin("osd stat")["num_up_osds"] == 2
    eventually(osd_is_seen_down)
    assert sorted(admin("quorum_status")["quorum_names"]) == ["store1", "store2"]
    node.check_output(f"echo 1 > /proc/sys/vm/drop_caches; timeout 60 head -c 1M /dev/zero > {MOUNT}/during && sync {MOUNT}/during")
    assert node.check_output(f"timeout 60 sha256sum {MOUNT}/before").split()[0] == known
    status, output = ansible("ansible-playbook", "playbooks/ceph_rolling.yml")
    assert status == 2 and "Ceph is ill after 10 s" in output and "OSD_DOWN (1 osds down)" in output and "MON_DOWN" in output, output
    assert "noout" not in admin("osd dump")["flags_set"]


def test_it_is_well_again_with_all_its_data(host, admin):
    assert host("cn1").check_output(f"stat -c %s {MOUNT}/before {MOUNT}/during").split() == ["62914560", "1048576"]
    assert admin("osd stat")["num_up_osds"] == 3


def test_what_would_lose_data_is_refused(admin):
    def sizes():
        return [(pool["size"], pool["min_size"]) for pool in admin("osd dump")["pools"]]
    before = sizes()
    pool = {"name": "scratch_data", "pg_num": 32, "application": "cephfs"}
    for change, reason in (({"size": 1}, "size 1 loses data"), ({"size": 2, "min_size": 3}, "min_size 3 is more than its 2 copies")):
        status, output = module("store1", "ceph_pool", pools=[{**pool, **change}])
        assert status == 2 and reason in output, output
    assert sizes() == before


def test_a_disk_with_data_is_refused(host, admin):
    store = host("store2")
    disk = store.check_output("truncate -s 300M /root/disk && losetup --find --show /root/disk")
    try:
        store.check_output("mkfs.ext4 -q %s", disk)
        before = store.check_output("sha256sum /root/disk")
        status, output = module("store2", "ceph_osd", devices=[disk], size=300, fsid=admin("status")["fsid"])
        assert status == 2 and f"{disk} carries data (ext4)" in output, output
        assert store.check_output("sha256sum /root/disk") == before
    finally:
        store.check_output("losetup -d %s && rm /root/disk", disk)
    assert admin("osd stat")["num_osds"] == 3


def test_a_wrong_key_is_set_right_and_of_two_runs_at_once_one_ends(host):
    node, keyring = host("cn1"), "/etc/ceph/ceph.client.scratch.keyring"
    unit = node.check_output(f"systemd-escape --path --suffix=mount {MOUNT}")
    node.check_output(f"systemctl stop '{unit}' && ceph-authtool {keyring} --gen-key --name client.scratch")
    assert node.run(f"timeout 60 systemctl start '{unit}'").failed
    command = [Path(sys.executable).parent / "ansible-playbook", "-i", os.environ["LAB_INVENTORY"], "playbooks/storage.yml",
               "--limit", "cn1,store1"]
    both = [subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for _ in range(2)]
    said = [run.communicate(timeout=900)[0] for run in both]
    assert sorted(run.returncode == 0 for run in both) == [False, True], said
    assert node.mount_point(MOUNT).filesystem == "fuse.ceph-fuse"
    keys = [node.check_output(f"ceph-authtool {keyring} --print-key --name client.scratch"),
            host("store1").check_output("ceph auth print-key client.admin")]
    assert not any(key in text for key in keys for text in said)


def test_a_mount_of_the_cluster_file(host):
    assert host("cn1").check_output("findmnt -no FSTYPE,SOURCE /data/my-own").split() == ["tmpfs", "tmpfs"]
    assert host("cn1").check_output("systemctl is-enabled 'data-my\\x2down.mount'") == "enabled"
