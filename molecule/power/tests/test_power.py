"""Idle nodes go off, a job brings them back, one that does not come is set down. The tests tell one story, in their order."""

import re
import subprocess

import pytest

NODES = ["cn1", "cn2", "cn3"]


@pytest.fixture
def head(host):
    return host("head1")


@pytest.fixture
def states(head):
    """Every node's state, as sinfo writes it."""
    return lambda: dict(line.split() for line in head.check_output("sinfo -hN -o '%N %t' | sort -u").splitlines())


NEVER = "[Unit]\nConditionPathExists=/nowhere\n"
DROP_IN = "/etc/systemd/system/slurmd.service.d/never.conf"


@pytest.fixture
def powered(cluster):
    """The nodes whose containers run."""
    def look():
        names = subprocess.run(["podman", "ps", "--filter", f"label=clusterwright.lab={cluster.name}", "--format", "{{.Names}}"],
                               capture_output=True, text=True, check=True).stdout.split()
        return sorted(name.removeprefix(f"{cluster.name}-") for name in names)
    return look


@pytest.fixture
def journal(head):
    return lambda: head.check_output("journalctl --no-pager -o cat -t clusterwright-power")


def test_idle_nodes_are_powered_off(cluster, states, powered, journal, eventually, tmp_path):
    (tmp_path / "never.conf").write_text(NEVER)     # cn3 will not come back; it may be off already
    subprocess.run(["podman", "cp", tmp_path / "never.conf", f"{cluster.name}-cn3:{DROP_IN}"], check=True)
    eventually(lambda: states() == dict.fromkeys(NODES, "idle~"))
    eventually(lambda: powered() == ["head1"])
    assert "is asked to shut down: Slurm has no work for it" in journal()


def test_a_run_leaves_them_out_and_says_so(site):
    status, hosts, output = site()
    assert (status, set(hosts)) == (0, {"head1"}), output
    assert "cn[1-3]: what has changed reaches a node with the next run that finds it up." in output


def test_a_password_can_be_read_by_slurm_alone(head):
    found = head.file("/etc/clusterwright/power.json")
    assert (found.user, found.mode) == ("slurm", 0o400)
    assert head.run("runuser -u nobody -- cat /etc/clusterwright/power.json").failed
    show = "import json; print(json.load(open('/etc/clusterwright/power.json'))['password'])"
    head.check_output(f'umask 077; python3 -c "{show}" > /run/pattern')
    assert head.run("grep -rlFf /run/pattern /proc/*/cmdline /etc/slurm /etc/systemd /var/lib/clusterwright-power /var/log").stdout == ""


def test_a_queued_job_brings_them_back_and_runs(head, powered):
    lost = head.check_output("sbatch --parsable -w cn3 -o /dev/null --wrap=true")
    said = head.check_output("cd /tmp && srun -N2 -w 'cn[1-2]' hostname")
    assert sorted(said.split()) == ["cn1", "cn2"]
    assert powered()[:2] == ["cn1", "cn2"]
    head.check_output("echo %s > /run/lost", lost)


def test_a_node_that_does_not_come_back_is_cycled_once_and_set_down(host, head, states, journal, eventually):
    eventually(lambda: "down" in states()["cn3"], 90)
    eventually(lambda: "is set down" in journal())
    (reason,) = re.findall(r"Reason=(.*)", head.check_output("scontrol show node cn3"))
    assert re.match(r"power: has power, and slurmd did not answer within \d+ s, power-cycled once \(clusterwright\) \[slurm@", reason)
    assert len(re.findall(r"cn3 .* its power is cycled, once", journal())) == 1
    # Its job waits anew. Mended, the node serves again; it is on, and Slurm takes it for off.
    job = head.check_output("cat /run/lost")
    assert "JobState=PENDING" in head.check_output("scontrol show job %s", job)
    host("cn3").check_output(f"rm {DROP_IN}")
    head.check_output("scontrol update nodename=cn3 state=resume")
    assert head.check_output("cd /tmp && srun -w cn3 hostname") == "cn3"
    head.check_output("scancel %s; scontrol update nodename=cn3 state=power_down", job)


def test_the_queue_is_empty_in_the_end(head, states, eventually):
    eventually(lambda: states() == dict.fromkeys(NODES, "idle~"), 90)
    eventually(lambda: head.run("ls /var/lib/clusterwright-power/queue /var/lib/clusterwright-power/nodes.json").stdout.split() ==
               ["/var/lib/clusterwright-power/queue:"])
    assert head.check_output("systemctl show -P Result clusterwright-power.service") == "success"
