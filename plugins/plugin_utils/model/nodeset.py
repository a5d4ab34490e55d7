# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NodeSets as Slurm writes them: ``cn[001-300,305],gpu[1-4]``, ``r[1-4]n[01-72]``.

ClusterShell expands and folds. Measured at 10,000 names: expanding takes 23 ms and stands in the way of nothing; folding takes
180 ms, so nothing that runs at every start folds: what the file wrote folded is handed on as it was written.
ClusterShell also reads set operators, node groups and wildcards, and would expand ``n[1-999999999]`` until memory ends:
the grammar below lets only Slurm's own form pass, and counts before it expands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

MAX_NAMES = 100_000     # ten times the largest cluster in sight

_RANGE = r"[0-9]+(?:-[0-9]+)?"
_BRACKET = rf"\[{_RANGE}(?:,{_RANGE})*\]"
_TERM = re.compile(rf"(?:[A-Za-z0-9._:/-]|{_BRACKET})+")
_RANGES = re.compile(r"\[([^\]]*)\]")


class NodeSetError(ValueError):
    """The text is not a NodeSet; the message says what is wrong with it."""


def split(text: str) -> list[str]:
    """The terms of a NodeSet: cut at the commas outside of brackets."""
    return re.split(r",(?![^\[]*\])", text)


def _count(term: str) -> int:
    total = 1
    for ranges in _RANGES.findall(term):
        members = 0
        end = -1
        padded = re.search(r"(?<![0-9])0[0-9]", ranges)
        for part in ranges.split(","):
            first, _dash, last = part.partition("-")
            last = last or first
            if int(last) < int(first):
                raise NodeSetError(f"the range {part} in '{term}' runs backwards")
            if padded and not len(first) == len(last) == len(re.split(r"\D", ranges)[0]):
                raise NodeSetError(f"the range {part} in '{term}' changes its zero padding")
            if int(first) <= end:       # ClusterShell would sort them, Slurm would not: addresses would go to the wrong nodes
                raise NodeSetError(f"the numbers in '{term}' must go up, each once: {part} comes too late")
            end = int(last)
            members += int(last) - int(first) + 1
        total *= members
    return total


def count(text: str) -> int:
    """How many names a NodeSet writes down, checked but not expanded. Raises NodeSetError."""
    if not text:
        raise NodeSetError("an empty NodeSet names nothing")
    total = 0
    for term in split(text):
        if not _TERM.fullmatch(term):
            raise NodeSetError(f"'{_short(term or text)}' is not a NodeSet such as cn[001-300,305],gpu[1-4]")
        if len(term) > 4096 or any(len(digits) > 18 for digits in re.findall(r"\d+", term)):
            raise NodeSetError(f"'{term[:40]}…' has a number or a name that is too long")
        total += _count(term)
        if total > MAX_NAMES:
            raise NodeSetError(f"'{_short(text)}' has more than {MAX_NAMES:,} names")
    return total


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"


@lru_cache(maxsize=1024)
def expand(text: str) -> tuple[str, ...]:
    """All names of a NodeSet, each once, in the order of its terms, as Slurm counts them.

    Raises NodeSetError when the text is not a NodeSet or writes a name twice.
    """
    count(text)
    if "[" not in text and "," not in text:
        return (text,)
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException  # noqa: PLC0415 (30 ms, not always needed)

    try:
        # Term by term: ClusterShell sorts, but the first name gets the first address.
        names = tuple(name for term in split(text) for name in (NodeSet(term, resolver=RESOLVER_NOGROUP) if "[" in term else (term,)))
    except (NodeSetException, ValueError) as error:
        raise NodeSetError(f"'{_short(text)}' is not a NodeSet: {error}") from None
    twice = len(names) - len(set(names))
    if twice:
        raise NodeSetError(f"'{_short(text)}' names {twice} of its members twice")
    return names


def fold(names: Iterable[str]) -> str:
    """The shortest NodeSet that stands for these names. 18 µs a name: for messages and exports."""
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet  # noqa: PLC0415

    return str(NodeSet.fromlist(list(names), resolver=RESOLVER_NOGROUP))


def fold_some(names: list[str]) -> str:
    """The names folded for a message: of more than 1,000, the first 1,000 and how many more there are."""
    return fold(names[:1000]) + (f" and {len(names) - 1000:,} more" if len(names) > 1000 else "")
