"""Images by real tools from a real registry and from files, on good and on bad days."""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration
REAL = "ENROOT_PACKAGES" in os.environ      # it cannot be made to wait in the middle


def tar(tree, path, option="-cf"):
    subprocess.run(["tar", "-C", tree, option, path, "."], check=True)
    return str(path)


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def eventually(look):
    end = time.monotonic() + 60
    while not (seen := look()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return seen


def test_an_image_of_a_registry_is_made_once_and_anew_when_its_tag_moves(node, registry, tree):
    digest = registry.push(tree("1"))
    image = {"name": "debian", "source": registry.source}
    predicted = node.run(image, check=True)
    assert predicted["changed"] and node.files() == []
    result = node.run(image)
    assert result.get("verified"), result
    assert result["changed"] and result["after"]["debian"]["sha256"] == digest
    assert node.files() == ["debian.json", "debian.sqsh"] and "VERSION_ID=1" in node.release()
    assert list(node.work.iterdir()) == [] and node.hidden("tmp") == []
    assert not node.run(image)["changed"]
    moved = registry.push(tree("2"))
    result = node.run(image)
    assert result["reasons"] == {"debian": "its source has changed"} and result["after"]["debian"]["sha256"] == moved
    assert "VERSION_ID=2" in node.release() and [entry["kind"] for entry in result["impact"]] == ["image_replaced"]


def test_a_declared_digest_is_what_is_imported_though_the_tag_has_moved_and_the_registry_is_not_asked_again(node, registry, tree):
    digest = registry.push(tree("1"))
    registry.push(tree("2"))
    image = {"name": "debian", "source": registry.source, "sha256": digest}
    assert node.run(image)["changed"] and "VERSION_ID=1" in node.release()
    registry.process.kill()
    assert not node.run(image)["changed"]
    result = node.run({**image, "sha256": ""})
    assert not result["changed"] and "the image stays" in str(result["warnings"])
    assert "cannot be made" in node.run({"name": "other", "source": registry.source})["msg"]


def test_an_import_that_is_killed_leaves_nothing_half_present_and_the_next_run_succeeds(node, registry, tree, tmp_path):
    registry.push(tree("1"))
    image = {"name": "debian", "source": registry.source}
    begun = node.start(images=[image], pause=tmp_path / "pause")
    # The stand-in stops with half of its output written; the real Enroot is caught before that.
    eventually(lambda: list(node.work.glob("*/*")) if REAL else any(path.stat().st_size for path in node.hidden("tmp")))
    assert node.files() == []
    node.kill(begun)
    assert node.files() == [] and len(list(node.work.iterdir())) == 1
    assert node.run(image)["changed"] and "VERSION_ID=1" in node.release()
    assert node.hidden("tmp") == [] and list(node.work.iterdir()) == []


def test_of_two_imports_at_once_one_makes_the_image_and_the_other_finds_it(node, registry, tree, tmp_path):
    registry.push(tree("1"))
    image = {"name": "debian", "source": registry.source}
    first = node.start(images=[image], pause=tmp_path / "pause")
    if not REAL:
        eventually(lambda: node.hidden("tmp"))
    second = node.start(images=[image])
    if not REAL:
        impatient = node.run(image, patience=0)
        assert "another run" in impatient["msg"] and f"process {first.pid}" in impatient["msg"]
        assert second.poll() is None
        # An unfinished file of somebody else is left alone while he lives.
        assert len(node.hidden("tmp")) == 1
    (tmp_path / "pause").unlink()
    assert sorted([node.answer(first)["changed"], node.answer(second)["changed"]]) == [False, True]
    assert "VERSION_ID=1" in node.release()


@pytest.fixture
def small():
    """Filesystems of some MiB."""
    mounted = []

    def make(folder, size):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
        mounted.append(folder)
    yield make
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_store_or_cache_is_one_error_with_numbers_and_all_is_as_it_was(node, registry, tree, small, tmp_path):
    large = tree("1", 6 * 2**20)
    registry.push(large)
    subprocess.run(["mksquashfs", large, tmp_path / "large.sqsh", "-quiet", "-no-progress", "-noD"], check=True, capture_output=True)
    small(node.store, "4m")
    result = node.run({"name": "debian", "source": registry.source})
    assert f"{node.store} has not enough room: more than the 4.0 MiB" in result["msg"], result
    result = node.run({"name": "debian", "source": str(tmp_path / "large.sqsh")})
    assert f"{node.store} has not enough room: 6.0 MiB are needed, and 4.0 MiB are free" in result["msg"], result
    result = node.run({"name": "debian", "source": tar(large, tmp_path / "large.tar")})
    assert f"{node.store} has not enough room" in result["msg"], result
    assert node.files() == [] and node.hidden("tmp") == []
    small(node.work, "4m")
    result = node.run({"name": "debian", "source": registry.source}, store=str(tmp_path))
    assert f"{node.work} has not enough room: more than the 4.0 MiB" in result["msg"], result
    assert list(node.work.iterdir()) == [] and not (tmp_path / "debian.sqsh").exists()


@pytest.mark.parametrize("option", ["-cf", "-czf", "-cJf"])
def test_a_tar_becomes_an_image_without_devices(node, tree, tmp_path, option):
    source = tar(tree("1"), tmp_path / "image.tar", option)
    image = {"name": "debian", "source": source, "sha256": sha256(source)}
    assert node.run(image)["changed"] and "VERSION_ID=1" in node.release()
    listed = subprocess.run(["unsquashfs", "-ll", node.store / "debian.sqsh"], capture_output=True, text=True, check=True).stdout
    assert "squashfs-root/dev\n" in listed and "dev/null" not in listed
    assert not node.run(image)["changed"]
    # Another file under the same name: refused where a sha256 is declared, seen where none is.
    tar(tree("2"), source, option)
    assert not node.run(image)["changed"]
    refused = node.run({**image, "sha256": "0" * 64})
    assert "is declared: it is another file" in refused["msg"] and "VERSION_ID=1" in node.release()
    assert node.run({**image, "sha256": ""})["changed"] and "VERSION_ID=2" in node.release()


def test_what_is_cut_off_or_something_else_is_refused(node, tree, tmp_path):
    source = Path(tar(tree("1", 2**20), tmp_path / "image.tar", "-czf"))
    source.write_bytes(source.read_bytes()[:2**19])
    assert "no squashfs can be made of it" in node.run({"name": "debian", "source": str(source)})["msg"]
    subprocess.run(["mksquashfs", tree("1", 2**20), tmp_path / "cut.sqsh", "-quiet"], check=True, capture_output=True)
    cut = tmp_path / "cut.sqsh"
    cut.write_bytes(cut.read_bytes()[:2**19])
    assert "no whole squashfs" in node.run({"name": "debian", "source": str(cut)})["msg"]
    assert "neither a squashfs nor a tar" in node.run({"name": "debian", "source": "/etc/passwd"})["msg"]
    assert node.files() == [] and node.hidden("tmp") == []


def test_a_file_at_an_address_is_fetched_when_it_is_new(node, tree, tmp_path):
    folder = tmp_path / "web"
    folder.mkdir()
    tar(tree("1"), folder / "image.tar.gz", "-czf")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        refuses = False

        def log_message(self, *_words):
            pass

        def do_HEAD(self):
            if self.refuses:
                self.send_error(405)
            else:
                super().do_HEAD()

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        image = {"name": "debian", "source": f"http://127.0.0.1:{server.server_port}/image.tar.gz?signature=SECRET"}
        result = node.run(image)
        assert result["changed"] and result["after"]["debian"]["sha256"] == sha256(folder / "image.tar.gz")
        assert "SECRET" not in str([result["after"], result["commands"], (node.store / "debian.json").read_text()])
        assert not node.run(image)["changed"]
        tar(tree("2"), folder / "image.tar.gz", "-czf")
        os.utime(folder / "image.tar.gz", (1, 1))
        Quiet.refuses = True
        assert node.run(image)["changed"] and "VERSION_ID=2" in node.release()
        assert not node.run(image)["changed"]
        Quiet.refuses = False
        assert "404" in str(node.run({"name": "other", "source": image["source"].replace("image", "none")})["msg"])
        server.shutdown()


def test_jobs_keep_the_image_that_they_began_with(node, tree, tmp_path):
    image = {"name": "debian", "source": tar(tree("1"), tmp_path / "image.tar"), "sha256": ""}
    node.run(image)
    mounted = tmp_path / "job"
    mounted.mkdir()
    subprocess.run(["mount", "-o", "loop,ro", node.store / "debian.sqsh", mounted], check=True)
    try:
        with (node.store / "debian.sqsh").open("rb") as reader:
            old = os.fstat(reader.fileno()).st_ino
            tar(tree("2"), tmp_path / "image.tar")
            result = node.run(image)
            assert result["impact"][0]["users"] == 2 and "keep the old one" in result["impact"][0]["text"]
            assert "VERSION_ID=1" in (mounted / "etc/os-release").read_text() and "VERSION_ID=2" in node.release()
            # It has a name still, so that an NFS server keeps it for the other hosts too.
            assert [path.stat().st_ino for path in node.hidden("old")] == [old]
            result = node.run({"name": "debian", "state": "absent"})
            assert result["changed"] and node.files() == [] and "VERSION_ID=1" in (mounted / "etc/os-release").read_text()
        hidden = node.hidden("old")
        result = node.run({"name": "debian", "state": "absent"})
        assert len(hidden) == 2 and not result["changed"], result
        assert node.hidden("old") == hidden
        node.run({"name": "debian", "state": "absent"}, keep_days=0)
        eventually(lambda: time.time() > float(hidden[-1].name.split("~")[1]) + 1)
        node.run({"name": "debian", "state": "absent"}, keep_days=0)
        assert node.hidden("old") == []
    finally:
        subprocess.run(["umount", mounted], check=True)
