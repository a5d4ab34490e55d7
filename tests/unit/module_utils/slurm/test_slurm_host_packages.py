"""Slurm's packages of a host: what is seen, what is planned, and what happens when it goes wrong."""

from __future__ import annotations

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import packages
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.packages import Daemon, Plan, State

OLD, NEW = "24.11.5-4+deb13u1", "26.05.5-1"


def dpkg(*lines):
    """Lines of dpkg-query, from their words."""
    return "".join("\t".join(line.split()) + "\n" for line in lines)


DPKG = dpkg(
    f"slurm-wlm slurmd {OLD} install installed", f"slurm-wlm slurm-client {OLD} install installed", "munge munge 0.5 install installed"
)
# As apt-cache prints it, down to a package of another architecture and one without a candidate.
POLICY = f"""slurmd:
  Installed: {OLD}
  Candidate: {NEW}
  Version table:
     {NEW} 500
        500 file:/srv/slurm-next ./ Packages
 *** {OLD} 100
        100 /var/lib/dpkg/status
libhwloc15:i386:
  Installed: (none)
  Candidate: 2.15.0-2
  Version table:
     2.15.0-2 500
gone:
  Installed: 1
  Candidate: (none)
  Version table:
 *** 1 100
"""
RUNS = Daemon(active=True, enabled=True, stale=False)
STATE = State({"slurmd": OLD, "slurm-client": OLD}, {"slurmd": NEW, "slurm-client": NEW}, [], {"slurmd.service": RUNS})


class Host:
    """Answers commands by their first words, and remembers all of them."""

    def __init__(self, answers=()):
        self.answers, self.ran = dict(answers), []

    def __call__(self, argv):
        self.ran.append(" ".join(argv))
        for words, result in self.answers.items():
            if words in self.ran[-1]:
                return result
        return Result(0, "", "")


@pytest.fixture(autouse=True)
def policy(tmp_path, monkeypatch):
    """The place of policy-rc.d."""
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy-rc.d")
    return tmp_path / "policy-rc.d"


class TestSeen:
    def test_all_packages_of_slurm_and_no_other(self):
        assert packages.parse_packages(DPKG) == ({"slurmd": OLD, "slurm-client": OLD}, [], [])

    def test_what_was_removed_is_not_there(self):
        assert packages.parse_packages(dpkg(f"slurm-wlm slurmd {OLD} deinstall config-files")) == ({}, [], [])

    def test_another_package_that_dpkg_has_not_finished_is_trouble(self):
        installed, unfinished, trouble = packages.parse_packages(DPKG + dpkg("vim vim 9 install half-configured"))
        assert (len(installed), unfinished) == (2, []) and "dpkg has not finished with vim" in trouble[0]

    def test_an_upgrade_of_slurm_that_was_broken_off_is_ours_to_finish(self):
        """As a killed apt-get has left it: some new, one half there, and a library."""
        half = f"slurm-wlm slurm-client {OLD} install half-installed"
        lines = dpkg(f"slurm-wlm slurmd {NEW} install unpacked", half, "hwloc libhwloc15 2 install unpacked")
        installed, unfinished, trouble = packages.parse_packages(lines)
        assert installed == {"slurmd": NEW, "slurm-client": ""}
        assert (unfinished, trouble) == (["slurmd", "slurm-client", "libhwloc15"], [])

    def test_a_package_on_hold_is_named_with_its_way_out(self):
        assert "apt-mark unhold slurmd" in packages.parse_packages(DPKG.replace("install", "hold", 1))[2][0]

    def test_candidates(self):
        assert packages.parse_policy(POLICY) == {"slurmd": NEW, "libhwloc15": "2.15.0-2"}

    @given(st.text(alphabet=" \n:abC()CandidateInstalled0123456789.", max_size=200))
    def test_candidates_of_anything(self, text):
        assert all(name and version for name, version in packages.parse_policy(text).items())

    def test_daemons(self, tmp_path, monkeypatch):
        monkeypatch.setattr(packages, "PROC", tmp_path)
        for pid, exe in (("7", "/usr/sbin/slurmd-wlm (deleted)"), ("8", "/usr/sbin/slurmctld-wlm")):
            (tmp_path / pid).mkdir()
            (tmp_path / pid / "exe").symlink_to(exe)
        blocks = (
            "MainPID=7\nId=slurmd.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled",
            "MainPID=8\nId=slurmctld.service\nLoadState=loaded\nActiveState=active\nUnitFileState=disabled",
            "MainPID=0\nId=sackd.service\nLoadState=loaded\nActiveState=failed\nUnitFileState=enabled",
            "MainPID=0\nId=slurmdbd.service\nLoadState=not-found\nActiveState=inactive\nUnitFileState=",
        )
        found = packages.parse_units("\n\n".join(blocks))
        assert found == {
            "slurmd.service": Daemon(active=True, enabled=True, stale=True),
            "slurmctld.service": Daemon(active=True, enabled=False, stale=False),
            "sackd.service": Daemon(active=False, enabled=True, stale=False),
        }
        assert [unit for unit, daemon in found.items() if daemon.down] == ["sackd.service"]

    def test_steps_of_a_former_package_are_counted(self, tmp_path, monkeypatch):
        monkeypatch.setattr(packages, "PROC", tmp_path)
        processes = (("1", "slurmstepd", "/x (deleted)"), ("2", "slurmstepd", "/x"), ("3", "bash", "/y (deleted)"), ("4", "", ""))
        for pid, name, exe in processes:
            (tmp_path / pid).mkdir()
            if name:
                (tmp_path / pid / "comm").write_text(f"{name}\n")
                (tmp_path / pid / "exe").symlink_to(exe)
        assert packages._old_steps() == 1


class TestPlan:
    def test_all_packages_go_together_and_the_daemons_stop(self):
        assert packages.plan(STATE, "26.05") == Plan({"slurmd": NEW, "slurm-client": NEW}, ["slurmd.service"])

    def test_nothing_to_do(self):
        there = STATE._replace(installed=STATE.candidate)
        assert packages.plan(there, "26.05") == Plan({}, [])
        assert packages.commands(packages.plan(there, "26.05")) == []

    def test_another_release_than_the_sources_have(self):
        with pytest.raises(ClusterwrightError, match=r"slurmd is 24\.11.*, and .* offer 26\.05\.5-1, nothing of Slurm 25\.11"):
            packages.plan(STATE, "25.11")

    def test_a_newer_version_of_another_release_is_not_taken(self):
        assert packages.plan(STATE, "24.11") == Plan({}, [])

    def test_a_daemon_that_runs_from_a_former_package_stops(self):
        stale = STATE._replace(installed=STATE.candidate, daemons={"slurmd.service": RUNS._replace(stale=True)})
        assert packages.plan(stale, "26.05") == Plan({}, ["slurmd.service"])

    def test_sackd_stays_up_because_commands_read_its_files(self):
        sackd = STATE._replace(daemons={"sackd.service": RUNS})
        assert packages.plan(sackd, "26.05").stop == []
        stale = {"sackd.service": RUNS._replace(stale=True)}
        assert packages.plan(sackd._replace(installed=STATE.candidate, daemons=stale), "26.05").stop == ["sackd.service"]

    def test_trouble_matters_only_where_something_is_to_be_done(self):
        with pytest.raises(ClusterwrightError, match="slurmd held back"):
            packages.plan(STATE._replace(trouble=["slurmd held back"]), "26.05")
        assert packages.plan(STATE._replace(trouble=["slurmd held back"], installed=STATE.candidate), "26.05") == Plan({}, [])

    def test_an_upgrade_that_was_broken_off_is_finished_first(self):
        planned = packages.plan(STATE._replace(installed={"slurmd": NEW, "slurm-client": ""}, unfinished=["slurmd"]), "26.05")
        assert planned == Plan({"slurm-client": NEW}, ["slurmd.service"], mend=True)
        said = packages.commands(planned)
        assert said[0] == "systemctl stop slurmd.service" and said[1] == "dpkg --force-confold --configure -a" and " -f " in said[2]
        assert said[3].endswith(f"--only-upgrade slurm-client={NEW}")

    def test_a_removed_package_of_slurm_is_refused_and_another_told(self):
        planned = packages.plan(STATE, "26.05")
        assert packages.simulate(Host({" -s ": Result(0, "Remv libpmix2t64 [5]\nInst slurmd\n", "")}), planned) == ["libpmix2t64"]
        with pytest.raises(ClusterwrightError, match="apt-get would remove slurmd"):
            packages.simulate(Host({" -s ": Result(0, "Remv slurmd [24]\n", "")}), planned)
        with pytest.raises(ClusterwrightError, match="apt-get refuses: E: held broken packages"):
            packages.simulate(Host({" -s ": Result(100, "", "E: held broken packages\n")}), planned)


class TestInstall:
    planned = packages.plan(STATE, "26.05")

    def test_stopped_before_the_packages_and_started_by_nobody(self, policy):
        seen = []
        host = Host()
        packages.install(lambda argv: (seen.append(policy.exists()), host(argv))[1], self.planned)
        assert [line.split(" ")[0] for line in host.ran] == ["systemctl", "env"]
        assert seen == [False, True] and not policy.exists()

    def test_when_nothing_was_replaced_all_start_again(self, policy):
        host = Host({"apt-get": Result(100, "", "E: no space left\n"), "dpkg-query": Result(0, DPKG, "")})
        with pytest.raises(ClusterwrightError, match=r"packages cannot be replaced: E: no space left\. Mend what it says"):
            packages.install(host, self.planned)
        assert host.ran[-1] == "systemctl start slurmd.service" and not policy.exists()

    def test_a_new_slurmctld_does_not_start_before_its_turn_but_slurmd_does(self):
        planned = Plan({"slurmctld": NEW, "slurmd": NEW}, ["slurmctld.service", "slurmd.service"])
        half = dpkg(f"slurm-wlm slurmctld {NEW} install unpacked", f"slurm-wlm slurmd {NEW} install unpacked")
        host = Host({"apt-get": Result(100, "", "E: x\n"), "dpkg-query": Result(0, half, "")})
        with pytest.raises(ClusterwrightError, match=r"slurmctld\.service stays down"):
            packages.install(host, planned)
        assert host.ran[-1] == "systemctl start slurmd.service"


class TestPolicy:
    """What Debian's maintainer scripts ask before they start anything."""

    def ask(self, policy, unit):
        return subprocess.run([str(policy), unit, "restart"], check=False).returncode

    def test_slurms_daemons_are_held_back_and_no_others(self, policy):
        with packages.held_back():
            units = ("slurmd.service", "slurmdbd", "sackd.service", "mariadb.service")
            assert [self.ask(policy, unit) for unit in units] == [101, 101, 101, 0]
        assert not policy.exists()

    def test_what_a_killed_run_leaves_behind_has_no_effect_and_is_replaced(self, policy):
        child = subprocess.Popen(["true"])
        child.wait()
        with pytest.raises(KeyboardInterrupt), packages.held_back(child.pid):
            left = policy.read_text()
            raise KeyboardInterrupt
        policy.write_text(left)
        policy.chmod(0o755)
        assert self.ask(policy, "slurmd.service") == 0
        assert packages._foreign_policy(Host()) == []
        with packages.held_back():
            assert str(os.getpid()) in policy.read_text()
        assert not policy.exists()

    def test_the_administrators_own_stays_and_must_hold_them_back_too(self, policy):
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        with packages.held_back():
            assert "clusterwright" not in policy.read_text()
        assert policy.exists()
        assert packages._foreign_policy(lambda _argv: Result(101, "", "")) == []
        assert "would let packages restart Slurm's daemons" in packages._foreign_policy(lambda _argv: Result(0, "", ""))[0]
