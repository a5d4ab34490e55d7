# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of a fabric's partitions on one of its subnet managers: what is there, and what has to happen. `programming` carries it out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import jobs, partitions, trial
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import observe as seen
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.codes import word
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import FULL, LIMITED, Finding, Parsed
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.intent import PartitionsIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.observe import Daemon, Fabric
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.partitions import CA, Change, Tables
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import FileIntent

STAND_IN = "0xfc00000000000001"     # the manager's port in a trial, where the intent names none
SHOWN = 5                           # names in a sentence
MASTER_WITHIN = 5                  # seconds
PAUSE = 0.2                         # seconds between two looks


@dataclass(frozen=True)
class State:
    """What was seen. `parsed`: what OpenSM makes of the file as it lies there; `daemons`: who reads it; `others`: who does not."""

    path: str
    files: files.FilesState
    parsed: Parsed
    daemons: Sequence[Daemon] = ()
    others: Sequence[Daemon] = ()
    fabric: Fabric = field(default_factory=Fabric)

    @property
    def text(self) -> str | None:
        """The file; None where there is none."""
        content = self.files.files[self.path].content
        return None if content is None else content.decode(errors="surrogateescape")

    @property
    def role(self) -> str:
        """What opensm is here: master, standby, or none where it does not run with this file."""
        if not self.daemons:
            return "none"
        ours = {self.fabric.local, *(daemon.guid for daemon in self.daemons)} - {""}
        return "master" if self.fabric.master in ours else "standby"


@dataclass(frozen=True)
class Plan:
    """What has to happen. `parsed`: what OpenSM will make of `text`, the new file; `hang_up`: whether it must read it again.

    A file that means what is declared stays as it is written, unless it must be exact.
    """

    text: str
    parsed: Parsed
    known: dict[str, str]
    changes: list[Change]
    files: list[files.Change]
    hang_up: bool
    before: dict[str, Any]
    after: dict[str, Any]
    impact: list[dict[str, Any]]

    def commands(self, state: State) -> list[str]:
        """All commands as a person would type them."""
        return [*(command for change in self.files for command in change.commands),
                *(f"kill -HUP {daemon.pid}" for daemon in (state.daemons if self.hang_up else ()))]


def observe(run: Run, path: str) -> State:
    """Looks at the file, at opensm, and where that runs with this file, at the fabric."""
    found = files.observe([_file(path, "")])
    content = found.files[path].content
    running = seen.daemons()
    real = Path(path).resolve()
    ours = [daemon for daemon in running if daemon.partitions.resolve() == real]
    return State(
        path=path, files=found, parsed=partitions.parse(content) if content is not None else Parsed(discarded=True), daemons=ours,
        others=[daemon for daemon in running if daemon not in ours], fabric=_fabric(run, ours[0]) if ours else Fabric(),
    )


def look_again(state: State, fabric: Fabric) -> State:
    """The same after a change: what the file says now, and what the ports have been read to hold."""
    return replace(state, files=files.observe([_file(state.path, "")]), fabric=fabric)


def _fabric(run: Run, daemon: Daemon) -> Fabric:
    """What the fabric says, once it has a master."""
    end = time.monotonic() + MASTER_WITHIN
    found = seen.fabric(run, daemon.guid2lid)
    while not found.error and not found.master and time.monotonic() < end:
        time.sleep(PAUSE)
        found = seen.fabric(run, daemon.guid2lid)
    if found.error or not found.master:
        why = found.error or f"no subnet manager has become master in {MASTER_WITHIN} s, see the log of opensm"
        raise ClusterwrightError(f"opensm (process {daemon.pid}) runs here, but the fabric cannot be read: {why}. Nothing was changed")
    return found


# --- plan

def plan(intent: PartitionsIntent, state: State, exact: bool = False, running: Sequence[Mapping[str, Any]] = ()) -> Plan:
    """Compares what is declared with what is there. Pure. Raises ClusterwrightError for what OpenSM or the ports would not take.

    running: the jobs that there are, as `slurm_info` returns them.
    """
    mistakes = partitions.wrong(intent)
    if mistakes:
        raise ClusterwrightError(f"{'; '.join(mistakes[:SHOWN])}. Nothing was changed: correct it in the cluster file", findings=mistakes)
    wanted = partitions.definitions(intent, state.parsed, exact)
    picked = next((definition for definition in wanted if definition.auto), None)
    if picked:
        raise ClusterwrightError(f"{state.path}, line {picked.line}: partition {picked.name} has no P_Key, and which one OpenSM picks "
                                 "depends on the others: write it down there, or remove the partition. Nothing was changed")
    known = partitions.names(intent)
    owned = f"{word(intent['owned'][0])}-{word(intent['owned'][1])}" if intent["owned"] else "no P_Keys"
    text = partitions.render(wanted, known, f"Fabric {intent['fabric']}, made by clusterwright.hpc from the cluster file; ours are {owned}")
    parsed = partitions.parse(text)
    if parsed.discarded or parsed.definitions != wanted:
        raise ClusterwrightError(f"{state.path} has what cannot be written so that OpenSM reads it again: {_first(parsed.findings)}. "
                                 "Nothing was changed: remove it there")
    kinds = _universe(intent, state, wanted)
    manager = _manager(intent, state)
    before = {**partitions.tables(state.parsed, kinds, manager), **state.fabric.tables}
    after = partitions.tables(parsed, kinds, manager)
    _refuse_overfull(intent, state, after, known)
    found = partitions.changes(before, after)
    kept = state.text is not None and not exact and not state.parsed.discarded and partitions.same(state.parsed.definitions, wanted)
    text = state.text if kept and state.text is not None else text
    changed = files.plan([_file(state.path, text)], state.files, set(), set(), False)
    drifted = state.role == "master" and any(change.guid in state.fabric.ports for change in found)
    titles = {definition.pkey: definition.name for definition in (*state.parsed.definitions, *wanted)}
    impact = _impact(intent, state, found, known, titles)
    return Plan(
        text=text, parsed=parsed, known=known, changes=found, files=changed, hang_up=bool(state.daemons) and (bool(changed) or drifted),
        before=_view(before, known, titles), after=_view(after, known, titles),
        impact=[*impact, *jobs.hit(impact, running)],
    )


def absent(intent: PartitionsIntent, state: State) -> list[str]:
    """The nodes that should have a P_Key and whose ports do not answer."""
    known = partitions.names(intent)
    return [known.get(guid, guid) for guid in _declared(intent) if guid not in state.fabric.ports] if state.role == "master" else []


def rehearse(run: Run, intent: PartitionsIntent, state: State, planned: Plan) -> str:
    """Lets the real OpenSM read the new file on a simulated fabric, where that is installed. Returns its name, or nothing.

    It reads all of the file, whatever ports there are. Those that change are there, and of the others one of each kind.
    Raises ClusterwrightError when it makes something else of it than is meant.
    """
    preload = trial.library()
    if not preload or not planned.files:
        return ""
    manager = _manager(intent, state) or STAND_IN
    everybody = {guid: CA for guid, kind in _universe(intent, state, planned.parsed.definitions).items() if kind == CA}
    everybody[manager] = CA
    guids = _tried(partitions.tables(planned.parsed, everybody, manager), planned.changes, manager)
    found, complaint = trial.start(run, planned.text, guids, manager, preload)
    if complaint:
        raise ClusterwrightError(f"OpenSM discards the new partitions.conf in a trial ({complaint}), and every port would become a full "
                                 "member of the default partition. Nothing was changed. This is a fault of ours: tell us", log=[complaint])
    wanted = partitions.tables(planned.parsed, found.kinds, manager)
    differ = {change.guid for change in partitions.changes(found.tables, wanted) if len(wanted[change.guid]) <= trial.SIZE}
    missing = [guid for guid in guids if guid not in found.ports]
    if differ or missing:
        named = _some([planned.known.get(guid, guid) for guid in (*missing, *differ)])
        raise ClusterwrightError(f"in a trial OpenSM makes something else of the new partitions.conf than is meant, on {named}: nothing "
                                 "was changed. This is a fault of ours: tell us", ports=different(found.tables, wanted, planned.known))
    return f"opensm on ibsim, {len(guids)} of {len(everybody)} ports"


def _tried(tables: Tables, changed: Sequence[Change], manager: str) -> list[str]:
    """The ports of a trial: the manager's, those that change, and one of each table that there is."""
    alike: dict[frozenset[tuple[int, str]], str] = {}
    for guid, table in tables.items():
        alike.setdefault(frozenset(table.items()), guid)
    return [*dict.fromkeys((manager, *(change.guid for change in changed if change.guid in tables), *alike.values()))]


def different(has: Tables, wanted: Tables, known: Mapping[str, str]) -> list[dict[str, Any]]:
    """The ports that hold something else than they should, as data."""
    return [{"name": known.get(change.guid, ""), "guid": change.guid, "pkey": word(change.pkey), "has": change.before or "none",
             "should": change.after or "none"} for change in partitions.changes(has, wanted)]


def _universe(intent: PartitionsIntent, state: State, wanted: Sequence[Any]) -> dict[str, str]:
    """The kind of each port that anybody names, whether it is on the fabric or not."""
    named = {member.target: CA for definition in (*state.parsed.definitions, *wanted) for member in definition.members
             if member.target.startswith("0x")}
    return {**dict.fromkeys(_declared(intent), CA), **dict.fromkeys(_managers(intent), CA), **named, **state.fabric.kinds}


def _declared(intent: PartitionsIntent) -> list[str]:
    """Every port that shall have a P_Key."""
    return [*dict.fromkeys(member["guid"] for partition in intent["partitions"] for member in partition["members"])]


def _manager(intent: PartitionsIntent, state: State) -> str:
    return state.fabric.master or next(iter(_managers(intent)), "")


def _managers(intent: PartitionsIntent) -> list[str]:
    return [port["guid"] for port in intent["managers"] if port["guid"]]


def _refuse_overfull(intent: PartitionsIntent, state: State, after: Tables, known: Mapping[str, str]) -> None:
    sizes = {guid: state.fabric.ports[guid].size if guid in state.fabric.ports else intent["table"] for guid in after}
    over = partitions.overfull(after, sizes)
    if over:
        guid, count = max(over.items(), key=lambda item: item[1])
        raise ClusterwrightError(
            f"{_some([known.get(port, port) for port in over])} would get more P_Keys than the port holds ({count} for the {sizes[guid]} "
            f"of {known.get(guid, guid)}), and OpenSM would leave some out. Nothing was changed: give it fewer partitions", full=[*over])


def _impact(
    intent: PartitionsIntent, state: State, found: Sequence[Change], known: Mapping[str, str], titles: Mapping[int, str]
) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = []
    found = [change for change in found if state.fabric.kinds.get(change.guid, CA) == CA]     # a switch's own port talks to managers only
    for kind, words, singular, chosen in (
        ("partition_lost", "lose", "loses", lambda change: not change.after),
        ("membership_reduced", "become limited members of", "becomes a limited member of",
         lambda change: change.before == FULL and change.after == LIMITED),
    ):
        hit: dict[int, list[str]] = {}
        for change in filter(chosen, found):
            hit.setdefault(change.pkey, []).append(known.get(change.guid, change.guid))
        told += [{"kind": kind, "name": titles.get(key, word(key)), "pkey": word(key), "nodes": nodes,
                  "text": f"{_some(nodes)} {words if len(nodes) > 1 else singular} {titles.get(key, '')} ({word(key)})"}
                 for key, nodes in hit.items()]
    if state.parsed.discarded and state.text is not None:
        told.append({"kind": "fabric_open", "name": state.path,
                     "text": f"OpenSM discards {state.path} as it is ({_first(state.parsed.findings)}): every port is a full member of the "
                             "default partition until it is replaced"})
    ours = [port["guid"] for port in intent["managers"]]
    if state.role == "standby" and ours and "" not in ours and state.fabric.master not in ours:
        told.append({"kind": "foreign_master", "name": state.fabric.master,
                     "text": f"the master subnet manager is {state.fabric.master}, which is none of ours: it sets the tables, and not this "
                             "file. Switch it off (ib_verify says where it is), or give ours a higher priority"})
    if intent["without_guid"]:
        told.append({"kind": "no_guid", "name": intent["fabric"], "nodes": intent["without_guid"],
                     "text": f"{_some(intent['without_guid'])} get no P_Key, for the cluster file does not know their GUIDs"})
    leveled = [partition["name"] for partition in intent["partitions"] if partition["sl"]]
    if leveled and state.daemons and not state.daemons[0].qos:
        told.append({"kind": "level_ignored", "name": intent["fabric"],
                     "text": f"the service levels of {_some(leveled)} have no effect: opensm runs without qos TRUE"})
    if state.others and not state.daemons:
        told.append({"kind": "not_read", "name": state.path,
                     "text": f"opensm (process {state.others[0].pid}) reads {state.others[0].partitions}, not {state.path}"})
    return told


def _view(tables: Tables, known: Mapping[str, str], titles: Mapping[int, str]) -> dict[str, Any]:
    """Members by partition: memberships by node, or by GUID where nobody knows whose it is."""
    shown: dict[str, Any] = {}
    for guid, table in tables.items():
        for key, membership in table.items():
            shown.setdefault(f"{word(key)} {titles.get(key, '')}".strip(), {})[known.get(guid, guid)] = membership
    return {key: shown[key] for key in sorted(shown)}


def as_diff(planned: Plan, path: str) -> dict[str, str]:
    """Both sides as a line for each member that changes: what a person reads, and not the bytes of the file."""
    sides = []
    for side in (planned.before, planned.after):
        other = planned.after if side is planned.before else planned.before
        lines = [f"{partition}: {node} {membership}" for partition, nodes in side.items() for node, membership in nodes.items()
                 if other.get(partition, {}).get(node) != membership]
        sides.append("".join(f"{line}\n" for line in lines))
    return {"before": sides[0], "after": sides[1], "before_header": path, "after_header": path}


def _file(path: str, text: str) -> FileIntent:
    return {"path": path, "state": "file", "content": text.encode(errors="surrogateescape"), "secret": False, "block": False,
            "owner": "root", "group": "root", "mode": "0644", "validate": None, "backup": False}


def _first(findings: Sequence[Finding]) -> str:
    return str(next((finding for finding in findings if finding.fatal), findings[0] if findings else "nothing is said why"))


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
