"""Bad days of a changed slurm.conf: what slurmctld refuses, what would end jobs, a full disk, a daemon that dies in the middle.

Names that do not resolve, two controllers that are both active, and a slurmdbd that comes to a cluster with jobs.
"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.integration

STATE = "/var/lib/slurm/slurmctld"
# A slurmctld that somebody has set up by hand. It knows no node of the cluster, and keeps nothing.
BY_HAND = """
mkdir -p /run/alone/state && chown -R slurm: /run/alone && cat > /run/alone/slurm.conf <<END
ClusterName=itest
SlurmctldHost=login1
SlurmUser=slurm
StateSaveLocation=/run/alone/state
SlurmctldPidFile=/run/alone/pid
NodeName=none1 NodeAddr=192.0.2.1
PartitionName=none Nodes=none1
END
systemd-run -q --unit=alone slurmctld -D -f /run/alone/slurm.conf
until SLURM_CONF=/run/alone/slurm.conf scontrol show config >/dev/null 2>&1; do sleep 0.2; done
"""
WITH_A_NAME = """
- hosts: slurm_controller
  gather_facts: false
  tasks:
    - clusterwright.hpc.slurm_conf:
        intent: "{{ slurm_intent | combine({'nodes': slurm_intent.nodes + [{'NodeName': 'cn[8-9]'}]}) }}"
"""


def declared(**config):
    """The replacement that gives the cluster file these keys of slurm.conf."""
    keys = "".join(f"    {key}: {value}\n" for key, value in config.items())
    return ("\nslurm:\n", f"\nslurm:\n  config:\n{keys}")


@pytest.fixture
def change(cluster):
    """Runs site.yml on the controller with these keys of slurm.conf declared; the file is as before afterwards."""
    def run(*words, **config):
        cluster.declare(declared(**config))
        try:
            return cluster.site("--limit", "slurm_controller", *words)
        finally:
            cluster.declare()
    return run


@pytest.fixture
def put_back(cluster):
    """After the test the running configuration is that of the repository's file again."""
    yield
    again = cluster.site("--limit", "slurm_controller")
    assert again.bad == {}, again.output
    cluster.wait_states()


@pytest.fixture
def patient(cluster):
    """A job on cn1 that runs until the test is over, and that nothing may hit."""
    job = cluster.user("sbatch --parsable -w cn1 -o /dev/null --wrap='until [ -e /tmp/go ]; do sleep 0.2; done'")
    cluster.user(f"until squeue -hj {job} -o %T | grep -q RUNNING; do sleep 0.2; done")
    yield job
    assert cluster.user(f"squeue -hj {job} -o '%T %N'") == "RUNNING cn1"
    cluster.node("cn1").sh("touch /tmp/go")
    cluster.user(f"while squeue -hj {job} | grep -q .; do sleep 0.2; done")
    cluster.node("cn1").sh("rm /tmp/go")


def seen(head1):
    """slurm.conf as it lies there, and the slurmctld that runs."""
    return head1.sh("cat /etc/slurm/slurm.conf"), head1.show("slurmctld", "MainPID"), head1.show("slurmctld")


def test_a_value_that_slurmctld_refuses(cluster, change, patient):  # noqa: ARG001 - it must live through it
    head1 = cluster.node("head1")
    before = seen(head1)
    run = change(SelectType="select/nonsense")
    assert run.status == 2, run.output
    assert "slurmctld refuses the new configuration" in run.bad["head1"] and "select/nonsense" in run.bad["head1"]
    assert seen(head1) == before


def test_a_change_that_needs_a_reconfigure_and_no_more(cluster, change, put_back, patient):  # noqa: ARG001
    head1 = cluster.node("head1")
    started = [cluster.node(name).show("slurmd") for name in ("cn1", "cn2", "cn3")], head1.show("slurmctld")
    run = change(KillWait=45)
    assert (run.status, run.changed) == (3, {"head1"}), run.output
    assert "45 sec" in head1.sh("scontrol show config | grep KillWait")
    assert ([cluster.node(name).show("slurmd") for name in ("cn1", "cn2", "cn3")], head1.show("slurmctld")) == started


def test_a_change_that_would_end_jobs(cluster, change, patient):
    head1 = cluster.node("head1")
    before = seen(head1)
    run = change(SlurmdPort=6918)
    assert run.status == 2, run.output
    assert "SlurmdPort" in run.bad["head1"] and patient in run.bad["head1"]
    assert seen(head1) == before


@pytest.mark.slow
def test_a_change_that_needs_every_slurmd_restarted(cluster):
    nodes = [cluster.node(name) for name in ("cn1", "cn2", "cn3")]
    before = [node.show("slurmd") for node in nodes]
    cluster.declare(declared(SlurmdPort=6918))
    try:
        run = cluster.site()
        assert (run.status, run.bad) == (3, {}), run.output
        assert not set(before) & {node.show("slurmd") for node in nodes}
        cluster.wait_states()
        assert cluster.job() == ["cn1", "cn2", "cn3"]
        assert cluster.site().status == 0
    finally:
        cluster.declare()
        back = cluster.site()
    assert back.bad == {}, back.output
    cluster.wait_states()


def test_a_full_disk_below_the_state(cluster, change):
    head1 = cluster.node("head1")
    head1.sh(f"""mkdir -p {STATE}.full && mount -t tmpfs -o size=2M full {STATE}.full && cp -a {STATE}/. {STATE}.full/
        mount --bind {STATE}.full {STATE} && (dd if=/dev/zero of={STATE}/ballast bs=4k; true) 2>/dev/null""")
    before = seen(head1)
    try:
        run = change(KillWait=45)
        assert run.status == 2, run.output
        assert STATE in run.bad["head1"]
        assert seen(head1) == before
    finally:
        head1.sh(f"umount {STATE}; umount {STATE}.full; rmdir {STATE}.full; systemctl restart slurmctld")
        cluster.wait_states()


def test_slurmctld_is_killed_during_the_run(cluster, put_back):  # noqa: ARG001
    head1 = cluster.node("head1")
    cluster.declare(declared(KillWait=46))
    try:
        with cluster.start("--limit", "slurm_controller") as run:
            run.wait_for("TASK .*Configuration and slurmctld")
            head1.sh("systemctl kill --signal=KILL slurmctld")
            run.end()       # it may have come too early or too late to be seen by this run
        again = cluster.site("--limit", "slurm_controller")
    finally:
        cluster.declare()
    assert again.bad == {}, again.output
    assert "46 sec" in head1.sh("scontrol show config | grep KillWait")
    cluster.wait_states()
    assert cluster.job() == ["cn1", "cn2", "cn3"]


def test_nodes_boot_while_it_reconfigures(cluster, change, put_back):  # noqa: ARG001
    cluster.podman("restart", "-t", "0", node="cn3")
    run = change(KillWait=47)
    assert (run.status, run.bad) == (3, {}), run.output
    cluster.wait_states()
    assert cluster.job() == ["cn1", "cn2", "cn3"]


def test_a_name_that_does_not_resolve(cluster, tmp_path):
    """A cluster file gives every node an address; what calls the module by itself need not."""
    head1 = cluster.node("head1")
    before = seen(head1)
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(WITH_A_NAME)
    with cluster.start(playbook=playbook) as going:
        run = going.end()
    assert run.status == 2, run.output
    assert "cn[8-9] does not resolve on this controller" in run.bad["head1"]
    assert seen(head1) == before


def test_two_controllers_are_both_active(cluster):
    """A backup is declared where a slurmctld of its own runs: each of them would start jobs."""
    head1, login1 = cluster.node("head1"), cluster.node("login1")
    before = seen(head1)
    login1.sh(BY_HAND)
    try:
        cluster.declare(declared(StateSaveLocation="/srv/shared/slurm"), ("roles: [slurm_login]", "roles: [slurm_login, slurm_controller]"))
        run = cluster.site("--limit", "slurm_controller")
        assert run.status == 2, run.output
        assert "head1 and login1 both run as the active controller" in run.bad["head1"]
        assert seen(head1) == before
        assert login1.status("test -e /etc/slurm/slurm.conf") == 1
    finally:
        cluster.declare()
        login1.sh("systemctl stop alone; rm -rf /run/alone /srv/shared/slurm")
        back = cluster.site("--limit", "head1,login1")      # both had each other as time servers
    assert back.bad == {}, back.output


@pytest.mark.slow
def test_slurmdbd_comes_to_a_cluster_with_jobs(cluster, patient):
    """slurmdbd gives the cluster another id than slurmctld has made up, and a slurmctld that finds both ends."""
    head1, login1 = cluster.node("head1"), cluster.node("login1")
    waits = cluster.user("sbatch --parsable -w cn1 --exclusive -o /dev/null --wrap=true")
    own = head1.sh(f"cat {STATE}/clustername")
    cluster.declare(("roles: [slurm_login]", "roles: [slurm_login, slurm_dbd]"))
    try:
        run = cluster.site()
        assert (run.status, run.bad) == (3, {}), run.output
        assert head1.sh(f"cat {STATE}/clustername") != own
        assert cluster.user(f"squeue -hj {waits} -o %T") == "PENDING"
        assert f"{patient}|RUNNING" in cluster.user(f"until sacct -nXPaj {patient} -o jobid,state | grep .; do sleep 0.5; done")
        assert cluster.site().status == 0
    finally:
        cluster.declare()
        head1.sh(f"scancel {waits}")
        back = cluster.site()
        login1.sh("systemctl disable --now slurmdbd mariadb")
    assert back.bad == {}, back.output
