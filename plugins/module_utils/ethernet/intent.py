# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one switch shall be, as plain data: the model fills it, the plan is made from it."""

from __future__ import annotations

from typing import List, Optional, TypedDict  # noqa: UP035 - Python 3.9 evaluates these


class VlanIntent(TypedDict):
    """A VLAN; `name` as the switch shows it."""

    id: int
    name: str


class PortIntent(TypedDict):
    """A port, or a LAG, that has to be there. What is None is left as it is.

    `mode` access: `untagged` alone. `mode` trunk: `tagged`, and `untagged` (the native VLAN) where it is not None.
    """

    name: str                       # as the cluster file writes it, which is how the platform does
    mode: str                       # access or trunk
    untagged: Optional[int]         # noqa: UP045 - Python 3.9 evaluates this
    tagged: List[int]               # noqa: UP006
    mtu: Optional[int]              # noqa: UP045 - bytes of payload: 1500, 9000
    description: Optional[str]      # noqa: UP045 - cn001 eth0
    protected: bool                 # an uplink, or a switch at the other end: VLANs are added, nothing is taken unless it is named


class SwitchIntent(TypedDict):
    """One switch. `owned` are the ids, as [first, last], that `exact` may remove; nothing else is ever removed."""

    name: str
    platform: str
    vlans: List[VlanIntent]         # noqa: UP006
    ports: List[PortIntent]         # noqa: UP006
    owned: List[List[int]]          # noqa: UP006
    management: Optional[int]       # noqa: UP045 - the VLAN of the switch's own address
