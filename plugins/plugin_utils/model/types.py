# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cluster as the rest of the collection sees it. Plain data, nothing to compute but addresses.

Numbers carry their unit in the docstring; places (``mark``) are kept for errors that are found later.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from ...module_utils.outlet.intent import OutletIntent
from .problems import Mark

BMC = "bmc"     # the interface of this name is the BMC's
ROLES = (       # as the schema has them
    "slurm_controller", "slurm_dbd", "slurm_rest", "slurm_login", "slurm_compute", "subnet_manager", "fabric_manager",
    "ceph_mon", "ceph_mgr", "ceph_osd", "ceph_mds", "ceph_rgw", "ceph_client", "nfs_server", "enroot", "charliecloud",
)


@dataclass(frozen=True, slots=True)
class Network:
    """An Ethernet network; ``mtu`` in bytes, ``pkey`` what it is reached by on InfiniBand."""

    name: str
    subnet: IPv4Network
    vlan: int | None
    gateway: IPv4Address | None
    mtu: int
    mark: Mark
    pkey: int | None = None


@dataclass(frozen=True, slots=True)
class Fabric:
    """An InfiniBand or Omni-Path fabric; ``pkeys`` is the first and last P_Key that we own, ``mtu`` in bytes, ``rate`` in Gb/s.

    ``default_partition``: what nodes are in the default partition, limited or full. ``qos``: SL by level, ``qos_weights``: the
    weight of its lane, ``qos_groups``: Omni-Path's QOSGroup by level. ``firmware``: the version by PSID.
    """

    name: str
    kind: str
    managers: tuple[str, ...]
    speed: str | None
    width: str | None
    mtu: int | None
    pkeys: tuple[int, int] | None
    mark: Mark
    rate: float = 10
    pkey_table: int = 64
    default_partition: str = "full"
    firmware: dict[str, str] = field(default_factory=dict)
    qos: dict[str, int] = field(default_factory=dict)
    qos_groups: dict[str, str] = field(default_factory=dict)
    qos_weights: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GPUs:
    """GPUs of one machine; ``devices`` are their device files, folded."""

    type: str
    count: int
    devices: str


@dataclass(frozen=True, slots=True)
class Hardware:
    """A kind of machine; ``memory`` in MiB (None: not declared), ``gres`` counts of generic resources that are no GPUs."""

    name: str
    sockets: int
    cores_per_socket: int
    threads_per_core: int
    memory: int | None
    gpus: GPUs | None
    gres: dict[str, int]
    bmc_protocol: str | None
    features: tuple[str, ...]

    @property
    def cpus(self) -> int:
        """Hardware threads in all."""
        return self.sockets * self.cores_per_socket * self.threads_per_core


@dataclass(slots=True)
class Interface:
    """An interface of all nodes of a NodeGroup.

    ``first`` is the first node's address as a number, the others count up; what does not count up stands in
    ``addresses``, ``macs`` and ``guids`` by position in the group. ``bonds`` are the interfaces that it bonds, ``parent`` is the one
    that it is a VLAN interface on.
    """

    name: str
    network: str | None
    fabric: str | None
    first: int | None
    mtu: int | None
    mark: Mark
    bonds: tuple[str, ...] = ()
    parent: str | None = None
    addresses: dict[int, int] = field(default_factory=dict)
    macs: dict[int, str] = field(default_factory=dict)
    guids: dict[int, str] = field(default_factory=dict)

    def address(self, position: int) -> int | None:
        """The address of the node at this position, as a number."""
        return self.addresses.get(position, None if self.first is None else self.first + position)


@dataclass(slots=True)
class NodeGroup:
    """One entry of ``nodes``: a NodeSet and what its members share. ``names`` are in counting order."""

    nodeset: str
    names: tuple[str, ...]
    hardware: Hardware | None
    os: str | None
    roles: tuple[str, ...]
    racks: tuple[str, ...]
    interfaces: dict[str, Interface]
    facts: dict[str, dict[int, str]]
    mark: Mark

    @property
    def management(self) -> Interface | None:
        """The interface that Ansible and Slurm use: the first with addresses that is not the BMC's."""
        for interface in self.interfaces.values():
            if interface.name != BMC and interface.network and (interface.first is not None or interface.addresses):
                return interface
        return None

    @property
    def nodes(self) -> Iterator[Node]:
        """Its nodes, in order."""
        return (Node(name, self, position) for position, name in enumerate(self.names))

    def rack(self, position: int) -> str | None:
        """The rack of the node at this position: racks are filled evenly, in order."""
        return self.racks[position * len(self.racks) // len(self.names)] if self.racks else None


@dataclass(frozen=True, slots=True)
class Node:
    """One node, made when somebody asks for it."""

    name: str
    group: NodeGroup
    position: int

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles of its group."""
        return self.group.roles

    @property
    def address(self) -> str | None:
        """The address that Ansible and Slurm use."""
        interface = self.group.management
        number = interface.address(self.position) if interface else None
        return None if number is None else str(IPv4Address(number))


@dataclass(frozen=True, slots=True)
class Switch:
    """An Ethernet switch; ``nodeset`` is the entry that it comes from, ``mlag`` the peer link to the other switch of that entry."""

    name: str
    nodeset: str
    platform: str
    address: str
    uplinks: tuple[str, ...]
    mlag: str | None = None


@dataclass(frozen=True, slots=True)
class Cable:
    """One cable; ``row`` is its place in ``cabling``, ``lag`` the LAG of the switch that the port is a member of.

    Between switches ``node`` is a switch and ``interface`` a port of it.
    """

    node: str
    interface: str
    switch: str
    port: str
    row: int
    lag: str | None = None


@dataclass(frozen=True, slots=True)
class Ethernet:
    """What is ours on the switches: VLAN ids, as first and last, and how many ports one run may change."""

    vlans: tuple[tuple[int, int], ...] | None
    max_changed_ports: int | None

    def owns(self, vlan: int) -> bool:
        """Whether a VLAN is ours to use."""
        return self.vlans is None or any(first <= vlan <= last for first, last in self.vlans)


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant; ``nodes`` as written, ``members`` expanded."""

    name: str
    nodes: str
    members: tuple[str, ...]
    vlan: int | None
    subnet: IPv4Network | None
    pkey: int | None
    reaches: tuple[str, ...]
    qos: str | None
    mark: Mark
    ipoib: bool = True


@dataclass(frozen=True, slots=True)
class Partition:
    """A Slurm partition; times as Slurm writes them, ``config`` as slurm.conf has it."""

    name: str
    nodes: str
    members: tuple[str, ...]
    max_time: str | None
    default_time: str | None
    default: bool
    oversubscribe: bool
    config: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TopologySwitch:
    """A switch of the tree that Slurm places jobs by; it has nodes or switches below it, as written."""

    name: str
    nodes: str | None
    switches: str | None
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PowerSaving:
    """Power saving; times in seconds."""

    suspend_time: int
    suspend_timeout: int | None
    resume_timeout: int | None
    exclude: tuple[str, ...]
    exclude_partitions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """An NFS export; ``networks`` as written (names and subnets), ``nodes`` and ``root`` expanded."""

    name: str
    server: str
    path: str
    networks: tuple[str, ...]
    nodes: tuple[str, ...]
    root: tuple[str, ...]
    access: str
    root_squash: bool
    options: tuple[str, ...]
    state: str


@dataclass(frozen=True, slots=True)
class Mount:
    """A filesystem that nodes mount, of an export or of a source; ``members`` are the nodes, expanded."""

    name: str
    path: str
    members: tuple[str, ...]
    export: str | None
    source: str | None
    type: str
    access: str
    options: tuple[str, ...]
    automount: bool
    state: str


@dataclass(slots=True)
class Cluster:
    """A cluster file that loaded without an error.

    ``slurm`` holds what needs no expansion, as written: config, cgroup, job_container, plugstack, qos, accounts.
    """

    path: str
    name: str
    domain: str | None
    networks: dict[str, Network]
    fabrics: dict[str, Fabric]
    hardware: dict[str, Hardware]
    groups: list[NodeGroup]
    switches: list[Switch]
    cabling: list[Cable]
    ethernet: Ethernet
    outlets: list[OutletIntent]
    tenants: dict[str, Tenant]
    partitions: dict[str, Partition]
    slurm: dict[str, Any]
    topology: dict[str, TopologySwitch]
    power_saving: PowerSaving | None
    ceph: dict[str, Any]
    exports: dict[str, Export]
    mounts: dict[str, Mount]
    enroot: dict[str, Any]
    options: dict[str, Any]

    @property
    def nodes(self) -> Iterator[Node]:
        """Every node, in the order of the file."""
        for group in self.groups:
            yield from group.nodes
