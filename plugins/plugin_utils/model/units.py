# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes and times with their units."""

from __future__ import annotations

import re

_SIZES = {"MiB": 1, "GiB": 1024, "TiB": 1024**2}            # in MiB
_TIMES = {"s": 1, "m": 60, "h": 3600, "d": 86400}           # in seconds


def mebibytes(text: str) -> int:
    """``15 GiB`` as MiB. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,9}) ?(MiB|GiB|TiB)", text)
    if not match:
        raise ValueError(f"'{text}' is not a size such as 15 GiB (MiB, GiB, TiB)")
    return int(match[1]) * _SIZES[match[2]]


def seconds(text: str) -> int:
    """``10m`` as seconds. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,9}) ?(s|m|h|d)", text)
    if not match:
        raise ValueError(f"'{text}' is not a time such as 10m (s, m, h, d)")
    return int(match[1]) * _TIMES[match[2]]


def vlan_ranges(text: str | int) -> tuple[tuple[int, int], ...]:
    """``10-12,300`` as first and last ids. Raises ValueError."""
    ranges = []
    for part in str(text).split(","):
        first, _dash, last = part.partition("-")
        low, high = int(first), int(last or first)
        if not 2 <= low <= high <= 4094:
            raise ValueError(f"'{part}' is not a range of VLAN ids from 2 to 4094 (1 is every switch's own)")
        ranges.append((low, high))
    return tuple(sorted(ranges))


def key_range(text: str) -> tuple[int, int]:
    """``0x0100-0x01ff`` as its first and last number. Raises ValueError."""
    match = re.fullmatch(r"(0x[0-9a-fA-F]{1,4})-(0x[0-9a-fA-F]{1,4})", text)
    if not match or int(match[1], 16) > int(match[2], 16):
        raise ValueError(f"'{text}' is not a range of P_Keys such as 0x0100-0x01ff")
    return int(match[1], 16), int(match[2], 16)
