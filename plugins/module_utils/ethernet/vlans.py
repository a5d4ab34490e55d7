# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of VLANs and names of ports, as switches write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS

_RANGE = re.compile(r"([0-9]{1,4})(?:\s*(?:-|to)\s*([0-9]{1,4}))?")
_REMARK = re.compile(r"\([^()]*\)")         # 1(default vlan)
_NAME = re.compile(r"([A-Za-z-]*[A-Za-z])[\s-]*([0-9].*|)")


def runs(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Ids as first and last of each run without a gap, in order."""
    found: list[tuple[int, int]] = []
    for vlan in sorted(set(ids)):
        if found and found[-1][1] == vlan - 1:
            found[-1] = (found[-1][0], vlan)
        else:
            found.append((vlan, vlan))
    return found


def items(ids: Iterable[int], to: str = "-") -> list[str]:
    """Each run as a switch reads it: `3`, `5-9`; `to` stands between (` to ` on Comware)."""
    return [str(first) if first == last else f"{first}{to}{last}" for first, last in runs(ids)]


def fold(ids: Iterable[int]) -> str:
    """`1,3-5`."""
    return ",".join(items(ids))


def chunks(ids: Iterable[int], characters: int = 200, count: int = 4094, to: str = "-", between: str = ",") -> Iterator[str]:
    """Lists that together are all ids, each of them no longer than a command line of the platform may be."""
    line: list[str] = []
    for item in items(ids, to):
        if line and (len(line) == count or len(between.join([*line, item])) > characters):
            yield between.join(line)
            line = []
        line.append(item)
    if line:
        yield between.join(line)


def expand(text: str) -> frozenset[int]:
    """Ids of a list that a switch wrote: with commas or blanks, over several lines, with `to`, remarks in brackets, `none`, `ALL`."""
    plain = _REMARK.sub("", text).strip().lower()
    if plain in ("all", "all vlans"):
        return ALL_VLANS
    if plain in ("", "none", "-", "n/a", "n\\a"):
        return frozenset()
    ids: set[int] = set()
    for match in _RANGE.finditer(plain):
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last <= 4094:
            raise ValueError(f"{match[0]!r} is no VLAN or range of VLANs in {text.strip()!r}")
        ids.update(range(first, last + 1))
    if _RANGE.sub("", plain).strip(" ,\t\r\n"):
        raise ValueError(f"{text.strip()!r} is no list of VLANs")
    return frozenset(ids)


def one(text: str) -> int:
    """The VLAN at the beginning of a text (`3 (Vlan not created)`)."""
    match = re.match(r"\s*([0-9]+)", text)
    if match is None or not 1 <= int(match[1]) <= 4094:
        raise ValueError(f"{text.strip()!r} is no VLAN")
    return int(match[1])


def full_name(name: str, kinds: Mapping[str, str]) -> str:
    """A port's full name: `kinds` has the beginnings that people write, in lower case, and what the platform writes before the number."""
    match = _NAME.fullmatch(name.strip())
    if match is None:
        return name.strip()
    kind = kinds.get(match[1].lower())
    return name.strip() if kind is None or not match[2] else kind + match[2]


def ranges(names: Iterable[str]) -> list[str]:
    """Names of ports with runs of their last number folded: `Ethernet1/1-4`."""
    stems: dict[str, set[int]] = {}
    for name in names:
        stem, number = re.fullmatch(r"(.*?)([0-9]*)", name).groups()     # type: ignore[union-attr]
        stems.setdefault(stem, set()).update([int(number)] if number else ())
    return [stem + item for stem, numbers in stems.items() for item in (items(numbers) or [""])]


def mac(text: str) -> str:
    """A MAC address in lower case with colons (`0014.1c57.a48b`, `001a-a9bb-0001`, `00:14:…`); "" for what is none."""
    digits = re.sub(r"[.:-]", "", text.strip()).lower()
    return ":".join(digits[at:at + 2] for at in range(0, 12, 2)) if re.fullmatch(r"[0-9a-f]{12}", digits) else ""


def other_end(port: str, description: str, chassis: str) -> tuple[str, str]:
    """How an LLDP neighbour calls its port, and its MAC or "": a host whose port id is a MAC says the port's name in the description."""
    return (mac(port) and description) or port, mac(port) or mac(chassis)
