"""Check mode on a finished cluster and on nodes that have nothing yet; and a lab that was interrupted."""

from __future__ import annotations

import re
import subprocess

import pytest

pytestmark = pytest.mark.integration


def test_check_on_a_finished_cluster(cluster):
    run = cluster.site("--check", "--diff")
    assert run.status == 0, run.output
    assert (run.changed, run.bad) == (set(), {})
    assert "[WARNING]" not in run.output


FOOTPRINT = "dpkg-query -W | cksum; find /etc /var/lib /usr -xdev -newer /root/mark ! -path '/etc/*-' | sort"


def test_a_lab_that_was_killed_half_way_and_check_on_its_fresh_nodes(fresh):
    with subprocess.Popen(fresh.lab_command("up"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if re.search("starting 3 nodes", line):
                break
        process.kill()
    assert process.returncode == -9
    assert "3 nodes up" in fresh.lab("up")
    assert "3 of 3 nodes run" in fresh.lab("status")

    nodes = [fresh.node(name) for name in ("head1", "login1", "cn1")]
    for node in nodes:
        node.sh("touch /root/mark")
    before = [node.sh(FOOTPRINT) for node in nodes]
    run = fresh.site("--check", "--diff")
    assert run.status == 3, run.output
    assert run.bad == {}
    assert {"head1", "login1", "cn1"} <= run.changed
    assert "Traceback" not in run.output
    assert "[ERROR]" not in run.output
    assert [node.sh(FOOTPRINT) for node in nodes] == before
    assert all(node.status("test -e /etc/munge || test -e /etc/slurm || getent passwd ada") for node in nodes)
