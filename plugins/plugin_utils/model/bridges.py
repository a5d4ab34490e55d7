# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which VLANs a link between switches carries.

A VLAN is on a link when the link lies on a path, that passes no switch twice, between two switches that need it. Links that such a
path can exchange for one another form blocks (biconnected components); blocks hang together at switches like a tree. So a VLAN is on
all links of those blocks that lie between its users in that tree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

CORE = ""       # the site's core: one switch beyond all uplinks, which nobody configures here


class Link(NamedTuple):
    """A cable, or a LAG, between two switches. `peer`: the peer link of an MLAG pair."""

    near: str
    near_port: str
    far: str
    far_port: str
    peer: bool = False


class Bridges:
    """The blocks (lists of indexes of links) and how they hang together: above a switch is a block, above a block a switch."""

    def __init__(self, links: Sequence[Link]) -> None:
        neighbours: dict[str, dict[str, list[int]]] = {}
        for index, link in enumerate(links):
            for one, other in ((link.near, link.far), (link.far, link.near)):
                neighbours.setdefault(one, {}).setdefault(other, []).append(index)
        self._links = len(links)
        self._blocks: list[list[int]] = []
        self._above: dict[str | int, str | int] = {}    # a switch is its name, a block its number
        self._order: list[str | int] = []               # from the roots down
        self._root_of: dict[str, str] = {}
        for root in neighbours:
            if root not in self._root_of:
                self._grow(root, neighbours)

    def carried(self, users: Mapping[int, Collection[str]]) -> list[set[int]]:
        """For each link, the VLANs that are on it. `users`: the switches that need a VLAN."""
        found: list[set[int]] = [set() for _link in range(self._links)]
        for vlan, names in users.items():
            for block in self._between(names) if len(names) > 1 else ():
                for index in self._blocks[block]:
                    found[index].add(vlan)
        return found

    def apart(self, names: Collection[str]) -> list[list[str]]:
        """These switches, sorted into those that links connect with each other."""
        sets: dict[str, list[str]] = {}
        for name in names:
            sets.setdefault(self._root_of.get(name, name), []).append(name)
        return list(sets.values())

    def _grow(self, root: str, neighbours: Mapping[str, Mapping[str, list[int]]]) -> None:
        """Depth first from `root`, without recursion: a chain of switches may be long. Tarjan's lowpoints."""
        seen, low = {root: 0}, {root: 0}
        open_switches: list[str] = []
        hanging: list[tuple[int, str, list[str]]] = []      # (block, the switch above it, those below), the last first
        path = [(root, iter(neighbours[root]))]
        parents: dict[str, str] = {}
        while path:
            switch, others = path[-1]
            for other in others:
                if other not in seen:
                    seen[other] = low[other] = len(seen)
                    parents[other] = switch
                    open_switches.append(other)
                    path.append((other, iter(neighbours[other])))
                    break
                if other != parents.get(switch):
                    low[switch] = min(low[switch], seen[other])
            else:
                path.pop()
                if not path:
                    break
                parent = path[-1][0]
                low[parent] = min(low[parent], low[switch])
                if low[switch] >= seen[parent]:         # nothing below leads past `parent`: a block is complete
                    below = open_switches[open_switches.index(switch):]
                    del open_switches[-len(below):]
                    members = {parent, *below}
                    hanging.append((len(self._blocks), parent, below))
                    self._blocks.append([index for one in members for other, indexes in neighbours[one].items()
                                        if other in members and one <= other for index in indexes])
        self._order.append(root)
        for block, parent, below in reversed(hanging):
            self._above[block] = parent
            self._order.append(block)
            for switch in below:
                self._above[switch] = block
                self._order.append(switch)
        self._root_of |= dict.fromkeys(seen, root)

    def _between(self, names: Collection[str]) -> list[int]:
        """The blocks that lie between these switches."""
        total: dict[str, int] = {}
        below: dict[str | int, int] = {}
        for name in names:
            if name in self._root_of:
                below[name] = 1
                total[self._root_of[name]] = total.get(self._root_of[name], 0) + 1
        found = []
        for item in reversed(self._order):
            count = below.get(item, 0)
            if not count or item not in self._above:
                continue
            up = self._above[item]
            below[up] = below.get(up, 0) + count
        # A block lies between two of them if they are below it in different places, or above it and below it.
        spread: dict[int, int] = {}
        for item, count in below.items():
            if isinstance(item, str) and count and item in self._above:
                block = int(self._above[item])      # above a switch there are only blocks
                spread[block] = spread.get(block, 0) + 1
        for block, branches in spread.items():
            outside = total[self._root_of[str(self._above[block])]] - below[block]
            if branches + (outside > 0) > 1:
                found.append(block)
        return found
