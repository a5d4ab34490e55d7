# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers as C's strtoul reads them on a machine of 64 bits, and text that may be anything."""

from __future__ import annotations

import re
from typing import NamedTuple

_FORM = re.compile(rb"[ \t\n\v\f\r]*([+-]?)(0[xX][0-9A-Fa-f]+|[0-9]+)")


class Number(NamedTuple):
    """What strtoul makes of a text: the value, cut to 64 bits; whether all of the text was used; how it was written."""

    value: int
    whole: bool
    octal: bool
    decimal: bool
    strange: bool       # negative, or more than 64 bits


def strtoul(text: bytes) -> Number | None:
    """The number that a text begins with; None where there is none."""
    found = _FORM.match(text)
    if not found:
        return None
    sign, digits = found[1], found[2]
    end, octal = found.end(), False
    if digits[:2].lower() == b"0x":
        value = int(digits, 16)
    elif digits.startswith(b"0"):
        valid = re.match(rb"[0-7]*", digits)
        used = valid[0] if valid else b""
        end -= len(digits) - len(used)
        value, octal = int(used, 8), len(used) > 1
    else:
        value = int(digits)
    large = value >= 1 << 64
    value = (1 << 64) - 1 if large else value
    if sign == b"-" and not large:
        value = -value % (1 << 64)
    return Number(value, end == len(text), octal, not octal and digits[:2].lower() != b"0x", large or sign == b"-")


def show(text: bytes) -> str:
    """Bytes of a file for a sentence, all on one line."""
    shown = text.decode("ascii", "backslashreplace")
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in shown)
