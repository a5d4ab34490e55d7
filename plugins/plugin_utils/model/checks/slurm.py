# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Partitions and their nodes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from .. import nodeset
from ..source import Trail
from .context import Context

# Keys that the cluster file's other sections become.
OURS = frozenset({"clustername", "slurmctldhost", "nodename", "nodeset", "partitionname", "include"})
OURS_IN_PARTITIONS = frozenset({"partitionname", "nodes", "default", "maxtime", "defaulttime", "oversubscribe"})


def check(context: Context) -> None:
    """What Slurm would refuse, or worse, accept."""
    cluster = context.cluster
    _config(context, cluster.slurm_config, ("slurm", "config"), OURS)
    for partition in cluster.partitions.values():
        _config(context, partition.config, ("slurm", "partitions", partition.name, "config"), OURS_IN_PARTITIONS)
    defaults = [partition.name for partition in cluster.partitions.values() if partition.default]
    if len(defaults) > 1:
        context.error(("slurm", "partitions", defaults[1], "default"), f"{defaults[0]} is the default partition already")
    for partition in cluster.partitions.values():
        trail: Trail = ("slurm", "partitions", partition.name, "nodes")
        if not context.nodes_exist(partition.members, trail):
            continue
        others = [name for name in partition.members if "slurm_compute" not in (group := context.group_of[name]).roles
                  and not context.complained(("nodes", group.nodeset, "roles"))]
        if others:
            context.error(trail, f"{nodeset.fold_some(others)} of partition {partition.name} lacks the role slurm_compute")
    saving = cluster.power_saving
    if saving:
        context.nodes_exist(saving.exclude, ("slurm", "power_saving", "exclude"))
    roles = {role for group in cluster.groups for role in group.roles}
    if "slurm_compute" in roles and "slurm_controller" not in roles and not context.complained(("nodes",)):
        context.error(("nodes",), "there are nodes with the role slurm_compute, but none with slurm_controller")


def _config(context: Context, config: dict[str, Any], trail: Trail, ours: Collection[str]) -> None:
    """Keys of slurm.conf, which Slurm reads without regard to case."""
    seen: dict[str, str] = {}
    for key in config:
        other = seen.setdefault(key.lower(), key)
        if other != key:
            context.error((*trail, key), f"'{key}' and '{other}' are one key to Slurm")
        if key.lower() in ours:
            context.error((*trail, key), f"{key} is made from the cluster file: say it there")
