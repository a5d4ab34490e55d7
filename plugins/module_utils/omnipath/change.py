# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change of vFabrics comes down to: what is there, what shall be, and what of the fabric manager that needs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files, services
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import FileIntent, ServiceIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import descriptions, edit, running, xml
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.edit import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.intent import VFabricsIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.running import Fabric
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.trial import Verdict
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.xml import Config, VFabric

UNITS = ("opa-fm.service", "opafm.service")     # Debian's name, and that of the others
ACTIVE = ("active", "reloading", "activating")
EMPTY = b"<Config>\n<Fm>\n</Fm>\n</Config>\n"     # where the package is still to come
RESTART = ("a restart of the fabric manager: traffic that flows goes on; until it is back or its standby has taken over, no path is "
           "resolved, no node joins, and no link that goes down is routed around")


@dataclass(frozen=True)
class State:
    """What is there. data: the file, None where it is absent. silent, of the fabric, is why it says nothing."""

    path: str
    data: bytes | None
    config: Config
    file: files.FilesState
    unit: str
    services: services.ServicesState
    fabric: Fabric

    @property
    def runs(self) -> bool:
        """Whether the fabric manager runs on this host."""
        return self.services.units[self.unit].active in ACTIVE

    @cached_property
    def stale(self) -> list[str]:
        """Where the fabric has something else than the file on disk."""
        return running.differences(self.config, self.fabric) if self.runs and not self.fabric.silent else []


@dataclass(frozen=True)
class Plan:
    """What has to happen. action: start, reload, restart, or nothing. reason: why a reload cannot bring it about."""

    config: Config
    files: list[files.Change]
    services: services.ServicesPlan
    action: str
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]
    impact: list[dict[str, Any]]

    def commands(self, unit: str) -> list[str]:
        """All commands as a person would type them."""
        written = [command for change in self.files for command in change.commands]
        acts = [f"systemctl {self.action} {unit}"] if self.action in ("reload", "restart") else []
        return [*written, *map(str, self.services.commands), *acts]


def observe(run: Run, path: str, instance: str, may_come: bool = False) -> State:
    """Looks at the file, the fabric manager, and what the fabric says.

    may_come: nothing need be installed yet. Raises ClusterwrightError for a file that nobody can read.
    """
    try:
        data: bytes | None = Path(path).read_bytes()
    except FileNotFoundError:
        data = None
    except OSError as error:
        raise ClusterwrightError(f"{path}: {os.strerror(error.errno or 0)}") from None
    if data is None and not may_come:
        raise ClusterwrightError(f"{path} does not exist: nothing was changed. The package opa-fm brings it; the role opafm installs it")
    config = xml.read(EMPTY if data is None else data, path, instance if data is not None else "")
    found = services.observe(run, [_service(unit) for unit in UNITS], [])
    unit = next((name for name in UNITS if found.units[name].load not in ("", "not-found")), UNITS[0])
    state = State(path, data, config, files.observe([_file(path, b"")]), unit, found, Fabric(silent="the fabric manager does not run"))
    return replace(state, fabric=running.observe(run)) if state.runs else state


def render(intent: VFabricsIntent, state: State, exact: bool) -> Result:
    """The new file, and what it does to others. Raises ClusterwrightError for what must not be. Pure."""
    result = edit.edit(intent, state.config, exact)
    config = xml.read(result.data, state.path, _instance_name(state.config))
    wrong = xml.mistakes(config)
    if wrong:
        listed = "; ".join(f"line {line}: {text}" for line, text in wrong[:3])
        raise ClusterwrightError(f"{state.path}, {listed}: nothing was changed, for the fabric manager's own checker passes this. Mend it",
                                 mistakes=[f"line {line}: {text}" for line, text in wrong])
    if state.data is not None and len(xml.admins(config)) != 1:
        had = xml.admins(state.config)
        why = "the change would drop it" if had else "it has none, and nobody could ask the fabric manager for a path"
        raise ClusterwrightError(f"{state.path} needs exactly one enabled vFabric with P_Key 0x7fff and the application SA (Admin): {why}: "
                                 "nothing was changed")
    return result


def plan(intent: VFabricsIntent, state: State, result: Result, verdict: Verdict | None, restart: bool, may_come: bool = False) -> Plan:
    """Compares what shall be with what is there. Pure.

    verdict: what the checker says of the new file, None where it does not change. Raises ClusterwrightError for what only a restart brings
    about, unless it may be, and where a fabric manager runs that does not answer.
    """
    config = xml.read(result.data, state.path, _instance_name(state.config))
    awaits_packages = may_come and state.data is None
    changed = files.plan([_file(state.path, result.data, state.file.files[state.path])], state.file, set(), set(), awaits_packages)
    rewritten = result.data != state.data
    serve = services.plan([_service(state.unit)], state.services, [], awaits_packages)
    action, reason = "", ""
    if not state.runs:
        action = "start"
    elif rewritten or state.stale:
        if state.fabric.silent:
            raise ClusterwrightError(f"{state.unit} runs and does not answer ({state.fabric.silent}): nothing was changed, for nobody "
                                     f"could see what comes of it. See `opainfo`, and `journalctl -u {state.unit}`")
        live, reason = (verdict.live, verdict.reason) if verdict else (True, "")
        if live and state.stale and restart:        # the way from file to file says nothing of a fabric that has neither
            live, reason = False, f"the fabric is not as the file on disk: {state.stale[0]}"
        action = "reload" if live else "restart"
        if action == "restart" and not restart:
            raise ClusterwrightError(
                f"this change of {state.path} cannot go live by a reload ({reason}), and a restart was not allowed: nothing was changed. "
                "Allow it in a quiet hour (restart: true)", needs="restart", impact=[_restart_impact(state, reason)],
            )
    before, after = view(state.config), view(config)
    impact = _impact(intent, state, config, action, reason, before, after)
    return Plan(config, changed, serve, action, reason, before, after, impact)


def _instance_name(config: Config) -> str:
    shared = config.instance.find("Shared")
    return shared.texts("Name")[-1] if shared and shared.texts("Name") else ""


def _service(unit: str) -> ServiceIntent:
    return {"name": unit, "enabled": True, "state": "started", "uses": [], "rereads": []}


def _file(path: str, data: bytes, found: files.FileState | None = None) -> FileIntent:
    """The file as it shall be, with the owner and mode that it has."""
    owner, group, mode = (found.owner, found.group, found.mode) if found and found.kind == "file" else ("root", "root", "0644")
    return {"path": path, "state": "file", "content": data, "secret": False, "block": False, "owner": owner, "group": group,
            "mode": mode, "validate": None, "backup": True}


# --- what is told

def view(config: Config) -> dict[str, Any]:
    """All enabled vFabrics, and our device groups, as plain data."""
    return {
        "vfabrics": {vfabric.name: {
            "pkey": None if vfabric.pkey is None else f"{vfabric.pkey:#06x}", "security": vfabric.security,
            "members": sorted(vfabric.members), "limited_members": sorted(vfabric.limited_members), "mtu": vfabric.mtu,
            "rate": vfabric.rate, "qos_group": vfabric.qos_group, "applications": sorted(vfabric.applications),
        } for vfabric in config.vfabrics},
        "groups": {name: [value for _tag, value in group.devices] for name, group in config.groups.items() if group.ours},
    }


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs between two views, by meaning: {where, what, old, new}; None stands for nothing."""
    found: list[dict[str, Any]] = []
    for kind, room in (("vFabric", "vfabrics"), ("device group", "groups")):
        for name in dict.fromkeys([*before[room], *after[room]]):
            old, new = before[room].get(name), after[room].get(name)
            if old == new:
                continue
            where = f"{kind} {name}"
            if room == "groups":
                found.append({"where": where, "what": "members", "old": old, "new": new})
            else:
                keys = dict.fromkeys([*(old or {}), *(new or {})])
                sides = [(key, (old or {}).get(key), (new or {}).get(key)) for key in keys]
                found += [{"where": where, "what": key, "old": was, "new": will} for key, was, will in sides if was != will]
    return found


def as_diff(planned: Plan, path: str) -> dict[str, str]:
    """Ansible's diff: a line for each thing that changes, not the lines of the file."""
    sides = {"before": "", "after": ""}
    for change in changes(planned.before, planned.after):
        for side, which in (("before", "old"), ("after", "new")):
            value = change[which]
            for item in value if isinstance(value, list) else [value]:
                if item not in (None, ""):
                    sides[side] += f"{change['where']}: {change['what']} {str(item).lower() if isinstance(item, bool) else item}\n"
    return {**sides, "before_header": path, "after_header": path}


def _restart_impact(state: State, reason: str) -> dict[str, Any]:
    return {"kind": "restart", "name": state.unit, "reason": reason, "text": RESTART}


def _impact(
    intent: VFabricsIntent, state: State, config: Config, action: str, reason: str, before: dict[str, Any], after: dict[str, Any],
) -> list[dict[str, Any]]:
    told = [_restart_impact(state, reason)] if action == "restart" else []
    told += [{"kind": "vfabric_removed", "name": name, "pkey": old["pkey"], "text": f"{name} ({old['pkey']}) goes: its members lose it"}
             for name, old in before["vfabrics"].items() if name not in after["vfabrics"]]
    for name, old in before["groups"].items():
        kept = {*_flat(after["groups"].get(name, []))}
        lost = [device for device in _flat(old) if device not in kept]
        if lost:
            told.append({"kind": "members_lost", "name": name, "members": lost, "text": f"device group {name} loses {_some(lost)}"})
    told += [told_of for vfabric in state.config.vfabrics for told_of in _reduced(vfabric, config.named(vfabric.name))]
    told += [{"kind": "open_vfabric", "name": vfabric.name, "text": f"any two nodes can talk in {vfabric}, whatever the tenants are"}
             for vfabric in config.vfabrics if not vfabric.ours and xml.is_open(config, vfabric)]
    unsure = intent["by_description"]
    if unsure:
        told.append({"kind": "by_description", "nodes": unsure, "text": f"{_some(unsure)} are known by what they call themselves, which "
                                                                        "their root can change: write down their GUIDs"})
    return told + [{"kind": "not_as_written", "name": state.path, "text": f"the fabric is not as the file on disk: {text}"}
                   for text in state.stale[:3]]


def _reduced(old: VFabric, new: VFabric | None) -> list[dict[str, Any]]:
    groups = [group for group in (*old.members, *old.limited_members)
              if new and old.membership(group) == "full" and new.membership(group) == "limited"]
    text = f"{_some(groups)} become limited members of {new}: they talk to its full members alone, and IPoIB in it ends"
    return [{"kind": "membership_reduced", "name": old.name, "groups": groups, "text": text}] if groups else []


def _flat(devices: Sequence[str]) -> list[str]:
    return [text for device in devices for text in descriptions.expand(device)]


def _some(names: Sequence[str], count: int = 5) -> str:
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
