# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between a Slurm that runs and the one that is declared, key by key, with what each change costs. Pure.

Both are compared as Slurm prints them, so that units, defaults and spelling do not matter. What the trial start alters is compared as
it is written in the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf, policy, trial
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import fold, fold_some
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.policy import Cost
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.running import Slurm, Table, expand, settings

ABSENT, DEFAULT = "", "(default)"

# Not configuration, but how things are; or more than what the file says.
_MOVING = frozenset({
    "accountingstoragetres", "boot_time", "hash_val", "maxnodecount", "multiple_slurmd", "next_job_id", "slurm_conf", "slurm_version",
    "slurmctldaddr",
})
# As scontrol shows a node, and what slurm.conf calls it.
_NODE_KEYS = {
    "NodeAddr": "NodeAddr", "NodeHostName": "NodeHostname", "Port": "Port", "CPUTot": "CPUs", "Boards": "Boards", "Sockets": "Sockets",
    "CoresPerSocket": "CoresPerSocket", "ThreadsPerCore": "ThreadsPerCore", "RealMemory": "RealMemory", "TmpDisk": "TmpDisk",
    "Weight": "Weight", "Gres": "Gres", "AvailableFeatures": "Features", "CoreSpecCount": "CoreSpecCount", "CPUSpecList": "CpuSpecList",
    "MemSpecLimit": "MemSpecLimit", "CpuBind": "CpuBind", "BcastAddr": "BcastAddr", "RestrictedCoresPerGPU": "RestrictedCoresPerGPU",
}
_COUNTED = frozenset({"PartitionName", "TotalCPUs", "TotalNodes", "TRES", "TRESBillingWeights"})
_GRES_IN_USE = re.compile(r"(?:^|,)gres/")


class Change(NamedTuple):
    """One key that changes. nodes: those whose jobs it can hit, None for all of them."""

    key: str
    where: str
    old: str
    new: str
    cost: Cost
    nodes: tuple[str, ...] | None = None

    def as_data(self) -> dict[str, Any]:
        """For the module's return values."""
        return {"key": self.key, "where": self.where, "old": self.old, "new": self.new, "needs": self.cost.needs.words,
                "action": self.cost.action.words, "known": self.cost.known}

    def __str__(self) -> str:
        return f"{self.key} in {self.where}"


def changes(before: Slurm, after: Slurm, old: Mapping[str, str], new: Mapping[str, str], version: tuple[int, ...]) -> list[Change]:
    """Every change from what runs (or ran) to what is declared; old and new: the files' texts by name."""
    return [
        *_keys(before, after, old, new, version),
        *_nodes(before, after, version),
        *_partitions(before, after, version),
        *_lines(before, old, new, version),
        *_plugins(old, new, version),
    ]


def same(before: Slurm, after: Slurm) -> list[str]:
    """The keys that a slurmctld has read otherwise than another, to prove that one runs with what the other has tried."""
    keys = [f"{change.key}={change.old} and not {change.new}" for change in _tried(before, after, frozenset(), policy.REEXECUTES)]
    for kind, one, other in (("node", before.nodes, after.nodes), ("partition", before.partitions, after.partitions)):
        here = {name for name, table in one.items() if not _dynamic(table)}
        keys += [f"{kind} {fold_some(sorted(names))} {words}" for names, words in (
            (here - other.keys(), "is still there"), (other.keys() - here, "is missing")) if names]
    return keys


def removed(found: Sequence[Change], place: str) -> list[str]:
    """The names of the nodes (NodeName) or partitions (PartitionName) that go."""
    return [name for change in found if change.key == place and change.new == ABSENT for name in expand(change.where)]


# --- keys

def _keys(before: Slurm, after: Slurm, old: Mapping[str, str], new: Mapping[str, str], version: tuple[int, ...]) -> Iterator[Change]:
    was, is_now = (settings(texts.get("slurm.conf", "")) for texts in (old, new))
    yield from _tried(before, after, {*was, *is_now}, version)
    runs, wished = ({key.lower(): (key, value) for key, value in slurm.places["slurm.conf"].items()} for slurm in (before, after))
    for key in sorted({*was, *wished}):
        if not trial.as_written(key):
            continue
        name, value = runs.get(key, (key, ABSENT))
        if key == "accountingstoragetres":
            value = was.get(key, ABSENT)        # slurmctld adds what it always counts
        wish = wished[key][1] if key in wished else DEFAULT
        if _plain(key, value) != _plain(key, wish):
            yield Change(_spelt(name, new, old), "slurm.conf", value, wish, policy.cost("slurm.conf", key, version))


def _tried(before: Slurm, after: Slurm, said: Set[str], version: tuple[int, ...]) -> Iterator[Change]:
    other_version = before.places["slurm.conf"].get("SLURM_VERSION") != after.places["slurm.conf"].get("SLURM_VERSION")
    for place, table in after.places.items():
        runs = before.places.get(place, {})
        for key in sorted({*table, *runs}):
            if trial.as_written(key) or (key.lower() in _MOVING and key.lower() not in said):
                continue
            if other_version and (key not in table or key not in runs):
                continue        # the other version has no such key, or shows it differently
            if runs.get(key) != table.get(key):
                yield Change(key, place, runs.get(key, ABSENT), table.get(key, ABSENT), policy.cost(place, key, version))


def _plain(key: str, value: str) -> object:
    words = value.strip().strip('"').lower()
    if words.endswith("/none"):
        return ABSENT       # 24.11 shows no plugin where there is none
    return set(words.split(",")) if key == "accountingstorageenforce" else words


def _spelt(key: str, *texts: Mapping[str, str]) -> str:
    for text in texts:
        found = re.search(rf"(?im)^\s*({re.escape(key)})\s*=", text.get("slurm.conf", ""))
        if found:
            return found[1]
    return key


# --- nodes and partitions

def _nodes(before: Slurm, after: Slurm, version: tuple[int, ...]) -> Iterator[Change]:
    cost = policy.cost("NodeName", "NodeName", version)
    gone = [name for name, table in before.nodes.items() if name not in after.nodes and not _dynamic(table)]
    come = [name for name in after.nodes if name not in before.nodes]
    if come:
        yield Change("NodeName", fold(come), ABSENT, "declared", cost, ())
    if gone:
        yield Change("NodeName", fold(gone), "declared", ABSENT, cost, tuple(gone))
    differ: dict[tuple[str, str, str], list[str]] = {}
    for name, table in after.nodes.items():
        runs = before.nodes.get(name)
        for shown, key in _NODE_KEYS.items() if runs else ():
            was, is_now = _shown(key, (runs or {}).get(shown, ABSENT)), _shown(key, table.get(shown, ABSENT))
            if was != is_now and not (key == "NodeAddr" and is_now == trial.STAND_IN):
                differ.setdefault((key, was, is_now), []).append(name)
    for (key, was, is_now), names in differ.items():
        affected = [name for name in names if key != "Gres" or _holds_gres(before.nodes[name])]
        yield Change(key, fold(names), was, is_now, policy.cost("NodeName", key, version), tuple(affected))


def _partitions(before: Slurm, after: Slurm, version: tuple[int, ...]) -> Iterator[Change]:
    def cost(key: str) -> Cost:
        return policy.cost("PartitionName", key, version)

    keeps = "keeppart" in before.places["slurm.conf"].get("ReconfigFlags", "").lower()      # KeepPartState, KeepPartInfo
    for name in {**before.partitions, **after.partitions}:
        runs, table = before.partitions.get(name), after.partitions.get(name)
        if runs is None or table is None:
            was, is_now = (ABSENT, "declared") if runs is None else ("declared", ABSENT)
            yield Change("PartitionName", name, was, is_now, cost("PartitionName"), ())
            continue
        for key in sorted({*runs, *table} - _COUNTED):
            was, is_now = runs.get(key, ABSENT), table.get(key, ABSENT)
            same_nodes = key == "Nodes" and set(expand(was)) == set(expand(is_now))
            if was != is_now and not same_nodes and not (key == "State" and keeps):
                yield Change(key, f"PartitionName={name}", was, is_now, cost(key), ())


def _shown(key: str, value: str) -> str:
    # gpu:2(S:0-1): where the devices sit is what slurmd has found out.
    return re.sub(r"\(S:[^)]*\)", "", value) if key == "Gres" else value


def _dynamic(table: Table) -> bool:
    return "DYNAMIC" in table.get("State", "")      # made by scontrol or by its own slurmd, and in no file


def _holds_gres(table: Table) -> bool:
    return bool(_GRES_IN_USE.search(table.get("AllocTRES", "")))


# --- the other files

def _lines(before: Slurm, old: Mapping[str, str], new: Mapping[str, str], version: tuple[int, ...]) -> Iterator[Change]:
    for name in ("gres.conf", "topology.conf", "job_container.conf"):
        was, is_now = (_by_name(texts.get(name, "")) for texts in (old, new))
        for line in {**was, **is_now}:
            if was.get(line) != is_now.get(line):
                # Not NodeName: that is what comes and goes with slurm.conf.
                key = next((key for key in {**was.get(line, {}), **is_now.get(line, {})} if key.lower() != "nodename"), line)
                nodes = _of_gres(before, was.get(line, {}), is_now.get(line, {})) if name == "gres.conf" else None
                texts = [" ".join(f"{k}={v}" for k, v in table.get(line, {}).items()) for table in (was, is_now)]
                yield Change(key, name, texts[0], texts[1], policy.cost(name, key, version), nodes)


def _plugins(old: Mapping[str, str], new: Mapping[str, str], version: tuple[int, ...]) -> Iterator[Change]:
    """SPANK plugins, by their file: what comes, what goes, and what is called otherwise."""
    was, is_now = ({line.split()[1]: line for line in texts.get("plugstack.conf", "").split("\n") if len(line.split("#")[0].split()) > 1}
                   for texts in (old, new))
    for plugin in {**was, **is_now}:
        before, after = was.get(plugin, ABSENT), is_now.get(plugin, ABSENT)
        if before != after:
            yield Change(plugin, "plugstack.conf", before, after, policy.cost("plugstack.conf", plugin, version))


def _by_name(text: str) -> dict[str, Table]:
    """Lines by what names them: their first key with its value, in gres.conf with further ones; a key alone names a setting."""
    found: dict[str, Table] = {}
    for keys in conf.parse(text):
        lower = {key.lower(): value for key, value in keys.items()}
        first = next(iter(keys), "")
        parts = [f"{key}={lower[key]}" for key in ("nodename", "name", "type", "switchname", "blockname") if key in lower]
        found[" ".join(parts) or first] = keys
    return found


def _of_gres(before: Slurm, *lines: Table) -> tuple[str, ...]:
    """The nodes that such lines are for and where a job holds generic resources."""
    named = [value for keys in lines for key, value in keys.items() if key.lower() == "nodename"]
    of_all = any(keys and not any(key.lower() == "nodename" for key in keys) for keys in lines)
    names = {name for text in named for name in expand(text)}
    return tuple(name for name, table in before.nodes.items() if (of_all or name in names) and _holds_gres(table))
