# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every cross-check works with."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from .. import nodeset
from ..problems import Mark, Problem, did_you_mean
from ..source import Source, Trail
from ..types import Cluster


@dataclass(frozen=True)
class Written:
    """The names that the file wrote, good or bad.

    References are checked against these: a network with a bad subnet is one error, not one more for each node on it.
    """

    nodes: Collection[str]
    networks: Collection[str]
    fabrics: Collection[str]
    hardware: Collection[str]
    tenants: Collection[str]

    @classmethod
    def of(cls, data: dict[str, Any]) -> Written:
        """Read them off the data, before anything is taken out of it."""
        def keys(section: str) -> tuple[str, ...]:
            value = data.get(section)
            return tuple(value) if isinstance(value, dict) else ()
        return cls(keys("nodes"), keys("networks"), keys("fabrics"), keys("hardware"), keys("tenants"))


class Context:
    """A cluster, where it is written, and a place for problems.

    ``table_marks``: where a table's value stands, by group, "interface.kind" and position.
    """

    def __init__(self, source: Source, cluster: Cluster, written: Written, table_marks: dict[tuple[str, str, int], Mark]) -> None:
        self.source = source
        self.cluster = cluster
        self.written = written
        self.table_marks = table_marks
        self.group_of = {name: group for group in reversed(cluster.groups) for name in group.names}     # of two, the first
        self.switch_names = {switch.name for switch in cluster.switches}
        self._complaints = {trail[:length] for trail in source.complaints for length in range(len(trail) + 1)}
        # One that could not be built has unknown names: what refers to them may be right.
        self._all_nodes_known = len(cluster.groups) == len(written.nodes)

    def error(self, trail: Trail, message: str) -> None:
        """Note a problem at an item of the cluster file."""
        self.source.error(trail, message)

    def error_at(self, mark: Mark, message: str) -> None:
        """Note a problem at a place, which may be in a table."""
        self.source.problems.append(Problem(mark, message))

    def table_mark(self, trail: Trail, position: int) -> Mark:
        """Where the value of one node's interface stands: in its table, or at ``nodes.X.interfaces.Y.kind``."""
        _nodes, nodeset_text, _interfaces, interface, kind = trail
        return self.table_marks.get((nodeset_text, f"{interface}.{kind}", position), self.source.mark(trail))

    def complained(self, trail: Trail) -> bool:
        """Whether something within this item is known to be wrong, so that what seems missing may just be bad."""
        return trail in self._complaints

    def nodes_exist(self, names: Iterable[str], trail: Trail, also: Collection[str] = ()) -> bool:
        """Whether all names are nodes; those that are not are noted, folded."""
        missing = [name for name in names if name not in self.group_of and name not in also]
        if missing and self._all_nodes_known:
            hint = did_you_mean(missing[0], self.group_of) if len(missing) == 1 else ""
            self.error(trail, f"no such nodes: {nodeset.fold_some(missing)}{hint}")
        return not missing
