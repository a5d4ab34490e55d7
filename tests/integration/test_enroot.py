"""Real Enroot and real Pyxis in the lab: jobs of an ordinary user in containers, and what happens on bad days.

The packages come from outside: ENROOT_PACKAGES names a directory with enroot_*.deb and the source of Pyxis, pyxis-*.tar.gz.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.tests.integration.conftest import BUILD, CHECKOUT, Cluster, Run

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FILE = """\
plugin: clusterwright.hpc.cluster
name: itestenroot
networks:
  admin: {{subnet: 10.59.0.0/24}}
hardware:
  container: {{sockets: 1, cores_per_socket: 2, memory: 1 GiB}}
nodes:
  head1:
    os: debian-13
    roles: [slurm_controller]
    interfaces: {{eth0: {{network: admin, address: 10.59.0.11}}}}
  cn1:
    hardware: container
    os: debian-13
    roles: [slurm_compute, enroot]
    interfaces: {{eth0: {{network: admin, address: 10.59.0.21}}}}
  cn2:
    hardware: container
    os: debian-13
    roles: [slurm_compute]
    interfaces: {{eth0: {{network: admin, address: 10.59.0.22}}}}
slurm:
  partitions:
    all: {{nodes: "cn[1-2]", default: true}}
enroot:
  packages: [{packages}]
  min_free: 64 MiB
  pyxis:
    source: {pyxis}
"""

# A root file system of what the node itself has, as an image.
IMAGE = """
set -e
command -v mksquashfs >/dev/null || apt-get install -y -q squashfs-tools >/dev/null
rm -rf /tmp/image && mkdir -p /tmp/image && cd /tmp/image
mkdir -p bin etc proc sys dev tmp root run usr var lib lib64 home
for file in sh cat id hostname sleep; do cp -L $(command -v $file) bin/; done
for library in $(for file in bin/*; do ldd $file; done | grep -o '/[^ ]*' | sort -u); do
    mkdir -p .${library%/*} && cp -L $library .$library
done
echo 'this is the image' > etc/os-release
touch etc/passwd etc/group etc/hosts etc/resolv.conf
mksquashfs . /srv/lab.sqsh -noappend -comp gzip -all-root -quiet -no-progress
"""


# A Python in a user namespace of its own, whose limit is nobody else's.
NO_NAMESPACES = """\
#!/bin/sh
exec unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec /usr/bin/python3 "$@"' sh "$@"
"""


def eventually(true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.5)


def declared(path: Path) -> str:
    return f"{{source: {path}, sha256: {hashlib.sha256(path.read_bytes()).hexdigest()}}}"


class Containers(Cluster):
    """A cluster whose file is written for the packages that there are."""

    packages: Path

    def declare(self, *replacements: tuple[str, str]) -> None:
        enroot = sorted(self.packages.glob("enroot*.deb"))
        text = FILE.format(packages=", ".join(map(declared, enroot)), pyxis=declared(next(self.packages.glob("pyxis-*.tar.gz"))))
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)

    def containers(self, *words: str) -> Run:
        """Run containers.yml to its end."""
        return self.start(*words, playbook=CHECKOUT / "playbooks/containers.yml").end()

    def ada(self, command: str, check: bool = True) -> str:
        """What an ordinary user sees."""
        return self.node("head1").sh(f"cd /tmp && su -s /bin/bash ada -c '{command} 2>&1'", check=check)


@pytest.fixture(scope="module")
def cluster(artifacts):
    folder = os.environ.get("ENROOT_PACKAGES", "")
    if not folder or not [*Path(folder).glob("enroot*.deb")]:
        pytest.skip("skipped: no enroot packages")
    if os.geteuid() or not shutil.which("podman"):
        pytest.skip("a lab needs root and podman; `make test-slow` does the set-up")
    Containers.packages = Path(folder)
    made = Containers(BUILD / "itestenroot", "itestenroot", artifacts)
    made.lab("down")
    try:
        made.lab("up")
        first = made.site()
        assert first.status in (0, 3), first.output
        second = made.containers()
        assert second.status in (0, 3), second.output
        made.node("cn1").sh(IMAGE)
        yield made
    finally:
        made.lab("down")
        shutil.rmtree(made.file.parent)


RUN = "srun --immediate=60 -w cn1 --container-image=/srv/lab.sqsh"


def test_a_job_of_an_ordinary_user_runs_in_its_image(cluster):
    said = cluster.ada(f"{RUN} sh -c \"cat /etc/os-release; id -u\"")
    assert "this is the image" in said and "4711" in said


def test_a_second_run_changes_nothing(cluster):
    again = cluster.containers()
    assert (again.status, again.changed) == (0, set()), again.output


def test_directories_come_with_a_job_and_go_with_it_but_for_the_cache(cluster):
    node = cluster.node("cn1")
    cluster.ada(f"{RUN} --container-name=kept true", check=False)
    eventually(lambda: node.sh("ls /run/enroot/jobs") == "")
    assert node.sh("stat -c '%a %U' /var/lib/enroot/4711") == "700 ada"
    eventually(lambda: node.sh("ls /var/lib/enroot/4711") == "cache")


def test_a_node_without_enroot_runs_other_jobs_and_is_not_drained(cluster):
    assert cluster.ada("srun --quiet --immediate=60 -w cn2 hostname") == "cn2"
    assert cluster.node("head1").sh("sinfo -hR") == ""


def test_a_full_disk_costs_other_users_their_cache_and_drains_no_node(cluster):
    node = cluster.node("cn1")
    node.sh("mount -t tmpfs -o size=80m none /var/lib/enroot && install -d -o nobody /var/lib/enroot/65534/cache "
            "&& head -c 40M /dev/zero > /var/lib/enroot/65534/cache/layer")
    try:
        assert "this is the image" in cluster.ada(f"{RUN} cat /etc/os-release")
        assert node.sh("ls /var/lib/enroot/65534") == ""
        assert "the cache of user 65534 is gone" in node.sh("journalctl -t clusterwright-enroot -o cat --no-pager")
        eventually(lambda: node.sh("ls /run/enroot/jobs") == "")
        node.sh("head -c 100M /dev/zero > /var/lib/enroot/full || true")
        assert "No space left on device" in cluster.ada(f"{RUN} true", check=False)
        assert cluster.ada("srun --quiet --immediate=60 -w cn1 hostname") == "cn1"
        assert cluster.node("head1").sh("sinfo -hR") == ""
    finally:
        eventually(lambda: node.sh("ls /run/enroot/jobs") == "")
        node.sh("umount /var/lib/enroot")


def test_a_plugin_for_another_slurm_is_refused_before_slurm_hears_of_it(cluster):
    """The source is that of another plugin, which says that it is for Slurm 22.05."""
    folder = cluster.file.parent / "pyxis-0"
    folder.mkdir()
    (folder / "p.c").write_text('#include <stdint.h>\nconst char plugin_name[] = "pyxis", plugin_type[] = "spank";\n'
                                "const uint32_t plugin_version = 0x160508, spank_plugin_version = 1;\n")
    (folder / "Makefile").write_text("spank_pyxis.so: p.c\n\tgcc -shared -fPIC -o $@ p.c\n")
    tar = Path(shutil.make_archive(str(cluster.file.parent / "pyxis-0"), "gztar", cluster.file.parent, "pyxis-0"))
    ours = next(cluster.packages.glob("pyxis-*.tar.gz"))
    cluster.declare((declared(ours), declared(tar)), ("    source:", "    plugin: /usr/local/lib/slurm/other.so\n    source:"))
    try:
        run = cluster.containers()
    finally:
        cluster.declare()
    assert all("does not load /usr/local/lib/slurm/other.so" in message for message in run.bad.values()), run.output
    assert set(run.bad) == {"head1", "cn1", "cn2"}
    assert "this is the image" in cluster.ada(f"{RUN} cat /etc/os-release")


def test_no_user_namespaces_is_one_error_before_anything_is_installed(cluster):
    """cn2 gets the role, with a Python that finds itself where none may be made."""
    node = cluster.node("cn2")
    node.sh(f"cat > /usr/local/bin/no-userns <<'EOF'\n{NO_NAMESPACES}EOF\nchmod 755 /usr/local/bin/no-userns")
    cluster.declare(("roles: [slurm_compute]", "roles: [slurm_compute, enroot]"),
                    ("  min_free:", "  sysctl: {user.max_user_namespaces: 0}\n  min_free:"))
    (cluster.file.parent / "host_vars").mkdir(exist_ok=True)
    (cluster.file.parent / "host_vars/cn2.yml").write_text("ansible_python_interpreter: /usr/local/bin/no-userns\n")
    try:
        run = cluster.containers("--limit", "cn2,head1")
    finally:
        cluster.declare()
        shutil.rmtree(cluster.file.parent / "host_vars")
    assert "user.max_user_namespaces is 0" in run.bad["cn2"] and "nothing was installed" in run.bad["cn2"]
    assert node.status("dpkg-query -W enroot") != 0
