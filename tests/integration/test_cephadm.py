"""Ceph by its orchestrator: real cephadm, and real daemons in containers within the lab's containers.

It takes minutes, for everything is installed on bare nodes, and the image of the daemons is built and pushed to a registry of the lab.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.tests.integration.conftest import BUILD, CHECKOUT, HERE, Cluster
from ansible_collections.clusterwright.hpc.tools.labkit import images

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NAME = "cephadmtest"
OTHER = "0a1b2c3d-0000-4000-8000-0123456789ab"
REGISTRY = "10.61.0.11:5000"
DISKS = {"store1": [61], "store2": [62, 63]}      # numbers of loop devices, which all containers share
CONTAINERS, CONFIG = "/var/lib/containers", "/etc/containers/containers.conf.d"
REGISTRY_CONFIG = "version: 0.1\nstorage:\n  filesystem: {rootdirectory: /srv/shared/registry}\nhttp:\n  addr: :5000\n"


class Orchestrated(Cluster):
    """A cluster file of its own, and storage.yml."""

    def declare(self, *replacements: tuple[str, str]) -> None:
        text = (HERE / "cephadm/cluster.yml").read_text()
        for old, new in replacements:
            assert text.count(old) == 1
            text = text.replace(old, new)
        self.file.write_text(text)

    def storage(self):
        """Run storage.yml, however long images and daemons take on a busy machine."""
        patience = ("-e", "cephadm_timeout=2400", "-e", "ceph_timeout=900")
        with self.start(*patience, playbook=CHECKOUT / "playbooks/storage.yml") as site:
            assert site.process.stdout
            site.lines += site.process.stdout
            return site.end()

    def ask(self, words: str):
        return json.loads(self.node("store1").sh(f"ceph {words} --format json"))

    def specs(self):
        return {spec["service_name"]: spec for spec in self.ask("orch ls --export")}


def podman(*words: str) -> str:
    done = subprocess.run(["podman", *words], capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ceph_image(folder: Path) -> str:
    """Build the image of the daemons, unless it is there."""
    base = images.name("bare", "bookworm")
    name = f"localhost/clusterwright-{NAME}:{base.rsplit('-', 1)[1]}"
    if subprocess.run(["podman", "image", "exists", name], check=False).returncode:
        fetched = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder), "remoto==1.2.1"],
                                 capture_output=True, text=True, timeout=300, check=False)
        if fetched.returncode:
            pytest.skip("remoto, which Ceph 16's cephadm needs, cannot be downloaded by pip")
        next(folder.glob("remoto-*.tar.gz")).rename(folder / "remoto.tar.gz")
        recipe = HERE / "cephadm/Containerfile"
        podman("build", "-q", "--network=host", "--layers=false", f"--build-arg=BASE={base}", f"--file={recipe}", f"--tag={name}",
               str(folder))
    return name


@pytest.fixture(scope="module")
def disks(tmp_path_factory) -> Iterator[None]:
    """Loop devices on this machine, each on a sparse file."""
    if os.geteuid() or not shutil.which("podman"):
        pytest.skip("a lab needs root and podman; `make test-integration` does the set-up")
    folder, numbers = tmp_path_factory.mktemp("disks"), [number for each in DISKS.values() for number in each]
    try:
        for number in numbers:
            with (folder / f"disk{number}").open("wb") as file:
                file.truncate(6 * 2**30)
            subprocess.run(["losetup", f"/dev/loop{number}", str(folder / f"disk{number}")], check=True)
        yield
    finally:
        for number in numbers:
            subprocess.run(["losetup", "-d", f"/dev/loop{number}"], check=False)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def ceph(disks: None, artifacts, tmp_path_factory) -> Iterator[Orchestrated]:  # noqa: ARG001 (they outlive the lab)
    """The lab, with a registry that has the image, and nothing of Ceph on its nodes."""
    cluster = Orchestrated(BUILD / NAME, NAME, artifacts, image="bare")
    cluster.lab("down")     # of a session that was killed
    try:
        cluster.lab("up")
        image = ceph_image(tmp_path_factory.mktemp("image"))
        for name, numbers in DISKS.items():
            # A container's own filesystem is an overlay, on which podman cannot put another. With systemd's scopes, containers within it
            # share a cgroup on machines with hybrid cgroups, and each that ends kills the others.
            cluster.node(name).sh(
                f"mkdir -p /run/udev /srv/shared/{name} {CONTAINERS} {CONFIG}; mount --bind /srv/shared/{name} {CONTAINERS}\n"
                f"printf '[engine]\\ncgroup_manager = \"cgroupfs\"\\n' > {CONFIG}/lab.conf")
            cluster.node(name).sh("".join(f"[ -e /dev/loop{each} ] || mknod -m 660 /dev/loop{each} b 7 {each}\n" for each in numbers))
        cluster.node("store1").sh(
            "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends docker-registry\n"
            "systemctl disable --now docker-registry\n"
            f"cat > /etc/registry.yml <<'END'\n{REGISTRY_CONFIG}END\n"
            "systemd-run --unit=registry docker-registry serve /etc/registry.yml")
        podman("push", "-q", "--format", "v2s2", "--tls-verify=false", image, f"docker://{REGISTRY}/ceph:16")
        yield cluster
    finally:
        for name in DISKS:
            end = f"systemctl stop 'ceph*.target'; podman rm -fa; umount -l {CONTAINERS}"
            subprocess.run(["podman", "exec", f"{NAME}-{name}", "sh", "-c", end], capture_output=True, check=False)
        cluster.lab("down")
        shutil.rmtree(cluster.file.parent)


def test_a_disk_with_data_stops_it_before_anything_is_installed(ceph):
    ceph.node("store2").sh("echo precious | dd of=/dev/loop62 bs=512 conv=notrunc,fsync status=none")
    run = ceph.storage()
    assert "/dev/loop62 carries data" in run.bad["store2"], run.output
    assert ceph.node("store1").status("command -v cephadm") == ceph.node("store2").status("command -v cephadm") == 127
    assert ceph.node("store2").sh("head -c 8 /dev/loop62") == "precious"
    ceph.node("store2").sh("dd if=/dev/zero of=/dev/loop62 bs=512 count=1 conv=notrunc,fsync status=none")


def test_the_cluster_begins_and_is_as_declared(ceph):
    run = ceph.storage()
    assert run.bad == {}, run.output
    assert ceph.ask("quorum_status")["quorum_names"] == ["store1"]
    assert {host["hostname"]: sorted(host["labels"]) for host in ceph.ask("orch host ls")} == {
        "store1": ["_admin", "mds", "mgr", "mon", "osd"], "store2": ["mds", "mgr", "osd"]}
    specs = ceph.specs()
    assert sorted(specs) == ["crash", "mds.scratch", "mgr", "mon", "osd.store1", "osd.store2"]
    assert specs["osd.store2"]["spec"]["data_devices"] == {"paths": ["/dev/loop62"]} and specs["osd.store2"]["unmanaged"] is True
    assert (ceph.ask("osd stat")["num_up_osds"], ceph.ask("osd stat")["num_in_osds"]) == (2, 2)
    accepted = {"MON_DISK_LOW", "OSD_SLOW_PING_TIME_BACK", "OSD_SLOW_PING_TIME_FRONT"}
    assert set(ceph.ask("health")["checks"]) <= accepted


def test_a_node_mounts_it(ceph):
    node = ceph.node("cn1")
    assert "ceph-fuse" in node.sh("findmnt -no FSTYPE /scratch")
    node.sh("head -c 20M /dev/urandom > /scratch/data && sync /scratch/data")
    assert int(node.sh("stat -c %s /scratch/data")) == 20 * 2**20


def test_a_second_run_changes_nothing(ceph):
    run = ceph.storage()
    assert run.bad == {} and run.changed == set(), run.output


def test_a_new_disk_becomes_an_osd_and_the_others_are_left_alone(ceph):
    before = {osd["osd"]: osd["up_from"] for osd in ceph.ask("osd dump")["osds"]}
    ceph.declare(("[/dev/loop62]", "[/dev/loop62, /dev/loop63]"))
    try:
        run = ceph.storage()
        assert run.bad == {}, run.output
        after = {osd["osd"]: osd["up_from"] for osd in ceph.ask("osd dump")["osds"] if osd["up"]}
        assert len(after) == 3 and {osd: after[osd] for osd in before} == before
        spec = ceph.specs()["osd.store2"]
        assert spec["unmanaged"] is True and spec["spec"]["data_devices"]["paths"] == ["/dev/loop62", "/dev/loop63"]
        assert ceph.storage().changed == set()
    finally:
        ceph.declare()


def test_another_cluster_is_refused(ceph):
    ceph.declare(("  way: cephadm\n", f"  way: cephadm\n  fsid: {OTHER}\n"))
    try:
        run = ceph.storage()
        assert "another Ceph cluster" in run.bad["store1"] and f"ours is {OTHER}" in run.bad["store1"], run.output
    finally:
        ceph.declare()
    assert ceph.ask("osd stat")["num_up_osds"] >= 2
