# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape in which a cluster file's vFabrics reach this domain."""

from __future__ import annotations

from typing import List, TypedDict  # noqa: UP035 (evaluated at run time, on Python 3.9 too)


class DeviceGroupIntent(TypedDict):
    """Ports that go together: ``guids`` are port GUIDs, 0x and 16 digits, ``descriptions`` node descriptions as opafm.xml folds them."""

    name: str
    guids: List[str]                # noqa: UP006
    descriptions: List[str]         # noqa: UP006


class VFabricIntent(TypedDict):
    """A vFabric. ``pkey`` without the membership bit; ``members`` and ``limited_members`` name device groups.

    ``mtu`` and ``rate`` as opafm.xml writes them. ``qos_group`` may be empty: the one that the fabric manager's file has for tenants.
    """

    name: str
    pkey: int
    security: bool
    members: List[str]              # noqa: UP006
    limited_members: List[str]      # noqa: UP006
    mtu: str
    rate: str
    qos_group: str
    applications: List[str]         # noqa: UP006


class VFabricsIntent(TypedDict):
    """The vFabrics of one fabric.

    ``managers``: the hosts of its fabric managers. ``owned``: first and last P_Key that are ours, empty when none are. ``default``: limited
    makes hosts limited members of the vFabric Default, full leaves it as it is. ``by_description``: nodes without a GUID, which are known
    by what they call themselves.
    """

    fabric: str
    managers: List[str]             # noqa: UP006
    owned: List[int]                # noqa: UP006
    default: str
    groups: List[DeviceGroupIntent]     # noqa: UP006
    vfabrics: List[VFabricIntent]       # noqa: UP006
    by_description: List[str]       # noqa: UP006
