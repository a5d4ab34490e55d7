"""Bad days of a run: nodes that do not answer, two runs at once, a part of the cluster only, Ctrl-C, what only a remedy mends."""

from __future__ import annotations

import base64
import os
import signal

import pytest

pytestmark = pytest.mark.integration


def test_a_node_that_does_not_answer(cluster, remove_file):
    is_back = remove_file("cn1")
    cluster.podman("stop", "-t", "0", node="cn3")

    run = cluster.site()
    assert run.status == 4, run.output
    assert run.summary["verdict"] == "unreachable"
    assert set(run.bad) == {"cn3"}
    assert "ssh: connect to host 10.76.0.23 port 22: " in run.bad["cn3"]
    assert is_back()
    assert cluster.job(2) == ["cn1", "cn2"]

    # It comes back as from the workshop: with nothing on it. A run on it alone makes it whole and leaves the others alone.
    assert "1 remade, 4 kept" in cluster.lab("up")
    head1 = cluster.node("head1")
    before = {unit: head1.show(unit) for unit in ("slurmctld", "munge", "chrony")}
    alone = cluster.site("--limit", "cn3")
    assert alone.status == 3, alone.output
    assert (set(alone.hosts), alone.bad) == ({"cn3"}, {})
    assert {unit: head1.show(unit) for unit in before} == before
    cluster.wait_states()
    assert cluster.job() == ["cn1", "cn2", "cn3"]


@pytest.mark.slow
def test_a_node_that_hangs(cluster):
    """Its kernel takes connections, but nobody is there any more; the run has a connection from before."""
    assert cluster.site().status == 0
    cluster.podman("pause", node="cn3")
    try:
        run = cluster.site()
    finally:
        cluster.podman("unpause", node="cn3")
    assert run.status == 4, run.output
    assert set(run.bad) == {"cn3"}
    cluster.wait_states()
    assert cluster.site().status == 0


def test_two_runs_at_once(cluster):
    with cluster.start() as first:
        first.wait_for("^PLAY .Every node")
        for words in ([], ["--limit", "cn2"]):
            second = cluster.site(*words)
            assert second.status == 1, second.output
            assert "Cluster itest: another run holds the lock: pid " in second.summary["message"]
            assert "wait for it, or stop it with `kill " in second.summary["message"]
            assert second.summary["verdict"] == "not run"
            assert second.changed == set()
        went_on = first.end()
    assert went_on.status == 0, went_on.output


def test_another_time_service_beside_chrony(cluster, remove_file):
    # Debian's own systemd-timesyncd cannot be installed beside chrony, but ntpd from elsewhere and the like can.
    node = cluster.node("cn2")
    unit = "/etc/systemd/system/systemd-timesyncd.service"
    text = "[Service]\\nExecStart=/bin/sleep inf\\n[Install]\\nWantedBy=multi-user.target\\n"
    node.sh(f"printf '{text}' > {unit} && systemctl enable systemd-timesyncd")
    is_back = remove_file("cn2")

    run = cluster.site("--limit", "cn2")
    assert (run.status, run.changed) == (2, set()), run.output
    assert "Nothing was changed: systemd-timesyncd.service is enabled" in run.bad["cn2"]
    remedy = "systemctl disable --now systemd-timesyncd"
    assert f"type '{remedy}'" in run.bad["cn2"]
    assert not is_back()

    node.sh(remedy)
    assert cluster.site("--limit", "cn2").status == 3
    assert is_back()
    node.sh(f"rm {unit} && systemctl daemon-reload")


def test_a_run_that_is_interrupted(cluster):
    cluster.podman("rm", "-f", "-t", "0", node="cn3")
    cluster.lab("up")
    with cluster.start() as site:
        site.wait_for("TASK .*munge : Key and daemon")
        site.process.send_signal(signal.SIGTERM)
        run = site.end()
    assert run.status == 130, run.output
    assert run.summary["verdict"] == "interrupted"
    assert cluster.node("cn3").status("systemctl is-active slurmd") != 0

    again = cluster.site()
    assert (again.status, again.bad) == (3, {}), again.output
    assert "cn3" in again.changed
    cluster.wait_states()
    assert cluster.job() == ["cn1", "cn2", "cn3"]


# cn3 takes its time over the munge role's look at the packages, the third of the run: until then the base role has looked before and after.
SLOW = """#!/bin/sh
echo look >> /run/looks
while [ $(wc -l < /run/looks) -ge 3 ] && [ -e /run/hold ]; do sleep 0.1; done
exec /usr/bin/dpkg-query "$@"
"""


@pytest.mark.slow
def test_a_restart_that_an_interruption_has_lost(cluster):
    """One node is slow, somebody loses patience, and munged on the others has not yet read the key that lies there."""
    slow, key = cluster.node("cn3"), base64.b64encode(os.urandom(128)).decode()
    slow.sh(f"cat > /usr/local/sbin/dpkg-query <<'END'\n{SLOW}END\nchmod +x /usr/local/sbin/dpkg-query; touch /run/hold")
    with cluster.start("-e", f"munge_key={key}") as site:
        site.wait_for("PLAY .Every node")
        site.wait_for("TASK .*munge : Key and daemon")
        site.wait_for(r"changed: \[(cn1|cn2|login1)\]", times=3)
        site.process.send_signal(signal.SIGINT)
        run = site.end()
    slow.sh("rm -f /run/hold /run/looks /usr/local/sbin/dpkg-query")
    assert run.status == 130, run.output
    assert key not in run.output

    # The new key lies on most nodes, but nobody reads it before all have it.
    assert cluster.play("proof.yml").bad == {}

    # The same for slurmctld: a slurm.conf that it has not read, for whatever reason.
    head1 = cluster.node("head1")
    head1.sh("touch /etc/slurm/slurm.conf")
    process = head1.show("slurmctld", "MainPID")

    again = cluster.site()
    assert (again.status, again.bad) == (3, {}), again.output
    assert {"cn1", "cn2", "login1", "head1"} <= again.changed
    assert head1.show("slurmctld", "MainPID") != process
    assert cluster.play("proof.yml").status == 0
    cluster.wait_states()
    assert cluster.job() == ["cn1", "cn2", "cn3"]
    assert cluster.site().status == 0
