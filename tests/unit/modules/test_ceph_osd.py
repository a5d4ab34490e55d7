"""OSDs: on what is empty, on nothing else, and nothing half done."""

from __future__ import annotations

import stat
import types
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import osds
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import ceph_osd

FSID = "669d3f16-94ed-500d-9c94-340c3dd8bfb3"
KEY = "AQDAxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx=="


class Host:
    """A host whose disks are files, and mons that give numbers away."""

    def __init__(self, folder):
        self.folder, self.next, self.fails, self.signature, self.ran = folder, 0, "", "", []

    def run(self, argv):
        self.ran.append(" ".join(argv))
        if argv[0] == "blkid":
            return Result(0, f"TYPE={self.signature}\n", "") if self.signature else Result(2, "", "")
        if self.fails and self.fails in self.ran[-1]:
            return Result(1, "", "it does not please\n")
        if argv[0] == "ceph-authtool":
            return Result(0, f"{KEY}\n", "")
        if "new" in argv:
            self.next += 1
            return Result(0, f"{self.next - 1}\n", "")
        if argv[0] == "ceph-osd":
            (self.folder / f"ceph-{argv[argv.index('--id') + 1]}" / "ceph_fsid").write_text(FSID)
        return Result(0, "", "")

    def disk(self, name, content=b""):
        """A disk of 64 MiB."""
        with (self.folder.parent / name).open("wb") as file:
            file.write(content)
            file.truncate(64 * 2**20)
        return str(self.folder.parent / name)


@pytest.fixture
def host(tmp_path, monkeypatch):
    folder = tmp_path / "osd"
    folder.mkdir()
    made = Host(folder)
    monkeypatch.setattr(ceph_osd, "runner", lambda _module: made.run)
    monkeypatch.setattr(osds.observe, "__defaults__", (str(folder),))
    monkeypatch.setattr(osds.make, "__defaults__", (None, str(folder)))
    monkeypatch.setattr(osds.shutil, "chown", lambda *_words: None)
    # For the module a file is a disk here.
    monkeypatch.setattr(osds, "stat", types.SimpleNamespace(S_ISBLK=stat.S_ISREG))
    return made


def test_each_disk_gets_one_and_a_second_run_changes_nothing(host, call_module):
    options = {"devices": [host.disk("sda"), host.disk("sdb")], "size": 64, "fsid": FSID}
    predicted = call_module(ceph_osd, check=True, **options)
    assert predicted["changed"] and predicted["osds"] == [] and list(host.folder.iterdir()) == []
    result = call_module(ceph_osd, **options)
    assert result["osds"] == ["osd.0", "osd.1"] and result["verified"] and result["after"]["osd.1"]["data"] == options["devices"][1]
    keyring = host.folder / "ceph-0/keyring"
    assert KEY in keyring.read_text() and stat.S_IMODE(keyring.stat().st_mode) == 0o600
    assert KEY not in str(result) and not any(KEY in command for command in host.ran)
    again = call_module(ceph_osd, **options)
    assert not again["changed"] and again["osds"] == ["osd.0", "osd.1"]


def test_files_are_counted(host, call_module):
    assert call_module(ceph_osd, files=1, size=64, fsid=FSID)["osds"] == ["osd.0"]
    assert (host.folder / "ceph-0/block").stat().st_size == 64 * 2**20
    assert call_module(ceph_osd, files=2, size=64, fsid=FSID)["osds"] == ["osd.0", "osd.1"]


@pytest.mark.parametrize(("content", "signature", "reason"), [
    (b"", "ext4", "carries data (ext4)"), (b"\0" * 5000 + b"x", "", "something without a name in its first MiB"),
    (b"bluestore block device\n", "", "carries an OSD already"),
])
def test_a_disk_with_data_is_refused_and_the_one_before_it_untouched(host, call_module, content, signature, reason):
    host.signature = signature
    before = Path(disk := host.disk("sdb", content)).read_bytes()
    result = call_module(ceph_osd, devices=[host.disk("sda"), disk] if not signature else [disk], size=64, fsid=FSID)
    assert result["failed"] and reason in result["msg"] and "nothing was changed" in result["msg"]
    assert Path(disk).read_bytes() == before and list(host.folder.iterdir()) == []


def test_the_wrong_disk_is_refused(host, call_module):
    assert "is it the right disk?" in call_module(ceph_osd, devices=[host.disk("sda")], size=6400, fsid=FSID)["msg"]
    assert "does not exist" in call_module(ceph_osd, devices=["/dev/nonesuch"], size=64, fsid=FSID)["msg"]


def test_what_is_no_disk_is_refused(host, call_module, monkeypatch):
    monkeypatch.setattr(osds, "stat", stat)
    assert "is no disk" in call_module(ceph_osd, devices=[host.disk("sda")], size=64, fsid=FSID)["msg"]


@pytest.mark.usefixtures("host")
def test_osds_of_another_cluster_are_left_alone(call_module):
    call_module(ceph_osd, files=1, size=64, fsid=FSID)
    other = FSID.replace("6", "7")
    assert "belongs to another cluster" in call_module(ceph_osd, files=2, size=64, fsid=other)["msg"]


@pytest.mark.parametrize("fails", ["--gen-print-key", "osd new", "--mkfs"])
def test_what_fails_leaves_nothing_behind(host, call_module, fails):
    host.fails = fails
    result = call_module(ceph_osd, files=1, size=64, fsid=FSID)
    assert result["failed"] and "nothing is left of it" in result["msg"] and KEY not in str(result)
    assert list(host.folder.iterdir()) == []
    assert any("osd purge-new 0" in command for command in host.ran) == (fails == "--mkfs")


def test_another_disk_takes_the_number_of_a_destroyed_osd(host, call_module):
    old, new = host.disk("sda"), host.disk("sdb")
    call_module(ceph_osd, devices=[old], size=64, fsid=FSID)
    # The mons know the number: they are told it, and answer it.
    host.next = 0
    result = call_module(ceph_osd, devices=[new], size=64, fsid=FSID, replaces=0)
    assert result["after"]["osd.0"]["data"] == new and result["osds"] == ["osd.0"]
    assert any(command.split(" -i ")[0].endswith(" 0") and "osd new" in command for command in host.ran)
    assert (host.folder / "replaced-0/keyring").exists()


def test_a_number_without_a_disk_is_refused(host, call_module):
    disk = host.disk("sda")
    call_module(ceph_osd, devices=[disk, host.disk("sdb")], size=64, fsid=FSID)
    result = call_module(ceph_osd, devices=[disk], size=64, fsid=FSID, replaces=1)
    assert "osd.1 cannot be replaced, for each device of the cluster file has an OSD" in result["msg"]


def test_a_disk_is_emptied_only_when_it_is_named(host, call_module):
    full, other = (host.disk(name, b"bluestore block device\n" + b"x" * 2**21) for name in ("sda", "sdb"))
    result = call_module(ceph_osd, devices=[full, other], size=64, fsid=FSID, zap=[full])
    assert f"{other} carries an OSD already" in result["msg"] and Path(full).read_bytes()[:9] == b"bluestore"
    predicted = call_module(ceph_osd, check=True, devices=[full], size=64, fsid=FSID, zap=[full])
    assert predicted["changed"] and Path(full).read_bytes()[:9] == b"bluestore"
    assert call_module(ceph_osd, devices=[full], size=64, fsid=FSID, zap=[full])["osds"] == ["osd.0"]
    assert not any(Path(full).read_bytes()[:10 * 2**20]) and any(Path(other).read_bytes())
