# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic that keeps data: placement groups, copies against failure domains, and room for what is lost. All of it is pure.

Sources, with what was taken from each:
- "PG Calc" of Ceph's documentation (rados/operations/pgcalc): the formula of `pg_num`, its three steps of rounding, 100 PGs an OSD.
- "Pools" and "Erasure code" (rados/operations): min_size of k + 1; fewer than k + 1 parts accepted is data that one more loss ends.
- "Configuring monitors" and "Pool, PG and CRUSH" (rados/configuration): nearfull at 0.85, backfillfull at 0.90, full at 0.95 of an OSD, and
  mon_max_pg_per_osd of 250, beyond which mons refuse a pool.
- "Hardware recommendations" (start): an odd number of mons, of which more than half must live.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

PG_PER_OSD = 100
MOST_PG_PER_OSD = 250
METADATA_PGS = 16      # what `ceph fs new` makes the least of a pool of metadata (pg_num_min)
NEARFULL, FULL = 0.85, 0.95


class Copies(NamedTuple):
    """How a pool keeps its data. A replicated pool has k 1, and m is what may be lost; `width` is the number of copies or parts."""

    k: int
    m: int
    min_size: int
    erasure: bool = False

    @property
    def width(self) -> int:
        """How many copies or parts there are, which is the pool's size to Ceph."""
        return self.k + self.m

    @property
    def raw(self) -> float:
        """How many bytes of disks one byte takes."""
        return self.width / self.k


def replicated(size: int = 3, min_size: int | None = None) -> Copies:
    """A pool of copies; where min_size is not said, one copy may be missing."""
    return Copies(1, size - 1, max(size - 1, 2) if min_size is None else min_size)


def erasure(k: int, m: int, min_size: int | None = None) -> Copies:
    """A pool of parts; where min_size is not said, it is k + 1."""
    return Copies(k, m, k + 1 if min_size is None else min_size, True)


def pg_num(osds: int, copies: int, share: float, target: int = PG_PER_OSD) -> int:
    """Placement groups of a pool that has `share` (0 to 1) of all data; `copies` is its size, or k + m.

    A power of two: the nearest one, unless that is more than a quarter below, and at least one placement group for each OSD.
    """
    if osds < 1 or copies < 1:
        raise ValueError(f"no placement groups for {osds} OSDs and {copies} copies")
    wanted = max(target * osds * share / copies, osds / copies, 1)
    below = 1 << (int(wanted).bit_length() - 1)
    nearest = below if wanted - below < 2 * below - wanted else 2 * below
    return 2 * below if nearest < 0.75 * wanted else nearest


def is_power_of_two(number: int) -> bool:
    """Whether a number is a power of two."""
    return number > 0 and not number & (number - 1)


def pg_per_osd(pools: Sequence[tuple[int, int]], osds: int) -> float:
    """How many placement groups an OSD holds on average; pools are (pg_num, width)."""
    return sum(groups * width for groups, width in pools) / osds


def loses_data(copies: Copies, domains: int) -> list[str]:
    """Why a pool would lose data or could not be written: an empty list when it would not.

    `domains`: how many failure domains have OSDs.
    """
    found = []
    unit = "parts" if copies.erasure else "copies"
    if not copies.erasure and copies.width < 2:
        found.append("size 1 loses data with the first disk that dies: 3 copies, or 2 at the very least")
    elif copies.min_size > copies.width:
        found.append(f"min_size {copies.min_size} is more than its {copies.width} {unit}: nothing could ever be written")
    elif copies.erasure and copies.min_size <= copies.k:
        found.append(f"min_size {copies.min_size} takes writes with no part to spare, and the next loss ends them: "
                     f"at least k + 1 = {copies.k + 1}")
    elif not copies.erasure and copies.min_size < 2:
        found.append("min_size 1 takes writes with a single copy, and the next loss ends them: at least 2")
    if copies.width > domains:
        found.append(f"{copies.width} {unit} need {copies.width} failure domains, and {domains} have OSDs: "
                     "its placement groups would never be whole")
    return found


def warnings(copies: Copies, domains: int) -> list[str]:
    """What a pool can live with, and its administrator should know."""
    found = []
    if copies.min_size == copies.width:
        found.append(f"with {copies.width} of {copies.width} demanded (min_size), the first loss stops all I/O until it is made good")
    if copies.width == domains and copies.width > 1:
        found.append(f"{copies.width} failure domains for {copies.width}: when one is lost, there is none to recover onto, and the pool "
                     "stays degraded until it is back")
    return found


class Room(NamedTuple):
    """Bytes of any one unit: of all disks, of the largest failure domain, and how full the disks may be now."""

    raw: float
    largest: float
    recovers: bool
    fill: float

    @property
    def usable(self) -> float:
        """What the disks may hold."""
        return self.raw * self.fill


def room(domains: Mapping[str, float], widest: int) -> Room:
    """How full disks may be, so that after the loss of the largest failure domain the rest takes over its data and stays below nearfull.

    `domains`: the space of each. `widest`: the most copies or parts of any pool. Where there is no domain to spare, nothing moves, and
    nearfull is the limit.
    """
    raw, largest = sum(domains.values()), max(domains.values())
    recovers = len(domains) > widest
    return Room(raw, largest, recovers, NEARFULL * (raw - largest) / raw if recovers else NEARFULL)


def filled_after_loss(stored: float, space: Room) -> float:
    """How full the disks are (1 is full) after the loss of the largest failure domain, with `stored` bytes on disks now."""
    return stored / (space.raw - space.largest) if space.recovers else stored / space.raw


def recovery_hours(stored: float, space: Room, osds_left: int, mebibytes_a_second: float = 50) -> float:
    """How long the data of the largest failure domain takes to copy, `stored` in MiB on all disks; 50 MiB/s an OSD is a busy hard disk."""
    lost = stored * space.largest / space.raw
    return lost / (osds_left * mebibytes_a_second) / 3600


def survivable_mons(mons: int) -> int:
    """How many mons may be lost while the others still are more than half."""
    return (mons - 1) // 2
