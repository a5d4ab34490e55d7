"""A node more and a node less, while a job runs. The tests go on from each other, in this order."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
FILE = Path(os.environ["LAB_INVENTORY"])
UNITS = ("slurmctld", "slurmd", "munge", "chrony")


@pytest.fixture(scope="module")
def declare():
    """Writes a copy of the cluster file with this NodeSet of compute nodes, starts what is missing of the lab, and returns the path."""
    folder = CHECKOUT / ".build" / "add_node"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FILE.parent / "group_vars", folder / "group_vars")

    def write(nodes, lab=True):
        (folder / "cluster.yml").write_text(FILE.read_text().replace("cn[1-2]", nodes))
        if lab:
            subprocess.run([sys.executable, "tools/lab.py", "up", "-i", folder / "cluster.yml"], cwd=CHECKOUT, check=True)
        return str(folder / "cluster.yml")

    yield write
    shutil.rmtree(folder)


@pytest.fixture
def patient(user, host, eventually):
    """A job on cn1 that outlives everything here."""
    host("cn1").run("rm -f /tmp/go")
    job = user("sbatch --parsable -w cn1 -o /tmp/patient.out --wrap='until [ -e /tmp/go ]; do sleep 0.2; done; echo it is done'")
    eventually(lambda: user(f"squeue -hj {job} -o %T") == "RUNNING")
    yield
    assert user(f"squeue -hj {job} -o '%T %N'") == "RUNNING cn1"
    host("cn1").run("touch /tmp/go")
    eventually(lambda: "COMPLETED" in user(f"scontrol show job {job}"))
    assert host("cn1").check_output("cat /tmp/patient.out") == "it is done"


def started(host):
    """When each daemon of the old nodes was started."""
    return {(name, unit): host(name).check_output(f"systemctl show -P ActiveEnterTimestampMonotonic {unit}")
            for name in ("head1", "cn1", "cn2") for unit in UNITS}


@pytest.mark.usefixtures("patient")
def test_a_node_more_is_one_line_and_one_run(declare, site, host, user, eventually):
    before = started(host)
    status, hosts, output = site("--limit", "slurm_controller,cn3", inventory=declare("cn[1-3]"))
    assert status == 3, output
    assert set(hosts) == {"head1", "cn3"}
    assert started(host) == before
    eventually(lambda: user("sinfo -hN -o '%N %T' -n cn3 | sort -u") == "cn3 idle")
    assert user("srun --immediate=60 -w cn3 hostname") == "cn3"
    assert user("srun --immediate=60 -N3 hostname | sort").split() == ["cn1", "cn2", "cn3"]


@pytest.mark.usefixtures("patient")
def test_a_node_with_a_job_is_not_removed(declare, site, host, user):
    job = user("sbatch --parsable -w cn3 -o /dev/null --wrap='sleep 300'")
    less = declare("cn[1-2]", lab=False)
    status, hosts, output = site("--limit", "slurm_controller", inventory=less)
    assert status == 2, output
    assert "cn3" in hosts["head1"]["failure"]["message"] and job in hosts["head1"]["failure"]["message"]
    assert user("sinfo -hN -n cn3").startswith("cn3")

    user(f"scancel {job}")
    status, hosts, output = site("--limit", "slurm_controller", inventory=less)
    assert status == 2 and "drain" in hosts["head1"]["failure"]["message"], output

    host("head1").check_output("scontrol update nodename=cn3 state=drain reason='goes away'")
    before = started(host)
    status, hosts, output = site("--limit", "slurm_controller", inventory=less)
    assert (status, set(hosts)) == (3, {"head1"}), output
    assert started(host) == before
    assert user("sinfo -hN -o %N | sort -u").split() == ["cn1", "cn2"]
