# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of Slurm's configuration on one controller: what is there, and the least that makes it what is declared.

`consequences` knows what it does to jobs, and `changeover` carries it out.
"""

from __future__ import annotations

import calendar
import contextlib
import hashlib
import os
import platform
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as altered
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files, services
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import FileIntent, ServiceIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf, consequences, difference, running, trial
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.difference import Change
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.intent import SlurmIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import fold_some
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.policy import Needs
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.releases import number, release
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.running import Job, Slurm

UNIT = "slurmctld.service"
RECONFIGURE = ("scontrol", "reconfigure")
RESTART = ("systemctl", "restart", UNIT)
RUNS = ("active", "activating", "reloading", "refreshing")
MARK = re.compile(r"# slurmd started before (\S+Z) runs with an old (.+)")
TIME = "%Y-%m-%dT%H:%M:%SZ"
# A primary that takes over from its backup waits for that to let go: 29 s were seen.
ANSWERS_WITHIN = 60     # seconds
PAUSE = 0.5             # seconds between two looks
SPARE = 8 << 20         # bytes that StateSaveLocation must have left, besides room for once more what it has
INODES = 100
DBD_PORT = 6819


@dataclass(frozen=True)
class Store:
    """A StateSaveLocation: whether it is there, what its file system has left, and when its jobs were saved (None: there are none)."""

    path: str = ""
    there: bool = False
    free: int = 0
    inodes: int = 0
    used: int = 0
    saved: float | None = None


@dataclass(frozen=True)
class State:
    """What was seen on this controller and of the active slurmctld.

    version: of the slurmctld installed here, empty when there is none. texts: the files of /etc/slurm as they lie there. hosts: the
    controllers of a pair, active, standby or down. seen: what the active slurmctld has loaded, {} when none answers. before and after:
    what runs, or would with the files as they are, and what is declared, as slurmctld has tried it; None where nothing differs or nothing
    could be asked. jobs: all that slurmctld remembers, None when nobody was asked. stores: the old and the declared one. now: the clock
    after all that was asked, which can take a while.
    """

    host: str
    version: str
    texts: dict[str, str]
    files: files.FilesState
    services: services.ServicesState
    hosts: dict[str, str] = field(default_factory=dict)
    seen: dict[str, running.Table] = field(default_factory=dict)
    before: Slurm | None = None
    after: Slurm | None = None
    jobs: Sequence[Job] | None = None
    stores: tuple[Store, Store] = (Store(), Store())
    now: float = 0.0

    @property
    def runs(self) -> bool:
        """Whether slurmctld runs here, active or as standby."""
        return self.services.units[UNIT].active in RUNS

    @property
    def standby(self) -> bool:
        """Whether another controller is the active one."""
        return self.hosts.get(self.host) != "active" and "active" in self.hosts.values()

    @property
    def leads(self) -> bool:
        """Whether this controller is the active one once its slurmctld has been started: the first one takes over from its backup."""
        return not self.standby or (not self.runs and next(iter(self.hosts)) == self.host)

    @property
    def loaded(self) -> bool:
        """Whether slurmctld runs here with the files that lie here."""
        # A standby answers no question; but it reads its files only when it starts.
        return self.runs and (not self._older_than_files() if self.standby else running.loaded(self.seen))

    def _older_than_files(self) -> bool:
        began = self.services.units[UNIT].process_started
        return began is not None and any(at is not None and began < at <= self.services.now for at in self.services.changed_at.values())


@dataclass(frozen=True)
class Plan:
    """What has to happen. texts: the files as they will be. action: start, restart, reconfigure, or nothing, of the slurmctld here."""

    texts: dict[str, str]
    changes: list[Change]
    files: list[files.Change]
    services: services.ServicesPlan
    action: str
    tells_nodes: bool       # slurmctld is told to send the files to all nodes, after it was restarted or started
    forgets: Sequence[str]      # the command by which slurmctld forgets an id of the cluster, if it must
    needs: Needs
    impact: list[dict[str, Any]]

    @property
    def commands(self) -> list[str]:
        """All commands as a person would type them."""
        written = [command for change in self.files for command in change.commands]
        acts: list[Sequence[str]] = [RESTART] if self.action == "restart" else []
        acts += [RECONFIGURE] if self.action == "reconfigure" or self.tells_nodes else []
        first = [" ".join(self.forgets)] if self.forgets else []
        return [*first, *written, *map(str, self.services.commands), *map(" ".join, acts)]

    @property
    def slurmd_since(self) -> int:
        """The time in seconds since 1970 before which a slurmd must have started to run with old settings; 0 when none can."""
        found = MARK.search(self.texts["slurm.conf"])
        return calendar.timegm(time.strptime(found[1], TIME)) if found else 0


# --- observe

def observe(run: Run, intent: SlurmIntent, may_come: bool = False) -> State:
    """Looks at this controller. Only where something differs is the declared configuration tried, and the running one read as a whole.

    may_come: slurmctld need not be installed yet. Raises ClusterwrightError for what Slurm refuses, for names that do not resolve, and for
    two active controllers.
    """
    found = {name: _text(trial.DIRECTORY / name) for name in conf.ours(conf.files(intent))}
    texts = {name: text for name, text in found.items() if text is not None}
    said = run(["slurmctld", "-V"])
    version = "" if said.rc else said.out.split()[-1]
    if not version and not may_come:
        raise ClusterwrightError("slurmctld is not installed on this host: nothing was changed. The role slurm_controller installs it")
    wanted = declared(intent, texts)
    state = State(
        host=platform.node().split(".")[0], version=version, texts=texts, files=files.observe(_file_intents(wanted)),
        services=services.observe(run, [_SERVICE], []),
    )
    if version:
        with tempfile.TemporaryDirectory(prefix="slurm-ask-", dir=trial.SCRATCH) as scratch:
            state = _ask(run, state, wanted, Path(scratch), may_come)
    return altered(state, now=time.time())


def _ask(run: Run, state: State, wanted: Mapping[str, str], scratch: Path, may_come: bool) -> State:
    asks_with = None
    if "slurm.conf" not in state.texts:     # a new controller asks the others with the declared file
        asks_with = scratch / "slurm.conf"
        asks_with.write_text(wanted["slurm.conf"])
    asked = [text for text in (state.texts.get("slurm.conf"), wanted["slurm.conf"]) if text is not None]
    hosts, before_that = _controllers(run, asked, scratch, state.runs), None
    while hosts != before_that:     # one may take over from the other while they are asked
        state = altered(state, hosts=hosts)
        state = altered(state, seen=wait_for_answer(run, asks_with) if state.runs or state.standby else {})
        hosts, before_that = _controllers(run, asked, scratch, state.runs), hosts
    changed = any(wanted.get(name) != state.texts.get(name) for name in conf.ours(wanted))
    if not changed and state.loaded:
        return state
    _refuse_unresolvable(wanted["slurm.conf"])
    after = trial.start(run, wanted, state.host, may_come)
    if not may_come and _begins_to_account(state, wanted):
        _refuse_silent_dbd(running.settings(wanted["slurm.conf"]))
    before, jobs = None, None
    if state.seen:
        before, jobs = running.look(run, state.seen, asks_with)
    elif "slurm.conf" in state.texts and changed:
        try:
            before = trial.start(run, state.texts, state.host)
        except ClusterwrightError:
            before = None       # which may be why slurmctld does not run
    old, new = (running.settings(texts.get("slurm.conf", "")).get("statesavelocation", "") for texts in (state.texts, wanted))
    return altered(state, before=before, after=after, jobs=jobs, stores=(store(old), store(new)))


def _controllers(run: Run, texts: Sequence[str], scratch: Path, runs: bool) -> dict[str, str]:
    """The controllers of a pair, once one of them is active; where none runs, there is nothing to wait for."""
    end = time.monotonic() + ANSWERS_WITHIN
    hosts = running.controllers(run, texts, scratch)
    while hosts and runs and "active" not in hosts.values() and time.monotonic() < end:
        time.sleep(PAUSE)
        hosts = running.controllers(run, texts, scratch)
    active = [name for name, what in hosts.items() if what == "active"]
    if len(active) > 1:
        raise ClusterwrightError(
            f"{' and '.join(active)} both run as the active controller, and each starts jobs by itself: nothing was changed. Stop the one "
            f"that shall be the backup, `systemctl stop slurmctld` on {active[-1]}; see that StateSaveLocation is the same directory on "
            "both; then start it again", controllers=hosts,
        )
    return hosts


def wait_for_answer(run: Run, asks_with: Path | None = None) -> dict[str, running.Table]:
    """What the active slurmctld has loaded; {} when none answers in time, because it only just starts or hangs."""
    end = time.monotonic() + ANSWERS_WITHIN
    while True:
        seen = running.config(run, asks_with)[0]
        if seen or time.monotonic() >= end:
            return seen
        time.sleep(PAUSE)


def declared(intent: SlurmIntent, texts: Mapping[str, str], mark: str = "") -> dict[str, str]:
    """The files as declared, by name. slurm.conf names what lies beside it, so that one hash tells whether slurmctld has read all of them.

    mark: says which slurmd runs with old settings; without, that of the file on disk is kept.
    """
    wanted = conf.files(intent)
    first, rest = wanted["slurm.conf"].split("\n", 1)
    beside = [f"{name} {hashlib.sha256(text.encode()).hexdigest()[:12]}" for name, text in sorted(wanted.items()) if name != "slurm.conf"]
    kept = MARK.search(texts.get("slurm.conf", ""))
    lines = [first, f"# Goes with {', '.join(beside)}", mark or (kept[0] if kept else ""), rest]
    return {**wanted, "slurm.conf": "\n".join(line for line in lines if line)}


def store(path: str) -> Store:
    """Looks at a StateSaveLocation. Where root may not look, as on a network file system, all is taken to be well."""
    directory = Path(path)
    if not path or not directory.is_dir():
        return Store(path)
    room, used, saved = os.statvfs(path), 0, None
    with contextlib.suppress(OSError):
        sizes = {entry.name: entry.stat() for entry in directory.iterdir() if entry.is_file()}
        used = sum(info.st_size for info in sizes.values())
        saved = sizes["job_state"].st_mtime if "job_state" in sizes else None
    return Store(path, True, room.f_bavail * room.f_frsize, room.f_favail, used, saved)


# --- plan

def plan(intent: SlurmIntent, state: State, end_jobs: bool = False, may_come: bool = False) -> Plan:
    """Compares what is declared with what is there. Pure.

    may_come: packages and directories need not be there yet. Raises ClusterwrightError for what would end jobs, unless they may, and for
    what slurmctld could not run with.
    """
    wanted = declared(intent, state.texts)
    found: list[Change] = []
    if state.before and state.after:
        found = difference.changes(state.before, state.after, state.texts, wanted, _version(state))
        found = [_here_and_now(change, state) for change in found]
    hit = consequences.hits(found, state.jobs or ())
    if not end_jobs:
        consequences.refuse(found, hit, state.before, blind=state.jobs is None and state.stores[0].saved is not None)
    stale = dict.fromkeys(change.key for change in found if change.cost.action >= Needs.RESTART_SLURMD)
    if stale:
        at = time.strftime(TIME, time.gmtime(state.now))
        wanted = declared(intent, state.texts, f"# slurmd started before {at} runs with an old {', '.join(stale)}")
    awaits_packages = may_come and not state.version
    changes = files.plan(_file_intents(wanted), state.files, set(), set(), awaits_packages)
    action = _action(found, state, bool(changes))
    if action and state.after and (state.stores[1].there or not may_come):
        _refuse_full(state.stores[1])
    costs = [change.cost.needs for change in found]
    least = {"": Needs.NOTHING, "reconfigure": Needs.RECONFIGURE}.get(action, Needs.RESTART_SLURMCTLD)
    told = consequences.impact(found, action, state.standby)
    runs = state.seen.get("slurm.conf", {}).get("SLURM_VERSION", state.version)
    if action and runs != state.version:
        text = f"slurmctld {runs} runs, and {state.version}, which is installed, starts now"
        told.append({"kind": "version_change", "name": UNIT, "text": text})
    forgets = _forgets(running.settings(wanted["slurm.conf"])) if action and _begins_to_account(state, wanted) else ()
    if forgets:
        text = f"{forgets[-1]} goes, with an id that no job needs: slurmdbd gives the cluster its own"
        told.append({"kind": "cluster_id", "name": intent["cluster_name"], "text": text})
    return Plan(
        texts=wanted, changes=found, files=changes, services=services.plan([_SERVICE], state.services, [], awaits_packages), action=action,
        tells_nodes="slurm.conf" in state.texts and action in ("start", "restart") and state.leads,
        forgets=forgets, needs=max([least, *costs]), impact=[*told, *consequences.job_impact(hit)],
    )


def _action(found: Sequence[Change], state: State, files_change: bool) -> str:
    if not state.runs:
        return "start"
    if state.loaded and not files_change:
        return ""
    if state.standby or not state.seen:
        return "restart"        # a standby reads its files when it starts; one that does not answer cannot be asked to
    return "restart" if any(change.cost.action >= Needs.RESTART_SLURMCTLD for change in found) else "reconfigure"


def _version(state: State) -> tuple[int, ...]:
    said = (state.version, state.seen.get("slurm.conf", {}).get("SLURM_VERSION", ""))
    return min((number(release(text)) for text in said if release(text)), default=(0,))


def _here_and_now(change: Change, state: State) -> Change:
    """The change with what it costs in this case, where that is not always the same."""
    key, (old, new) = change.key.lower(), state.stores
    if key == "maxjobcount" and change.new.isdecimal() and int(change.new) <= len(state.jobs or ()):
        return change._replace(cost=change.cost._replace(jobs=Needs.EMPTY_CLUSTER))
    if key == "statesavelocation" and not state.seen and old.saved is not None and new.saved is not None and new.saved >= old.saved:
        return change._replace(cost=change.cost._replace(jobs=Needs.NOTHING))
    return change


def _begins_to_account(state: State, wanted: Mapping[str, str]) -> bool:
    """Whether the active slurmctld is the one here, ran without slurmdbd until now, and shall have one."""
    def accounts(keys: running.Table) -> bool:
        return keys.get("accountingstoragetype", "").lower().endswith("slurmdbd")

    seen = {key.lower(): value for key, value in state.seen.get("slurm.conf", {}).items()}
    runs = seen or running.settings(state.texts.get("slurm.conf", ""))
    return not state.standby and bool(runs) and not accounts(runs) and accounts(running.settings(wanted["slurm.conf"]))


def _forgets(keys: running.Table) -> Sequence[str]:
    """The command that removes the id which a slurmctld without slurmdbd gives to its cluster.

    slurmdbd gives it another, and with two the slurmctld of 24.11 ends: CLUSTER ID MISMATCH. A pair has one such file.
    """
    return ("runuser", "-u", keys.get("slurmuser", "root"), "--", "rm", "-f", f"{keys.get('statesavelocation', '')}/clustername")


def _refuse_silent_dbd(keys: running.Table) -> None:
    hosts = [keys[key] for key in ("accountingstoragehost", "accountingstoragebackuphost") if keys.get(key)]
    port = int(keys.get("accountingstorageport", "0")) or DBD_PORT
    if not any(running.listens(host, port) for host in hosts):
        raise ClusterwrightError(
            f"slurmdbd does not listen on {' or '.join(hosts) or 'any host'}, port {port}, and without it no slurmctld begins to account: "
            "nothing was changed. See `systemctl status slurmdbd` there"
        )


def _refuse_full(there: Store) -> None:
    if not there.there:
        raise ClusterwrightError(f"StateSaveLocation {there.path} is no directory on this host: nothing was changed. Make or mount it, and "
                                 "give it to SlurmUser")
    if there.free < there.used + SPARE or there.inodes < INODES:
        raise ClusterwrightError(
            f"the file system of StateSaveLocation {there.path} is full ({there.free >> 20} MiB and {there.inodes} inodes are left), and "
            f"what slurmctld cannot save there is lost: nothing was changed. Make room, see `df -h {there.path}` and `df -i {there.path}`"
        )


def _refuse_unresolvable(text: str) -> None:
    bad = running.unresolvable([name for folded in trial.unaddressed(text) for name in running.expand(folded)])
    if bad:
        raise ClusterwrightError(
            f"{fold_some(bad)} does not resolve on this controller, and each such name stops slurmctld for 10 s when it starts: nothing "
            "was changed. Give the node an address in the cluster file (NodeAddr), or the name to DNS", unresolvable=bad,
        )


# --- files and unit

_SERVICE: ServiceIntent = {
    "name": UNIT, "enabled": True, "state": "started", "uses": [], "rereads": [str(trial.DIRECTORY / name) for name in conf.NAMES],
}


def _file_intents(texts: Mapping[str, str]) -> list[FileIntent]:
    return [{
        "path": str(trial.DIRECTORY / name), "state": "file" if name in texts else "absent",
        "content": texts[name].encode() if name in texts else None, "secret": False, "block": False, "owner": "root", "group": "root",
        "mode": "0644", "validate": None, "backup": True,
    } for name in conf.ours(texts)]


def _text(path: Path) -> str | None:
    try:
        return path.read_text(errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return None
