"""What a run is told of Slurm's packages on a host, and what it does with them."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import packages as util
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_packages

OLD, NEW = "24.11.5-4+deb13u1", "26.05.5-1"
UNITS = "MainPID=0\nId=slurmd.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n"


class Host:
    """A node with slurmd, whose apt-get works unless `broken`."""

    def __init__(self):
        self.version, self.offered, self.broken, self.ran = OLD, NEW, "", []

    def __call__(self, argv):
        line = " ".join(argv)
        if argv[0] == "dpkg-query":
            return Result(0, f"slurm-wlm\tslurmd\t{self.version}\tinstall\tinstalled\n", "")
        if argv[0] == "apt-cache":
            return Result(0, f"slurmd:\n  Installed: {self.version}\n  Candidate: {self.offered}\n  Version table:\n", "")
        if line.startswith("systemctl show"):
            return Result(0, UNITS, "")
        if " -s " in line:
            return Result(0, "Remv libpmix2t64 [5.0.7-1]\nInst slurmd\n", "")
        self.ran.append(line)
        if argv[0] == "env" and self.broken:
            return Result(100, "", f"{self.broken}\n")
        if argv[0] == "env" and "--only-upgrade" in argv and "--download-only" not in argv:
            self.version = NEW
        return Result(0, "", "")


@pytest.fixture
def host(monkeypatch, tmp_path):
    monkeypatch.setattr(util, "POLICY", tmp_path / "policy-rc.d")
    made = Host()
    monkeypatch.setattr(slurm_packages, "runner", lambda _module: made)
    return made


def test_it_looks_and_changes_nothing(call_module, host):
    result = call_module(slurm_packages)
    assert (result["before"], result["candidate"]) == ({"slurmd": OLD}, {"slurmd": NEW})
    assert (result["changed"], result["verified"]) == (False, False)
    assert result["daemons"] == {"slurmd.service": {"active": True, "down": False, "stale": False}}
    assert result["to_start"] == ["slurmd.service"] and result["trouble"] == [] and host.ran == []


def test_sources_that_do_not_answer_are_trouble_and_no_failure(call_module, host):
    host.broken = "E: Could not resolve 'mirror'"
    result = call_module(slurm_packages, refresh=True)
    assert result["trouble"] == ["its package sources do not answer: E: Could not resolve 'mirror'"]


def test_fetched_ahead_of_time(call_module, host):
    result = call_module(slurm_packages, state="fetched", release="26.05")
    assert len(host.ran) == 1 and "--download-only" in host.ran[0] and result["commands"] == host.ran
    assert (result["changed"], result["removed"]) == (False, ["libpmix2t64"])


def test_check_mode_tells_what_install_would_do(call_module, host):
    result = call_module(slurm_packages, check=True, state="installed", release="26.05", refresh=True)
    assert (result["changed"], result["verified"], result["after"]) == (True, False, {"slurmd": NEW})
    assert result["diff"] == {"before": f"slurmd {OLD}\n", "after": f"slurmd {NEW}\n"}
    assert result["impact"][0]["text"] == "slurmd.service stops: jobs run on, and new steps and jobs wait for it"
    assert result["impact"][1] == {"kind": "package_removed", "name": "libpmix2t64", "text": "package libpmix2t64 is removed"}
    assert host.ran == []


def test_installed_and_read_back_and_again_unchanged(call_module, host):
    first = call_module(slurm_packages, state="installed", release="26.05")
    assert first["commands"][0] == "systemctl stop slurmd.service" == host.ran[0]
    assert (first["changed"], first["verified"], first["after"]) == (True, True, {"slurmd": NEW})
    second = call_module(slurm_packages, state="installed", release="26.05")
    assert (second["changed"], second["verified"], second["commands"]) == (False, True, [])


def test_slurmd_runs_again_when_its_packages_cannot_be_replaced(call_module, host):
    host.broken = "E: You don't have enough free space in /var/cache/apt/archives/."
    result = call_module(slurm_packages, state="installed", release="26.05")
    assert result["failed"] and "enough free space" in result["msg"] and host.ran[-1] == "systemctl start slurmd.service"


def test_a_release_that_is_not_offered(call_module, host):
    result = call_module(slurm_packages, state="installed", release="25.11")
    assert "nothing of Slurm 25.11" in result["msg"] and host.ran == []


def test_a_release_must_be_named(call_module, host):
    assert "release" in call_module(slurm_packages, state="installed")["msg"] and host.ran == []
