"""tools/run.py, seen from outside: what it prints, what it leaves behind, how it exits."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.clusterwright.hpc.plugins.plugin_utils import runlock

CHECKOUT = Path(__file__).resolve().parents[3]
PROGRAM = CHECKOUT / "tools" / "run.py"
PYTHON = Path(sys.executable)

# On host `far` nobody answers: port 1 of this machine is closed.
INVENTORY = """
a ansible_connection=local
b ansible_connection=local
far ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1
"""

PLAYBOOK = """
- name: Some of everything
  hosts: all
  gather_facts: false
  tasks:
    - name: Fine
      ansible.builtin.debug: {msg: "{{ greeting | default('hi') }}"}
    - name: Change
      ansible.builtin.debug:
      changed_when: true
      notify: Handle
      tags: [change]
    - name: Skip
      ansible.builtin.debug:
      when: false
    - name: Rescue
      tags: [trouble]
      block:
        - name: Fail for a while
          ansible.builtin.fail:
      rescue:
        - name: Mend
          ansible.builtin.debug:
    - name: Ignore
      ansible.builtin.fail:
      ignore_errors: true
      tags: [trouble]
    - name: Loop
      ansible.builtin.debug: {var: item}
      loop: [1, 2, 3]
    - name: Tell a secret
      ansible.builtin.fail: {msg: "the password is hunter2"}
      no_log: true
      ignore_errors: true
      tags: [trouble]
    - name: Tell secrets
      ansible.builtin.fail: {msg: "the password is hunter{{ item }}"}
      loop: [2, 3]
      no_log: true
      when: inventory_hostname == 'b'
      tags: [trouble]
    - name: Reach far
      ansible.builtin.ping:
      when: inventory_hostname == 'far'
      tags: [far]
  handlers:
    - name: Handle
      ansible.builtin.debug:
"""


class Result:
    """One run of the program that has ended."""

    def __init__(self, ended: subprocess.CompletedProcess[str], runs: Path) -> None:
        self.status, self.stdout, self.stderr = ended.returncode, ended.stdout, ended.stderr
        self.runs = runs

    @property
    def directory(self) -> Path:
        (directory,) = self.runs.iterdir()
        return directory

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.directory / "summary.json").read_text())

    @property
    def complaint(self) -> str:
        """The one line on stderr of a run that was not started."""
        assert not self.stdout, self.stdout
        assert self.stderr.count("\n") == 1, self.stderr
        assert not self.runs.exists() or not list(self.runs.iterdir())
        return self.stderr


class Place:
    """A user's own directory, away from the checkout."""

    def __init__(self, path: Path) -> None:
        self.path, self.runs = path, path / "runs"
        (path / "hosts").write_text(INVENTORY)
        (path / "all.yml").write_text(PLAYBOOK)
        (path / "own.cfg").write_text("[defaults]\nhost_key_checking = true\n")
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_CONFIG": str(path / "own.cfg"),
            "ANSIBLE_HOME": str(path / "home"),
            "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build" / "collections"),
        }

    def command(self, *words: str) -> list[str]:
        return [str(PYTHON), str(PROGRAM), *words, "--artifacts", str(self.runs)]

    def run(self, *words: str) -> Result:
        ended = subprocess.run(
            self.command(*words), env=self.env, cwd=self.path, capture_output=True, text=True, timeout=100, check=False
        )
        return Result(ended, self.runs)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The whole playbook on all three hosts."""
    place = Place(tmp_path_factory.mktemp("everything"))
    return place.run("all.yml", "-i", "hosts", "-e", "greeting=sesame", "-e", '{"token": "sesame"}')


def test_failed_and_unreachable_hosts_are_told_apart(everything: Result) -> None:
    assert everything.status == 6
    assert everything.summary["verdict"] == "failed and unreachable"
    hosts = everything.summary["hosts"]
    hidden = "the output has been hidden due to the fact that 'no_log: true' was specified for this result"
    assert hosts["b"]["failure"] == {"task": "Tell secrets", "message": hidden}
    assert hosts["far"]["failure"]["task"] == "Reach far"
    assert "Connection refused" in hosts["far"]["failure"]["message"]
    assert hosts["a"]["failure"] is None


def test_counts_are_those_of_the_recap_and_host_tasks_count_everything(everything: Result) -> None:
    counts = {
        name: {key: value for key, value in host.items() if key != "failure"}
        for name, host in everything.summary["hosts"].items()
    }
    assert counts == {
        # 10 tasks and the handler, which `b` and `far` do not reach; a loop is one task; `b` ends one task earlier.
        "a": {"ok": 7, "changed": 1, "failed": 0, "unreachable": 0, "skipped": 3, "host_tasks": 11},
        "b": {"ok": 6, "changed": 1, "failed": 1, "unreachable": 0, "skipped": 1, "host_tasks": 9},
        "far": {"ok": 6, "changed": 1, "failed": 0, "unreachable": 1, "skipped": 2, "host_tasks": 10},
    }
    for name, host in counts.items():
        recap = next(line for line in everything.stdout.splitlines() if line.startswith(f"{name} ") and "ok=" in line)
        for count in ("ok", "changed", "failed", "unreachable", "skipped"):
            assert f"{count}={host[count]} " in recap


def test_the_table_at_the_end_names_the_troubled_hosts_first(everything: Result) -> None:
    table = everything.stdout.partition("host_tasks\n")[2].splitlines()
    assert [line.split()[0] for line in table[:3]] == ["b", "far", "a"]
    assert table[3].startswith("b: Tell secrets: the output has been hidden")
    assert table[4].startswith("far: Reach far: ")
    assert table[-1].startswith("all.yml: failed and unreachable, ")
    assert table[-1].endswith(f"see {everything.directory}/summary.json")


def test_no_secret_is_shown_or_kept(everything: Result) -> None:
    kept = "".join(path.read_text() for path in everything.directory.rglob("*") if path.is_file())
    assert "Tell a secret" in everything.stdout
    assert "Tell a secret" in kept
    assert "hunter" not in everything.stdout + everything.stderr + kept
    note = (everything.directory / "artifacts" / "command").read_text()
    assert "sesame" not in note
    assert '"greeting=…"' in json.dumps(json.loads(note), ensure_ascii=False)
    assert everything.directory.stat().st_mode & 0o077 == 0


def test_host_keys_are_checked_as_ansible_cfg_says(everything: Result) -> None:
    note = json.loads((everything.directory / "artifacts" / "command").read_text())
    assert "ANSIBLE_HOST_KEY_CHECKING" not in note["env"]


def test_ok_is_0_and_the_summary_says_what_was_run(place: Place) -> None:
    result = place.run("all.yml", "-i", "hosts", "--limit", "a,b", "--skip-tags", "trouble,change", "--check")
    assert (result.status, result.stderr) == (0, "")
    summary = result.summary
    assert summary.pop("seconds") > 0
    assert time.strptime(summary.pop("started"), "%Y-%m-%dT%H:%M:%SZ")
    host = {"ok": 2, "changed": 0, "failed": 0, "unreachable": 0, "skipped": 2, "host_tasks": 4, "failure": None}
    assert summary == {
        "playbook": "all.yml",
        "inventory": ["hosts"],
        "limit": "a,b",
        "check": True,
        "status": 0,
        "verdict": "ok",
        "message": None,
        "hosts": {"a": host, "b": host},
    }
    assert "all.yml in check mode: ok, " in result.stdout
    assert "\x1b" not in result.stdout
    assert (result.directory / "artifacts" / "stdout").read_text() in result.stdout


def test_changed_is_3(place: Place) -> None:
    result = place.run("all.yml", "-i", "hosts", "--limit", "a", "--tags", "change")
    assert (result.status, result.summary["verdict"]) == (3, "changed")


def test_failed_is_2(place: Place) -> None:
    result = place.run("all.yml", "-i", "hosts", "--limit", "a,b", "--tags", "trouble")
    assert (result.status, result.summary["verdict"]) == (2, "failed")


def test_unreachable_is_4(place: Place) -> None:
    result = place.run("all.yml", "-i", "hosts", "--tags", "far")
    assert (result.status, result.summary["verdict"]) == (4, "unreachable")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "arguments are required: PLAYBOOK, -i/--inventory"),
        (["all.yml"], "arguments are required: -i/--inventory"),
        (["all.yml", "-i", "hosts", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["all.yml", "-i", "hosts", "--keep", "0"], "argument --keep: invalid positive value: '0'"),
        (["none.yml", "-i", "hosts"], "no playbook none.yml: give the path"),
        (["all.yml", "-i", "none"], "no inventory none: give the path"),
    ],
)
def test_bad_arguments_are_1_and_one_line(place: Place, words: list[str], complaint: str) -> None:
    result = place.run(*words)
    assert result.status == 1
    assert complaint in result.complaint


def test_an_interpreter_without_ansible_is_1_and_one_line(place: Place) -> None:
    bare = place.path / "bin" / "python"
    bare.parent.mkdir()
    bare.symlink_to(PYTHON.resolve())
    words = [str(bare), *place.command("all.yml", "-i", "hosts")[1:]]
    ended = subprocess.run(words, cwd=place.path, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert "bin/ansible-playbook is missing: run `make setup`" in Result(ended, place.runs).complaint


def test_ansible_runner_missing_is_1_and_one_line(place: Place) -> None:
    (place.path / "ansible_runner.py").write_text("raise ImportError('gone')\n")
    place.env["PYTHONPATH"] = str(place.path)
    result = place.run("all.yml", "-i", "hosts")
    assert result.status == 1
    assert "ansible-runner is missing: run `make setup`" in result.complaint


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("hosts", "a b c = [\n[x:]\n", "hosts"),
        ("all.yml", "- hosts: all\n  tasks: [\n", "YAML parsing failed"),
        ("all.yml", "- hosts: all\n  taks: []\n", "'taks' is not a valid attribute for a Play"),
        ("all.yml", "- hosts: all\n  gather_facts: false\n  tasks: []\n", "no host is in a play"),
    ],
    ids=["inventory", "YAML", "syntax", "nothing to do"],
)
def test_what_does_not_load_is_1_and_says_why(place: Place, file: str, text: str, why: str) -> None:
    (place.path / file).write_text(text)
    result = place.run("all.yml", "-i", "hosts")
    assert (result.status, result.summary["verdict"], result.summary["hosts"]) == (1, "not run", {})
    assert why in result.summary["message"]
    assert result.stderr == f"run.py: {result.summary['message']}\n"


def test_a_run_that_ansible_gives_up_is_1_and_keeps_its_counts(place: Place) -> None:
    (place.path / "two.yml").write_text(PLAYBOOK + "\n- name: Broken\n  hosts: '{{ nowhere }}'\n")
    result = place.run("two.yml", "-i", "hosts", "--limit", "a", "--tags", "change")
    assert (result.status, result.summary["verdict"]) == (1, "gave up")
    assert "nowhere" in result.summary["message"]
    assert result.summary["hosts"]["a"]["host_tasks"] == 2


def test_another_run_with_the_lock_is_1(place: Place) -> None:
    started = runlock.process_start(os.getpid())
    assert started
    holder = runlock.Holder(os.getpid(), started, "root", socket.gethostname(), "ansible-playbook site.yml", "now")
    (place.path / "lab.lock").write_text(json.dumps(asdict(holder)))
    (place.path / "site.yml").write_text(
        f"""
- hosts: a
  gather_facts: false
  tasks:
    - clusterwright.hpc.run_lock: {{name: lab, directory: "{place.path}"}}
"""
        + PLAYBOOK
    )
    result = place.run("site.yml", "-i", "hosts")
    assert (result.status, result.summary["verdict"]) == (1, "not run")
    assert f"Cluster lab: another run holds the lock: pid {os.getpid()} (ansible-playbook site.yml)" in result.stderr
    assert list(result.summary["hosts"]) == ["a"]


# A task in a worker, and one that takes Ctrl-C for an answer to its question.
WORKS = "ansible.builtin.command: sleep 987654"
ASKS = "ansible.builtin.pause: {prompt: Well}"


@pytest.mark.parametrize("task", [WORKS, ASKS], ids=["a task at work", "a task that asks"])
def test_interrupted_is_130_and_leaves_no_process(place: Place, task: str) -> None:
    (place.path / "hold.yml").write_text(
        "- hosts: a\n  gather_facts: false\n  vars:\n"
        "    ansible_python_interpreter: '{{ ansible_playbook_python }}'\n"
        f"  tasks:\n    - name: Hold on\n      {task}\n"
    )
    process = subprocess.Popen(
        place.command("hold.yml", "-i", "hosts"),
        env=place.env,
        cwd=place.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    for line in process.stdout:  # progress is seen while the run goes on
        if "TASK [Hold on]" in line:
            break
    while not any("987654" in words for words in started_by(process.pid).values()) and task == WORKS:
        time.sleep(0.05)
    mine = started_by(process.pid)
    assert mine
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "run.py: interrupted: Ansible is ending the run\n"
    if task == ASKS:
        process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in stderr) == (130, False)
    assert not [words for pid, words in mine.items() if words and command_line(pid) == words], "processes are left"
    (directory,) = place.runs.iterdir()
    summary = json.loads((directory / "summary.json").read_text())
    assert (summary["status"], summary["verdict"]) == (130, "interrupted")


def test_the_newest_runs_are_kept_and_others_things_are_left_alone(place: Place) -> None:
    names = ["20260101T000000Z-site", "20260102T000000Z-site", "20260103T000000Z-site", "notes", "zz.txt"]
    for name in names:
        (place.runs / name).mkdir(parents=True)
    going_on = os.open(place.runs / names[0], os.O_RDONLY)
    fcntl.flock(going_on, fcntl.LOCK_EX)  # as a run does that goes on
    result = place.run("all.yml", "-i", "a,", "-e", "ansible_connection=local", "--tags", "change", "--keep", "2")
    os.close(going_on)
    assert result.status == 3
    kept = sorted(path.name for path in place.runs.iterdir())
    assert kept[0] == "20260101T000000Z-site"
    assert kept[1] == "20260103T000000Z-site"
    assert kept[2].endswith("Z-all")
    assert kept[3:] == ["notes", "zz.txt"]


def test_a_collections_playbook_and_the_checkouts_ansible_cfg(place: Place) -> None:
    playbooks = place.path / "c" / "ansible_collections" / "acme" / "demo" / "playbooks"
    playbooks.mkdir(parents=True)
    (playbooks / "hello.yml").write_text(
        "- hosts: a\n  gather_facts: false\n  tasks:\n    - ansible.builtin.assert:\n"
        f"        that: ansible_config_file == '{CHECKOUT}/ansible.cfg'\n"
    )
    del place.env["ANSIBLE_CONFIG"]
    place.env["ANSIBLE_COLLECTIONS_PATH"] = str(place.path / "c")
    result = place.run("acme.demo.hello", "-i", "hosts")
    assert result.status == 0, result.stdout + result.stderr
    assert result.directory.name.endswith("Z-hello")


def started_by(parent: int) -> dict[int, list[str]]:
    """The processes below `parent`: pid and command line."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    below = {parent}
    while more := {pid for pid, its_parent in parents.items() if its_parent in below} - below:
        below |= more
    return {pid: command_line(pid) for pid in below - {parent}}


def command_line(pid: int) -> list[str]:
    """Words of a process; none when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []
