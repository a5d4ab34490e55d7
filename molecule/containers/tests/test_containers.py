"""Containers as jobs, on several nodes, as an ordinary user; and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
INVENTORY = CHECKOUT / ".build/molecule-containers/cluster.yml"
IMAGE = "/srv/shared/images/tiny.sqsh"


@pytest.fixture
def job(host):
    """What a job of ada prints, on both nodes."""
    def run(command, check=True):
        done = host("head1").run(f"cd /tmp && runuser -u ada -- env USER=ada HOME=/home/ada srun -N2 --label {command}")
        assert not check or done.succeeded, done.stdout + done.stderr
        return sorted(done.stdout.splitlines()), done.stderr
    return run


def test_the_image_is_in_the_store_that_all_nodes_see(node):
    seen = node.file(IMAGE)
    assert seen.is_file and seen.mode == 0o644
    written = json.loads(node.file("/srv/shared/images/tiny.json").content_string)
    assert written["source"] == "/srv/shared/tiny.tar" and written["sha256"] == node.run("sha256sum /srv/shared/tiny.tar").stdout.split()[0]


def test_a_job_runs_in_the_image_by_charliecloud_on_both_nodes(job):
    lines, _ = job(f"ch-run {IMAGE} -- cat /etc/os-release")
    assert lines == ['0: ID=tiny', '0: PRETTY_NAME="A tiny image"', '1: ID=tiny', '1: PRETTY_NAME="A tiny image"']
    lines, _ = job(f"ch-run {IMAGE} -- sh -c 'echo $(id -u) $(uname -n) $SLURM_PROCID'")
    assert lines == ["0: 4711 cn1 0", "1: 4711 cn2 1"]


def test_a_job_runs_in_the_image_by_enroot_on_both_nodes(job):
    lines, _ = job(f"enroot start {IMAGE} cat /etc/os-release")
    assert lines == ['0: ID=tiny', '0: PRETTY_NAME="A tiny image"', '1: ID=tiny', '1: PRETTY_NAME="A tiny image"']
    job(f"sh -c 'enroot create --name mine {IMAGE} && enroot list && enroot remove --force mine'")


@pytest.mark.skipif('"pyxis"' not in INVENTORY.read_text(), reason="no enroot packages")
def test_srun_runs_the_image_by_pyxis_on_both_nodes(job):
    lines, _ = job(f"--container-image={IMAGE} cat /etc/os-release")
    assert lines == ['0: ID=tiny', '0: PRETTY_NAME="A tiny image"', '1: ID=tiny', '1: PRETTY_NAME="A tiny image"']


@pytest.mark.skipif("ENROOT_PACKAGES" in os.environ, reason="the stand-in notes its calls, the real Enroot does not")
def test_the_stand_in_was_called_by_the_user(host):
    calls = host("cn1").file("/var/log/enroot-stand-in.log").content_string
    assert f"ada enroot start {IMAGE} cat /etc/os-release\n" in calls


def test_of_two_hosts_that_import_at_once_one_makes_the_image(host):
    wanted = {"store": "/srv/shared/images", "images": [{"name": "both", "source": "/srv/shared/tiny.tar"}]}
    command = [Path(sys.executable).parent / "ansible", "enroot", "-i", INVENTORY, "--one-line",
               "-m", "clusterwright.hpc.enroot_image", "-a", json.dumps(wanted)]
    plain = {**os.environ, "ANSIBLE_FORCE_COLOR": "no", "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=CHECKOUT, env=plain, capture_output=True, text=True, timeout=120, check=False)
    # cn1 | CHANGED => {…}
    assert sorted(line.split()[2] for line in done.stdout.splitlines()) == ["CHANGED", "SUCCESS"], done.stdout + done.stderr
    assert host("cn1").run("ls /srv/shared/images").stdout.split() == ["both.json", "both.sqsh", "tiny.json", "tiny.sqsh"]
    assert "~tmp" not in host("cn1").run("ls -A /srv/shared/images").stdout
