"""Slurm over changes of the file: new nodes and partitions under running jobs, hardware that is not there, drained nodes."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.integration

# One node more, and a partition for it.
GROWN = (
    ("  cn[1-3]:\n", "  cn[1-4]:\n"),
    ('nodes: "cn[1-3]"', 'nodes: "cn[1-4]"'),
    ("    debug:", '    night: {nodes: "cn[3-4]", max_time: 8:00:00}\n    debug:'),
)

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


def test_the_cluster_grows_while_a_job_runs(cluster):
    nodes = [cluster.node(name) for name in ("cn1", "cn2", "cn3")]
    job = cluster.user("sbatch --parsable -w cn1 -o /tmp/patient.out --wrap='until [ -e /tmp/go ]; do sleep 0.2; done; echo it is done'")
    before = [(node.show("slurmd"), node.show("munge")) for node in nodes]
    try:
        cluster.declare(*GROWN)
        assert "1 created, 0 remade, 5 kept" in cluster.lab("up")
        run = cluster.site()
        assert (run.status, run.bad) == (3, {}), run.output
        assert cluster.user("sinfo -hp night -o '%l %N'") == "8:00:00 cn[3-4]"
        assert [(node.show("slurmd"), node.show("munge")) for node in nodes] == before
        assert cluster.user(f"squeue -hj {job} -o '%T %N'") == "RUNNING cn1"
        assert cluster.user("srun --immediate=60 -p night -N2 hostname | sort").split() == ["cn3", "cn4"]
    finally:
        cluster.node("cn1").sh("touch /tmp/go")
        cluster.declare()
    cluster.user(f"while squeue -hj {job} | grep -q .; do sleep 0.2; done")
    assert cluster.node("cn1").sh("cat /tmp/patient.out; rm /tmp/patient.out /tmp/go") == "it is done"
    assert "JobState=COMPLETED" in cluster.user(f"scontrol show job {job}")

    cluster.node("head1").sh("scontrol update nodename=cn4 state=drain reason='goes away'")
    assert "0 remade, 5 kept, 1 removed" in cluster.lab("up")
    shrunk = cluster.site()
    assert (shrunk.status, shrunk.bad) == (3, {}), shrunk.output
    cluster.wait_states()


@pytest.mark.slow
def test_hardware_that_is_not_there(cluster):
    head1 = cluster.node("head1")
    head1.sh("scontrol update nodename=cn1 state=drain reason='DIMM swap'")
    try:
        cluster.declare(*BOASTING)
        run = cluster.site()
    finally:
        cluster.declare()
    assert run.status == 2, run.output
    assert set(run.bad) == {"cn3"}
    assert "cn3: slurmctld refuses it" in run.bad["cn3"]
    assert "Low RealMemory" in run.bad["cn3"]
    assert "correct its hardware in the cluster file" in run.bad["cn3"]

    corrected = cluster.site()
    assert (corrected.status, corrected.bad) == (3, {}), corrected.output
    # Slurm has drained the node by itself, and the run leaves that to the administrator, but says so.
    resume = "scontrol update nodename=cn3 state=resume"
    assert f"type `{resume}`" in " ".join(corrected.output.split())
    assert cluster.states() == {"cn1": "drained", "cn2": "idle", "cn3": "drained"}
    head1.sh(resume)
    # What an administrator has drained is no news, and stays.
    assert cluster.site().status == 0
    assert "DIMM swap" in head1.sh("scontrol show node cn1")
    head1.sh("scontrol update nodename=cn1 state=resume")
    cluster.wait_states()
    assert cluster.job() == ["cn1", "cn2", "cn3"]


def test_a_drained_node_stays_drained(cluster):
    head1 = cluster.node("head1")
    head1.sh("scontrol update nodename=cn1 state=drain reason='DIMM swap'")
    run = cluster.site()
    assert (run.status, run.changed) == (0, set()), run.output
    assert "out of service" not in run.output
    assert cluster.states()["cn1"] == "drained"
    assert "Reason=DIMM swap [root@" in head1.sh("scontrol show node cn1")
    head1.sh("scontrol update nodename=cn1 state=resume")
