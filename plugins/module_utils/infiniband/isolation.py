# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Isolation as a fabric has it: the P_Key tables of its ports and who may talk to whom, compared with what is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import pairs, partitions
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.codes import DEFAULT_KEY, FULL_BIT, word
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import Parsed
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.intent import PartitionsIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.partitions import CA, Change, Tables
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.topology import Topology, granted

SAMPLE = 1000       # pairs that the subnet manager is asked for in a sample
MOST = 200000       # pairs in a result


@dataclass(frozen=True)
class Pair:
    """Two ports by GUID: whether they should be able to talk, and what their tables say. `count`: how many such pairs there are."""

    one: str
    other: str
    expected: bool
    verdict: pairs.Verdict
    count: int = 1

    @property
    def right(self) -> bool:
        """Whether it is as declared."""
        return self.expected == self.verdict.allowed


def examine(run: Run, intent: PartitionsIntent, seen: Topology, known: Mapping[str, str], every: bool) -> dict[str, Any]:
    """Judges all pairs, asks the subnet manager for a sample or for every one, and returns findings, pairs, and how many were checked."""
    wanted = declared(intent, seen)
    kinds = kinds_of_pairs(wanted, seen)
    listed = every_pair(wanted, seen) if every else sample(kinds)
    answers: list[int | None] = []
    if seen.masters and listed:
        guids = {guid: place for place, guid in enumerate(dict.fromkeys(guid for pair in listed for guid in (pair.one, pair.other)))}
        answers = granted(run, [*guids], None if every else [(guids[pair.one], guids[pair.other]) for pair in listed])
    return {
        "findings": [*findings(wanted, seen, kinds, known), *refused(listed, answers, known)], "pairs": as_data(listed, answers, known),
        "checked": {"pairs": sum(pair.count for pair in kinds), "paths": sum(answer is not None for answer in answers)},
    }


def declared(intent: PartitionsIntent, seen: Topology) -> Tables:
    """The table that each port on the fabric should hold, with what it holds of partitions that are not ours."""
    masters = [manager.info.guid for manager in seen.masters] or [port["guid"] for port in intent["managers"] if port["guid"]]
    parsed = Parsed(partitions.definitions(intent, Parsed(discarded=True), exact=True))
    wanted = partitions.tables(parsed, seen.kinds, masters[0] if masters else None)
    return {guid: {**{key: how for key, how in seen.tables.get(guid, {}).items() if not _is_ours(intent, key)}, **table}
            for guid, table in wanted.items()}


def differing(wanted: Tables, seen: Topology) -> list[Change]:
    """Where ports hold something else than they should: `before` is what they hold."""
    has = {guid: table for guid, table in seen.tables.items() if guid in wanted}
    return partitions.changes(has, {guid: wanted[guid] for guid in has})


def kinds_of_pairs(wanted: Tables, seen: Topology) -> list[Pair]:
    """One pair for each combination of equal ports, the wrong ones first. Ports are equal when they hold the same and should."""
    alike: dict[tuple[Any, Any], list[str]] = {}
    for guid in _hosts(wanted, seen):
        alike.setdefault((frozenset(wanted[guid].items()), frozenset(seen.tables[guid].items())), []).append(guid)
    sets = list(alike.values())
    counts: dict[tuple[str, str], int] = {}
    for position, group in enumerate(sets):
        if len(group) > 1:
            counts[group[0], group[1]] = len(group) * (len(group) - 1) // 2
        for other in sets[position + 1:]:
            counts[group[0], other[0]] = len(group) * len(other)
    return sorted(_judged(wanted, seen, counts), key=lambda pair: pair.right)


def every_pair(wanted: Tables, seen: Topology) -> list[Pair]:
    """Each pair of ports."""
    hosts = _hosts(wanted, seen)
    if len(hosts) * (len(hosts) - 1) // 2 > MOST:
        raise ClusterwrightError(f"{len(hosts)} ports have more than {MOST} pairs, too many to list: leave `pairs` at sample, which judges "
                                 "all of them and lists one of each kind")
    return _judged(wanted, seen, dict.fromkeys(pairs.every_pair(hosts), 1))


def sample(found: Sequence[Pair]) -> list[Pair]:
    """So many that the subnet manager can be asked for them: the wrong ones, and the others evenly."""
    if len(found) <= SAMPLE:
        return list(found)
    wrong, right = ([pair for pair in found if pair.right is good] for good in (False, True))
    room = SAMPLE - len(wrong)
    return wrong[:SAMPLE] + [right[at * len(right) // room] for at in range(room)]


def _judged(wanted: Tables, seen: Topology, counts: Mapping[tuple[str, str], int]) -> list[Pair]:
    should, does = pairs.matrix(wanted, counts), pairs.matrix(seen.tables, counts)
    return [Pair(one, other, expected.allowed, verdict, counts[one, other])
            for (one, other, expected), (_one, _other, verdict) in zip(should, does)]


def findings(wanted: Tables, seen: Topology, found: Sequence[Pair], known: Mapping[str, str]) -> list[dict[str, Any]]:
    """What differs, as `verdict.compare` has it."""
    told = []
    for pair in found:
        if not pair.right:
            one, other = known.get(pair.one, pair.one), known.get(pair.other, pair.other)
            more = f", and {pair.count - 1} pair{'s' * (pair.count > 2)} like them" if pair.count > 1 else ""
            text = (f"{one} and {other} may talk and must not ({pair.verdict.reason}){more}" if pair.verdict.allowed
                    else f"{one} and {other} should talk and cannot ({pair.verdict.reason}){more}")
            told.append({"kind": "open" if pair.verdict.allowed else "cut", "name": one, "other": other, "count": pair.count,
                         "text": f"{text}: run ib_partitions on the master"})
    for change in differing(wanted, seen):
        name = known.get(change.guid, change.guid)
        told.append({"kind": "table", "name": name, "guid": change.guid, "pkey": word(change.pkey), "has": change.before or "none",
                     "should": change.after or "none",
                     "text": f"{name} has {change.before or 'none'} of {word(change.pkey)} and should have {change.after or 'none'}: "
                             "run ib_partitions on the master"})
    unread = [known.get(guid, guid) for guid in wanted if guid not in seen.tables]
    told += [{"kind": "table", "name": name, "text": f"{name} does not show its P_Key table: `smpquery pkeys` there"} for name in unread]
    return told


def refused(asked: Sequence[Pair], answers: Sequence[int | None], known: Mapping[str, str]) -> list[dict[str, Any]]:
    """Where the subnet manager says something else than the tables."""
    told: list[dict[str, Any]] = []
    for pair, answer in zip(asked, answers):
        one, other = known.get(pair.one, pair.one), known.get(pair.other, pair.other)
        if answer is None:
            told.append({"kind": "no_answer", "name": one,
                         "text": "the subnet manager answers no question for paths: does it hang? (its log)"})
            break
        if bool(answer) != pair.verdict.allowed:
            does = f"grants a path by {word(answer & ~FULL_BIT)}" if answer else "grants no path"
            told.append({"kind": "path", "name": one, "other": other,
                         "text": f"the subnet manager {does} between {one} and {other}, and their tables say otherwise "
                                 f"({pair.verdict.reason}): let it read its partitions again (ib_partitions, or a HUP)"})
    return told


def as_data(listed: Sequence[Pair], answers: Sequence[int | None], known: Mapping[str, str]) -> list[dict[str, Any]]:
    """A verdict a pair. `path`: the P_Key of the path that is granted, none, or nothing where the subnet manager was not asked."""
    said = [*(None if answer is None else word(answer & ~FULL_BIT) if answer else "none" for answer in answers), *[None] * len(listed)]
    return [{"one": known.get(pair.one, pair.one), "other": known.get(pair.other, pair.other), "allowed": pair.verdict.allowed,
             "expected": pair.expected, "reason": pair.verdict.reason, "path": path, "count": pair.count}
            for pair, path in zip(listed, said)]


def _hosts(wanted: Tables, seen: Topology) -> list[str]:
    kinds = seen.kinds
    return [guid for guid in seen.tables if kinds[guid] == CA and guid in wanted]


def _is_ours(intent: PartitionsIntent, key: int) -> bool:
    owned = intent["owned"]
    return key == DEFAULT_KEY or (bool(owned) and owned[0] <= key <= owned[1])
