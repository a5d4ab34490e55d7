"""The run lock: its judgement, its races, and real ansible-playbook processes that meet on it."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.plugin_utils import runlock

CHECKOUT = Path(__file__).resolve().parents[3]
HOST = socket.gethostname()


def this_process(**changes: object) -> runlock.Holder:
    started = runlock.process_start(os.getpid())
    assert started is not None
    me = runlock.Holder(os.getpid(), started, "root", HOST, "ansible-playbook site.yml", "2026-11-21T03:12:07Z")
    return replace(me, **changes)  # type: ignore[arg-type]


def another_run(pid: int) -> runlock.Holder:
    return this_process(pid=pid, started=runlock.process_start(pid))


@pytest.fixture
def neighbour() -> Iterator[subprocess.Popen[bytes]]:
    """A living process that is not ours to mistake for this one."""
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return runlock.lock_path("lab", tmp_path)


def test_a_free_lock_is_taken_and_names_the_run(path: Path) -> None:
    assert runlock.take("lab", path, this_process()) == runlock.Taken(this_process())
    assert json.loads(path.read_text()) == runlock.record(this_process())


def test_the_same_process_may_ask_again(path: Path) -> None:
    runlock.take("lab", path, this_process())
    later = this_process(since="2026-11-21T04:00:00Z")
    assert runlock.take("lab", path, later) == runlock.Taken(this_process(), again=True)


def test_a_living_run_keeps_its_lock(path: Path, neighbour: subprocess.Popen[bytes]) -> None:
    runlock.take("lab", path, another_run(neighbour.pid))
    before = path.read_text()
    held = runlock.take("lab", path, this_process())
    assert str(held) == (
        f"Cluster lab: another run holds the lock: pid {neighbour.pid} (ansible-playbook site.yml) "
        f"started 2026-11-21T03:12:07Z by root; wait for it, or stop it with `kill {neighbour.pid}`."
    )
    assert path.read_text() == before


def test_other_clusters_are_not_in_the_way(tmp_path: Path, neighbour: subprocess.Popen[bytes]) -> None:
    runlock.take("lab", runlock.lock_path("lab", tmp_path), another_run(neighbour.pid))
    assert isinstance(runlock.take("hall2", runlock.lock_path("hall2", tmp_path), this_process()), runlock.Taken)


def test_the_lock_of_an_ended_process_is_replaced(path: Path, neighbour: subprocess.Popen[bytes]) -> None:
    ended = neighbour
    runlock.take("lab", path, another_run(ended.pid))
    ended.kill()
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # ended, but not reaped: a zombie holds no lock
    outcome = runlock.take("lab", path, this_process())
    assert isinstance(outcome, runlock.Taken)
    assert outcome.stale
    assert outcome.stale.pid == ended.pid
    ended.wait()
    assert runlock.process_start(ended.pid) is None


def test_a_reused_pid_is_not_mistaken(path: Path, neighbour: subprocess.Popen[bytes]) -> None:
    earlier = replace(another_run(neighbour.pid), started=1)
    runlock.take("lab", path, earlier)
    assert runlock.take("lab", path, this_process()) == runlock.Taken(this_process(), stale=earlier)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 1}', '{"pid": "x", "started": 2}', "\x00\xff"])
def test_a_torn_record_is_nobodys(path: Path, text: str) -> None:
    path.write_text(text)
    assert runlock.look("lab", path, this_process()) is None
    assert runlock.take("lab", path, this_process()) == runlock.Taken(this_process())


def test_a_run_on_another_host_cannot_be_looked_at_so_it_holds(path: Path) -> None:
    runlock.take("lab", path, this_process(host="head2", pid=4242))
    held = runlock.take("lab", path, this_process())
    assert "by root on head2; wait for it, or remove" in str(held)
    assert str(path) in str(held)


def test_looking_creates_and_changes_nothing(path: Path, neighbour: subprocess.Popen[bytes]) -> None:
    missing = path.parent / "none" / "lab.lock"
    assert runlock.look("lab", missing, this_process()) is None
    assert not missing.parent.exists()
    runlock.take("lab", path, another_run(neighbour.pid))
    before = path.read_text()
    held = runlock.look("lab", path, this_process())
    assert held
    assert held.holder.pid == neighbour.pid
    assert path.read_text() == before


@pytest.mark.parametrize("name", ["", "../lab", "a/b", ".lab", "lab\n", "läb"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(runlock.LockError, match="cannot name a lock file"):
        runlock.lock_path(name, tmp_path)


def test_a_symlink_in_the_place_of_the_lock_is_not_followed(path: Path) -> None:
    victim = path.parent / "victim"
    victim.write_text("mine")
    path.symlink_to(victim)
    with pytest.raises(runlock.LockError, match=r"lab\.lock cannot be used"):
        runlock.take("lab", path, this_process())
    assert victim.read_text() == "mine"


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(runlock.LockError, match=r"file/locks cannot be made: Not a directory; name another"):
        runlock.take("lab", tmp_path / "file" / "locks" / "lab.lock", this_process())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    planted.mkdir()
    os.chown(planted, 65534, 65534)
    with pytest.raises(runlock.LockError, match="belongs to uid 65534"):
        runlock.take("lab", planted / "lab.lock", this_process())


def test_default_directories() -> None:
    assert runlock.default_directory(0, {"XDG_RUNTIME_DIR": "/run/user/0"}) == Path("/run/lock/clusterwright")
    assert runlock.default_directory(7, {"XDG_RUNTIME_DIR": "/run/user/7"}) == Path("/run/user/7/clusterwright")
    assert runlock.default_directory(7, {"HOME": "/home/ops"}) == Path("/home/ops/.cache/clusterwright")


def compete(path: Path, start: object, done: object, results: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    outcome = runlock.take("lab", path, this_process())
    results.put((os.getpid(), isinstance(outcome, runlock.Taken), outcome.holder.pid))  # type: ignore[attr-defined]
    done.wait()  # type: ignore[attr-defined]  # a winner that ends would free the lock for a late loser


@pytest.mark.parametrize("first", ["no lock", "a stale lock", "a torn lock"])
def test_of_many_processes_at_once_exactly_one_wins(path: Path, first: str) -> None:
    here = multiprocessing.get_context("fork")
    racers = 6
    for _ in range(15):
        if first == "a stale lock":
            path.write_text(json.dumps(runlock.record(this_process(pid=2**22 + 1))))
        elif first == "a torn lock":
            path.write_text('{"pid":')
        else:
            path.unlink(missing_ok=True)
        start, done, results = here.Barrier(racers), here.Barrier(racers), here.Queue()
        processes = [here.Process(target=compete, args=(path, start, done, results)) for _ in range(racers)]
        for process in processes:
            process.start()
        seen = [results.get(timeout=20) for _ in range(racers)]
        for process in processes:
            process.join(20)
        winners = [pid for pid, won, _ in seen if won]
        assert len(winners) == 1
        assert {holder for _, _, holder in seen} == set(winners), "the losers do not all name the winner"


# Real runs. The play holds on until it is killed, so nothing here depends on how fast a machine is.

PLAY = """
- name: A run
  hosts: all
  connection: local
  gather_facts: false
  tasks:
    - name: Keep other runs away
      clusterwright.hpc.run_lock:
        name: lab
        directory: "{{ directory }}"
    - name: Ask again
      clusterwright.hpc.run_lock:
        name: lab
        directory: "{{ directory }}"
    - name: Hold on
      ansible.builtin.pause:
        seconds: "{{ hold }}"
      when: hold is defined
"""


class Runs:
    """Starts ansible-playbook on three hosts that are this machine, and ends what it started."""

    def __init__(self, tmp_path: Path) -> None:
        self.started: list[subprocess.Popen[str]] = []
        self.lock = tmp_path / "locks" / "lab.lock"
        self.playbook = tmp_path / "site.yml"
        self.playbook.write_text(PLAY)
        config = tmp_path / "ansible.cfg"  # nothing of this machine's own settings
        config.write_text("[defaults]\n")
        self.env = os.environ | {
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build" / "collections"),
            "ANSIBLE_CONFIG": str(config),
            "ANSIBLE_HOME": str(tmp_path / "home"),
        }

    def start(self, *options: str) -> subprocess.Popen[str]:
        program = str(Path(sys.executable).parent / "ansible-playbook")
        command = [program, str(self.playbook), "-i", "a,b,c", "-e", f"directory={self.lock.parent}", *options]
        process = subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.started.append(process)
        return process

    def run(self, *options: str) -> tuple[int, str]:
        process = self.start(*options)
        output, _ = process.communicate(timeout=60)
        return process.returncode, output

    def hold(self) -> subprocess.Popen[str]:
        """A run that has the lock and goes on."""
        process = self.start("-e", "hold=600", "-e", "password=hunter2")
        wait_for(lambda: process.poll() is not None or self.held_by(process))
        assert process.poll() is None, process.communicate()[0]
        return process

    def held_by(self, process: subprocess.Popen[str]) -> bool:
        return self.lock.exists() and f'"pid": {process.pid},' in self.lock.read_text()

    def kill(self, process: subprocess.Popen[str]) -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGSTOP)  # so that it starts no further worker while they are counted
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            process.kill()
            for child in children:
                os.kill(int(child), signal.SIGKILL)
            process.communicate()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within a minute"
        time.sleep(0.05)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    runs = Runs(tmp_path)
    yield runs
    for process in runs.started:
        runs.kill(process)


def test_of_two_runs_the_second_is_told_who_holds_the_lock(runs: Runs) -> None:
    first = runs.hold()  # the lock names the process that was started here, not a worker of it
    record = json.loads(runs.lock.read_text())
    assert record["command"] == "ansible-playbook site.yml"
    assert "hunter2" not in runs.lock.read_text()

    status, output = runs.run()
    assert status == 2
    said = " ".join(output.split())
    assert (
        f"Cluster lab: another run holds the lock: pid {first.pid} (ansible-playbook site.yml) "
        f"started {record['since']} by {record['user']}; wait for it, or stop it with `kill {first.pid}`."
    ) in said
    assert "Ask again" not in output, "the second run went on"

    status, output = runs.run("--check")
    assert status == 0
    assert "[WARNING]: Cluster lab: another run holds the lock" in output
    assert json.loads(runs.lock.read_text()) == record

    runs.kill(first)
    status, output = runs.run("-v")
    assert status == 0
    assert f"after a run that has ended: pid {first.pid}" in " ".join(output.split())
    assert "changed=1" not in output
    # One task for three hosts, and the second asking is fine.
    assert output.count("ok: [") == 2


def test_check_mode_takes_no_lock(runs: Runs) -> None:
    status, output = runs.run("--check")
    assert (status, "WARNING" in output) == (0, False)
    assert not runs.lock.parent.exists()


def test_kill_ends_the_run_and_its_lock(runs: Runs) -> None:
    """The way out that the message gives is a way out."""
    first = runs.hold()
    first.terminate()
    first.communicate(timeout=60)
    assert runs.run()[0] == 0
