# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries a planned change of Slurm's configuration out, proves that it runs, and puts the old files back when it does not."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files, replace, services
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Command, Session
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import change, difference, running, trial
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.change import PAUSE, RECONFIGURE, RESTART, UNIT, Plan, State
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.policy import REEXECUTES

WITHIN = 120    # seconds until slurmctld must run with the new files; a reconfigure of 10,000 nodes takes a few
TAIL = 20_000   # bytes of the log in which slurmctld's last words are looked for


class _Log:
    """slurmctld's log from now on: what it said of an earlier change is none of this one's."""

    def __init__(self, planned: Plan) -> None:
        keys = running.settings(planned.texts["slurm.conf"])
        self._path = Path(keys.get("slurmctldlogfile", "/dev/null"))
        self._cluster_file = f"{keys.get('statesavelocation', '')}/clustername"
        self._begin = self._path.stat().st_size if self._path.is_file() else 0

    def last_words(self) -> str:
        """What slurmctld has logged last of what went wrong."""
        try:
            with self._path.open("rb") as stream:
                size = stream.seek(0, 2)
                stream.seek(max(self._begin if self._begin <= size else 0, size - TAIL))     # a smaller one was rotated meanwhile
                lines = stream.read().decode(errors="replace").split("\n")
        except OSError:
            return ""
        words = [found[1] for line in lines if (found := trial.COMPLAINT.search(line)) and not trial.HARMLESS.search(line)]
        fatal = [found[1] for line in lines if (found := re.search(r"\bfatal: +(.*)", line))]
        last = (fatal or words or [""])[-1]
        if last.startswith("CLUSTER ID MISMATCH"):
            last = (f"{last.rstrip('.')}: slurmdbd knows this cluster by another id than {self._cluster_file} has. If it is this cluster's "
                    f"own slurmdbd, move that file away, `mv {self._cluster_file} {self._cluster_file}.old`, and run again")
        return last


def apply(run: Run, state: State, planned: Plan) -> list[str]:
    """Puts the files in place and lets slurmctld take them. Returns the commands that ran.

    When that fails, the old files come back, slurmctld runs with them as before, and ClusterwrightError says so.
    """
    if state.standby:
        _follow(run, state, planned)
    session, log = Session(run), _Log(planned)
    touched = False
    try:
        if planned.forgets:     # first, so that a slurmctld which starts with the new files by itself finds it gone
            session.do(Command(planned.forgets, str(planned.forgets[-1])))
        replace.apply(session, planned.files)
        touched = bool(planned.action)
        services.apply(session, planned.services)
        acts: dict[str, Sequence[str]] = {"restart": RESTART, "reconfigure": RECONFIGURE}
        if planned.action in acts:
            _do(session, acts[planned.action], log)
        leads = bool(planned.action) and _prove(run, state, planned, log)
        if leads and planned.tells_nodes:
            _do(session, RECONFIGURE, log)
            _prove(run, state, planned, log)
        session.commit()
    except BaseException as error:
        restored, lost = session.roll_back()
        if isinstance(error, OSError):
            error = ClusterwrightError(f"{error.filename}: {error.strerror}")
        if not isinstance(error, ClusterwrightError):
            raise
        wrong = _bring_back(run, state, bool(restored)) if touched else ""
        raise _undone(error, session.commands, restored, lost, wrong, state) from None
    return session.commands


def _follow(run: Run, state: State, planned: Plan) -> None:
    """Waits until the active controller has taken the change: what that one refuses must not wait here for the day of a take-over."""
    keys = {(item.key, item.where) for item in planned.changes}
    end = time.monotonic() + change.ANSWERS_WITHIN
    while keys and state.after:
        left, why = [], ""
        try:
            now = _active(run, planned.texts["slurm.conf"])
            left = [item for item in difference.changes(now, state.after, planned.texts, planned.texts, REEXECUTES)
                    if (item.key, item.where) in keys]
            if not left:
                return
        except ClusterwrightError as error:
            why = str(error)        # it may just be starting
        if time.monotonic() >= end:
            active = ", ".join(name for name, what in state.hosts.items() if what == "active")
            what = ", ".join(map(str, left[:5])) or why
            raise ClusterwrightError(f"{active} is the active controller and has not taken this change ({what}): nothing was changed here, "
                                     "on the standby. Run for all controllers at once, and see what the active one says")
        time.sleep(PAUSE)


def _active(run: Run, text: str) -> running.Slurm:
    """What the active controller has loaded, asked with this slurm.conf: it may listen elsewhere than it did."""
    with tempfile.TemporaryDirectory(prefix="slurm-ask-", dir=trial.SCRATCH) as scratch:
        asks_with = Path(scratch) / "slurm.conf"
        asks_with.write_text(text)
        places, why = running.config(run, asks_with)
        if not places:
            raise ClusterwrightError(why)
        return running.look(run, places, asks_with)[0]


def _do(session: Session, argv: Sequence[str], log: _Log) -> None:
    result = session.run(argv)
    if result.rc:
        what = "does not start with" if argv == RESTART else "does not take"
        raise ClusterwrightError(f"slurmctld {what} the new files: {log.last_words() or last_lines(result)}")
    session.did(" ".join(argv))


def _prove(run: Run, state: State, planned: Plan, log: _Log) -> bool:
    """Waits until slurmctld answers, has read these very files, and means by them what the trial start meant.

    Of two controllers the standby answers nothing, so it only has to say that it is one. Returns whether this is the active one.
    """
    end = time.monotonic() + WITHIN
    while True:
        role = _role(run, state.host, planned.texts["slurm.conf"])
        if role == "standby":
            return False
        places, why = running.config(run) if role == "active" else ({}, f"it is {role}")
        if places and running.loaded(places):
            try:
                now = running.look(run, places)[0]
                break
            except ClusterwrightError as error:
                why = str(error)        # it has just stopped answering
        if not places and _ended(run):
            raise ClusterwrightError(f"slurmctld has ended with the new files: {log.last_words() or 'nobody knows why'}")
        if time.monotonic() >= end:
            raise ClusterwrightError(f"slurmctld does not run with the new files after {WITHIN} s ({why or 'it still has the old ones'})")
        time.sleep(PAUSE)
    wrong = difference.same(now, state.after) if state.after else []
    if wrong:
        raise ClusterwrightError(f"slurmctld has read the new files, and still says {'; '.join(wrong[:5])}")
    return True


def _role(run: Run, host: str, text: str) -> str:
    with tempfile.TemporaryDirectory(prefix="slurm-ask-", dir=trial.SCRATCH) as scratch:
        return running.controllers(run, [text], Path(scratch)).get(host, "active")


def _bring_back(run: Run, state: State, restored: bool) -> str:
    """Lets slurmctld run as it did before, with the files as they were. Returns what is wrong with it then, or nothing."""
    if not state.runs:
        run(("systemctl", "stop", UNIT))
        return ""
    if restored or _ended(run):
        run(("systemctl", "reset-failed", UNIT))
        # Who still runs with the old files need only tell them to the nodes, which may have got the new ones.
        whole = not state.standby and running.loaded(running.config(run)[0])
        result = run(RECONFIGURE if whole else RESTART)
        if result.rc:
            return f"slurmctld does not run with the old files either ({last_lines(result)}): see `journalctl -u slurmctld`"
    if not state.standby and not change.wait_for_answer(run):
        return "slurmctld does not answer with the old files either: see `systemctl status slurmctld`"
    return ""


def _ended(run: Run) -> bool:
    said = run(("systemctl", "show", "-p", "ActiveState", "--", UNIT)).out
    return said.strip() in ("ActiveState=failed", "ActiveState=inactive")


def _undone(
    error: ClusterwrightError, commands: list[str], restored: list[str], lost: list[str], wrong: str, state: State
) -> ClusterwrightError:
    sentences = [f"{str(error).rstrip('.')}."]
    if restored:
        sentences.append(f"Put back as before: {', '.join(restored)}.")
    sentences += [f"{trouble}." for trouble in lost]
    if state.runs:
        sentences.append(f"{wrong}." if wrong else "Slurmctld runs with the old files.")
    full = [path for path in (Path(state.stores[1].path), trial.DIRECTORY) if _full(path)]
    if full:
        sentences.append(f"The file system of {' and of '.join(map(str, full))} is full: make room, see `df -h` and `df -i`.")
    told = {"changed": bool(lost or wrong), "verified": False, "commands": commands, "restored_files": restored}
    return ClusterwrightError(" ".join(sentences), **{**error.details, **told})


def _full(path: Path) -> bool:
    there = change.store(str(path))
    return there.there and (there.free < 1 << 20 or there.inodes < change.INODES)


# --- what is told

def view(state: State) -> dict[str, Any]:
    """A state as plain data: files without their contents, the unit, and whether slurmctld runs with these files."""
    unit = state.services.units[UNIT]
    return {
        "files": {path: _file(found.kind, found.owner, found.group, found.mode) for path, found in state.files.files.items()},
        "service": {"enabled": unit.enabled or unit.load, "active": unit.active},
        "loaded": state.loaded,
        "settings": {},
    }


def reports(state: State, planned: Plan) -> tuple[dict[str, Any], dict[str, Any]]:
    """`before` and `after` of the module, the latter as predicted."""
    before, after = view(state), view(state)
    for item in planned.files:
        now = files.predicted(item.intent)
        after["files"][item.intent["path"]] = _file(now.kind, now.owner, now.group, now.mode)
    for side, which in ((before, "old"), (after, "new")):
        side["settings"] = {str(item): getattr(item, which) for item in planned.changes}
    after["service"], after["loaded"] = {"enabled": "enabled", "active": "active"}, True
    return before, after


def _file(kind: str, owner: str, group: str, mode: str) -> dict[str, str]:
    return {"state": kind} if kind == "absent" else {"state": kind, "owner": owner, "group": group, "mode": mode}


def compare(state: State, planned: Plan, commands: list[str]) -> None:
    """Verifies what was read back. Raises ClusterwrightError when the files or slurmctld are not as they were left."""
    differ = [name for name, text in planned.texts.items() if state.texts.get(name) != text] + _surplus(state.texts, planned.texts)
    if differ or not state.loaded:
        what = f"{', '.join(differ)} in /etc/slurm differ" if differ else "slurmctld does not run with the files of /etc/slurm"
        raise ClusterwrightError(f"Applied, but read back {what}: something else on the host changes it back, find out what", changed=True,
                                 verified=False, commands=commands)


def _surplus(texts: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return [name for name in texts if name not in wanted]
