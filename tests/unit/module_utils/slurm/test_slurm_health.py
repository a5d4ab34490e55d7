"""What a node tells of itself, from what its commands print."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import health

# As Debian 13 prints it.
UNITS = """Id=munge.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled

Id=slurmd.service
LoadState=loaded
ActiveState=failed
UnitFileState=enabled

Id=chrony.service
LoadState=loaded
ActiveState=inactive
UnitFileState=enabled

Id=chrony.service
LoadState=loaded
ActiveState=inactive
UnitFileState=enabled

Id=systemd-timesyncd.service
LoadState=not-found
ActiveState=inactive
UnitFileState=
"""
FSTAB = """# <file system> <mount point> <type>
LABEL=root / ext4 defaults 0 1
nfs1:/home\t/home nfs rw,_netdev 0 0
nfs1:/a /mnt/with\\040space nfs
none none swap sw 0 0
/dev/sr0 /media/cdrom iso9660 ro,noauto 0 0
"""
LOG = """[2026-11-21T14:13:48.1] slurmd started
[2026-11-21T14:13:48.2] error: Couldn't find the specified plugin name
[2026-11-21T14:13:48.3] fatal: Unable to determine this slurmd's NodeName
[2026-11-21T14:13:48.4] done
"""


def run(argv):
    if argv[0] == "timeout":
        return Result(0, '{"filesystems": [{"target": "/"}, {"target": "/proc"}]}', "")
    if argv[0] == "systemd-escape":
        return Result(0, {"/home": "home.mount", "/mnt/with space": "mnt-with\\x20space.mount"}[argv[-1]] + "\n", "")
    return Result(0, {"systemctl": UNITS, "tail": LOG}[argv[0]], "")


def test_services():
    found = health.services(run)
    assert found == {"munge": {"unit": "munge", "state": "active"}, "time": {"unit": "chrony", "state": "inactive"},
                     "slurmd": {"unit": "slurmd", "state": "failed", "said": "Unable to determine this slurmd's NodeName"}}


def test_what_is_not_installed_or_masked():
    text = "Id=munge.service\nLoadState=masked\nActiveState=inactive\n\nId=slurmd.service\nLoadState=not-found\nActiveState=inactive\n"
    found = health.services(lambda argv: Result(0, text if argv[0] == "systemctl" else "", ""))
    assert found == {"munge": {"unit": "munge", "state": "masked"}, "slurmd": {"unit": "slurmd", "state": "not installed"}}


def test_mounts_of_fstab_that_are_not_there(tmp_path):
    (tmp_path / "fstab").write_text(FSTAB)
    assert health.not_mounted(run, tmp_path / "fstab") == {"/home": "home.mount", "/mnt/with space": "mnt-with\\x20space.mount"}
    assert health.not_mounted(run, tmp_path / "none") == {}
    assert health.not_mounted(lambda _argv: Result(124, "", ""), tmp_path / "fstab") == {}      # a file server that hangs findmnt


def test_the_last_boot(tmp_path):
    (tmp_path / "stat").write_text("cpu 1 2\nbtime 1795232615\nprocesses 7\n")
    assert health.booted(tmp_path / "stat") == 1795232615


@pytest.mark.parametrize(("log", "said"), [("", ""), ("[x] all is well\n", ""), ("slurmd: ok\nerror: no\n", "no")])
def test_the_last_error_of_a_log(log, said):
    assert health.last_error(log) == said
