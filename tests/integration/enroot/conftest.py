"""The module enroot_image as on a node with Enroot: the stand-in, or the real one of ENROOT_PACKAGES; and a real registry."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.clusterwright.hpc.tests.simulators.enroot import packages

CHECKOUT = Path(__file__).resolve().parents[3]
MODULE = "ansible_collections.clusterwright.hpc.plugins.modules.enroot_image"
PACKAGES = ("docker-registry", "skopeo", "squashfs-tools", "umoci")
# What a package would install is laid over this machine's files, for the one process and its children.
NODE = 'for place in usr etc; do mount -t overlay overlay -o "lowerdir=$0/$place:/$place" "/$place"; done; exec "$@"'


@pytest.fixture(scope="session")
def programs() -> None:
    """Debian's programs, installed where they are not."""
    wanted = [*PACKAGES, *(["curl", "jq", "parallel", "zstd"] if os.environ.get("ENROOT_PACKAGES") else [])]
    if os.geteuid() or subprocess.run([CHECKOUT / "tools/preflight.sh", "install", *wanted], check=False, capture_output=True).returncode:
        pytest.skip(f"these tests need root and {', '.join(wanted)}, which could not be installed here")


@pytest.fixture(scope="session")
def root(programs: None, tmp_path_factory: pytest.TempPathFactory) -> Path:     # noqa: ARG001 (it installs)
    """What Enroot's packages contain."""
    folder = tmp_path_factory.mktemp("enroot")
    for package in packages(folder):
        subprocess.run(["dpkg-deb", "--extract", package, folder / "root"], check=True)
    return folder / "root"


class Node:
    """A host with Enroot, its store, and runs of the module on it."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root, self.store, self.work = folder, root, folder / "store", folder / "work"
        self.store.mkdir()
        self.work.mkdir()
        self.running: list[subprocess.Popen[str]] = []

    def start(self, check: bool = False, pause: Path | None = None, **options: Any) -> subprocess.Popen[str]:
        """A run of the module that is not waited for."""
        arguments = {"_ansible_check_mode": check, "store": str(self.store), "work": str(self.work), **options}
        around = {**os.environ, "PYTHONPATH": str(CHECKOUT / ".build/collections"), "ENROOT_ALLOW_HTTP": "yes", "HOME": str(self.folder)}
        if pause:
            pause.touch()
            around["ENROOT_STAND_IN_PAUSE"] = str(pause)
        command = ["unshare", "--mount", "sh", "-ec", NODE, str(self.root), sys.executable, "-m", MODULE]
        begun = subprocess.Popen(command, cwd=self.folder, env=around, text=True, start_new_session=True,
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert begun.stdin
        begun.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
        begun.stdin.close()
        begun.stdin = None
        self.running.append(begun)
        return begun

    def answer(self, begun: subprocess.Popen[str]) -> dict[str, Any]:
        """What a run gave."""
        out, err = begun.communicate(timeout=60)
        assert out, err
        answer: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
        return answer

    def run(self, *images: dict[str, Any], check: bool = False, **options: Any) -> dict[str, Any]:
        """A run of the module with these images."""
        return self.answer(self.start(check=check, images=list(images), **options))

    def kill(self, begun: subprocess.Popen[str]) -> None:
        """What the loss of its power does to a host, to a run and all that it started."""
        os.killpg(begun.pid, signal.SIGKILL)
        begun.communicate()

    def files(self) -> list[str]:
        """What users see in the store."""
        return sorted(path.name for path in self.store.iterdir() if not path.name.startswith("."))

    def hidden(self, kind: str) -> list[Path]:
        """The hidden files of a kind: tmp, old."""
        return sorted(self.store.glob(f".*~{kind}*"))

    def release(self, name: str = "debian") -> str:
        """What is in an image."""
        return subprocess.check_output(["unsquashfs", "-cat", self.store / f"{name}.sqsh", "etc/os-release"], text=True)


@pytest.fixture
def node(tmp_path: Path, root: Path) -> Iterator[Node]:
    """A host with Enroot, and an empty store."""
    made = Node(tmp_path, root)
    yield made
    for begun in made.running:
        if begun.poll() is None:
            made.kill(begun)


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., Path]:
    """A root filesystem as small as can be, of the version that is named."""
    def make(version: str, size: int = 0) -> Path:
        folder = tmp_path / "tree"
        for name in ("etc", "dev", "tmp"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / "etc/os-release").write_text(f"ID=test\nVERSION_ID={version}\n")
        if not (folder / "dev/null").exists():
            os.mknod(folder / "dev/null", 0o20666, os.makedev(1, 3))
        (folder / "filling").write_bytes(os.urandom(size))
        return folder
    return make


class Registry:
    """Debian's docker-registry on loopback."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        self.folder = folder
        config = {"version": "0.1", "log": {"level": "error"}, "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
                  "http": {"addr": self.address}}
        (folder / "registry.yml").write_text(json.dumps(config))
        self.process = subprocess.Popen(["docker-registry", "serve", folder / "registry.yml"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def push(self, tree: Path) -> str:
        """Puts a tree there as test/debian:13 and returns its digest."""
        layout = self.folder / f"layout{time.monotonic_ns()}"
        image = f"{layout}:image"
        for words in (f"init --layout {layout}", f"new --image {image}", f"insert --rootless --image {image} {tree} /"):
            subprocess.run(["umoci", *words.split()], check=True, capture_output=True)
        wait = time.monotonic() + 30
        while True:
            done = subprocess.run(["skopeo", "copy", "--format", "v2s2", "--dest-tls-verify=false", "--digestfile", self.folder / "digest",
                                   f"oci:{image}", f"docker://{self.address}/test/debian:13"], check=False, capture_output=True, text=True)
            if not done.returncode:
                return (self.folder / "digest").read_text().strip().removeprefix("sha256:")
            assert time.monotonic() < wait, done.stderr
            time.sleep(0.2)

    @property
    def source(self) -> str:
        """How Enroot names the image."""
        return f"docker://{self.address}#test/debian:13"


@pytest.fixture
def registry(tmp_path: Path, programs: None) -> Iterator[Registry]:     # noqa: ARG001 (it installs)
    """A registry with nothing in it."""
    made = Registry(tmp_path)
    yield made
    made.process.kill()
    made.process.wait()
