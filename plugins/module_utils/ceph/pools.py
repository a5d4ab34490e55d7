# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools: replicated and erasure-coded ones, all of them by two questions.

Sources: "Pools", "Erasure code" and "Erasure code profiles" of Ceph 18's documentation (rados/operations), and what `ceph` 18.2.7 answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import sizing
from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph.change import Command, Plan, View, ask
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run

ERASURE = 3             # `type` of a pool
OVERWRITES = ("cephfs", "rbd")      # who writes within objects, which an erasure-coded pool must be told to allow


def declared(entries: Sequence[Mapping[str, Any]], failure_domain: str) -> dict[str, dict[str, Any]]:
    """What each pool shall be. Raises ClusterwrightError for one that would lose data."""
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        name, k, m = entry["name"], entry.get("k") or 0, entry.get("m") or 0
        if name in found:
            raise ClusterwrightError(f"pool {name} is declared twice: keep one of the two")
        if k and entry.get("size") not in (None, k + m):
            raise ClusterwrightError(f"pool {name}: its size is k + m = {k + m}, not {entry['size']}: leave size out")
        copies = sizing.erasure(k, m, entry.get("min_size")) if k else sizing.replicated(entry.get("size") or 3, entry.get("min_size"))
        for reason in sizing.loses_data(copies, copies.width):
            raise ClusterwrightError(f"pool {name}: {reason}; nothing was changed")
        if not sizing.is_power_of_two(entry["pg_num"]):
            raise ClusterwrightError(f"pool {name}: {entry['pg_num']} placement groups are unequal in size: take a power of two")
        found[name] = {
            "size": copies.width, "min_size": copies.min_size, "pg_num": entry["pg_num"], "pg_autoscale_mode": "off",
            "applications": [entry["application"]], "rule": f"clusterwright_{failure_domain}" if not k else name,
        }
        if k:
            found[name].update(k=k, m=m, overwrites=entry["application"] in OVERWRITES)
    return found


def observe(run: Run, wanted: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The declared pools that there are, and the CRUSH rules and profiles that they may need."""
    dump, rules = ask(run, "osd", "dump"), {rule["rule_id"]: rule["rule_name"] for rule in ask(run, "osd", "crush", "rule", "dump")}
    found: dict[str, dict[str, Any]] = {}
    for name in rules.values():
        if any(entry["rule"] == name and "k" not in entry for entry in wanted.values()):
            found[f"rule {name}"] = {}
    for name, profile in dump["erasure_code_profiles"].items():
        if name in wanted:
            found[f"profile {name}"] = {"k": int(profile.get("k", 0)), "m": int(profile.get("m", 0))}
    for pool in dump["pools"]:
        if pool["pool_name"] not in wanted:
            continue
        seen = {
            "size": pool["size"], "min_size": pool["min_size"],
            "pg_num": pool["pg_num_target"], "pg_autoscale_mode": pool["pg_autoscale_mode"],
            "applications": sorted(pool["application_metadata"]), "rule": rules.get(pool["crush_rule"], ""),
        }
        if pool["type"] == ERASURE:
            profile = dump["erasure_code_profiles"].get(pool["erasure_code_profile"], {})
            seen.update(k=int(profile.get("k", 0)), m=int(profile.get("m", 0)))
            seen["overwrites"] = "ec_overwrites" in pool["flags_names"].split(",")
        found[f"pool {pool['pool_name']}"] = seen
    return found


def plan(wanted: Mapping[str, Mapping[str, Any]], failure_domain: str, seen: View) -> Plan:
    """What makes the pools as declared. Raises ClusterwrightError for what no command can."""
    commands: list[Command] = []
    after = dict(seen)
    impact: list[dict[str, Any]] = []
    for name, pool in wanted.items():
        rule = f"rule {pool['rule']}"
        if "k" not in pool and rule not in after:
            commands.append(Command(["osd", "crush", "rule", "create-replicated", pool["rule"], "default", failure_domain], rule,
                                    [["osd", "crush", "rule", "rm", pool["rule"]]]))
            after[rule] = {}
        there = seen.get(f"pool {name}")
        if there is None:
            commands += _create(name, pool, failure_domain, seen)
            if "k" in pool:
                after[f"profile {name}"] = {"k": pool["k"], "m": pool["m"]}
            after[f"pool {name}"] = dict(pool)
            continue
        changes = _change(name, pool, there)
        commands += changes
        if changes:
            after[f"pool {name}"] = {**there, **pool, "applications": sorted({*there["applications"], *pool["applications"]})}
            moved = [key for key in ("size", "pg_num", "rule") if pool[key] != there[key]]
            if moved:
                words = ", ".join(f"{key} {there[key]} -> {pool[key]}" for key in moved)
                impact.append({"kind": "data_moves", "name": name, "text": f"pool {name}: {words} moves its data between OSDs"})
    return Plan(commands, after, impact)


def _create(name: str, pool: Mapping[str, Any], failure_domain: str, seen: View) -> list[Command]:
    item, groups = f"pool {name}", str(pool["pg_num"])
    commands: list[Command] = []
    if "k" in pool:
        parts = {"k": pool["k"], "m": pool["m"]}
        if seen.get(f"profile {name}", parts) != parts:
            raise ClusterwrightError(f"the erasure-code profile {name} is there with other parts ({seen[f'profile {name}']}): remove it by "
                                     f"`ceph osd erasure-code-profile rm {name}`, or choose another name for the pool; nothing was changed")
        if f"profile {name}" not in seen:
            commands.append(Command(
                ["osd", "erasure-code-profile", "set", name, f"k={pool['k']}", f"m={pool['m']}", f"crush-failure-domain={failure_domain}"],
                f"profile {name}", [["osd", "erasure-code-profile", "rm", name]]))
        kind = ["erasure", name]
    else:
        kind = ["replicated", pool["rule"]]
    commands.append(Command(["osd", "pool", "create", name, groups, groups, *kind, "--autoscale-mode=off"], item))
    if "k" not in pool:
        commands.append(_set(name, "size", pool["size"]))
    commands.append(_set(name, "min_size", pool["min_size"]))
    if pool.get("overwrites"):
        commands.append(_set(name, "allow_ec_overwrites", "true"))
    return [*commands, *(Command(["osd", "pool", "application", "enable", name, each], item) for each in pool["applications"])]


def _change(name: str, pool: Mapping[str, Any], there: Mapping[str, Any]) -> list[Command]:
    if (pool.get("k"), pool.get("m")) != (there.get("k"), there.get("m")):
        def words(entry: Mapping[str, Any]) -> str:
            return f"erasure-coded {entry['k']}+{entry['m']}" if "k" in entry else "replicated"
        raise ClusterwrightError(f"pool {name} is {words(there)}, and no pool can become {words(pool)}: make one under another name and "
                                 "copy the data; nothing was changed")
    order = ["pg_autoscale_mode", "pg_num", *([] if "k" in pool else ["size"]), "min_size"]
    changed = [key for key in order if pool[key] != there[key]]
    if "size" in changed and "min_size" not in changed:
        changed.append("min_size")      # with each new size the mons choose a min_size by themselves, for size 2 that is 1
    commands = [_set(name, key, pool[key], there[key]) for key in changed]
    if "k" not in pool and pool["rule"] != there["rule"]:
        commands.append(_set(name, "crush_rule", pool["rule"], there["rule"]))
    if pool.get("overwrites") and not there["overwrites"]:
        commands.append(_set(name, "allow_ec_overwrites", "true"))
    return [*commands, *(Command(["osd", "pool", "application", "enable", name, each], f"pool {name}") for each in pool["applications"]
                         if each not in there["applications"])]


def _set(name: str, key: str, value: Any, old: Any = None) -> Command:
    undo = [["osd", "pool", "set", name, key, str(old)]] if old is not None else []
    return Command(["osd", "pool", "set", name, key, str(value)], f"pool {name}", undo)
