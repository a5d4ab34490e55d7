# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the model to what each domain shall bring about, as plain data."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

from ...module_utils.slurm.intent import AccountsIntent, Daemon, Keys, SlurmIntent
from .compile_enroot import plugstack
from .compile_enroot import slurm_keys as enroot_keys
from .compile_power import slurm_keys as power_keys
from .types import Cluster, Interface, NodeGroup, Partition, TopologySwitch


def slurm(cluster: Cluster) -> SlurmIntent:
    """What the files of /etc/slurm say. One line for each NodeGroup, however many nodes it has."""
    compute = [group for group in cluster.groups if "slurm_compute" in group.roles]
    return {
        "cluster_name": cluster.name,
        "controllers": _daemons(cluster, "slurm_controller"),
        "dbds": _daemons(cluster, "slurm_dbd"),
        "jwt": any("slurm_rest" in group.roles for group in cluster.groups),
        "enforce": bool(cluster.slurm["accounts"]),
        "nodes": [_slurm_nodes(group) for group in compute],
        "partitions": [_slurm_partition(partition) for partition in cluster.partitions.values()],
        "config": _over({**power_keys(cluster), **enroot_keys(cluster)}, cluster.slurm["config"]),
        "cgroup": cluster.slurm["cgroup"],
        "gres": [line for group in compute for line in _gres(group)],
        "topology": [_topology(switch) for switch in cluster.topology.values()],
        "job_container": cluster.slurm["job_container"],
        "plugstack": plugstack(cluster),
    }


def _over(ours: Keys, said: Keys) -> Keys:
    """Keys that follow from another section, less those that the file says itself. Slurm reads keys without regard to case."""
    theirs = {key.lower() for key in said}
    return {**{key: value for key, value in ours.items() if key.lower() not in theirs}, **said}


def slurm_accounts(cluster: Cluster) -> AccountsIntent:
    """What slurmdbd shall know."""
    accounts: dict[str, Any] = cluster.slurm["accounts"]
    order: dict[str, Any] = {}

    def add(name: str) -> None:         # after its parent; a check sees to it that there are no circles
        parent = (accounts[name] or {}).get("parent", "root")
        if parent in accounts:
            add(parent)
        order.setdefault(name, {"name": name, **(accounts[name] or {})})

    for name in accounts:
        add(name)
    qos: dict[str, Any] = cluster.slurm["qos"]
    return {"qos": [{"name": name, **(entry or {})} for name, entry in qos.items()], "accounts": list(order.values())}


def _daemons(cluster: Cluster, role: str) -> list[Daemon]:
    return [{"name": node.name, "address": node.address or node.name}
            for group in cluster.groups if role in group.roles for node in group.nodes]


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
        gres = [f"gpu:{hardware.gpus.type}:{hardware.gpus.count}"] if hardware.gpus else []
        gres += [f"{name}:{count}" for name, count in hardware.gres.items()]
        if gres:
            keys["Gres"] = ",".join(gres)
    return keys


def _gres(group: NodeGroup) -> list[Keys]:
    """Lines of gres.conf: which device files GPUs are, and what is only counted."""
    hardware = group.hardware
    if not hardware:
        return []
    lines: list[Keys] = []
    if hardware.gpus:
        lines.append({"NodeName": group.nodeset, "Name": "gpu", "Type": hardware.gpus.type, "File": hardware.gpus.devices})
    return lines + [{"NodeName": group.nodeset, "Name": name, "Count": count} for name, count in hardware.gres.items()]


def _topology(switch: TopologySwitch) -> Keys:
    below: Keys = {"Nodes": switch.nodes} if switch.nodes else {"Switches": switch.switches or ""}
    return {"SwitchName": switch.name, **below}


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
