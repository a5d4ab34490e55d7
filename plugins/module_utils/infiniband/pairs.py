# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may talk to whom, from P_Key tables: two ports need a P_Key that both hold, and one of them as a full member."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.codes import word
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import FULL
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.partitions import Table, Tables


class Verdict(NamedTuple):
    """Whether two ports may talk, and why. `pkeys`: the P_Keys that allow it, or that both hold without that."""

    allowed: bool
    pkeys: tuple[int, ...]
    reason: str


def may_talk(one: Table, other: Table) -> Verdict:
    """Whether ports with these tables may talk."""
    common = sorted(one.keys() & other.keys())
    allowing = tuple(key for key in common if FULL in (one[key], other[key]))
    if allowing:
        return Verdict(True, allowing, f"by {_list(allowing)}")
    if common:
        return Verdict(False, tuple(common), f"both limited members of {_list(common)}")
    return Verdict(False, (), "no P_Key in common")


def matrix(tables: Tables, pairs: Iterable[tuple[str, str]] | None = None) -> Iterator[tuple[str, str, Verdict]]:
    """A verdict for each of the pairs of GUIDs, or for each pair that there is. Ports with equal tables are judged once."""
    forms: dict[tuple[tuple[int, str], ...], int] = {}
    form = {guid: forms.setdefault(tuple(sorted(table.items())), len(forms)) for guid, table in tables.items()}
    judged: dict[tuple[int, int], Verdict] = {}
    for one, other in every_pair(tables) if pairs is None else pairs:
        key = (form[one], form[other])
        if key not in judged:
            judged[key] = may_talk(tables[one], tables[other])
        yield one, other, judged[key]


def every_pair(guids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each pair of them once."""
    listed = list(guids)
    return ((one, other) for position, one in enumerate(listed) for other in listed[position + 1:])


def _list(keys: Iterable[int]) -> str:
    return ", ".join(map(word, keys))
