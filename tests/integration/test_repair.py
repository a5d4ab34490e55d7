"""Nodes that are stuck in a real Slurm: found, explained, brought back; and what is an administrator's stays his."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.tests.simulators.bmc import Fleet

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).resolve().parents[2]
PLAYBOOK = CHECKOUT / "playbooks" / "repair_nodes.yml"
# Power saving whose programs do nothing: a node that Slurm switches off runs on, and one that it starts does not boot.
SAVING = "SuspendProgram=/bin/true\nResumeProgram=/bin/true\nSuspendTime=3600\nSuspendTimeout=2\nResumeTimeout=5\n"


@pytest.fixture
def saving(cluster):
    """The controller, with power saving that saves nothing."""
    head1 = cluster.node("head1")
    head1.sh(f"cp -p /etc/slurm/slurm.conf /root/slurm.conf.kept; printf '{SAVING}' >>/etc/slurm/slurm.conf; scontrol reconfigure")
    cluster.wait_states()
    yield head1
    head1.sh("scancel --state=pending,running -u ada; cp -p /root/slurm.conf.kept /etc/slurm/slurm.conf; scontrol reconfigure")


def wait(head1, node, state):
    """Until a node has this state, as sinfo prints it: down~."""
    for _time in range(200):
        if head1.sh(f"sinfo -hn {node} -o %t").split()[0] == state:
            return
        time.sleep(0.3)
    raise AssertionError(head1.sh("sinfo -R; sinfo -N; squeue"))


def repair(cluster, *words):
    """The playbook, and what it found on one line."""
    run = cluster.start(*words, playbook=PLAYBOOK).end()
    return run, " ".join(run.output.split())


def test_stuck_nodes_are_found_explained_and_brought_back(cluster, saving):
    # cn1 is on, and Slurm, which waited for it to boot, has given it up (down~).
    saving.sh("scontrol update nodename=cn1 state=power_down")
    wait(saving, "cn1", "idle~")
    job = cluster.user("sbatch --parsable --requeue -w cn1 -o /dev/null --wrap='sleep 1'")
    # cn2 was lost: munge and slurmd stand still there.
    cluster.node("cn2").sh("systemctl stop slurmd munge")
    saving.sh("scontrol update nodename=cn2 state=down reason='Not responding'")
    # cn3 is somebody's.
    saving.sh("scontrol update nodename=cn3 state=drain reason='DIMM swap'")
    wait(saving, "cn1", "down~")

    shown, said = repair(cluster, "--check")
    assert shown.status == 0, shown.output
    assert "cn1, DOWN+POWERED_DOWN (ResumeTimeout reached): slurmctld has set it down" in said and "and it is on" in said
    assert "munge is inactive; slurmd is inactive" in said and "Steps: take, start munge slurmd, resume" in said
    assert "cn3, DRAIN+IDLE (DIMM swap): root has taken it out: left alone. No steps" in said
    assert not shown.changed
    assert cluster.node("cn2").show("slurmd", "ActiveState") == "inactive"
    assert "clusterwright" not in saving.sh("scontrol show node cn[1-2]")

    done, _said = repair(cluster)
    assert not done.bad, done.output
    assert cluster.states()["cn3"] == "drained" and "DIMM swap" in saving.sh("scontrol show node cn3")
    assert "clusterwright" not in saving.sh("scontrol show node")
    # The job that went in circles runs on the node that is back.
    saving.sh(f"scontrol release {job}; scontrol update job={job} starttime=now || true")
    saving.sh("scontrol update nodename=cn3 state=resume")
    cluster.user(f"until ! squeue -hj {job} 2>/dev/null | grep -q .; do sleep 0.3; done")
    cluster.wait_states()
    assert cluster.job() == ["cn1", "cn2", "cn3"]


@pytest.mark.slow
def test_a_node_that_slurm_waits_for_for_ever(cluster, saving):
    """A reconfigure while nodes are powered up: Slurm 24.11 forgets that it waits for them."""
    saving.sh("scontrol update nodename=cn1 state=power_down")
    wait(saving, "cn1", "idle~")
    saving.sh("scontrol update nodename=cn1 state=power_up; sleep 2; scontrol reconfigure; sleep 8")
    assert "POWERING_UP" in saving.sh("scontrol show node cn1")
    run, said = repair(cluster)
    assert "it will wait for ever" in said and "Steps: power_down" in said
    assert not run.bad, run.output
    wait(saving, "cn1", "idle~")
    run, said = repair(cluster)     # what really is on comes back as well
    assert "Slurm takes it for off, and it is on" in said and not run.bad, run.output
    cluster.wait_states()


@pytest.fixture
def power(cluster, tmp_path):
    """power(nodes, power): the playbook power.yml with simulated BMCs, what it said on one line; the BMCs."""
    addresses = {f"cn{number}": f"127.3.250.{number}" for number in (1, 2, 3)}
    (tmp_path / "bmcs.ini").write_text("[bmcs]\n" + "".join(f"{name} bmc_address={address}\n" for name, address in addresses.items()))

    def run(*words):
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", cluster.file, "-i", tmp_path / "bmcs.ini",
                   "-e", "bmc_username=admin bmc_password=simulated power_confirmed=true",
                   *(part for word in words for part in ("-e", word)), CHECKOUT / "playbooks" / "power.yml"]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    with Fleet() as fleet:
        fleet.add_all(list(addresses.items()), power=True)
        yield run, fleet


def test_power_is_not_taken_from_jobs(cluster, power):
    run, fleet = power
    job = cluster.user("sbatch --parsable -w cn1 -o /dev/null --wrap='sleep 600'")
    cluster.user(f"until squeue -hj {job} -o %T | grep -q RUNNING; do sleep 0.2; done")
    try:
        status, said = run("nodes=cn[1-2]", "power=off")
        assert status and f"power=off ends job {job} of ada (RUNNING) on cn1: nothing was switched" in said
        assert [machine.power for machine in fleet.machines.values()] == [True, True, True]
        assert run("nodes=cn1", "power=off", "power_end_jobs=true")[0] == 0
        assert [machine.power for machine in fleet.machines.values()] == [False, True, True]
    finally:
        cluster.user(f"scancel {job}; while squeue -hj {job} | grep -q .; do sleep 0.2; done")


def test_a_node_without_power_is_switched_on(cluster, saving, power, tmp_path):
    """Its BMC says so, so nobody waits for its ssh; slurmd of this container starts anew as if it had booted."""
    _run, fleet = power
    fleet.call(lambda: setattr(fleet.machines["cn1"], "power", False))
    saving.sh("scontrol update nodename=cn1 state=down reason='Node unexpectedly rebooted'")
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", cluster.file, "-i", tmp_path / "bmcs.ini",
               "-e", "bmc_username=admin bmc_password=simulated", PLAYBOOK]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        while not fleet.machines["cn1"].power and process.poll() is None:
            time.sleep(0.1)
        cluster.node("cn1").sh("sleep 1; systemctl restart slurmd")
        said = " ".join((process.communicate()[0]).split())
    assert process.returncode == 0, said
    assert "slurmctld has set it down (Node unexpectedly rebooted): it has no power. Steps: take, power_on, resume" in said
    cluster.wait_states()
