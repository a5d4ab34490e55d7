# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings, flags, keys and filesystems: each a list that is declared, one or two questions, and the commands for what differs.

Sources: "Configuring Ceph", "Monitoring OSDs", "User management" and "CephFS administration" of Ceph 18's documentation, and what `ceph`
18.2.7 answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph.change import Command, Plan, View, ask
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run

OMIT = "omit"
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_UNITS = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

Settings = Mapping[str, Mapping[str, Any]]


# --- settings in the mons' database


def observe_config(run: Run, wanted: Settings) -> dict[str, dict[str, str]]:
    """The values of what is declared, by section; what is not set does not appear."""
    found: dict[str, dict[str, str]] = {section: {} for section in wanted}
    for entry in ask(run, "config", "dump"):
        if entry["name"] in wanted.get(_section(entry), ()):
            found[_section(entry)][entry["name"]] = str(entry["value"])
    return found


def _section(entry: Mapping[str, Any]) -> str:
    return f"{entry['section']}/{entry['mask']}" if entry.get("mask") else str(entry["section"])


def plan_config(wanted: Settings, seen: View) -> Plan:
    """Values are compared by meaning: 4G is 4294967296, yes is true."""
    commands: list[Command] = []
    after = {section: dict(values) for section, values in seen.items()}
    for section, values in wanted.items():
        # First, for OSDs remove limits of recovery that come before it.
        for name, value in sorted(values.items(), key=lambda entry: entry[0] != "osd_mclock_override_recovery_settings"):
            old = seen[section].get(name)
            item = f"{section} {name}"
            undo = [["config", "rm", section, name] if old is None else ["config", "set", section, name, old]]
            if value == OMIT:
                if old is not None:
                    commands.append(Command(["config", "rm", section, name], item, undo))
                    del after[section][name]
            elif old is None or meaning(old) != meaning(value):
                commands.append(Command(["config", "set", section, name, _word(value)], item, undo))
                after[section][name] = _word(value)
    return Plan(commands, after)


def meaning(value: Any) -> Any:
    """A value as Ceph understands it."""
    text = _word(value).strip().lower()
    if text in _TRUE[:3]:
        return True
    if text in _FALSE[:3]:
        return False
    number, unit = (text[:-1], _UNITS[text[-1]]) if text[-1:] in _UNITS else (text, 1)
    try:
        return float(number) * unit
    except ValueError:
        return text


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# --- flags of the OSD map


def observe_flags(run: Run, names: Sequence[str]) -> dict[str, dict[str, bool]]:
    """Which of these flags are set."""
    there = ask(run, "osd", "dump")["flags_set"]
    return {"flags": {name: name in there for name in names}}


def plan_flags(wanted: Mapping[str, bool], seen: View) -> Plan:
    """Set and clear."""
    commands = [
        Command(["osd", "set" if on else "unset", name], f"flag {name}", [["osd", "unset" if on else "set", name]])
        for name, on in wanted.items() if seen["flags"][name] != on]
    impact = [{"kind": "recovery_stops", "name": name, "text": text} for name, text in (
        ("noout", "with noout, what a dead OSD had is not copied again"),
        ("norecover", "with norecover, nothing that is missing is copied"),
        ("nobackfill", "with nobackfill, nothing moves to where it should be"),
    ) if wanted.get(name) and not seen["flags"][name]]
    return Plan(commands, {"flags": dict(wanted)}, impact)


# --- keys


def declared_auth(entries: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """Capabilities by entity."""
    found: dict[str, dict[str, str]] = {}
    for entry in entries:
        name = entry["name"]
        if name in ("client.admin", "mon."):
            raise ClusterwrightError(f"{name} is the cluster's own, and everything would stop with a capability too few: declare others")
        if "." not in name:
            raise ClusterwrightError(f"{name} does not say what it is: write client.{name}")
        if name in found:
            raise ClusterwrightError(f"{name} is declared twice: keep one of the two")
        found[name] = {kind: str(text) for kind, text in entry["caps"].items()}
    return found


def observe_auth(run: Run, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """What these entities may do. Their keys are dropped here and go nowhere."""
    return {entry["entity"]: dict(entry["caps"]) for entry in ask(run, "auth", "ls")["auth_dump"] if entry["entity"] in names}


def plan_auth(wanted: Settings, present: bool, seen: View) -> Plan:
    """A new key is made by the mons. A key that is there stays; only what it allows changes."""
    commands, after, impact = [], dict(seen), []
    for name, caps in wanted.items():
        words = [word for kind, text in caps.items() for word in (kind, text)]
        old = [word for kind, text in (seen.get(name) or {}).items() for word in (kind, text)]
        if not present:
            if name in seen:
                commands.append(Command(["auth", "rm", name], name))
                impact.append({"kind": "key_removed", "name": name, "text": f"whoever uses the key of {name} is locked out for good"})
                del after[name]
        elif name not in seen:
            commands.append(Command(["auth", "add", name, *words], name, [["auth", "rm", name]]))
            after[name] = caps
        elif dict(seen[name]) != dict(caps):
            commands.append(Command(["auth", "caps", name, *words], name, [["auth", "caps", name, *old]]))
            impact.append({"kind": "capabilities", "name": name, "text": f"{name} may do something else from now on"})
            after[name] = caps
    return Plan(commands, after, impact)


# --- CephFS


def observe_fs(run: Run, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Pools and the number of active MDS of these filesystems."""
    most = {entry["mdsmap"]["fs_name"]: entry["mdsmap"]["max_mds"] for entry in ask(run, "fs", "dump")["filesystems"]}
    return {entry["name"]: {"metadata": entry["metadata_pool"], "data": list(entry["data_pools"]), "max_mds": most.get(entry["name"], 1)}
            for entry in ask(run, "fs", "ls") if entry["name"] in names}


def plan_fs(wanted: Settings, seen: View) -> Plan:
    """New filesystems, further pools of data, more or fewer MDS. A pool is never taken from a filesystem."""
    commands, after, impact = [], dict(seen), []
    for name, entry in wanted.items():
        item, there = f"filesystem {name}", seen.get(name)
        if there is None:
            commands.append(Command(["fs", "new", name, entry["metadata"], entry["data"][0]], item))
            there = {"metadata": entry["metadata"], "data": entry["data"][:1], "max_mds": 1}
        if there["metadata"] != entry["metadata"] or there["data"][:1] != entry["data"][:1]:
            raise ClusterwrightError(f"{item} is on the pools {there['metadata']} and {there['data'][0]}, which cannot change: make "
                                     "another filesystem and copy the data; nothing was changed")
        commands += [Command(["fs", "add_data_pool", name, pool], item, [["fs", "rm_data_pool", name, pool]])
                     for pool in entry["data"] if pool not in there["data"]]
        if there["max_mds"] != entry["max_mds"]:
            commands.append(Command(["fs", "set", name, "max_mds", str(entry["max_mds"])], item,
                                    [["fs", "set", name, "max_mds", str(there["max_mds"])]]))
            if entry["max_mds"] < there["max_mds"]:
                gone = there["max_mds"] - entry["max_mds"]
                text = f"{item}: {gone} active MDS hand over, and clients wait meanwhile"
                impact.append({"kind": "mds_fewer", "name": name, "text": text})
        after[name] = {"metadata": entry["metadata"], "max_mds": entry["max_mds"],
                       "data": [*there["data"], *(pool for pool in entry["data"] if pool not in there["data"])]}
    return Plan(commands, after, impact)
