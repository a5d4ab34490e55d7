# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OSDs that go: whether the pools fit on those that stay, whether their data is elsewhere, and what takes them away.

Sources: "Adding/Removing OSDs" (rados/operations) of Ceph 18's documentation, and what `ceph` 18.2.7 answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import sizing
from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph.change import Command, Plan, View, ask, ceph
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines

PAUSE = 2.0         # seconds between two looks
ERASURE = 3         # `type` of a pool
# Words of a placement group's state in which everything that is there can be read, and nothing is on its way.
CLEAN = {"active", "clean", "scrubbing", "deep", "snaptrim", "snaptrim_wait"}
STEADY = {*CLEAN, "undersized", "degraded"}
EFFECTS = {
    "in": "takes its part of the data", "out": "its data is copied elsewhere", "drained": "its data is copied elsewhere",
    "destroyed": "what its disk has can no longer be used", "purged": "it is gone for good",
}


class Cluster(NamedTuple):
    """What the mons say: `ceph osd tree`, `osd dump`, `osd crush rule dump`, `osd df`."""

    tree: Mapping[int, Mapping[str, Any]]
    dump: Mapping[str, Any]
    rules: Mapping[int, Sequence[Mapping[str, Any]]]
    used: Mapping[int, tuple[int, int]]


def look(run: Run) -> Cluster:
    """Four questions."""
    tree = ask(run, "osd", "tree")
    return Cluster(
        {node["id"]: node for node in [*tree["nodes"], *tree.get("stray", ())]}, ask(run, "osd", "dump"),
        {rule["rule_id"]: rule["steps"] for rule in ask(run, "osd", "crush", "rule", "dump")},
        {node["id"]: (node["kb"], node["kb_used"]) for node in ask(run, "osd", "df")["nodes"]})


def view(cluster: Cluster, numbers: Collection[int]) -> dict[str, dict[str, Any]]:
    """These OSDs as they are; one that does not exist is left out."""
    hosts = {child: node["name"] for node in cluster.tree.values() if node["type"] == "host" for child in node["children"]}
    return {
        f"osd.{number}": {"host": hosts.get(number, ""), "status": node["status"], "in": node["reweight"] > 0,
                          "weight": node.get("crush_weight", 0.0)}
        for number in numbers for node in [cluster.tree.get(number)] if node}


def below(tree: Mapping[int, Mapping[str, Any]], number: int) -> list[int]:
    """The OSDs below a bucket, or the OSD itself."""
    if number >= 0:
        return [number]
    return [osd for child in tree[number]["children"] for osd in below(tree, child)]


def domains(cluster: Cluster, steps: Sequence[Mapping[str, Any]], gone: Collection[int]) -> int:
    """How many failure domains of a rule have OSDs that run and take data, without those in `gone`."""
    tree = cluster.tree
    take = next(step["item_name"] for step in steps if step["op"] == "take")
    kind = [step["type"] for step in steps if step["op"].startswith("choose")][-1]
    root, _, device = take.partition("~")
    start = next((number for number, node in tree.items() if node["name"] == root), None)
    osds = {
        osd for osd in (below(tree, start) if start is not None else ())
        if osd not in gone and tree[osd]["status"] == "up" and tree[osd]["reweight"] > 0 and tree[osd]["crush_weight"] > 0
        and (not device or tree[osd].get("device_class") == device)}
    return len(osds) if kind == "osd" else sum(
        any(osd in osds for osd in below(tree, number)) for number, node in tree.items() if node["type"] == kind)


def homeless(cluster: Cluster, gone: Collection[int]) -> list[str]:
    """Why the data of some OSDs cannot be on the others: an empty list when it can."""
    found = []
    for pool in cluster.dump["pools"]:
        if pool["type"] == ERASURE:
            parts = int(cluster.dump["erasure_code_profiles"][pool["erasure_code_profile"]]["k"])
            copies = sizing.erasure(parts, pool["size"] - parts, pool["min_size"])
        else:
            copies = sizing.replicated(pool["size"], pool["min_size"])
        there = domains(cluster, cluster.rules[pool["crush_rule"]], gone)
        by_itself = sizing.loses_data(copies, copies.width)
        found += [f"pool {pool['pool_name']}: {reason}" for reason in sizing.loses_data(copies, there) if reason not in by_itself]
    raw, used = (sum(values) for values in zip((0, 0), *cluster.used.values()))
    leaving = sum(cluster.used.get(number, (0, 0))[0] for number in gone)
    if raw > leaving:
        filled = sizing.filled_after_loss(used, sizing.Room(raw, leaving, True, sizing.NEARFULL))
        if filled > sizing.NEARFULL:
            found.append(f"what is stored makes the other OSDs {100 * filled:.0f} % full, and nearfull is at {100 * sizing.NEARFULL:.0f} %")
    return found


def restless(run: Run, calm: Collection[str]) -> list[str]:
    """The placement groups in a state with any other word, as `3 active+recovering`."""
    states = ask(run, "status")["pgmap"].get("pgs_by_state", ())
    return [f"{state['count']} {state['state_name']}" for state in states if not set(state["state_name"].split("+")) <= set(calm)]


def plan(state: str, numbers: Sequence[int], seen: View) -> Plan:
    """The commands. Raises ClusterwrightError for an OSD that is not there, or still runs."""
    commands, after = [], {name: dict(entry) for name, entry in seen.items()}
    for number in numbers:
        name = f"osd.{number}"
        there = after.get(name)
        if there is None:
            if state == "purged":
                continue
            raise ClusterwrightError(f"there is no {name}: look at `ceph osd tree`; nothing was changed")
        if state in ("destroyed", "purged") and there["status"] == "up":
            raise ClusterwrightError(f"{name} still runs on {there['host']}: `systemctl disable --now ceph-osd@{number}` there first; "
                                     "nothing was changed")
        if state in ("in", "out") and there["in"] != (state == "in"):
            commands.append(Command(["osd", state, str(number)], name, [["osd", "out" if state == "in" else "in", str(number)]]))
            there["in"] = state == "in"
        elif state == "drained" and there["weight"]:
            commands.append(Command(["osd", "crush", "reweight", name, "0"], name,
                                    [["osd", "crush", "reweight", name, str(there["weight"])]]))
            there["weight"] = 0.0
        elif state == "destroyed" and there["status"] != "destroyed":
            commands.append(Command(["osd", "destroy", str(number), "--yes-i-really-mean-it"], name))
            there["status"] = "destroyed"
        elif state == "purged":
            commands.append(Command(["osd", "purge", str(number), "--yes-i-really-mean-it"], name))
            del after[name]
    impact = [{"kind": "data_moves", "name": command.item, "text": f"{command.item}: {EFFECTS[state]}"} for command in commands]
    return Plan(commands, after, impact)


def safe(run: Run, numbers: Sequence[int]) -> str:
    """Why these OSDs may not be destroyed, in Ceph's words; empty when their data is elsewhere."""
    result = ceph(run, ["osd", "safe-to-destroy", *map(str, numbers)])
    return last_lines(result) if result.rc else ""


def calm(run: Run, numbers: Sequence[int], running: bool) -> str:
    """Why these OSDs may not go before their data is elsewhere; empty when all else is whole and readable without them."""
    bad = restless(run, CLEAN if running else STEADY)
    if bad:
        return f"placement groups are {', '.join(bad)}"
    result = ceph(run, ["osd", "ok-to-stop", *map(str, numbers)])
    return last_lines(result) if result.rc else ""


def wait(
    why: Callable[[], str], what: str, timeout: float,
    clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep,
) -> None:
    """Until there is no reason why not. Raises ClusterwrightError after `timeout` seconds."""
    begin = clock()
    while reason := why():
        if clock() - begin >= timeout:
            raise ClusterwrightError(f"{what} after {timeout:.0f} s: {reason}. `ceph -s` shows how it goes; run again, and it goes on from "
                                     "there")
        pause(PAUSE)
