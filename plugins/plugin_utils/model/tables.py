# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Per-node tables: CSV files with what does not count up (MACs, GUIDs, serial numbers)."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Collection
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from .problems import Mark, Problem, did_you_mean
from .source import read_text
from .types import BMC, Interface, NodeGroup

FACTS = ("serial", "unit")      # columns that belong to the node, not to one of its interfaces
_FORMS = {
    "mac": (re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}"), "a MAC address such as 52:54:00:12:34:56"),
    "guid": (re.compile(r"(?:0x)?(?!0+$)[0-9A-Fa-f]{1,16}"), "a GUID such as 0x0002c9030005f34a"),
}

Note = Callable[[Problem], None]


def mac(text: str) -> str:
    """A MAC address in the one form that we use: ``52:54:00:12:34:56``."""
    return text.lower().replace("-", ":")


def guid(text: str) -> str:
    """A GUID in the one form that we use: ``0x0002c9030005f34a``."""
    return f"{int(text, 16):#018x}"


def read_table(path: Path, group: NodeGroup, all_names: Collection[str] | None, named_at: Mark, note: Note) -> dict[tuple[str, int], Mark]:
    """Fill a group's interfaces and facts from its table.

    A table may serve several groups; ``all_names`` are theirs (None: not all are known). Returns where the value of each
    (column, position) stands; problems go to ``note``.
    """
    try:
        # Not splitlines(): it also splits at characters that no editor counts as the end of a line.
        lines = read_text(path, "utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = "this is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        note(Problem(named_at, f"the table {path} cannot be read: {reason.lower()}"))
        return {}
    reader = csv.reader(lines)
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error as error:
        note(Problem(Mark(str(path), max(reader.line_num, 1)), f"not CSV: {error}"))
        return {}
    header = [column.strip() for column in rows[0][1]] if rows else []
    columns = _columns(header, group, Mark(str(path), 1), note)
    if columns is None:
        return {}
    positions = {name: position for position, name in enumerate(group.names)}
    marks: dict[tuple[str, int], Mark] = {}
    seen: dict[str, int] = {}
    for line, row in rows[1:]:
        mark = Mark(str(path), line)
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            note(Problem(mark, f"this row has {len(row)} columns, the header has {len(header)}"))
            seen.setdefault(row[min(header.index("name"), len(row) - 1)].strip(), line)
            continue
        cells = dict(zip(header, (cell.strip() for cell in row)))
        name = cells["name"]
        if name in seen:
            note(Problem(mark, f"'{name}' has a row already (line {seen[name]})"))
        elif name in positions:
            _take_row(cells, columns, positions[name], group, mark=mark, note=note, marks=marks)
        elif all_names is not None and name not in all_names:
            note(Problem(mark, f"'{name}' is no node of this cluster"))
        seen[name] = mark.line
    missing = [name for name in group.names if name not in seen]
    if missing:
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        note(Problem(Mark(str(path), 1), f"the table has {len(group.names) - len(missing)} rows for the {len(group.names)} nodes "
                                         f"of {group.nodeset}; without a row: {shown}"))
    return marks


def _columns(header: list[str], group: NodeGroup, mark: Mark, note: Note) -> dict[str, tuple[Interface | None, str]] | None:
    """What each column means: the interface (None: the node itself) and the kind of value. None if the header is unusable."""
    known: dict[str, tuple[Interface | None, str]] = {fact: (None, fact) for fact in FACTS}
    for interface in group.interfaces.values():
        kinds = ("guid", "address") if interface.fabric else ("mac", "address")
        for kind in kinds:
            known[f"{interface.name}_{kind}"] = (interface, kind)
    ethernet = next((i for i in group.interfaces.values() if i.network and i.name != BMC), None)
    if group.management and "address" not in header:
        ethernet = group.management
    fabric = next((i for i in group.interfaces.values() if i.fabric), None)
    if ethernet:
        known |= {"mac": (ethernet, "mac"), "address": (ethernet, "address")}
    if fabric:
        known["guid"] = (fabric, "guid")
    if "name" not in header:
        note(Problem(mark, "the table has no column 'name'"))
        return None
    wrong = False
    for column in header:
        if column != "name" and column not in known:
            note(Problem(mark, f"unknown column '{column}'{did_you_mean(column, [*known, 'name'])}"))
            wrong = True
        if header.count(column) > 1:
            note(Problem(mark, f"the column '{column}' stands here twice"))
            wrong = True
    return None if wrong else known


def _take_row(cells: dict[str, str], columns: dict[str, tuple[Interface | None, str]], position: int, group: NodeGroup, *,
              mark: Mark, note: Note, marks: dict[tuple[str, int], Mark]) -> None:
    for column, text in cells.items():
        if column == "name" or not text:
            continue
        interface, kind = columns[column]
        if kind in _FORMS and not _FORMS[kind][0].fullmatch(text):
            note(Problem(mark, f"{column}: '{text[:40]}' is not {_FORMS[kind][1]}"))
            continue
        if interface is None:
            group.facts.setdefault(kind, {})[position] = text
            continue
        marks[f"{interface.name}.{kind}", position] = mark
        if kind == "mac":
            interface.macs[position] = mac(text)
        elif kind == "guid":
            interface.guids[position] = guid(text)
        else:
            try:
                interface.addresses[position] = int(IPv4Address(text))
            except AddressValueError:
                note(Problem(mark, f"{column}: '{text[:40]}' is not an IPv4 address"))
