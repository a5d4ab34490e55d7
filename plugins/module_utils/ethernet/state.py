# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switch is, in one form for all platforms, and the steps from one state to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Union

ALL_VLANS = frozenset(range(1, 4095))


@dataclass(frozen=True)
class Port:
    """A port or a LAG. `mode` is access, trunk, or other (routed, a member of a LAG, a mode that has no place here)."""

    name: str
    mode: str = "access"
    untagged: Optional[int] = 1             # noqa: UP045 - Python 3.9 evaluates this; None: it drops untagged frames
    tagged: frozenset[int] = frozenset()    # a trunk of all VLANs has ALL_VLANS without the untagged one
    mtu: Optional[int] = None               # noqa: UP045 - bytes of payload; None: the platform does not say
    description: str = ""
    lag: Optional[str] = None               # noqa: UP045 - the LAG that it is a member of

    @property
    def vlans(self) -> frozenset[int]:
        """All that it carries."""
        return self.tagged | ({self.untagged} if self.untagged else frozenset())


@dataclass(frozen=True)
class State:
    """VLANs by id, with their names, and ports by the platform's full name."""

    vlans: dict[int, str] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)


# The steps of a plan, in the order in which they are done: nothing is removed before all is added.

@dataclass(frozen=True)
class MakeVlan:
    """Make a VLAN, or give it another name (`before`)."""

    id: int
    name: str
    before: Optional[str] = None            # noqa: UP045


@dataclass(frozen=True)
class SetPort:
    """Bring a port from one state to another."""

    before: Port
    after: Port


@dataclass(frozen=True)
class RemoveVlan:
    """Remove a VLAN that no port carries any more."""

    id: int
    name: str


Step = Union[MakeVlan, SetPort, RemoveVlan]
