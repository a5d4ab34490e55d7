# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the model to what each domain shall bring about, as plain data."""

from __future__ import annotations

from ipaddress import IPv4Address

from ...module_utils.slurm.intent import Keys, SlurmIntent
from .types import Cluster, Interface, NodeGroup, Partition


def slurm(cluster: Cluster) -> SlurmIntent:
    """slurm.conf's content. One line for each NodeGroup, however many nodes it has."""
    return {
        "cluster_name": cluster.name,
        "controllers": [{"name": node.name, "address": node.address or node.name}
                        for group in cluster.groups if "slurm_controller" in group.roles for node in group.nodes],
        "nodes": [_slurm_nodes(group) for group in cluster.groups if "slurm_compute" in group.roles],
        "partitions": [_slurm_partition(partition) for partition in cluster.partitions.values()],
        "config": cluster.slurm_config,
    }


def _slurm_nodes(group: NodeGroup) -> Keys:
    keys: Keys = {"NodeName": group.nodeset}
    if group.management:        # a name that does not resolve blocks slurmctld's start for 10 s, for each node
        keys["NodeAddr"] = addresses(group.management, len(group.names))
    hardware = group.hardware
    if hardware:
        keys |= {"Sockets": hardware.sockets, "CoresPerSocket": hardware.cores_per_socket, "ThreadsPerCore": hardware.threads_per_core}
        if hardware.memory:
            keys["RealMemory"] = hardware.memory
        if hardware.features:
            keys["Features"] = ",".join(hardware.features)
    return keys


def _slurm_partition(partition: Partition) -> Keys:
    keys: Keys = {"PartitionName": partition.name, "Nodes": partition.nodes}
    if partition.default:
        keys["Default"] = True
    if partition.max_time:
        keys["MaxTime"] = partition.max_time
    if partition.default_time:
        keys["DefaultTime"] = partition.default_time
    if partition.oversubscribe:
        keys["OverSubscribe"] = True
    return {**keys, **partition.config}


def addresses(interface: Interface, nodes: int) -> str:
    """The addresses of an interface as a NodeSet, in the nodes' order: ``10.10.1.[1-255],10.10.2.[0-44]``.

    Written without folding single names, because the order counts: the first address is the first node's.
    """
    runs: list[list[int]] = []
    position = 0
    while position < nodes:
        number = interface.address(position)
        if number is None:
            raise ValueError(f"{interface.name} has no address at position {position}")     # a check sees to that
        # Where addresses count up, one step takes all that share the first three parts.
        step = 1 if interface.addresses else min(nodes - position, 256 - (number & 0xFF))
        if runs and number == runs[-1][1] + 1 and number & 0xFF:
            runs[-1][1] = number + step - 1
        else:
            runs.append([number, number + step - 1])
        position += step
    return ",".join(str(IPv4Address(first)) if first == last else f"{IPv4Address(first & ~0xFF)}"[:-1] + f"[{first & 0xFF}-{last & 0xFF}]"
                    for first, last in runs)
