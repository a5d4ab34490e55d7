#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a playbook through ansible-runner, for `make lab`, for CI and for your own CI with your own inventory.

Shows Ansible's output as it comes, keeps the artifacts of the run and writes summary.json beside them.
The exit status tells failed, unreachable and changed apart: see `Exit` and docs/runner.md.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from enum import IntEnum
from pathlib import Path
from typing import Any, NoReturn

try:
    import ansible_runner
except ImportError:  # said in one line by `main`
    ansible_runner = None

CHECKOUT = Path(__file__).resolve().parents[1]
RUN_DIRECTORY = re.compile(r"\d{8}T\d{6}Z-.+")
COLLECTION_PLAYBOOK = re.compile(r"[a-z_]\w*(\.[a-z_]\w*){2,}")
LOCK_ACTION = "clusterwright.hpc.run_lock"
TABLE_ROWS = 20
FIRST_ERROR = re.compile(r"^(?:\[ERROR\]:|ERROR!|ansible-playbook: error:) *(.+?)(?:\n\s*\n|\nOrigin:|\Z)", re.M | re.S)
TERMINAL_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Exit(IntEnum):
    """Exit status of this program."""

    OK = 0  # every host is as it shall be, and was before
    NOT_RUN = 1  # nothing was run, or Ansible gave up on the whole run
    FAILED = 2  # some host failed
    CHANGED = 3  # no host failed, and something was changed (in check mode: would be)
    UNREACHABLE = 4  # some host did not answer
    FAILED_AND_UNREACHABLE = 6  # both
    INTERRUPTED = 130  # Ctrl-C or SIGTERM


class NotRun(Exception):
    """Why nothing is run, in one line."""


# What a run did -------------------------------------------------------------------------------------------------------


@dataclass
class Host:
    """Counts of one host. `ok` includes changed tasks, as in Ansible's recap."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0
    host_tasks: int = 0  # results of this host, whatever they were: tasks, skipped tasks and handlers
    failure: dict[str, str] | None = None  # task and message, for a host that failed or did not answer

    @property
    def bad(self) -> bool:
        return bool(self.failed or self.unreachable)


@dataclass
class Tally:
    """Counts what ansible-runner reports, event by event."""

    hosts: dict[str, Host] = field(default_factory=dict)
    finished: bool = False  # Ansible came to its recap
    lock_refused: str | None = None

    RESULTS = {
        "runner_on_ok": "ok",
        "runner_on_failed": "failed",
        "runner_on_unreachable": "unreachable",
        "runner_on_skipped": "skipped",
    }
    # Our names of the counts and Ansible's.
    STATS = {"ok": "ok", "changed": "changed", "failed": "failures", "unreachable": "dark", "skipped": "skipped"}

    def add(self, event: dict[str, Any]) -> bool:
        """Count one event; always True, which tells ansible-runner to keep it among the artifacts."""
        censor(event)
        data = event.get("event_data") or {}
        if event.get("event") == "playbook_on_stats":
            self._recap(data)
        elif result := self.RESULTS.get(event.get("event", "")):
            self._result(result, data)
        return True

    def _result(self, result: str, data: dict[str, Any]) -> None:
        host = self.hosts.setdefault(data["host"], Host())
        host.host_tasks += 1
        answer = data.get("res") or {}
        if result == "failed" and data.get("ignore_errors"):
            result = "ok"
        setattr(host, result, getattr(host, result) + 1)
        if result in ("failed", "unreachable"):
            host.failure = {"task": data.get("task") or "", "message": message(answer)}
            if data.get("resolved_action") == LOCK_ACTION:
                self.lock_refused = host.failure["message"]
        elif answer.get("changed"):
            host.changed += 1

    def _recap(self, data: dict[str, Any]) -> None:
        """Ansible's own counts: they know which failures were rescued."""
        self.finished = True
        for name in data.get("processed") or {}:
            host = self.hosts.setdefault(name, Host())
            for ours, theirs in self.STATS.items():
                setattr(host, ours, (data.get(theirs) or {}).get(name, 0))
            if not host.bad:
                host.failure = None

    def status(self) -> Exit:
        """What the hosts say together."""
        failed = any(host.failed for host in self.hosts.values())
        unreachable = any(host.unreachable for host in self.hosts.values())
        if failed and unreachable:
            return Exit.FAILED_AND_UNREACHABLE
        if failed:
            return Exit.FAILED
        if unreachable:
            return Exit.UNREACHABLE
        return Exit.CHANGED if any(host.changed for host in self.hosts.values()) else Exit.OK


def censor(event: dict[str, Any]) -> None:
    """Take the text of a failed task with no_log out of an event, before it is shown or stored.

    ansible-core 2.19 to 2.21 censors the result of such a task, but prints its message as an [ERROR] above it.
    """
    data = event.get("event_data") or {}
    hidden = (data.get("res") or {}).get("censored")
    if hidden and event.get("event") in ("runner_on_failed", "runner_item_on_failed", "runner_on_unreachable"):
        event["stdout"] = f"fatal: [{data['host']}]: {hidden}" if event["stdout"] else ""


def message(answer: dict[str, Any]) -> str:
    """The one message of a failed result; of a loop, that of its first failed item."""
    for item in answer.get("results") or []:
        if isinstance(item, dict) and (item.get("failed") or item.get("unreachable") or "censored" in item):
            return message(item)
    return str(answer.get("censored") or answer.get("msg") or "no message").strip()


def first_error(artifacts: Path) -> str | None:
    """Ansible's first error in its own words, one line, for a run that did not come to its hosts."""
    with contextlib.suppress(OSError):
        text = TERMINAL_CODES.sub("", (artifacts / "stdout").read_text(encoding="utf-8", errors="replace"))
        if found := FIRST_ERROR.search(text):
            return " ".join(found[1].split())
    return None


# The run --------------------------------------------------------------------------------------------------------------


class Interrupt:
    """Passes Ctrl-C and SIGTERM on to Ansible, so that it ends its workers and what they run.

    ansible-runner by itself kills Ansible at once, and tasks that just run would go on without it.
    SIGINT lets Ansible tidy up. SIGTERM follows at the next Ctrl-C or after a while: a task that waits for an answer
    takes SIGINT for one. The third Ctrl-C kills.
    """

    PATIENCE = 5.0  # seconds

    def __init__(self) -> None:
        self.count = 0
        self._pending = [signal.SIGTERM, signal.SIGINT]  # to be sent, last first
        self._sent = 0.0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._caught)

    def _caught(self, _number: int, _frame: object) -> None:
        self.count += 1

    def poll(self) -> bool:
        """Called by ansible-runner again and again; True lets it kill what it started."""
        due = self.count > 2 - len(self._pending) or time.monotonic() > self._sent + self.PATIENCE
        if self.count and self._pending and due:
            if not self._sent:
                say("interrupted: Ansible is ending the run")
            self._sent = time.monotonic()
            number = self._pending.pop()
            for pid in children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        return self.count > 2


def children() -> Iterator[int]:
    """Process ids that this process started."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text(errors="replace").rpartition(")")[2].split()[1]) == os.getpid():
                yield int(stat.parent.name)


def play(options: argparse.Namespace, playbook: str, directory: Path, interrupt: Interrupt) -> tuple[Tally, int | None]:
    """Run the playbook; what it did and ansible-playbook's own exit status (None: ended by a signal)."""
    config = ansible_runner.RunnerConfig(
        private_data_dir=str(directory),
        artifact_dir=str(directory),
        ident="artifacts",
        playbook=playbook,
        fact_cache_type="",  # leave the user's fact cache alone
    )
    config.prepare()
    config.pexpect_timeout = 0.5  # seconds between looks at `interrupt`
    config.command = command_line(options, playbook)
    config.cwd = str(Path.cwd())
    adapt(config.env)

    def started(status: dict[str, Any], runner_config: ansible_runner.RunnerConfig) -> None:
        # What ansible-runner notes of the start holds the values of -e and the whole environment: keep the names only.
        if status["status"] == "running":
            command = redacted(runner_config.command)
            note = {"command": command, "cwd": runner_config.cwd, "env": sorted(runner_config.env)}
            (directory / "artifacts" / "command").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")

    tally = Tally()
    runner = ansible_runner.Runner(
        config, event_handler=tally.add, status_handler=started, cancel_callback=interrupt.poll
    )
    try:
        runner.run()
    except ansible_runner.AnsibleRunnerException as error:
        raise NotRun(f"ansible-runner gave up: {error}") from error
    return tally, runner.rc


def command_line(options: argparse.Namespace, playbook: str) -> list[str]:
    """The ansible-playbook command line."""
    words = [str(ansible_playbook())]
    for inventory in options.inventory:
        words += ["-i", inventory]
    for extra in options.extra_vars:
        words += ["-e", extra]
    for name in ("limit", "tags", "skip_tags"):
        if value := getattr(options, name):
            words.append(f"--{name.replace('_', '-')}={value}")
    words += [f"--{name}" for name in ("check", "diff") if getattr(options, name)]
    return [*words, playbook]


def redacted(words: list[str]) -> list[str]:
    """A command line without the values of -e; names of variables and of files stay."""
    shown = list(words)
    for at, word in enumerate(words):
        if words[at - 1] == "-e" and not word.startswith("@"):
            name, equals, _ = word.partition("=")
            shown[at] = f"{name}=…" if equals and name.isidentifier() else "…"
    return shown


def adapt(environment: dict[str, str]) -> None:
    """Make ansible-runner's environment that of this interpreter and this checkout."""
    programs = str(Path(sys.executable).parent)
    environment["PATH"] = os.pathsep.join(filter(None, (programs, environment.get("PATH"))))
    environment["ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED"] = "true"
    if "ANSIBLE_HOST_KEY_CHECKING" not in os.environ:
        # ansible-runner switches the check of host keys off; whether it is done is for ansible.cfg to say.
        environment.pop("ANSIBLE_HOST_KEY_CHECKING", None)
    if "ANSIBLE_CONFIG" not in environment and (CHECKOUT / "ansible.cfg").is_file():
        environment["ANSIBLE_CONFIG"] = str(CHECKOUT / "ansible.cfg")
    if not sys.stdout.isatty():
        # ansible-runner gives Ansible a terminal, so Ansible cannot see that ours is a file.
        environment.setdefault("ANSIBLE_NOCOLOR", "true")


def ansible_playbook() -> Path:
    """The ansible-playbook of the running interpreter."""
    program = Path(sys.executable).parent / "ansible-playbook"
    if not os.access(program, os.X_OK):
        raise NotRun(f"{program} is missing: run `make setup`, or install requirements/run.txt for {sys.executable}")
    return program


def find_playbook(name: str) -> str:
    """The playbook as Ansible wants it: an absolute path, or namespace.collection.name."""
    path = Path(name)
    if path.is_file():
        return str(path.resolve())
    if COLLECTION_PLAYBOOK.fullmatch(name) and path.suffix not in (".yml", ".yaml"):
        return name
    raise NotRun(
        f"no playbook {name}: give the path of a file, or a collection's playbook such as clusterwright.hpc.site"
    )


def check_inventory(sources: list[str]) -> None:
    """A file that is not there is an error before anything is started; host lists (a,b,) are Ansible's to read."""
    for source in sources:
        if "," not in source and not Path(source).exists():
            raise NotRun(
                f"no inventory {source}: give the path of a file or directory, or a list of hosts such as head1,cn1"
            )


# The directories of runs ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def run_directory(base: Path, playbook: str, keep: int) -> Iterator[Path]:
    """A new directory for this run; afterwards the oldest are removed, so that `keep` stay."""
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    name = Path(playbook).stem if os.sep in playbook else playbook.rpartition(".")[2]
    try:
        base.mkdir(parents=True, exist_ok=True)
        directory = make_directory(base, f"{stamp}-{name}")
        opened = os.open(directory, os.O_RDONLY)
    except OSError as error:
        raise NotRun(f"no directory for the run can be made in {base}: {error.strerror}") from error
    try:
        fcntl.flock(opened, fcntl.LOCK_EX)  # while it is held, no other run prunes this directory
        yield directory
    finally:
        os.close(opened)
    prune(base, keep)


def make_directory(base: Path, name: str) -> Path:
    """A directory that was not there; runs started in one second get a number."""
    number = 1
    while True:
        directory = base / (name if number == 1 else f"{name}-{number}")
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
        else:
            return directory


def prune(base: Path, keep: int) -> None:
    """Remove all but the newest `keep` directories of runs, but none of a run that goes on."""
    runs = sorted(path for path in base.iterdir() if RUN_DIRECTORY.fullmatch(path.name) and path.is_dir())
    for directory in runs[:-keep]:
        try:
            opened = os.open(directory, os.O_RDONLY)
        except OSError:
            continue
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        os.close(opened)


# The report -----------------------------------------------------------------------------------------------------------


@dataclass
class Summary:
    """What summary.json holds; docs/runner.md describes it."""

    playbook: str
    inventory: list[str]
    limit: str | None
    check: bool
    started: str
    seconds: float
    status: int
    verdict: str
    message: str | None
    hosts: dict[str, Host]

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def judge(tally: Tally, ended: int | None, interrupted: bool, artifacts: Path) -> tuple[Exit, str, str | None]:
    """Exit status, verdict and, where no host can say it, what went wrong."""
    if tally.lock_refused:
        return Exit.NOT_RUN, "not run", tally.lock_refused
    if interrupted and not tally.finished:
        return Exit.INTERRUPTED, "interrupted", "the run was interrupted: tasks that were running may be half done"
    if not tally.hosts:
        nobody = "no host is in a play of this playbook, or no task has the tags asked for"
        return Exit.NOT_RUN, "not run", first_error(artifacts) or (ended_how(ended) if ended != 0 else nobody)
    status = tally.status()
    if ended != 0 and status in (Exit.OK, Exit.CHANGED):
        return Exit.NOT_RUN, "gave up", first_error(artifacts) or ended_how(ended)
    return status, status.name.lower().replace("_", " "), None if tally.finished else ended_how(ended)


def ended_how(ended: int | None) -> str:
    """How ansible-playbook ended, when it does not say so itself."""
    return "ansible-playbook was killed" if ended is None else f"ansible-playbook ended with status {ended}"


def report(summary: Summary, directory: Path) -> None:
    """The table at the end."""
    hosts = sorted(summary.hosts.items(), key=lambda row: (not row[1].bad, not row[1].changed))
    width = max([len(name) for name, _ in hosts[:TABLE_ROWS]], default=4)
    columns = ("ok", "changed", "failed", "unreachable", "skipped", "host_tasks")
    print()
    if hosts:
        print(f"{'host':{width}}", *columns)
    for name, host in hosts[:TABLE_ROWS]:
        print(f"{name:{width}}", *(f"{getattr(host, column):{len(column)}}" for column in columns))
    if len(hosts) > TABLE_ROWS:
        print(f"and {len(hosts) - TABLE_ROWS} more hosts in summary.json")
    for name, host in hosts[:TABLE_ROWS]:
        if host.failure:
            first_line = host.failure["message"].partition("\n")[0]
            print(f"{name}: {host.failure['task']}: {first_line}")
    mode = " in check mode" if summary.check else ""
    print(f"{summary.playbook}{mode}: {summary.verdict}, {summary.seconds:.0f} s; see {directory}/summary.json")


def say(text: str) -> None:
    """One line on stderr."""
    print(f"run.py: {text}", file=sys.stderr, flush=True)


class Parser(argparse.ArgumentParser):
    """argparse, with our exit status for bad arguments."""

    def error(self, message: str) -> NoReturn:
        say(f"{message}; see {self.prog} --help")
        sys.exit(Exit.NOT_RUN)


def arguments(words: list[str] | None) -> argparse.Namespace:
    """The command line."""
    statuses = ", ".join(f"{status.value} {status.name.lower().replace('_', ' ')}" for status in Exit)
    parser = Parser(prog="run.py", description=(__doc__ or "").partition("\n")[0], epilog=f"Exit status: {statuses}.")
    parser.add_argument("playbook", metavar="PLAYBOOK", help="path, or a collection's playbook: clusterwright.hpc.site")
    parser.add_argument(
        "-i", "--inventory", action="append", required=True, help="file, directory or host list; repeatable"
    )
    parser.add_argument("--limit", help="hosts to work on, of those in the plays")
    parser.add_argument("--check", action="store_true", help="change nothing, say what would be changed")
    parser.add_argument("--diff", action="store_true", help="show what is changed in files")
    parser.add_argument(
        "-e", "--extra-vars", action="append", default=[], metavar="K=V|@FILE", help="variables; repeatable"
    )
    parser.add_argument("--tags", help="only tasks with these tags")
    parser.add_argument("--skip-tags", help="no tasks with these tags")
    runs = CHECKOUT / ".build" / "runs"
    parser.add_argument("--artifacts", type=Path, default=runs, metavar="DIR", help="where runs are kept (.build/runs)")
    parser.add_argument("--keep", type=positive, default=20, metavar="N", help="how many runs are kept there (20)")
    return parser.parse_args(words)


def positive(text: str) -> int:
    """A number from 1 on."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def main(words: list[str] | None = None) -> Exit:
    """Run, report, and say how it went."""
    options = arguments(words)
    try:
        playbook = find_playbook(options.playbook)
        check_inventory(options.inventory)
        ansible_playbook()
        if ansible_runner is None:
            raise NotRun(
                f"ansible-runner is missing: run `make setup`, or install requirements/run.txt for {sys.executable}"
            )
        with run_directory(options.artifacts.absolute(), playbook, options.keep) as directory:
            return run(options, playbook, directory)
    except NotRun as error:
        say(str(error))
    except OSError as error:
        say(f"the run cannot be recorded in {options.artifacts}: {error.strerror}")
    return Exit.NOT_RUN


def run(options: argparse.Namespace, playbook: str, directory: Path) -> Exit:
    """Run the playbook in its directory."""
    interrupt = Interrupt()
    started, clock = datetime.now(timezone.utc), time.monotonic()
    tally, ended = play(options, playbook, directory, interrupt)
    status, verdict, why = judge(tally, ended, bool(interrupt.count), directory / "artifacts")
    summary = Summary(
        playbook=options.playbook,
        inventory=options.inventory,
        limit=options.limit,
        check=options.check,
        started=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seconds=round(time.monotonic() - clock, 1),
        status=status.value,
        verdict=verdict,
        message=why,
        hosts=dict(sorted(tally.hosts.items())),
    )
    summary.write(directory / "summary.json")
    report(summary, directory)
    sys.stdout.flush()
    if why:
        say(why)
    return status


if __name__ == "__main__":
    sys.exit(main())
