"""Maintenance of nodes, batch by batch: with nodes that fail, an interruption, and tasks that are no good at all."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
COMPUTE = ("cn1", "cn2", "cn3")

# Each visit leaves the nodes that were out of service at the time.
VISIT = """
- name: Leave a note
  ansible.builtin.shell: sinfo -hN -t drain -o %N | sort -u | paste -sd ' ' >> /root/visits
"""
FLASH = """
- name: Flash
  ansible.builtin.shell: "echo 'flash: no such device' >&2; exit 1"
"""
HOLD = """
- name: Flash
  ansible.builtin.shell: while [ -e /root/hold ]; do sleep 0.2; done
"""

# cn3 with more memory than any node has.
BOASTING = (
    ("  container:", "  big: {sockets: 1, cores_per_socket: 2, memory: 99 TiB}\n  container:"),
    ("  cn[1-3]:\n", "  cn[1-2]:\n"),
    (
        "\nslurm:",
        "  cn3:\n    hardware: big\n    os: debian-13\n    roles: [slurm_compute]\n"
        "    interfaces:\n      eth0: {network: admin, address: 10.76.0.23}\n\nslurm:",
    ),
)


@pytest.fixture
def begin(cluster, tmp_path):
    """Starts a maintenance of all compute nodes with a file of these tasks; afterwards nothing on the nodes is left of it."""
    def start(reason, tasks, *words):
        path = tmp_path / "tasks.yml"
        path.write_text(f"---{tasks}")
        variables = {"maintenance_nodes": "cn[1-3]", "maintenance_reason": reason, "maintenance_tasks": str(path)}
        said = [word for key, value in variables.items() for word in ("-e", f"{key}={value}")]
        return cluster.start(*said, *words, playbook=PLAYBOOKS / "slurm_maintenance.yml")

    yield start
    for name in COMPUTE:
        cluster.node(name).sh("rm -f /root/visits /root/hold")
    cluster.node("head1").sh("scontrol update 'nodename=cn[1-3]' comment=")


@pytest.fixture
def visits(cluster):
    """What the visits of each node have left."""
    return lambda: {name: cluster.node(name).sh("cat /root/visits 2>/dev/null; true").splitlines() for name in COMPUTE}


def of_all(cluster, field):
    """A field of all nodes, as scontrol shows it."""
    return {name: cluster.node("head1").sh(f"scontrol show node {name} | sed -n 's/^ *{field}=//p'") for name in COMPUTE}


def test_a_node_that_fails_stays_drained_and_alone_is_visited_again(cluster, begin, visits):
    run = begin("kernel-1", f"{VISIT}{FLASH}  when: inventory_hostname == 'cn2'\n").end()
    assert run.status == 2, run.output
    assert set(run.bad) == {"cn2"}
    assert "cn2 stays drained. Flash: flash: no such device" in run.bad["cn2"]
    # One at a time; cn2 is out while cn3 is visited, because it has failed.
    assert visits() == {"cn1": ["cn1"], "cn2": ["cn2"], "cn3": ["cn2 cn3"]}
    assert cluster.states() == {"cn1": "idle", "cn2": "drained", "cn3": "idle"}
    assert of_all(cluster, "Comment") == {"cn1": "kernel-1 done (clusterwright)", "cn2": "", "cn3": "kernel-1 done (clusterwright)"}
    assert of_all(cluster, "Reason")["cn2"].startswith("kernel-1: Flash: flash: no such device (clusterwright) [")

    again = begin("kernel-1", VISIT).end()
    assert (again.status, again.bad) == (3, {}), again.output
    assert visits() == {"cn1": ["cn1"], "cn2": ["cn2", "cn2"], "cn3": ["cn2 cn3"]}
    cluster.wait_states()
    assert set(of_all(cluster, "Comment").values()) == {"kernel-1 done (clusterwright)"}


def test_tasks_that_are_no_good_stop_at_the_first_node(cluster, begin, visits):
    run = begin("kernel-2", VISIT + FLASH, "-e", '{"maintenance_max_failures": 0}').end()
    assert run.status == 2, run.output
    assert "Stopped: cn1 failed, more than maintenance_max_failures (0), and stays drained. No further node was touched." in run.bad["cn2"]
    assert visits() == {"cn1": ["cn1"], "cn2": [], "cn3": []}
    assert cluster.states() == {"cn1": "drained", "cn2": "idle", "cn3": "idle"}
    assert "kernel-2" not in "".join(of_all(cluster, "Comment").values())
    cluster.node("head1").sh("scontrol update nodename=cn1 state=resume")


@pytest.mark.slow
def test_a_batch_that_fails_as_a_whole_is_the_last_one(cluster, begin, visits):
    """Two of three are too many; the third is a batch of its own and still takes jobs."""
    run = begin("kernel-3", VISIT + FLASH, "-e", '{"maintenance_batch": 2}').end()
    assert run.status == 2, run.output
    assert "Stopped: cn[1-2] failed, more than maintenance_max_failures (1)" in run.bad["cn3"]
    assert visits() == {"cn1": ["cn1 cn2"], "cn2": ["cn1 cn2"], "cn3": []}
    assert cluster.states() == {"cn1": "drained", "cn2": "drained", "cn3": "idle"}

    # It goes on where it stopped.
    again = begin("kernel-3", VISIT).end()
    assert (again.status, again.bad) == (3, {}), again.output
    assert {name: len(notes) for name, notes in visits().items()} == {"cn1": 2, "cn2": 2, "cn3": 1}
    cluster.wait_states()


@pytest.mark.slow
@pytest.mark.parametrize("kill", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
def test_an_interrupted_maintenance_goes_on_where_it_was(cluster, begin, visits, kill):
    reason = f"kernel-{kill.name}"
    cluster.node("cn2").sh("touch /root/hold")
    with begin(reason, VISIT + HOLD) as site:
        site.wait_for("TASK .*Leave a note", times=2)
        cluster.node("cn2").sh("until [ -e /root/visits ]; do sleep 0.2; done")
        if kill is signal.SIGKILL:      # of Ansible itself: it can put nothing in order
            children = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children").read_text().split()
            assert len(children) == 1
            os.kill(int(children[0]), kill)
        else:
            site.process.send_signal(kill)
        run = site.end()
    cluster.node("cn2").sh("rm /root/hold")
    assert run.status not in (0, 3), run.output
    assert cluster.states() == {"cn1": "idle", "cn2": "drained", "cn3": "idle"}
    assert of_all(cluster, "Comment") == {"cn1": f"{reason} done (clusterwright)", "cn2": "", "cn3": ""}

    again = begin(reason, VISIT).end()
    assert (again.status, again.bad) == (3, {}), again.output
    assert visits() == {"cn1": ["cn1"], "cn2": ["cn2", "cn2"], "cn3": ["cn3"]}
    cluster.wait_states()
    assert set(of_all(cluster, "Comment").values()) == {f"{reason} done (clusterwright)"}


def test_hardware_that_is_missing_is_named_in_plain_words(cluster):
    try:
        cluster.declare(*BOASTING)
        run = cluster.start(playbook=PLAYBOOKS / "hardware.yml").end()
    finally:
        cluster.declare()
    assert run.status == 2, run.output
    assert set(run.hosts) == {"head1", *COMPUTE}        # the controller is asked who is switched off on purpose
    assert set(run.bad) == {"cn3"}
    assert "cn3 declares 101376 GiB, has " in run.bad["cn3"]
    assert "a DIMM is gone? slurmctld refuses it so: mend it, or correct its hardware in the cluster file" in run.bad["cn3"]
    assert run.changed == set()
