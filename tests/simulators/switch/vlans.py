"""Lists of VLAN ids as switches write them: `1,10-12`."""

from __future__ import annotations

from collections.abc import Iterable

ALL = frozenset(range(1, 4095))


def runs(ids: Iterable[int]) -> list[tuple[int, int]]:
    """The ids as (first, last) of each run without a gap."""
    found: list[tuple[int, int]] = []
    for number in sorted(set(ids)):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def fold(ids: Iterable[int], comma: str = ",", dash: str = "-", pairs: bool = False) -> str:
    """`1,10-12`. With `pairs`, two neighbours stand as `10,11`, not as a range."""
    words = []
    for first, last in runs(ids):
        if first == last:
            words.append(str(first))
        elif pairs and last == first + 1:
            words += [str(first), str(last)]
        else:
            words.append(f"{first}{dash}{last}")
    return comma.join(words)


def expand(text: str, low: int = 1, high: int = 4094) -> frozenset[int]:
    """The ids of `1,10-12`; ValueError if it is not such a list, or leaves the range."""
    ids: set[int] = set()
    for word in text.split(","):
        first, dash, last = word.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise ValueError(text)
        start, end = int(first), int(last or first)
        if not low <= start <= end <= high:
            raise ValueError(text)
        ids.update(range(start, end + 1))
    return frozenset(ids)


def wrap(words: Iterable[str], width: int, separator: str = ",") -> list[str]:
    """The words in lines of at most `width` characters; all but the last end with the separator."""
    lines, line = [], ""
    for word in words:
        longer = f"{line}{separator}{word}" if line else word
        if line and len(longer) > width:
            lines.append(line + separator.rstrip())
            line = word.lstrip()
        else:
            line = longer
    return [*lines, line]
