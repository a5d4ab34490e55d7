# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers that InfiniBand has codes for.

Source: InfiniBand Architecture Specification, volume 1, PathRecord and PortInfo; ib_types.h of OpenSM.
"""

from __future__ import annotations

# MTU in bytes, and the slowest rate in Gb/s, of a path or a multicast group.
MTU = {256: 1, 512: 2, 1024: 3, 2048: 4, 4096: 5}
RATE = {
    2.5: 2, 10: 3, 30: 4, 5: 5, 20: 6, 40: 7, 60: 8, 80: 9, 120: 10, 14: 11, 56: 12, 112: 13, 168: 14, 25: 15, 100: 16, 200: 17, 300: 18,
    28: 19, 50: 20, 400: 21, 600: 22, 800: 23, 1200: 24,
}
BYTES = {code: size for size, code in MTU.items()}
GIGABITS = {code: rate for rate, code in RATE.items()}

# What OpenSM takes where partitions.conf says nothing.
USUAL_MTU, USUAL_RATE, USUAL_SL = 4, 3, 0

DEFAULT_KEY = 0x7FFF        # the partition that every port is in
FULL_BIT = 0x8000           # in a P_Key: full member
TABLE = 64                  # P_Keys that a port holds at least, of those that are in use


def word(key: int) -> str:
    """A P_Key without its membership bit, as people write it."""
    return f"{key:#06x}"
