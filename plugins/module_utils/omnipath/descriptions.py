# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node descriptions as opafm.xml folds them: ``knl[01-16] hfi1_0``.

The fabric manager reads a pattern only when it runs. One that it cannot read matches nothing and is one line in its log: config_check
passes it. Sources: opa-fm 10.10.3, `convertWildcardedString`, `processBracketSyntax` and `isNumberInRange` of sm_utility.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

LONGEST = 64            # characters
DIGITS = 5              # of a number in a range
BRACKETS = 9            # the fabric manager looks at so many matches, the whole included
_BRACKET = re.compile(r"\[([^\]]*)\]")
_RANGE = re.compile(r"([0-9]+)-([0-9]+)")
_ODD = re.compile(r"[^0-9A-Za-z,=_ .*?-]")
_NUMBERED = re.compile(r"(.*?)([0-9]+)([^0-9]*)")
_FOLDED = re.compile(r"([^\[\]*?:]*)\[([0-9]+)-([0-9]+)\]([^\[\]*?:]*)")


def problem(pattern: str) -> str | None:
    """Why the fabric manager would match nothing with a pattern, or less than it says; None when it reads it."""
    if len(pattern) > LONGEST:
        return f"it has more than {LONGEST} characters"
    body, colon, ports = pattern.partition(":")
    if colon and not (ports.startswith("[") and ports.endswith("]") and _BRACKET.fullmatch(ports)):
        return "after ':' stands a range of ports such as [2-4], and nothing else"
    ranges = [*_BRACKET.findall(body), *([ports[1:-1]] if colon else [])]
    for text in ranges:
        found = _RANGE.fullmatch(text)
        why = _bad_range(found[1], found[2]) if found else f"[{text}] is not a range such as [01-16]"
        if why:
            return why
    if len(ranges) > BRACKETS:
        return f"it has more than {BRACKETS} ranges"
    if re.search(r"[*?]\[", body):
        return "a range cannot follow a wildcard"
    rest = _BRACKET.sub("", body)
    odd = _ODD.search(rest)
    if odd:
        return f"it has a '{odd[0]}'"
    return None if rest or not ranges else "it is a range and nothing else"


def _bad_range(first: str, last: str) -> str | None:
    low, high = (text.lstrip("0") or ("0" if text == "0" else "") for text in (first, last))
    zeros = [0 if text == "0" else len(text) - len(text.lstrip("0")) for text in (first, last)]
    if not low or not high:
        return f"[{first}-{last}] has a bound of zeros alone"
    if max(len(low), len(high)) > DIGITS:
        return f"[{first}-{last}] has a number of more than {DIGITS} digits"
    if int(low) > int(high):
        return f"the range [{first}-{last}] runs backwards"
    if (len(low) == len(high) and zeros[0] != zeros[1]) or (len(first) != len(last) and any(zeros)):
        return f"[{first}-{last}] changes its zero padding"
    return None


def expand(pattern: str) -> list[str]:
    """The descriptions that a pattern of one range stands for; any other pattern stands for itself."""
    found = _FOLDED.fullmatch(pattern)
    if not found or problem(pattern):
        return [pattern]
    before, first, last, after = found.groups()
    return [f"{before}{number:0{len(first)}d}{after}" for number in range(int(first), int(last) + 1)]


def fold(descriptions: Iterable[str]) -> list[str]:
    """The fewest patterns of one range that stand for these descriptions and no other.

    The last number of the host's name counts up; all numbers of a range have as many digits.
    """
    runs: dict[tuple[str, str, int], list[int]] = {}
    folded: list[str] = []
    for text in dict.fromkeys(descriptions):
        host, space, port = text.partition(" ")
        found = _NUMBERED.fullmatch(host)
        digits = found[2] if found else ""
        if not found or len(digits.lstrip("0")) > DIGITS or (not digits.strip("0") and digits != "0") or set(text) & set("[]*?:"):
            folded.append(text)
        else:
            runs.setdefault((found[1], f"{found[3]}{space}{port}", len(digits)), []).append(int(digits))
    for (before, after, width), numbers in runs.items():
        for first, last in _spans(sorted(numbers)):
            number = f"{first:0{width}d}" if first == last else f"[{first:0{width}d}-{last:0{width}d}]"
            folded.append(f"{before}{number}{after}")
    return folded


def _spans(numbers: list[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for number in numbers:
        if spans and spans[-1][1] == number - 1:
            spans[-1] = (spans[-1][0], number)
        else:
            spans.append((number, number))
    return spans


def matches(pattern: str, description: str) -> bool:
    """Whether the fabric manager takes a node of this description for one of the pattern."""
    made, bounds = _compiled(pattern)
    found = made.search(description) if made else None
    return bool(found) and all(_within(text, *bound) for text, bound in zip(found.groups(), bounds))  # type: ignore[union-attr]


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> tuple[re.Pattern[str] | None, list[tuple[str, str]]]:
    if problem(pattern):
        return None, []
    body = pattern.partition(":")[0]
    wild = r"[_,=.a-z0-9A-Z\s-]"
    made = "".join(r"([0-9]+)" if part.startswith("[") else f"{wild}*" if part.startswith("*") else f"{wild}?" if part == "?"
                   else re.escape(part) for part in re.split(r"(\[[^\]]*\]|\*+|\?)", body))
    # A wildcard at an end leaves that end open, whatever stands beyond.
    ends = ("" if body.startswith("*") else "^", "" if body.endswith("*") else "$")
    return re.compile(f"{ends[0]}{made}{ends[1]}"), _RANGE.findall(body)


def _within(text: str, first: str, last: str) -> bool:
    width = len(first) if len(first) == len(last) else 0
    if first[0] == "0" and len(first) > 1 and len(text) != width:
        return False
    if text[0] == "0" and len(text) > 1 and not (first[0] == "0" and len(first) > 1):
        return False
    return int(first) <= int(text) <= int(last)
