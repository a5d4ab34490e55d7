"""A cluster of containers with real munge and real Slurm, for tests that break it and see how a run copes.

The lab `itest` comes up once a session. The tests work on a copy of cluster.yml below .build, so that they can change it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
BUILD = CHECKOUT / ".build"
COMPUTE = ("cn1", "cn2", "cn3")
DEADLINE = 600  # seconds; only so that a hang ends some day


class Run(NamedTuple):
    """What came of a run: exit status, all that was printed, and summary.json ({} if none was written)."""

    status: int
    output: str
    summary: dict[str, Any]

    @property
    def hosts(self) -> dict[str, Any]:
        return self.summary["hosts"]

    @property
    def changed(self) -> set[str]:
        return {name for name, host in self.hosts.items() if host["changed"]}

    @property
    def bad(self) -> dict[str, str]:
        """The hosts that failed or did not answer, with their messages."""
        return {name: host["failure"]["message"] for name, host in self.hosts.items() if host["failure"]}


class Node:
    """One node, by ssh."""

    def __init__(self, ssh_config: Path, name: str) -> None:
        self.name = name
        self._ssh = ["ssh", "-F", str(ssh_config), "-o", "BatchMode=yes", name]

    def sh(self, script: str, check: bool = True) -> str:
        """What a shell script prints, as root; without `check` also what it prints when it fails."""
        done = subprocess.run([*self._ssh, "sh -s"], input=script, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert not check or done.returncode == 0, f"{self.name}: {script!r} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return (done.stdout + ("" if check else done.stderr)).strip()

    def status(self, script: str) -> int:
        """Exit status of a shell script."""
        return int(self.sh(f"( {script} ) >/dev/null 2>&1; echo $?").split()[-1])

    def show(self, unit: str, what: str = "ActiveEnterTimestampMonotonic") -> str:
        """A property of a systemd unit."""
        return self.sh(f"systemctl show -P {what} {unit}")


class Site:
    """A run that goes on in the background; its output comes line by line."""

    def __init__(self, command: list[str], artifacts: Path) -> None:
        self.artifacts = artifacts
        self.lines: list[str] = []
        self.process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def wait_for(self, pattern: str, times: int = 1) -> None:
        """Read until a line matches, that many times."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line)
            times -= bool(re.search(pattern, line))
            if not times:
                return
        raise AssertionError(f"the run ended before a line had {pattern!r}:\n{''.join(self.lines)}")

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_error: object) -> None:
        """It does not outlive the test, whatever happens."""
        if self.process.poll() is None:
            self.process.terminate()
            self.end()

    def end(self) -> Run:
        """Wait for the end."""
        rest, _ = self.process.communicate(timeout=DEADLINE)
        written = list(self.artifacts.glob("*/summary.json"))
        summary = json.loads(written[0].read_text()) if written else {}
        return Run(self.process.returncode, "".join(self.lines) + rest, summary)


class Cluster:
    """A lab and its cluster file; the file is a copy that may be changed."""

    def __init__(self, folder: Path, name: str, artifacts: Callable[[], Path], image: str = "slurm") -> None:
        self.name, self.image = name, image
        self.file = folder / "cluster.yml"
        self._artifacts = artifacts
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(HERE / "group_vars", folder / "group_vars", dirs_exist_ok=True)
        self.declare()

    def declare(self, *replacements: tuple[str, str]) -> None:
        """Write the cluster file anew: that of the repository with these texts replaced."""
        text = (HERE / "cluster.yml").read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        self.file.write_text(text)

    def lab_command(self, command: str) -> list[str]:
        image = ["--image", self.image] if command == "up" else []
        return [sys.executable, str(CHECKOUT / "tools" / "lab.py"), command, "-i", str(self.file), *image]

    def lab(self, command: str) -> str:
        """tools/lab.py up, down or status, which must succeed; what it prints."""
        done = subprocess.run(self.lab_command(command), capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *words: str, playbook: Path = CHECKOUT / "playbooks" / "site.yml") -> Site:
        """Start a playbook by tools/run.py."""
        artifacts = self._artifacts()
        command = [sys.executable, str(CHECKOUT / "tools" / "run.py"), str(playbook), "-i", str(self.file), "--artifacts", str(artifacts)]
        return Site([*command, *words], artifacts)

    def site(self, *words: str) -> Run:
        """Run site.yml to its end."""
        return self.start(*words).end()

    def play(self, name: str, *words: str) -> Run:
        """Run a playbook of this directory to its end."""
        return self.start(*words, playbook=HERE / name).end()

    def node(self, name: str) -> Node:
        return Node(BUILD / "lab" / self.name / "ssh_config", name)

    def podman(self, *words: str, node: str) -> None:
        """A podman command on a node's container."""
        subprocess.run(["podman", *words, f"{self.name}-{node}"], check=True, capture_output=True, timeout=DEADLINE)

    def user(self, script: str, check: bool = True) -> str:
        """What an ordinary user sees on the login node."""
        quoted = script.replace("'", "'\\''")
        return self.node("login1").sh(f"cd /tmp && runuser -u ada -- sh -c '{quoted}'", check)

    def job(self, nodes: int = 3) -> list[str]:
        """The nodes on which a job ran that an ordinary user submitted."""
        return sorted(self.user(f"srun --immediate=60 --nodes={nodes} --ntasks-per-node=1 hostname").split())

    def states(self) -> dict[str, str]:
        """Every node's state in Slurm's words."""
        return dict(line.split() for line in self.node("head1").sh("sinfo -hN -o '%N %T' | sort -u").splitlines())

    def wait_states(self, wanted: str = "idle", among: tuple[str, ...] = COMPUTE) -> None:
        """Wait until these nodes, and no others, are all in this state: after a reconfigure it takes a moment."""
        end = time.monotonic() + 60
        while self.states() != dict.fromkeys(among, wanted):
            assert time.monotonic() < end, self.node("head1").sh("sinfo; sinfo -R")
            time.sleep(0.5)


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes an empty directory for each run."""
    return lambda: tmp_path_factory.mktemp("run")


@pytest.fixture(scope="session")
def built(artifacts: Callable[[], Path]) -> Iterator[Cluster]:
    """The lab after its first run. Its nodes are new, so what that run says is true of a fresh cluster."""
    if os.geteuid() or not shutil.which("podman"):
        pytest.skip("a lab needs root and podman; `make test-integration` does the set-up")
    cluster = Cluster(BUILD / "itest", "itest", artifacts)
    cluster.lab("down")  # of a session that was killed
    try:
        _build(cluster)
        yield cluster
    finally:
        cluster.declare()
        cluster.lab("down")
        shutil.rmtree(cluster.file.parent)


def _build(cluster: Cluster) -> None:
    cluster.declare()
    cluster.lab("up")
    first = cluster.site()
    assert first.status == 3, first.output
    cluster.wait_states()


@pytest.fixture
def cluster(built: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The whole cluster. A test leaves it whole; after one that failed it is built anew, so that the next can be trusted."""
    yield built
    if getattr(request.node, "failed", False):
        built.lab("down")
        _build(built)
    else:
        assert built.file.read_text() == (HERE / "cluster.yml").read_text(), "the test has left a changed cluster file"
        built.wait_states()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Tells the fixture `cluster` that its test failed."""
    report = yield
    if call.when == "call" and report.failed:
        item.failed = True  # type: ignore[attr-defined]
    return report


@pytest.fixture
def remove_file(cluster: Cluster) -> Callable[[str], Callable[[], bool]]:
    """Takes a file of ours away from a node, so that a run which works there puts it back; returns whether it is back."""
    path = "/etc/security/limits.d/50-clusterwright.conf"

    def remove(node: str) -> Callable[[], bool]:
        cluster.node(node).sh(f"rm {path}")
        return lambda: cluster.node(node).status(f"test -e {path}") == 0

    return remove


@pytest.fixture
def fresh(artifacts: Callable[[], Path]) -> Iterator[Cluster]:
    """A second, smaller cluster file and no lab yet; its nodes have nothing preinstalled."""
    cluster = Cluster(BUILD / "itest2", "itest2", artifacts, image="bare")
    cluster.declare(("name: itest\n", "name: itest2\n"), ("10.76.0.", "10.74.0."), ("cn[1-3]", "cn1"), ("cn[1-2]", "cn1"))
    cluster.lab("down")
    try:
        yield cluster
    finally:
        cluster.lab("down")
        shutil.rmtree(cluster.file.parent)
