# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape in which a cluster file's InfiniBand partitions reach this domain."""

from __future__ import annotations

from typing import Dict, List, TypedDict  # noqa: UP035 (evaluated at run time, on Python 3.9 too)


class Port(TypedDict):
    """A node's port on the fabric; ``guid`` is the port's, 0x and 16 digits."""

    name: str
    guid: str


class MemberIntent(Port):
    """A port in a partition; ``membership`` is full or limited. Two limited members cannot talk to each other."""

    membership: str


class PartitionIntent(TypedDict):
    """A partition. ``pkey`` without the membership bit; ``mtu`` and ``rate`` of its IPoIB groups as InfiniBand's codes."""

    name: str
    pkey: int
    ipoib: bool
    mtu: int
    rate: int
    sl: int
    members: List[MemberIntent]     # noqa: UP006


class PartitionsIntent(TypedDict):
    """The partitions of one fabric.

    ``owned``: first and last P_Key that are ours, empty when none are. ``default``: what hosts are in the default partition, full or
    limited; the managers are full members, and a guid may be empty there. ``mtu`` and ``rate`` are those of the default partition.
    ``table``: how many P_Keys a port holds. ``ports``: all that are known, in a partition or not. ``without_guid``: nodes that would be
    members if their GUIDs were known.
    """

    fabric: str
    owned: List[int]                # noqa: UP006
    default: str
    mtu: int
    rate: int
    table: int
    managers: List[Port]            # noqa: UP006
    partitions: List[PartitionIntent]   # noqa: UP006
    ports: List[Port]               # noqa: UP006
    without_guid: List[str]         # noqa: UP006


class ChildIntent(TypedDict):
    """An IPoIB interface in a partition, called after its parent and its P_Key, as ib0.8101.

    ``pkey`` has the bit of full members, on a limited member too: it is part of the address of the broadcast group, which all members join.
    """

    name: str
    partition: str
    pkey: int


class HostPort(Port):
    """An InfiniBand interface of a node, and its partitions with IP. ``mtu`` is in bytes, 0 where none is declared."""

    mtu: int
    children: List[ChildIntent]     # noqa: UP006


class LevelsIntent(TypedDict):
    """Service levels on a fabric: the virtual lane of each SL from 0 to 15, and the weight of each lane from 0 on."""

    sl2vl: List[int]                # noqa: UP006
    weights: List[int]              # noqa: UP006


class CableIntent(Port):
    """Where a node's port is plugged in: the switch's name as it calls itself, or its GUID, and the port as the switch counts it."""

    switch: str
    port: str


class FirmwareIntent(TypedDict, total=False):
    """The firmware of HCAs: the version by PSID. Not there where none is declared."""

    firmware: Dict[str, str]        # noqa: UP006


class FabricIntent(FirmwareIntent):
    """What shall be seen on one fabric.

    ``speed``, ``width`` and ``mtu`` (in bytes) are what each link must reach; empty and 0 where nothing is declared. ``without_guid``:
    nodes that are plugged in, but nobody knows their GUIDs.
    """

    fabric: str
    speed: str
    width: str
    mtu: int
    managers: List[Port]            # noqa: UP006
    ports: List[Port]               # noqa: UP006
    cables: List[CableIntent]       # noqa: UP006
    without_guid: List[str]         # noqa: UP006
