"""Slurm's power saving on bad days: real Slurm, real jobs, and simulated BMCs that really stop and start the containers.

Each takes minutes, for each has to wait for Slurm's own timeouts.
"""

from __future__ import annotations

import os
import re
import shutil
import time

import pytest

from ansible_collections.clusterwright.hpc.tests.integration.conftest import BUILD, CHECKOUT, Cluster

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SCENARIO = CHECKOUT / "molecule/power"
NODES = ("cn1", "cn2", "cn3")
PLAYBOOKS = CHECKOUT / "playbooks"


class Powered(Cluster):
    """The cluster of the scenario `power` under another name, with one BMC that speaks Redfish.

    And with more patience: a node may take a minute on a busy machine.
    """

    def declare(self, *replacements: tuple[str, str]) -> None:
        text = (SCENARIO / "cluster.yml").read_text()
        cn3 = text[text.index("  cn[1-3]:"):text.index("\nslurm:")]
        for number in ("21", "121"):
            cn3 = cn3.replace(f"10.66.0.{number}}}", f"10.66.0.{int(number) + 2}}}")
        cn3 = cn3.replace("cn[1-3]", "cn3").replace("hardware: container", "hardware: modern")
        modern = "  modern: {sockets: 1, cores_per_socket: 2, memory: 1 GiB, bmc: {protocol: redfish}}\n"
        for old, new in (("  cn[1-3]:", "  cn[1-2]:"), ("\nslurm:", f"{cn3}\nslurm:"), ("\nnodes:", f"{modern}\nnodes:"),
                         ("name: moleculepower", "name: itestpower"), ("10.66.0.", "10.65.0."),
                         ("resume_timeout: 40s", "resume_timeout: 2m"), *replacements):
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)

    def states(self) -> dict[str, str]:
        """As sinfo writes them short: idle~."""
        return dict(line.split() for line in self.node("head1").sh("sinfo -hN -o '%N %t' | sort -u").splitlines())

    def journal(self) -> str:
        return self.node("head1").sh("journalctl --no-pager -o cat -t clusterwright-power")

    def actions(self) -> list[str]:
        """What was really done to containers so far, for podman prints a name each time."""
        return (BUILD / "lab" / self.name / "bmcs/log").read_text().split("\n")[1:-1]

    def until(self, true, seconds=300):
        end = time.monotonic() + seconds
        while not (seen := true()):
            assert time.monotonic() < end, f"{self.states()}\n{self.journal()}"
            time.sleep(0.5)
        return seen

    def all_off(self):
        self.until(lambda: self.states() == dict.fromkeys(NODES, "idle~") and self.idle())

    def idle(self):
        return self.node("head1").sh("ls /var/lib/clusterwright-power/queue; ls /var/lib/clusterwright-power | grep json || true") == ""

    def reason(self, node):
        found = re.search(r"Reason=(.*) \[", self.node("head1").sh(f"scontrol show node {node}"))
        return found[1] if found else ""


@pytest.fixture(scope="module")
def powered(artifacts):
    if os.geteuid() or not shutil.which("podman"):
        pytest.skip("a lab needs root and podman; `make test-slow` does the set-up")
    cluster = Powered(BUILD / "itestpower", "itestpower", artifacts)
    shutil.copytree(SCENARIO / "group_vars", cluster.file.parent / "group_vars", dirs_exist_ok=True)
    (cluster.file.parent / "group_vars/all/redfish.yml").write_text("bmc_validate_certs: false\n")
    cluster.lab("down")
    try:
        cluster.lab("up")
        first = cluster.site()
        assert first.status == 3, first.output
        yield cluster
    finally:
        cluster.lab("down")
        shutil.rmtree(cluster.file.parent)


@pytest.fixture
def cluster(powered):
    """All nodes off, nothing in work."""
    powered.node("head1").sh("scancel -u root; sinfo -hN -t down -o %N | sort -u | xargs -rI{} scontrol update nodename={} state=resume")
    powered.all_off()
    return powered


@pytest.fixture
def awake(cluster):
    """The same, and who is woken stays on: for runs that take longer than the scenario's SuspendTime of some seconds."""
    head = cluster.node("head1")
    head.sh("scontrol update SuspendExcNodes='cn[1-3]'")
    yield
    head.sh("scontrol update SuspendExcNodes=")


def submit(cluster, *words):
    return cluster.node("head1").sh(f"sbatch --parsable -o /tmp/out.%j {' '.join(words)}")


def done(cluster, job):
    return "JobState=COMPLETED" in cluster.node("head1").sh(f"scontrol show job {job}")


def kill_at_work(cluster, times):
    """Kill the worker as soon as it has said something more, so many times at most."""
    for _time in range(times):
        said, end = len(cluster.journal()), time.monotonic() + 20
        while len(cluster.journal()) == said and time.monotonic() < end:
            time.sleep(0.1)
        cluster.node("head1").sh("systemctl kill -s KILL clusterwright-power.service || true")


def test_slurmctld_restarts_while_nodes_resume(cluster):
    job = submit(cluster, "-N3 --wrap='srun hostname'")
    head = cluster.node("head1")
    cluster.until(lambda: not cluster.idle())
    head.sh("systemctl stop slurmctld; sleep 3; systemctl start slurmctld")
    cluster.until(lambda: done(cluster, job))


def test_a_worker_that_is_killed_again_and_again_loses_nothing_and_does_nothing_twice(cluster):
    before = len(cluster.actions())
    job = submit(cluster, "-N3 --wrap='srun hostname'")
    kill_at_work(cluster, 4)
    cluster.until(lambda: done(cluster, job))
    kill_at_work(cluster, 2)
    cluster.all_off()
    assert "was left by a worker that was stopped: goes on" in cluster.journal()
    assert sorted(cluster.actions()[before:]) == sorted(f"itestpower-{node}" for node in NODES * 2)     # on, off


def test_a_node_that_just_got_a_job_stays_on(cluster):
    head = cluster.node("head1")
    job = submit(cluster, "-w cn1 --wrap='sleep 20'")
    cluster.until(lambda: cluster.states()["cn1"] == "mix")
    # What slurmctld asked for before, and a worker that was long away finds now.
    head.sh("runuser -u slurm -- /usr/local/libexec/clusterwright/power-suspend cn1")
    cluster.until(lambda: re.search(r"cn1 stays on: Slurm has it as MIXED", cluster.journal()))
    cluster.until(lambda: done(cluster, job))


def test_a_node_that_boots_too_slowly_stays_down_with_the_reason(cluster):
    job = submit(cluster, "-w cn2 --wrap=true")
    cluster.until(lambda: done(cluster, job))
    slow = "/etc/systemd/system/slurmd.service.d/slow.conf"
    cluster.node("cn2").sh(f"printf '[Service]\\nExecStartPre=/bin/sleep 90\\n' > {slow}")
    cluster.all_off()
    job = submit(cluster, "-w cn2 --wrap=true")
    cluster.until(lambda: "power-cycled once (clusterwright)" in cluster.reason("cn2"))
    time.sleep(60)      # by now slurmd answers
    assert cluster.states()["cn2"].startswith("down")
    cluster.node("cn2").sh(f"rm {slow}; systemctl daemon-reload; systemctl restart slurmd")
    cluster.node("head1").sh(f"scancel {job}; scontrol update nodename=cn2 state=resume")
    cluster.until(lambda: cluster.states()["cn2"].startswith("idle"))


def test_a_node_that_reboots_by_itself_while_it_comes_up(cluster):
    job = submit(cluster, "-w cn3 --wrap=hostname")
    cluster.until(lambda: "cn3 has power, and boots" in cluster.journal().rpartition("cn3 is switched on")[2])
    cluster.podman("restart", "-t", "0", node="cn3")
    cluster.until(lambda: done(cluster, job))


def test_a_dead_bmc_is_named_and_holds_up_no_other(cluster):
    head = cluster.node("head1")
    text = head.sh("cat /etc/clusterwright/power.json")
    head.sh("sed -i 's/10.65.0.121/10.65.0.99/' /etc/clusterwright/power.json")
    try:
        dead, alive = submit(cluster, "-w cn1 --wrap=true"), submit(cluster, "-w cn2 --wrap=true")
        cluster.until(lambda: done(cluster, alive))
        cluster.until(lambda: cluster.reason("cn1").startswith("power: its BMC does not answer"))
        # slurmctld's own time for it is over later, and the reason stays.
        cluster.until(lambda: "cn1 is down already: power: its BMC does not answer" in cluster.journal())
        assert cluster.reason("cn1").startswith("power: its BMC does not answer")
        head.sh(f"scancel {dead}")
    finally:
        head.sh(f"cat > /etc/clusterwright/power.json <<'X'\n{text}\nX")


@pytest.mark.usefixtures("awake")
def test_a_run_wakes_them_and_brings_what_they_missed(cluster):
    cluster.declare(("domain: power.example", "domain: other.example"))
    try:
        woken = cluster.site("-e", "site_wake=true")
    finally:
        cluster.declare()
    assert woken.status == 3 and {"cn1", "cn2", "cn3"} <= woken.changed, woken.output
    assert "other.example" in cluster.node("cn1").sh("cat /etc/hosts")


def test_a_maintenance_wakes_its_nodes_and_no_others(cluster, tmp_path):
    """Though it lasts longer than SuspendTime: what is drained stays on."""
    before, tasks = len(cluster.actions()), tmp_path / "tasks.yml"
    tasks.write_text("- name: Work\n  ansible.builtin.command: sleep 20\n")
    variables = ("maintenance_nodes=cn[1-2]", "maintenance_reason=fans", f"maintenance_tasks={tasks}", "maintenance_batch=2")
    words = [word for variable in variables for word in ("-e", variable)]
    would = cluster.start(*words, "--check", playbook=PLAYBOOKS / "slurm_maintenance.yml").end()
    assert not would.bad and len(cluster.actions()) == before, would.output
    run = cluster.start(*words, playbook=PLAYBOOKS / "slurm_maintenance.yml").end()
    assert not run.bad and {"cn1", "cn2"} <= run.changed, run.output
    assert sorted(cluster.actions()[before:][:2]) == ["itestpower-cn1", "itestpower-cn2"]
    assert cluster.states()["cn3"] == "idle~"
    assert cluster.node("head1").sh("scontrol show node cn[1-3] | grep -c 'Comment=fans done'") == "2"
    cluster.all_off()


def test_another_release_leaves_them_out_and_says_so(cluster):
    run = cluster.start("-e", "slurm_upgrade_version=candidate", "--check", playbook=PLAYBOOKS / "slurm_upgrade.yml").end()
    assert not run.bad and set(run.hosts) == {"head1"}, run.output
    said = " ".join(run.output.split())
    assert "cn[1-3]: what has changed reaches a node with the next run that finds it up" in said
    assert "cn[1-3] does not answer or is left out of this run, and stays as it is" in said


def keys(cluster):
    return {cluster.node(name).sh("sha256sum < /etc/munge/munge.key") for name in ("head1", *NODES)}


@pytest.mark.usefixtures("awake")
def test_a_new_munge_key_wakes_them_all(cluster):
    (old,) = {cluster.node("head1").sh("sha256sum < /etc/munge/munge.key")}
    asked = cluster.start(playbook=PLAYBOOKS / "munge_rotate.yml").end()
    assert "cn[1-3], switched off by power saving, is powered up first" in asked.bad["head1"], asked.output
    assert cluster.states() == dict.fromkeys(NODES, "idle~")
    run = cluster.start("-e", "munge_rotate_confirmed=true", playbook=PLAYBOOKS / "munge_rotate.yml").end()
    assert not run.bad, run.output
    (new,) = keys(cluster)
    assert new != old
    job = submit(cluster, "-N3 --wrap='srun hostname'")
    cluster.until(lambda: done(cluster, job))


def test_a_node_with_an_old_key_serves_nobody_and_is_explained_and_mended(cluster):
    job = submit(cluster, "-w cn3 --wrap=true")
    cluster.until(lambda: done(cluster, job))
    cluster.node("cn3").sh("head -c 128 /dev/urandom > /etc/munge/munge.key")      # munged has the right one until it boots
    cluster.all_off()
    job = submit(cluster, "-w cn3 --wrap=true")
    cluster.until(lambda: "slurmd did not answer" in cluster.reason("cn3"))

    found = cluster.start(playbook=PLAYBOOKS / "repair_nodes.yml").end()
    assert "cn3 has another munge key than head1" in " ".join(found.output.split()), found.output
    mended = cluster.site("--limit", "cn3")
    assert not mended.bad and mended.changed == {"cn3"}, mended.output
    back = cluster.start(playbook=PLAYBOOKS / "repair_nodes.yml").end()
    assert not back.bad, back.output
    cluster.until(lambda: done(cluster, job))
