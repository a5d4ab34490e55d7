"""Images in a store: made once, whole or not at all, and nothing that is a secret in sight."""

from __future__ import annotations

import errno
import grp
import json
import os
import pwd
import stat
import struct
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.enroot import sources, store
from ansible_collections.clusterwright.hpc.plugins.modules import enroot_image

A, B = "a" * 64, "b" * 64
SOURCE = "docker://registry.example:5000#debian:13"


def squashfs(text, length=4096):
    """What passes for one: the head, and some bytes."""
    head = b"hsqs" + bytes(36) + struct.pack("<Q", length)
    return (head + text.encode()).ljust(length, b"\0")


class Host:
    """A host with a store, and Enroot, which knows one image by its digest."""

    def __init__(self, folder):
        self.store, self.digest, self.fails, self.ran, self.content = folder, A, None, [], "1"

    def run(self, argv):
        self.ran.append(" ".join(argv))
        if argv[:2] == ["enroot", "digest"]:
            return Result(0, f"sha256:{self.digest}\n", "") if self.digest else Result(1, "", "[ERROR] no answer\n")
        if "import" in argv:
            if self.fails:
                Path(argv[argv.index("--output") + 1]).write_bytes(squashfs("half")[:100])
                return self.fails
            Path(argv[argv.index("--output") + 1]).write_bytes(squashfs(self.content))
        if argv[0] == "bash":
            return Result(1, "", "a pipe broke\n")
        return Result(0, "", "")

    def files(self):
        return sorted(path.name for path in self.store.iterdir() if not path.name.startswith("."))


@pytest.fixture
def host(tmp_path, monkeypatch):
    (tmp_path / "store").mkdir()
    made = Host(tmp_path / "store")
    monkeypatch.setattr(enroot_image, "runner", lambda _module: made.run)
    return made


@pytest.fixture
def call(host, call_module, tmp_path):
    info = tmp_path.stat()
    names = {"owner": pwd.getpwuid(info.st_uid).pw_name, "group": grp.getgrgid(info.st_gid).gr_name}

    def run(*wanted, check=False, **options):
        return call_module(enroot_image, check=check, images=[{"name": "debian", **image} for image in wanted], store=str(host.store),
                           work=str(tmp_path), **names, **options)
    return run


def test_an_image_is_made_once_and_anew_when_its_source_has_changed(host, call):
    predicted = call({"source": SOURCE}, check=True)
    assert predicted["changed"] and predicted["after"]["debian"]["source"] == SOURCE and host.files() == [] and not predicted["verified"]
    result = call({"source": SOURCE})
    assert result["changed"] and result["verified"] and host.files() == ["debian.json", "debian.sqsh"]
    assert result["after"]["debian"] == {**result["after"]["debian"], "sha256": A, "size": 4096, "mode": "0644"}
    assert result["commands"] == [f"enroot import --output {host.store}/debian.sqsh '{SOURCE}'"]
    # By its digest, so that the tag cannot move in between.
    assert any(f"{SOURCE}@sha256:{A}" in command for command in host.ran)
    again = call({"source": SOURCE})
    assert not again["changed"] and again["diff"] == [] and again["before"] == again["after"] == result["after"]
    host.digest, host.content = B, "2"
    result = call({"source": SOURCE})
    assert result["reasons"] == {"debian": "its source has changed"} and result["after"]["debian"]["sha256"] == B
    assert b"2" in (host.store / "debian.sqsh").read_bytes()


def test_what_is_pinned_is_not_asked_for_again(host, call):
    assert call({"source": SOURCE, "sha256": A})["changed"]
    host.digest, host.ran = "", []
    assert not call({"source": SOURCE, "sha256": A})["changed"] and host.ran == []
    result = call({"source": SOURCE, "sha256": B})
    assert result["failed"] and "no answer" in result["msg"] and host.files() == ["debian.json", "debian.sqsh"]


def test_a_source_that_cannot_be_seen_leaves_the_image_and_is_told(host, call):
    call({"source": SOURCE})
    host.digest = ""
    result = call({"source": SOURCE})
    assert not result["changed"] and "whether its source has changed cannot be seen, so the image stays" in result["warnings"][0]


def test_an_import_that_fails_leaves_nothing_half_present(host, call):
    host.fails = Result(1, "", "[ERROR] Could not process JSON input\n")
    result = call({"source": SOURCE})
    assert result["failed"] and "Could not process JSON input; the store is as it was" in result["msg"] and not result["changed"]
    assert host.files() == [] and sorted(path.name for path in host.store.iterdir()) == [".debian~lock"]


def test_a_full_disk_is_one_sentence_with_the_directory_and_what_is_free(host, call, tmp_path):
    host.fails = Result(1, "", "FATAL ERROR: Failed to write to output filesystem: No space left on device\n")
    assert f"{host.store} has not enough room: more than the " in call({"source": SOURCE})["msg"]
    host.fails = Result(1, "", "tar: x: Cannot write: No space left on device\n")
    assert f"{tmp_path} has not enough room: more than the " in call({"source": SOURCE})["msg"]


def test_a_file_that_does_not_fit_is_refused_before_a_byte_is_written(host, call, tmp_path, monkeypatch):
    file = tmp_path / "image.sqsh"
    file.write_bytes(squashfs("1"))
    monkeypatch.setattr(store, "free", lambda _directory: 1024)
    monkeypatch.setattr(sources, "make", None)
    result = call({"source": str(file)})
    assert result["msg"].startswith(f"image debian: {host.store} has not enough room: 0.0 MiB are needed, and 0.0 MiB are free")


def test_a_squashfs_is_copied_and_what_is_cut_off_is_not(host, call, tmp_path):
    file = tmp_path / "image.sqsh"
    file.write_bytes(squashfs("1")[:2000])
    result = call({"source": str(file)})
    assert "is no whole squashfs" in result["msg"] and host.files() == []
    file.write_bytes(squashfs("1"))
    result = call({"source": str(file)})
    assert result["changed"] and result["after"]["debian"]["sha256"] == sources.digest(file)
    file.write_bytes(squashfs("2"))
    assert call({"source": str(file)})["changed"]
    assert "another file, or came damaged" in call({"source": str(file), "sha256": A})["msg"]


def test_what_no_run_made_is_not_overwritten_and_what_somebody_wrote_to_is_made_anew(host, call):
    (host.store / "debian.sqsh").write_bytes(squashfs("precious"))
    result = call({"source": SOURCE})
    assert "no run of this module made it" in result["msg"] and b"precious" in (host.store / "debian.sqsh").read_bytes()
    (host.store / "debian.sqsh").unlink()
    call({"source": SOURCE})
    (host.store / "debian.sqsh").write_bytes(squashfs("other", 8192))
    result = call({"source": SOURCE})
    assert result["reasons"] == {"debian": "it is not what was made here: cut off, or written to"}


def test_who_may_read_it_is_corrected_without_making_it_anew(host, call):
    call({"source": SOURCE, "sha256": A})
    host.ran = []
    result = call({"source": SOURCE, "sha256": A}, mode="0640")
    assert result["changed"] and result["commands"][1].startswith("chmod 0640") and host.ran == [] and result["impact"] == []
    assert stat.S_IMODE((host.store / "debian.sqsh").stat().st_mode) == 0o640
    assert "octal" in call({"source": SOURCE}, mode="u=r")["msg"]


def test_a_former_image_stays_for_those_who_have_it_open(host, call):
    call({"source": SOURCE, "sha256": A})
    with (host.store / "debian.sqsh").open("rb") as job:
        host.content = "2"
        result = call({"source": SOURCE, "sha256": B})
        assert result["impact"][0]["kind"] == "image_replaced" and b"1" in job.read()
        old = list(host.store.glob(".debian~*~old"))
        assert [path.stat().st_ino for path in old] == [os.fstat(job.fileno()).st_ino]
    # By the clock of the filesystem its time is over.
    old[0].rename(host.store / f".debian~{int(old[0].name.split('~')[1]) - 8 * store.DAY}~old")
    assert not call({"source": SOURCE, "sha256": B})["changed"] and list(host.store.glob(".debian~*~old")) == []


def test_absent_is_only_what_is_named_so(host, call):
    call({"source": SOURCE})
    call({"name": "other", "source": SOURCE})
    assert len(host.files()) == 4
    result = call({"state": "absent"})
    assert result["changed"] and result["after"] == {"debian": {}} and host.files() == ["other.json", "other.sqsh"]
    assert not call({"state": "absent"})["changed"]


def test_files_of_dead_runs_go_and_those_of_living_ones_stay(host, call):
    me = store.this_run()
    dead = store.unfinished(host.store, "debian", me._replace(boot="00000000"))
    living = store.unfinished(host.store, "debian", me._replace(pid=os.getppid(), started=store._started(os.getppid())))
    elsewhere = store.unfinished(host.store, "debian", me._replace(host="other"))
    long_ago = store.unfinished(host.store, "debian", me._replace(host="third"))
    longer_name = store.unfinished(host.store, "debian.2", me._replace(boot="00000000"))
    for path in (dead, living, elsewhere, long_ago, longer_name):
        path.write_text("half")
    os.utime(long_ago, (1, 1))
    call({"source": SOURCE})
    assert [path.exists() for path in (dead, living, elsewhere, long_ago, longer_name)] == [False, True, True, False, True]


def test_without_locks_it_says_so_and_goes_on(call, monkeypatch):
    def none(*_words):
        raise OSError(errno.ENOLCK, "No locks available")
    monkeypatch.setattr(store.fcntl, "lockf", none)
    result = call({"source": SOURCE})
    assert result["changed"] and "has no file locks" in result["warnings"][0]


@pytest.mark.parametrize("source", ["https://eve:hunter2@web.example/image.sqsh", "docker://eve:hunter2@registry.example#debian"])
def test_a_password_in_a_source_is_refused_and_not_shown(host, call, source):
    result = call({"source": source})
    assert "has a password in it" in result["msg"] and "hunter2" not in json.dumps(result) and host.files() == []


@pytest.mark.parametrize(("image", "reason"), [
    ({"source": "registry.example/debian"}, "is of no known kind"), ({"source": ""}, "has no source"),
    ({"source": SOURCE, "sha256": "abc"}, "is no sha256"), ({"source": SOURCE, "name": "../debian"}, "a name has letters"),
    ({"source": f"{SOURCE}@sha256:{A}", "sha256": B}, "names another digest"), ({"source": "/etc/passwd"}, "neither a squashfs nor a tar"),
    ({"source": "/nonesuch"}, "No such file"),
])
def test_what_is_declared_wrongly_is_one_sentence(host, call, image, reason):
    result = call(image)
    assert result["failed"] and reason in result["msg"] and list(host.store.iterdir()) in ([], [host.store / ".debian~lock"])


def test_two_of_one_name_and_a_store_that_is_not_mounted(host, call):
    assert "declared twice" in call({"source": SOURCE}, {"source": SOURCE})["msg"]
    host.store.rmdir()
    assert "is its filesystem mounted?" in call({"source": SOURCE})["msg"]
