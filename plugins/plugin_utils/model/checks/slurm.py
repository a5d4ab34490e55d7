# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm: partitions, settings, topology, accounts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .. import compile_power, nodeset
from ..problems import did_you_mean
from ..source import Trail
from .context import Context

# Keys that the cluster file's other sections become.
OURS = frozenset({"clustername", "slurmctldhost", "nodename", "nodeset", "partitionname", "include"})
OURS_IN_PARTITIONS = frozenset({"partitionname", "nodes", "default", "maxtime", "defaulttime", "oversubscribe"})


def check(context: Context) -> None:
    """What Slurm would refuse, or worse, accept."""
    cluster = context.cluster
    for section, ours in (("config", OURS), ("cgroup", ()), ("job_container", ())):
        _config(context, cluster.slurm[section], ("slurm", section), ours)
    _configless(context)
    for partition in cluster.partitions.values():
        _config(context, partition.config, ("slurm", "partitions", partition.name, "config"), OURS_IN_PARTITIONS)
    defaults = [partition.name for partition in cluster.partitions.values() if partition.default]
    if len(defaults) > 1:
        context.error(("slurm", "partitions", defaults[1], "default"), f"{defaults[0]} is the default partition already")
    for partition in cluster.partitions.values():
        trail: Trail = ("slurm", "partitions", partition.name, "nodes")
        if not context.nodes_exist(partition.members, trail):
            continue
        _only_compute(context, partition.members, trail, f"of partition {partition.name}")
    _topology(context)
    _accounts(context)
    _power_saving(context)
    roles = {role for group in cluster.groups for role in group.roles}
    if "slurm_compute" in roles and "slurm_controller" not in roles and not context.complained(("nodes",)):
        context.error(("nodes",), "there are nodes with the role slurm_compute, but none with slurm_controller")


def _only_compute(context: Context, names: Iterable[str], trail: Trail, where: str) -> None:
    others = [name for name in names if "slurm_compute" not in (group := context.group_of[name]).roles
              and not context.complained(("nodes", group.nodeset, "roles"))]
    if others:
        context.error(trail, f"{nodeset.fold_some(others)} {where} lacks the role slurm_compute")


def _configless(context: Context) -> None:
    said = {key.lower(): (key, value) for key, value in context.cluster.slurm["config"].items()}
    key, value = said.get("slurmctldparameters", ("", "enable_configless"))
    if "enable_configless" not in str(value).split(","):
        context.error(("slurm", "config", key), "nodes fetch their configuration from slurmctld: enable_configless must be among them")


def _topology(context: Context) -> None:
    """Each node and each switch hangs below one switch at most, and below none of its own."""
    above: dict[str, str] = {}
    switches = context.cluster.topology
    for switch in switches.values():
        trail: Trail = ("slurm", "topology", switch.name, "nodes" if switch.nodes else "switches")
        if switch.nodes and context.nodes_exist(switch.members, trail):
            _only_compute(context, switch.members, trail, f"below switch {switch.name}")
        missing = [] if switch.nodes else [name for name in switch.members if name not in switches]
        if missing:
            context.error(trail, f"no such switches in slurm.topology: {nodeset.fold_some(missing)}{did_you_mean(missing[0], switches)}")
        twice = [name for name in switch.members if above.setdefault(name, switch.name) != switch.name]
        if twice:
            context.error(trail, f"{nodeset.fold_some(twice)} is below switch {above[twice[0]]} already")
    for name in switches:
        if _circle(name, above):
            context.error(("slurm", "topology", name), f"switch {name} is below itself")


def _power_saving(context: Context) -> None:
    """What Slurm powers off can be powered on again."""
    saving = context.cluster.power_saving
    if not saving:
        return
    trail: Trail = ("slurm", "power_saving")
    missing = [name for name in saving.exclude_partitions if name not in context.cluster.partitions]
    if missing:
        there = did_you_mean(missing[0], context.cluster.partitions)
        context.error((*trail, "exclude_partitions"), f"no such partition: {', '.join(missing)}{there}")
    if not context.nodes_exist(saving.exclude, (*trail, "exclude")) or missing or context.complained(("nodes",)):
        return
    stuck = compile_power.without_bmc(context.cluster, saving)
    if stuck:
        context.error(trail, f"{nodeset.fold_some(stuck)} would be powered off, and nothing could power it on again: it has no interface "
                             "bmc. Give it one, or name it in exclude")


def _circle(name: str, above: Mapping[str, str]) -> bool:
    """Whether the way up from a name leads back to it."""
    seen: set[str] = set()
    up = above.get(name)
    while up is not None and up not in seen:
        if up == name:
            return True
        seen.add(up)
        up = above.get(up)
    return False


def _accounts(context: Context) -> None:
    """Parents and QOS exist, and there is somebody to keep them."""
    accounts, qos = context.cluster.slurm["accounts"], {"normal", *context.cluster.slurm["qos"]}
    roles = {role for group in context.cluster.groups for role in group.roles}
    for section in ("accounts", "qos"):
        if context.cluster.slurm[section] and "slurm_dbd" not in roles and not context.complained(("nodes",)):
            context.error(("slurm", section), f"{section} are kept by slurmdbd: give a node the role slurm_dbd")
    above = {name: (entry or {}).get("parent", "root") for name, entry in accounts.items()}
    for name, entry in accounts.items():
        trail: Trail = ("slurm", "accounts", name)
        parent = above[name]
        if parent != "root" and parent not in accounts:
            context.error((*trail, "parent"), f"no such account: {parent}{did_you_mean(parent, accounts)}")
        elif _circle(name, above):
            context.error((*trail, "parent"), f"account {name} is below itself")
        _exist(context, (entry or {}).get("qos") or (), qos, (*trail, "qos"))
        default = (entry or {}).get("default_qos")
        if default:
            _exist(context, [default], (entry or {}).get("qos") or qos, (*trail, "default_qos"))
    for name, entry in context.cluster.slurm["qos"].items():
        _exist(context, (entry or {}).get("preempt") or (), qos, ("slurm", "qos", name, "preempt"))


def _exist(context: Context, names: Iterable[str], qos: Collection[str], trail: Trail) -> None:
    for name in names:
        if name and name not in qos:
            context.error(trail, f"no such QOS: {name}{did_you_mean(name, qos)}")


def _config(context: Context, config: dict[str, Any], trail: Trail, ours: Collection[str]) -> None:
    """Keys of slurm.conf, which Slurm reads without regard to case."""
    seen: dict[str, str] = {}
    for key in config:
        other = seen.setdefault(key.lower(), key)
        if other != key:
            context.error((*trail, key), f"'{key}' and '{other}' are one key to Slurm")
        if key.lower() in ours:
            context.error((*trail, key), f"{key} is made from the cluster file: say it there")
