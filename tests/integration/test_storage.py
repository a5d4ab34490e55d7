"""Ceph on bad days: racks, disks that die and fill up, hosts that go, on real OSDs in containers.

The tests take minutes and build on one another: the lab `storage2` comes up once.
"""

from __future__ import annotations

import json
import os
import shutil
import time

import pytest

from ansible_collections.clusterwright.hpc.tests.integration.conftest import BUILD, CHECKOUT, Cluster

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Three racks, the third of which has two hosts. The disks are small, so that they can be filled.
FILE = """\
plugin: clusterwright.hpc.cluster
name: storage2
networks:
  admin: {subnet: 10.62.0.0/24}
nodes:
  store[1-2]:
    os: debian-13
    rack: "r[1-2]"
    roles: [ceph_mon, ceph_mgr, ceph_osd, ceph_mds]
    interfaces: {eth0: {network: admin, address: 10.62.0.11}}
  store3:
    os: debian-13
    rack: r3
    roles: [ceph_mon, ceph_osd, ceph_mds]
    interfaces: {eth0: {network: admin, address: 10.62.0.13}}
  store4:
    os: debian-13
    rack: r3
    roles: [ceph_osd]
    interfaces: {eth0: {network: admin, address: 10.62.0.14}}
  cn1:
    os: debian-13
    roles: [ceph_client]
    interfaces: {eth0: {network: admin, address: 10.62.0.21}}
ceph:
  failure_domain: rack
  osds:
    "store[1-4]": {files: 1, size: 1 GiB}
  pg_per_osd: 40
  pools:
    scratch_metadata: {application: cephfs, share: 5}
    scratch_data: {application: cephfs, share: 95}
  filesystems:
    scratch: {metadata: scratch_metadata, data: [scratch_data], mount: /scratch}
  # What says something of the machine that runs the lab, and a start of the mons that a busy one does not survive at once.
  accept: [MON_DISK_LOW, OSD_SLOW_PING_TIME_BACK, OSD_SLOW_PING_TIME_FRONT, SLOW_OPS]
"""
GONE = ("""\
  store3:
    os: debian-13
    rack: r3
    roles: [ceph_mon, ceph_osd, ceph_mds]
    interfaces: {eth0: {network: admin, address: 10.62.0.13}}
""", "")
NEXT_MON = ("    roles: [ceph_osd]\n", "    roles: [ceph_mon, ceph_osd, ceph_mds]\n")
# A file a second, each with its checksum, until it is told to stop; what fails is kept.
WRITER = """\
cd /scratch && rm -f stop && mkdir -p load && i=$(ls load | wc -l)
while [ ! -e stop ]; do
  i=$((i + 1)); head -c 200K /dev/urandom > load/$i && sync load/$i && (cd load && sha256sum $i) >> sums || echo $i >> /root/failed
  sleep 0.5
done; touch done
"""


class Storage(Cluster):
    """The cluster above, and what its mons say."""

    def declare(self, *replacements: tuple[str, str]) -> None:
        text = FILE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)

    def ceph(self, words, node="store2"):
        return json.loads(self.node(node).sh(f"ceph --connect-timeout 30 {words} --format json"))

    def run(self, playbook, *words):
        """Exit status, and the output on one line."""
        run = self.start(*words, playbook=CHECKOUT / "playbooks" / f"{playbook}.yml").end()
        return run, " ".join(run.output.split())

    def until(self, true, seconds=300):
        end = time.monotonic() + seconds
        while not (seen := true()):
            assert time.monotonic() < end, self.node("store2").sh("ceph health detail; ceph osd df tree; ceph -s")
            time.sleep(1)
        return seen

    def on(self, host):
        """The OSDs of a host."""
        return next(bucket["children"] for bucket in self.ceph("osd tree")["nodes"] if bucket["name"] == host)

    def checks(self):
        return set(self.ceph("health")["checks"])

    def intact(self):
        """Each file that was ever written has its checksum."""
        return self.node("cn1").sh("cd /scratch/load && sha256sum --quiet -c ../sums && wc -l < ../sums")


@pytest.fixture(scope="module")
def storage(artifacts):
    if os.geteuid() or not shutil.which("podman"):
        pytest.skip("a lab needs root and podman; `make test-integration` does the set-up")
    made = Storage(BUILD / "storage2", "storage2", artifacts, image="ceph")
    made.lab("down")
    try:
        made.lab("up")
        built, said = made.run("storage")
        assert not built.bad, said
        yield made
    finally:
        made.lab("down")
        shutil.rmtree(made.file.parent)


@pytest.fixture
def load(storage):
    """A writer on the client, from before the test until its end; then all that it wrote must be there."""
    node = storage.node("cn1")
    node.sh(f"rm -f /root/failed /scratch/done; cat > /root/writer <<'END'\n{WRITER}END\n"
            "systemd-run --quiet --collect --unit writer sh /root/writer")
    storage.until(lambda: node.status("test -s /scratch/sums") == 0)
    before = int(storage.intact())
    yield
    node.sh("touch /scratch/stop; until [ -e /scratch/done ]; do sleep 0.5; done")
    assert node.status("test -e /root/failed") == 1, "a write failed"
    assert int(storage.intact()) > before, "nothing was written meanwhile"


def test_no_rack_has_two_copies(storage):
    racks = {osd: rack["name"] for rack in storage.ceph("osd tree")["nodes"] if rack["type"] == "rack"
             for host in storage.ceph("osd tree")["nodes"] if host["id"] in rack["children"] for osd in host["children"]}
    assert sorted(racks.values()) == ["r1", "r2", "r3", "r3"]
    # The manager makes a pool of its own, at a time of its own.
    declared = [pool["pool"] for pool in storage.ceph("osd dump")["pools"] if pool["pool_name"] != ".mgr"]
    places = {group["pgid"]: sorted(racks[osd] for osd in group["up"])
              for group in storage.ceph("pg dump pgs_brief")["pg_stats"] if int(group["pgid"].split(".")[0]) in declared}
    assert places and {pgid: place for pgid, place in places.items() if place != ["r1", "r2", "r3"]} == {}


@pytest.mark.usefixtures("load")
def test_an_osd_dies_under_load_and_another_takes_its_number(storage):
    (number,) = storage.on("store4")
    storage.node("store4").sh(f"systemctl kill -s KILL ceph-osd@{number}; systemctl stop ceph-osd@{number}")
    storage.until(lambda: "OSD_DOWN" in storage.checks())
    asked, said = storage.run("ceph_replace_osd", "-e", f"ceph_osd={number}")
    assert asked.status == 2 and f"osd.{number} on store4 (down): its data is copied to other OSDs, then it is destroyed" in said
    assert "-e ceph_replace_confirmed=true" in said and storage.ceph("osd tree down")["nodes"], said
    done, said = storage.run("ceph_replace_osd", "-e", f"ceph_osd={number}", "-e", "ceph_replace_confirmed=true")
    assert not done.bad, said
    assert storage.on("store4") == [number] and storage.ceph("osd stat")["num_in_osds"] == 4
    assert storage.node("store4").sh("ls /var/lib/ceph/osd") == f"ceph-{number}"


@pytest.mark.usefixtures("load")
def test_the_first_mon_is_lost_and_another_is_asked(storage):
    storage.podman("kill", node="store1")
    storage.declare(("  filesystems:", '  clients:\n    backup: {mon: allow r, osd: "allow rw pool=scratch_data"}\n  filesystems:'))
    try:
        run, said = storage.run("storage", "-e", "ceph_timeout=1")
        assert sorted(run.bad) == ["store1", "store2"] and "Ceph is ill after 1 s" in run.bad["store2"], said
        assert storage.ceph("auth get client.backup")[0]["caps"]["osd"] == "allow rw pool=scratch_data"
        rolling, said = storage.run("ceph_rolling")
        assert "MON_DOWN" in said and not rolling.changed
    finally:
        storage.declare()
        storage.podman("start", node="store1")
        storage.until(lambda: not storage.checks() & {"MON_DOWN", "OSD_DOWN", "PG_DEGRADED"})


def test_disks_that_are_nearly_full_are_told_and_well_again_when_there_is_room(storage):
    node = storage.node("cn1")
    fill = ("mkdir -p /scratch/fill; i=$(ls /scratch/fill | wc -l); most=$((i + {most})); while [ $i -lt $most ]; do i=$((i + 1)); "
            "timeout 60 dd if=/dev/zero of=/scratch/fill/$i bs=1M count=10 conv=fsync status=none || exit 9; done")
    while "OSD_NEARFULL" not in storage.checks():
        node.sh(fill.format(most=10))
        time.sleep(3)       # what OSDs tell the managers is some seconds old
    run, said = storage.run("storage", "-e", "ceph_timeout=1")
    assert "OSD_NEARFULL" in run.bad["store1"], said
    run, said = storage.run("ceph_remove_host", "-e", "ceph_host=store4", "-e", "ceph_remove_confirmed=true")
    assert "% full, and nearfull is at 85 %" in said and not run.changed, said
    node.sh("rm -rf /scratch/fill")
    storage.until(lambda: not [name for name in storage.checks() if "FULL" in name])
    run, said = storage.run("storage")
    assert not run.bad, said
    node.sh("echo again > /scratch/again && sync /scratch/again")


def test_a_host_without_which_pools_do_not_fit_stays(storage):
    run, said = storage.run("ceph_remove_host", "-e", "ceph_host=store1", "-e", "ceph_remove_confirmed=true")
    assert "copies need 3 failure domains, and 2 have OSDs" in said and "nothing was changed" in said
    assert not run.changed and len(storage.ceph("mon dump")["mons"]) == 3


@pytest.mark.usefixtures("load")
def test_a_host_goes_for_ever_and_another_becomes_mon(storage):
    (number,) = storage.on("store3")
    run, said = storage.run("ceph_remove_host", "-e", "ceph_host=store3", "-e", "ceph_remove_confirmed=true")
    assert not run.bad and "2 mons are left, of which 0 may be lost" in said, said
    assert sorted(mon["name"] for mon in storage.ceph("mon dump")["mons"]) == ["store1", "store2"]
    assert number not in {node["id"] for node in storage.ceph("osd tree")["nodes"]}
    assert "store3" not in storage.node("store2").sh("ceph auth ls 2>/dev/null; ceph osd tree")
    assert storage.node("store3").sh("systemctl list-units --plain --no-legend 'ceph-*@*' --state running") == ""
    storage.podman("kill", node="store3")
    storage.declare(GONE, NEXT_MON, ("store[1-4]", "store[1-2,4]"))
    run, said = storage.run("storage")
    assert not run.bad, said
    assert sorted(storage.ceph("quorum_status")["quorum_names"]) == ["store1", "store2", "store4"]


@pytest.fixture
def disk(storage):
    """A disk of store4 with a filesystem that somebody may need."""
    node = storage.node("store4")
    name = node.sh("truncate -s 1G /root/disk && losetup --find --show /root/disk && mkfs.ext4 -q $(losetup -nO NAME -j /root/disk)")
    yield name
    node.sh(f"systemctl stop 'ceph-osd@*'; losetup -d {name}")


def test_a_disk_with_data_takes_an_osds_place_only_when_it_is_named_and_confirmed(storage, disk):
    (number,) = storage.on("store4")
    storage.declare(GONE, NEXT_MON, ('"store[1-4]": {files: 1, size: 1 GiB}',
                                     f'"store[1-2]": {{files: 1, size: 1 GiB}}\n    store4: {{devices: [{disk}], size: 1 GiB}}'))
    words = ["-e", f"ceph_osd={number}", "-e", "ceph_replace_confirmed=true"]
    zap = [*words, "-e", f"ceph_zap=store4:{disk}"]
    for refused, reason in ((words, f"{disk} carries data (ext4)"), (zap, "If that is what you want: -e ceph_zap_confirmed=true"),
                            ([*words, "-e", f"ceph_zap=store1:{disk}", "-e", "ceph_zap_confirmed=true"], "is not the host of")):
        run, said = storage.run("ceph_replace_osd", *refused)
        assert reason in said and not run.changed, said
        assert storage.node("store4").status(f"blkid {disk} | grep ext4") == 0
    # No rack is to spare now.
    run, said = storage.run("ceph_replace_osd", *zap, "-e", "ceph_zap_confirmed=true")
    assert not run.bad and "its data cannot be on other OSDs" in said, said
    assert storage.node("store4").sh(f"readlink -f /var/lib/ceph/osd/ceph-{number}/block") == disk
    assert storage.on("store4") == [number]
    storage.intact()

