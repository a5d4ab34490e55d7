"""What there is after an upgrade of Slurm: the history, the jobs, the copies that lead back; and what an upgrade refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
OLD = "24.11"       # of Debian 13
DAEMONS = {"db1": ["slurmdbd", "slurmrestd"], "head1": ["slurmctld"], "login1": ["sackd"], "cn1": ["slurmd"], "cn2": ["slurmd"]}


@pytest.fixture
def upgrade(tmp_path):
    """Runs slurm_upgrade.yml to a release: (exit status, summary of each host, output)."""

    def run(release, *words):
        command = [sys.executable, "tools/run.py", "playbooks/slurm_upgrade.yml", "-i", os.environ["LAB_INVENTORY"]]
        command += ["--artifacts", str(tmp_path), "-e", f"slurm_upgrade_version={release}", *words]
        done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
        (summary,) = tmp_path.glob("*/summary.json")
        return done.returncode, json.loads(summary.read_text())["hosts"], done.stdout

    return run


@pytest.fixture
def new(host):
    """The release that the package source had."""
    release = host("head1").check_output("dpkg-query -W -f '${Version}' slurmctld")[:5]
    assert release > OLD
    return release


def test_every_host_has_the_next_release_and_its_daemons_run_from_it(node, new):
    assert {line[:5] for line in node.check_output("dpkg-query -W -f '${Version}\\n' slurm-client slurmd").splitlines()} == {new}
    for daemon in DAEMONS[node.check_output("hostname")]:
        assert node.service(daemon).is_running
        assert "(deleted)" not in node.check_output("readlink /proc/$(systemctl show -P MainPID %s)/exe", daemon)
    assert not node.file("/usr/sbin/policy-rc.d").exists


def test_the_daemons_say_so(host, new):
    head1 = host("head1")
    assert f"= {new}" in head1.check_output("scontrol show config | grep ^SLURM_VERSION")
    assert f"= {new}" in head1.check_output("sacctmgr show config | grep ^SLURMDBD_VERSION")
    assert {line.split()[1][:5] for line in head1.check_output("sinfo -hN -o '%N %v'").splitlines()} == {new}


def test_accounting_says_of_old_jobs_what_it_said(user):
    before = user("cat ~/before")
    assert len(before.splitlines()) == 2 and "|FAILED|3:0|" in before
    assert user("sacct -nXP -s CD,F -S now-1hour -E now -o jobid,jobname,user,account,state,exitcode,start,end") == before


def test_the_job_that_ran_through_it_ends_as_if_nothing_had_been(user, host, eventually):
    job, restarts = user("squeue -h --name=survivor -t R -o '%A %r'").split()[0], "Restarts=0"
    assert restarts in user(f"scontrol show job {job}")
    for name in ("cn1", "cn2"):
        host(name).check_output("touch /tmp/end")
    eventually(lambda: user(f"sacct -nXP -j {job} -o State,ExitCode,Account") == "COMPLETED|0:0|physics")
    written = host("cn1").run("cat /tmp/survivor.out").stdout or host("cn2").run("cat /tmp/survivor.out").stdout
    assert sorted(written.split()) == ["cn1", "cn2"]


def test_new_jobs_run_on_every_node(user, compute_names):
    said = user(f"srun --account=physics --nodes={len(compute_names)} hostname")
    assert sorted(said.split()) == sorted(compute_names)


@pytest.mark.parametrize(("name", "copy"), [("db1", "accounting.sql.gz"), ("head1", "slurmctld.tar.gz")])
def test_a_copy_leads_back(host, new, name, copy):
    machine = host(name)
    machine.check_output("cd /var/backups/slurm && sha256sum --check --quiet before-%s.*.%s.sha256", new, copy)
    (path,) = machine.check_output("ls /var/backups/slurm/before-%s.*.%s", new, copy).split()
    assert (machine.file(path).mode, machine.file("/var/backups/slurm").mode) == (0o600, 0o700)


def test_done_again_it_changes_nothing(upgrade, new):
    status, hosts, output = upgrade(new)
    assert status == 0, output
    assert f"slurmd on cn[1-2]: has Slurm {new} already" in output
    assert {name: summary["changed"] for name, summary in hosts.items()} == dict.fromkeys(DAEMONS, 0)


def test_a_release_that_is_out_of_reach_is_refused_before_anything_is_touched(upgrade, host, new):
    started = host("head1").check_output("systemctl show -P ActiveEnterTimestamp slurmctld")
    status, hosts, output = upgrade(OLD, "--limit", "head1")
    assert status == 2 and not any(summary["changed"] for summary in hosts.values())
    assert f"Nothing was changed. head1: Slurm {new} does not go back to {OLD}" in output
    assert host("head1").check_output("systemctl show -P ActiveEnterTimestamp slurmctld") == started


def test_the_roles_find_nothing_to_do(site):
    status, hosts, output = site()
    assert status == 0, output
    assert {name: summary["changed"] for name, summary in hosts.items()} == dict.fromkeys(DAEMONS, 0)
