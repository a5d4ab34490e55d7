# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The partitions of a fabric: from the intent to partitions.conf, to the P_Key table of each port, and how two of them differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.codes import (
    BYTES,
    DEFAULT_KEY,
    GIGABITS,
    USUAL_MTU,
    USUAL_RATE,
    USUAL_SL,
    word,
)
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import (
    EVERYBODY,
    FULL,
    LIMITED,
    NAME_BYTES,
    Definition,
    Member,
    Parsed,
)
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.grammar import parse
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.intent import PartitionsIntent

__all__ = ["Table", "Tables", "changes", "definitions", "overfull", "parse", "render", "same", "tables", "wrong"]

Table = dict[int, str]          # membership by P_Key without its bit
Tables = dict[str, Table]       # by port GUID
CA, SWITCH, ROUTER = "ca", "switch", "router"
_KINDS = {"ALL_CAS": CA, "ALL_SWITCHES": SWITCH, "ALL_ROUTERS": ROUTER}
_GUID = re.compile(r"0x(?!0{16}$)[0-9a-f]{16}")


class Change(NamedTuple):
    """What becomes of one port in one partition; ``before`` and ``after`` are memberships, empty when it is no member."""

    guid: str
    pkey: int
    before: str
    after: str


# --- the intent

def wrong(intent: PartitionsIntent) -> list[str]:
    """What an intent has that OpenSM would not take as it is meant. The cluster file's checks find the same, at its lines."""
    found, owned = [], intent["owned"]
    if intent["default"] not in (FULL, LIMITED):
        found.append(f"default is {FULL} or {LIMITED}, not '{intent['default']}'")
    keys = Counter(partition["pkey"] for partition in intent["partitions"])
    found += [f"P_Key {word(key)} belongs to {count} partitions" for key, count in keys.items() if count > 1]
    for partition in intent["partitions"]:
        name, key, members = partition["name"], partition["pkey"], partition["members"]
        if not re.fullmatch(r"[A-Za-z][\w.-]*", name, re.ASCII) or len(name) > NAME_BYTES:
            found.append(f"'{name}' is no name that OpenSM keeps: {NAME_BYTES} letters, digits, - and _ at most, beginning with a letter")
        if not 0 < key < DEFAULT_KEY:
            found.append(f"partition {name}: {key:#x} is no P_Key from 0x0001 to 0x7ffe")
        elif owned and not owned[0] <= key <= owned[1]:
            found.append(f"partition {name}: P_Key {word(key)} is outside {word(owned[0])}-{word(owned[1])}, which is ours")
        if partition["mtu"] not in BYTES or partition["rate"] not in GIGABITS or not 0 <= partition["sl"] <= 15:
            found.append(f"partition {name}: mtu, rate and sl must be InfiniBand's codes")
        found += [f"partition {name}: '{member['guid']}' of {member['name']} is no GUID (0x and 16 digits)"
                  for member in members if not _GUID.fullmatch(member["guid"])]
        found += [f"partition {name}: {member['name']} is {FULL} or {LIMITED}, not '{member['membership']}'"
                  for member in members if member["membership"] not in (FULL, LIMITED)]
        guids = Counter(member["guid"] for member in members)
        found += [f"partition {name}: the GUID {guid} stands there {count} times" for guid, count in guids.items() if count > 1]
        if members and all(member["membership"] == LIMITED for member in members):
            found.append(f"partition {name} has limited members only: none of them can talk to another")
    return found


def names(intent: PartitionsIntent) -> dict[str, str]:
    """The node of each GUID."""
    found = {member["guid"]: member["name"] for partition in intent["partitions"] for member in partition["members"]}
    found.update({port["guid"]: port["name"] for port in (*intent["managers"], *intent["ports"]) if port["guid"]})
    return found


def definitions(intent: PartitionsIntent, current: Parsed, exact: bool) -> list[Definition]:
    """What the file shall say.

    Partitions of others stay, and without `exact` whatever else is in ours. The default partition's policy is ours.
    """
    known: dict[int, list[Definition]] = {}
    for definition in () if current.discarded else current.definitions:
        known.setdefault(definition.pkey, []).append(definition)
    made = [_default(intent)]
    for partition in intent["partitions"]:
        made.append(Definition(
            partition["name"], partition["pkey"], ipoib=partition["ipoib"], mtu=partition["mtu"], rate=partition["rate"],
            sl=partition["sl"], members=[Member(member["guid"], member["membership"]) for member in partition["members"]],
        ))
    for ours in made:
        theirs = known.pop(ours.pkey, [])
        ours.groups += [group for definition in theirs for group in definition.groups]
        if exact:
            continue
        declared = {member.target for member in ours.members}
        extra = {member.target: member for definition in theirs for member in definition.members}
        # In the default partition, words such as ALL are its policy.
        ours.members += [member for target, member in extra.items()
                         if target not in declared and (ours.pkey != DEFAULT_KEY or target.startswith("0x"))]
    return made + [definition for key, theirs in known.items() if not (exact and _is_ours(intent, key)) for definition in theirs]


def same(some: Sequence[Definition], others: Sequence[Definition]) -> bool:
    """Whether two files mean the same. The order of members counts only where one is a word such as ALL."""
    return _meaning(some) == _meaning(others)


def _meaning(listed: Sequence[Definition]) -> dict[int, tuple[object, ...]]:
    found: dict[int, tuple[object, ...]] = {}
    members: dict[int, dict[str, str]] = {}
    for definition in listed:
        own = members.setdefault(definition.pkey, {})
        for member in definition.members:
            own.pop(member.target, None)        # the last word on a port counts
            own[member.target] = member.membership
        before = found.get(definition.pkey, (definition.name,))
        found[definition.pkey] = (*before, *_flags(definition), *definition.groups)
    return {key: (*words, [*members[key].items()] if members[key].keys() & {*EVERYBODY} else sorted(members[key].items()))
            for key, words in found.items()}


def _is_ours(intent: PartitionsIntent, key: int) -> bool:
    return bool(intent["owned"]) and intent["owned"][0] <= key <= intent["owned"][1]


def _default(intent: PartitionsIntent) -> Definition:
    """OpenSM's own choice is limited, SELF full; but members that are named replace it, so that is said again."""
    full = intent["default"] == FULL
    managers = [Member(port["guid"], FULL) for port in intent["managers"] if port["guid"]]
    members = [Member("ALL", FULL)] if full else [Member("ALL", LIMITED), Member("SELF", FULL), *managers]
    return Definition("Default", DEFAULT_KEY, ipoib=full, mtu=intent["mtu"], rate=intent["rate"], members=members)


# --- the file

def render(wanted: Sequence[Definition], known: Mapping[str, str], headline: str = "") -> str:
    """partitions.conf: a member a line, so that no line is too long for OpenSM. known: names for GUIDs, for people."""
    lines = [f"# {headline}"] if headline else []
    for definition in wanted:
        lines.append(f"{definition.name}={word(definition.pkey)}{''.join(f', {flag}' for flag in _flags(definition))} :")
        # Behind a comma OpenSM looks for flags in this line, and not in what earlier lines have left.
        lines += [f"    mgid={group}," for group in definition.groups]
        members = [(f"{member.target}={member.membership}", known.get(member.target)) for member in definition.members] or [("NONE", None)]
        for position, (text, name) in enumerate(members, 1):
            lines.append(f"    {text}{',' if position < len(members) else ' ;'}{f'  # {name}' if name else ''}")
    return "\n".join([*lines, ""])


def _flags(definition: Definition) -> list[str]:
    numbers = (
        ("mtu", definition.mtu, USUAL_MTU), ("rate", definition.rate, USUAL_RATE), ("sl", definition.sl, USUAL_SL),
        *(("scope", scope, None) for scope in definition.scopes), ("Q_Key", definition.q_key, 0), ("TClass", definition.tclass, 0),
        ("FlowLabel", definition.flow_label, 0),
    )
    words = [flag for flag, there in (("indx0", definition.indx0), ("ipoib", definition.ipoib)) if there]
    return words + [f"{flag}={value}" for flag, value, usual in numbers if value != usual]


# --- tables

def tables(parsed: Parsed, ports: Mapping[str, str], manager: str | None = None) -> Tables:
    """The table that OpenSM gives to each port. ports: the kind of each GUID that is on the fabric; manager: its own port."""
    found: Tables = {guid: {DEFAULT_KEY: FULL if parsed.discarded or guid == manager else LIMITED} for guid in ports}
    for definition in () if parsed.discarded else parsed.definitions:
        for member in definition.members:
            membership = LIMITED if member.membership == LIMITED else FULL      # both is full without allow_both_pkeys
            for guid in _targets(member.target, ports, manager):
                found[guid][definition.pkey] = membership
    return found


def _targets(target: str, ports: Mapping[str, str], manager: str | None) -> Iterable[str]:
    if target == "ALL":
        return list(ports)
    if target in _KINDS:
        return [guid for guid, kind in ports.items() if kind == _KINDS[target]]
    guid = manager if target == "SELF" else target
    return [guid] if guid and guid in ports else []


def overfull(wanted: Tables, sizes: Mapping[str, int]) -> dict[str, int]:
    """The ports that hold fewer P_Keys than they would get, and how many these are."""
    return {guid: len(table) for guid, table in wanted.items() if len(table) > sizes.get(guid, len(table))}


def changes(before: Tables, after: Tables) -> list[Change]:
    """How two sets of tables differ, by P_Key and in the order of the ports."""
    found = []
    for guid in dict.fromkeys((*before, *after)):
        old, new = before.get(guid, {}), after.get(guid, {})
        if old != new:
            found += [Change(guid, key, old.get(key, ""), new.get(key, "")) for key in {**old, **new} if old.get(key) != new.get(key)]
    return sorted(found, key=lambda change: change.pkey)
