"""Bad days of munge: a wrong key on one node, clocks that differ, and a new key under running jobs."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
ALL = ("head1", "login1", "cn1", "cn2", "cn3")

# munged alone gets another time: the clock itself is the machine's, and all containers share it.
FAKE_CLOCK = """[Service]
Environment=LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1 FAKETIME={hours} FAKETIME_DONT_FAKE_MONOTONIC=1
"""
DROP_IN = "/run/systemd/system/munge.service.d/fake-clock.conf"


@pytest.fixture
def clock(cluster):
    """Sets the clock of munged on cn2, in hours from now; afterwards it is right again."""
    node = cluster.node("cn2")
    if node.status("dpkg -s libfaketime"):
        node.sh("apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends libfaketime")
    restart = "systemctl daemon-reload && systemctl restart munge"

    def set_clock(hours):
        node.sh(f"mkdir -p $(dirname {DROP_IN}) && cat > {DROP_IN} <<'END'\n{FAKE_CLOCK.format(hours=hours)}END\n{restart}")

    yield set_clock
    node.sh(f"rm -f {DROP_IN} && {restart} && systemctl restart slurmd")  # slurmctld would come back to it only after a while


def test_a_wrong_key_on_one_node_is_named_and_mended(cluster):
    cluster.node("cn2").sh("head -c 128 /dev/urandom > /etc/munge/munge.key && systemctl restart munge")

    proof = cluster.play("proof.yml")
    assert proof.status == 2, proof.output
    assert set(proof.bad) == {"cn2"}
    assert "cn2 has another munge key than head1" in proof.bad["cn2"]
    assert "run the role munge on cn2" in proof.bad["cn2"]

    mended = cluster.site()
    assert (mended.status, mended.changed) == (3, {"cn2"}), mended.output
    assert cluster.play("proof.yml").status == 0
    assert cluster.job() == ["cn1", "cn2", "cn3"]


def assert_skew_is_named(message, direction):
    skew = re.search(rf"The clock of cn2 is (\d+) s {direction} that of head1", message)
    assert skew, message
    assert abs(int(skew[1]) - 7200) < 60
    assert "step the clock by `chronyc makestep`" in message


def test_a_clock_that_is_ahead(cluster, clock, remove_file):
    is_back = remove_file("cn3")
    clock("+2h")
    run = cluster.site()
    assert run.status == 2, run.output
    assert set(run.bad) == {"cn2"}
    assert_skew_is_named(run.bad["cn2"], "ahead of")
    assert is_back()


def test_a_clock_that_is_behind(cluster, clock):
    clock("-2h")
    run = cluster.site("--limit", "cn2")
    assert run.status == 2, run.output
    assert_skew_is_named(run.bad["cn2"], "behind")


@pytest.fixture
def rotate(cluster):
    """Runs munge_rotate.yml."""
    return lambda *words: cluster.start(*words, playbook=PLAYBOOKS / "munge_rotate.yml").end()


@pytest.fixture
def patient(cluster):
    """A job on cn1 that runs until it is told to go; afterwards it is gone."""
    job = cluster.user("sbatch --parsable -w cn1 -o /dev/null --wrap='until [ -e /tmp/go ]; do sleep 0.2; done'")
    cluster.user(f"until squeue -hj {job} -o %T | grep -q RUNNING; do sleep 0.2; done")
    yield job
    cluster.user(f"scancel {job}; while squeue -hj {job} | grep -q .; do sleep 0.2; done")
    cluster.node("cn1").sh("rm -f /tmp/go")


def keys(cluster, names=ALL):
    """The checksum of each node's key."""
    return {name: cluster.node(name).sh("sha256sum < /etc/munge/munge.key") for name in names}


def started(cluster):
    """When each of Slurm's daemons started, and when each munged did."""
    units = {"head1": "slurmctld", "cn1": "slurmd", "cn2": "slurmd", "cn3": "slurmd"}
    return {name: cluster.node(name).show(unit) for name, unit in units.items()}, {name: cluster.node(name).show("munge") for name in ALL}


def test_a_new_key_has_to_be_confirmed(cluster, rotate, patient):
    before = keys(cluster), started(cluster)
    run = rotate()
    assert run.status == 2, run.output
    said = run.bad["head1"]
    assert "This gives 5 nodes a new munge key and restarts munge there" in said
    assert f"The jobs that run go on ({patient} of ada)" in said
    assert "-e munge_rotate_confirmed=true" in said
    assert run.changed == set()
    assert (keys(cluster), started(cluster)) == before
    assert cluster.user(f"squeue -hj {patient} -o '%T %N'") == "RUNNING cn1"


@pytest.mark.slow
def test_a_new_key_under_a_running_job(cluster, rotate, patient):
    old, (daemons, munged) = keys(cluster), started(cluster)
    run = rotate("-e", "munge_rotate_confirmed=true")
    assert (run.status, run.bad) == (3, {}), run.output
    new = keys(cluster)
    assert len(set(new.values())) == 1
    assert not set(new.values()) & set(old.values())
    # Only munged has been restarted, and the job has not noticed.
    now, munged_now = started(cluster)
    assert now == daemons
    assert all(munged_now[name] != munged[name] for name in ALL)
    assert cluster.user(f"squeue -hj {patient} -o '%T %N'") == "RUNNING cn1"
    cluster.node("cn1").sh("touch /tmp/go")
    cluster.user(f"while squeue -hj {patient} | grep -q .; do sleep 0.2; done")
    assert "JobState=COMPLETED" in cluster.user(f"scontrol show job {patient}")
    # The cluster works with it, and no trace is left.
    assert cluster.job() == ["cn1", "cn2", "cn3"]
    assert "No reservations" in cluster.node("head1").sh("scontrol show reservation")
    assert all(cluster.node(name).status("test -e /etc/munge/munge.key.next") for name in ALL)


@pytest.mark.slow
def test_no_key_is_changed_when_a_node_does_not_answer(cluster, rotate):
    there = tuple(name for name in ALL if name != "cn3")
    before = keys(cluster)
    cluster.podman("stop", "-t", "0", node="cn3")
    try:
        run = rotate("-e", "munge_rotate_confirmed=true")
        assert run.status == 6, run.output
        assert "cn3 does not answer" in run.bad["head1"]
        assert "no node has a new one" in run.bad["head1"]
        assert keys(cluster, there) == {name: before[name] for name in there}
        assert all(cluster.node(name).status("test -e /etc/munge/munge.key.next") for name in there)
    finally:
        cluster.podman("start", node="cn3")
        cn3 = cluster.node("cn3")
        while cn3.sh("systemctl is-active slurmd", check=False) != "active":
            time.sleep(0.5)
    assert keys(cluster) == before
    assert cluster.play("proof.yml").status == 0
    assert cluster.job() == ["cn1", "cn2", "cn3"]
