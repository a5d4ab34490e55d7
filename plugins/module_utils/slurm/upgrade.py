# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster can go to another release in one step, and what goes when: slurmdbd, then slurmctld, then slurmd, then the rest.

No daemon may be newer than the one before it in that order. Source: https://slurm.schedmd.com/upgrades.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from .nodes import fold_some
from .releases import number, refusal, release

UNITS = {
    "slurmdbd": ("slurmdbd.service",),
    "slurmctld": ("slurmctld.service",),
    "slurmd": ("slurmd.service",),
    "others": ("sackd.service", "slurmrestd.service"),
}
ORDER = tuple(UNITS)
CANDIDATE = "candidate"

Seen = Mapping[str, Mapping[str, Any]]      # host -> what the module slurm_packages has returned


class Told(NamedTuple):
    """Versions of the daemons that run, as slurmctld and slurmdbd tell them; empty where they do not answer. slurmd: by node."""

    slurmdbd: str = ""
    slurmctld: str = ""
    slurmd: Mapping[str, str] = {}


class Plan(NamedTuple):
    """refusals: why not, each with its way out. lines: what will be done, or is there. todo: daemon -> whether its hosts need anything."""

    release: str
    refusals: list[str]
    warnings: list[str]
    lines: list[str]
    todo: dict[str, bool]


def told(config: str, dbd: str, nodes: str) -> Told:
    """The output of `scontrol show config`, `sacctmgr show config` and `sinfo --Node --format='%N %v'`."""
    database = re.search(r"^SLURMDBD_VERSION\s*=\s*(\S+)", dbd, re.MULTILINE)
    controller = re.search(r"^SLURM_VERSION\s*=\s*(\S+)", config, re.MULTILINE)
    # Without --Node, sinfo puts nodes of several versions on one line, with the version of the first.
    versions = dict(re.findall(r"^(\S+)\s+(\d\S*)$", nodes, re.MULTILINE))
    return Told(database[1] if database else "", controller[1] if controller else "", versions)


def plan(seen: Seen, wanted: str, hosts: Mapping[str, Sequence[str]], told: Told) -> Plan:
    """Judges. `wanted` is a release or the word candidate; `hosts` are all hosts of each daemon, reached by this run or not."""
    offered = sorted({release(version) for host in seen.values() for version in host["candidate"].values()} - {""}, key=number)
    target = (offered[-1] if offered else "") if wanted == CANDIDATE else release(wanted)
    if not target:
        return Plan("", [_which(wanted, offered)], [], [], {})
    too_far = list(_too_far(seen, told, target))
    refusals = [*_trouble(seen), *(too_far or _not_offered(seen, target)), *_out_of_order(seen, hosts, told, target)]
    todo = {daemon: any(_needs(seen[host], daemon, target) for host in hosts[daemon] if host in seen) for daemon in ORDER}
    return Plan(target, refusals, [*_warnings(seen, hosts, told, target)], [*_lines(seen, hosts, target)], todo)


def _which(wanted: str, offered: Sequence[str]) -> str:
    there = f"the package sources offer {', '.join(offered)}" if offered else "the package sources offer nothing of Slurm"
    said = f"slurm_upgrade_version is {wanted}, which is no release" if wanted else "Say which release"
    return f"{said}: -e slurm_upgrade_version={offered[-1] if offered else '26.05'} or -e slurm_upgrade_version=candidate ({there})"


def _trouble(seen: Seen) -> Iterable[str]:
    return _together(seen, lambda host: host["trouble"])


def _not_offered(seen: Seen, target: str) -> Iterable[str]:
    def look(host: Mapping[str, Any]) -> list[str]:
        lacking = [name for name, version in _after(host, target).items() if release(version) != target]
        offered = sorted({host["candidate"].get(name, "none") for name in lacking})
        way_out = "configure a source that has it, and see `apt-cache policy slurmd`"
        return [f"the package sources offer {', '.join(offered)} and nothing of Slurm {target}: {way_out}"] if lacking else []

    return _together(seen, look)


def _too_far(seen: Seen, told: Told, target: str) -> Iterable[str]:
    found: dict[str, list[str]] = {}
    for host, result in seen.items():
        for name in {release(version) for version in result["before"].values()} - {""}:
            found.setdefault(name, []).append(host)
    for daemon, version in (("slurmdbd", told.slurmdbd), ("slurmctld", told.slurmctld)):
        if version and release(version) not in found:
            found[release(version)] = [f"the running {daemon}"]
    for name, names in sorted(found.items()):
        why = refusal(name, target)
        if why:
            yield f"{fold_some(names)}: {why}"


def _out_of_order(seen: Seen, hosts: Mapping[str, Sequence[str]], told: Told, target: str) -> Iterable[str]:
    """slurmdbd and slurmctld go first, and all hosts of them at once."""
    for daemon, version in (("slurmdbd", told.slurmdbd), ("slurmctld", told.slurmctld)):
        missing = [host for host in hosts[daemon] if host not in seen]
        if missing and release(version) != target:
            is_now = f"{daemon} is {version}" if version else f"{daemon} does not answer"
            yield (
                f"{is_now}, and {fold_some(missing)} does not answer or is left out of this run: no other daemon may be newer than "
                f"{daemon}, whose hosts go first and together; bring {'it' if len(missing) == 1 else 'them'} up, or start without --limit"
            )


def _warnings(seen: Seen, hosts: Mapping[str, Sequence[str]], told: Told, target: str) -> Iterable[str]:
    for version in sorted({*told.slurmd.values()}):
        if refusal(release(version), target):
            nodes = [node for node, its in told.slurmd.items() if its == version]
            yield f"{fold_some(nodes)}: slurmd {version} runs there, which a slurmctld {target} will not hear"
    old = [host for host, result in seen.items() if result["old_steps"] and _after(result, target) != result["before"]]
    if old:
        yield (
            f"{fold_some(old)}: job steps run there that were started before the last upgrade of the packages; one of a release that "
            f"{target} does not take ends"
        )
    missing = [host for daemon in ("slurmd", "others") for host in hosts[daemon] if host not in seen]
    if missing:
        yield f"{fold_some(missing)} does not answer or is left out of this run, and stays as it is"
    none = [host for host, result in seen.items() if not result["before"]]
    if none:
        yield f"{fold_some(none)}: no package of Slurm is installed there"


def _lines(seen: Seen, hosts: Mapping[str, Sequence[str]], target: str) -> Iterable[str]:
    words = {
        "slurmdbd": "stop, dump the database, replace the packages, convert in the foreground, start",
        "slurmctld": "stop, copy its state, replace the packages, start",
        "slurmd": "batch by batch: stop, replace the packages, start; jobs run on",
        "others": "replace the packages; restart sackd and slurmrestd",
    }
    for daemon in ORDER:
        todo: dict[tuple[str, str], list[str]] = {}
        done = []
        for host in hosts[daemon]:
            if host not in seen or not seen[host]["before"]:
                continue
            if _needs(seen[host], daemon, target):
                versions = max(seen[host]["before"].values()), max(_after(seen[host], target).values())
                todo.setdefault(versions, []).append(host)
            else:
                done.append(host)
        name = "login nodes and REST" if daemon == "others" else daemon
        for (before, after), names in todo.items():
            way = f"{before} -> {after}" if before != after else f"{after}, not finished yet"
            yield f"{name} on {fold_some(names)}, {way}: {words[daemon]}"
        if done:
            yield f"{name} on {fold_some(done)}: has Slurm {target} already"


def _after(host: Mapping[str, Any], target: str) -> dict[str, str]:
    offered = host["candidate"]
    return {name: offered[name] if release(offered.get(name, "")) == target else version for name, version in host["before"].items()}


def _needs(host: Mapping[str, Any], daemon: str, target: str) -> bool:
    units = [host["daemons"][unit] for unit in UNITS[daemon] if unit in host["daemons"]]
    left = any(unit["stale"] or unit["down"] for unit in units) or bool(host["unfinished"])
    return bool(host["before"]) and (left or _after(host, target) != host["before"])


def _together(seen: Seen, look: Callable[[Mapping[str, Any]], Iterable[str]]) -> Iterable[str]:
    """What is said of hosts, once for all of whom it is said."""
    found: dict[str, list[str]] = {}
    for host, result in seen.items():
        for text in look(result):
            found.setdefault(text, []).append(host)
    return [f"{fold_some(names)}: {text}" for text, names in found.items()]
