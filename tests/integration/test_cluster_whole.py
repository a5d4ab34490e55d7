"""The cluster after its first run: real jobs of an ordinary user, and a second run that has nothing to do."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.integration


def test_a_job_runs_on_all_nodes(cluster):
    assert cluster.job() == ["cn1", "cn2", "cn3"]


def test_a_batch_job_leaves_its_output(cluster):
    node = cluster.node("cn2")
    job = "id -un; echo job $SLURM_JOB_ID on $(hostname)"
    number = cluster.user(f"sbatch --parsable --wait --nodelist=cn2 --output=/tmp/batch-%j.out --wrap='{job}'")
    assert node.sh(f"cat /tmp/batch-{number}.out").splitlines() == ["ada", f"job {number} on cn2"]
    assert node.sh(f"stat -c %U /tmp/batch-{number}.out") == "ada"


def test_partitions_are_those_of_the_file(cluster):
    rows = cluster.user("sinfo -ho '%P %l %N %h'").splitlines()
    assert sorted(rows) == ["all* 1:00:00 cn[1-3] NO", "debug 10:00 cn[1-2] YES:4"]


def test_a_job_that_takes_more_memory_than_it_asked_for_is_killed(cluster):
    if cluster.node("cn1").status("grep -qw memory /sys/fs/cgroup/cgroup.controllers || test -d /sys/fs/cgroup/memory"):
        pytest.skip("this machine's cgroups have no memory controller")
    take = "srun --mem=MEM python3 -c 'print(len(bytearray(300 << 20)))'"
    assert cluster.user(take.replace("MEM", "500M")) == str(300 << 20)
    refused = cluster.user(take.replace("MEM", "100M"), check=False)
    assert "Out Of Memory" in refused
    assert str(300 << 20) not in refused


def test_a_second_run_changes_nothing(cluster):
    again = cluster.site()
    assert again.status == 0, again.output
    assert (again.summary["verdict"], again.changed, again.bad) == ("ok", set(), {})
    assert set(again.hosts) == {"head1", "login1", "cn1", "cn2", "cn3"}
    # Each task costs some milliseconds a host, and there may be thousands.
    assert max(again.hosts[name]["host_tasks"] for name in ("cn1", "cn2", "cn3")) <= 6
