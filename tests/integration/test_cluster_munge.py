"""Bad days of munge: a wrong key on one node, and clocks that differ."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.integration

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
