# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials: made on one node, decoded on another, so that a wrong key or clock shows before Slurm stumbles over it.

Sources: munge(1) and unmunge(1) of munge 0.5.16, their exit statuses from munge's enum (EMUNGE_*).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines

TTL = 3600                  # seconds, munged's own maximum: a proof over thousands of nodes takes a while
OK, SOCKET, INVALID, EXPIRED, REWOUND = 0, 6, 14, 15, 16
OTHER_REALM = {11, 12, 13}  # cipher, MAC or zip type that this munge does not know


class Decoded(NamedTuple):
    """What unmunge said: its status and text, and both clocks in seconds since 1970 (None when it could not read them)."""

    status: int
    text: str
    encoded_at: int | None
    decoded_at: int | None


def encode(run: Run, host: str) -> str:
    """A new credential without payload. Raises ClusterwrightError when munged does not answer."""
    result = run(["munge", "--no-input", f"--ttl={TTL}"])
    if result.rc:
        raise ClusterwrightError(_no_answer(host, last_lines(result)))
    return result.out.strip()


def decode(run: Run, credential: str) -> Decoded:
    """Decode a credential, which unmunge reads from its standard input."""
    result = run(["sh", "-c", 'printf "%s" "$1" | unmunge', "unmunge", credential])
    return parse(result.rc, result.out, result.err)


def parse(rc: int, out: str, err: str) -> Decoded:
    """unmunge's output; it names both times even of a credential that it refuses for its age."""
    times = dict(re.findall(r"^(ENCODE|DECODE)_TIME:.*\((\d+)\)", out, re.MULTILINE))
    status = re.search(r"^STATUS:\s*(.*?)\s*\(\d+\)", out, re.MULTILINE)
    text = status[1] if status else err.strip().replace("unmunge: Error: ", "") or f"exit status {rc}"
    encoded, decoded = times.get("ENCODE"), times.get("DECODE")
    return Decoded(rc, text, int(encoded) if encoded else None, int(decoded) if decoded else None)


def skew(decoded: Decoded, age: float) -> float | None:
    """Seconds that this clock is ahead of the other: what passed by the two clocks, less what really passed."""
    if decoded.encoded_at is None or decoded.decoded_at is None:
        return None
    return decoded.decoded_at - decoded.encoded_at - age


def judge(decoded: Decoded, age: float, max_skew: int, host: str, source: str) -> float:
    """The skew in seconds of a credential that is good. Raises ClusterwrightError that says what is wrong on this host, and the remedy."""
    if decoded.status in (127, SOCKET):
        raise ClusterwrightError(_no_answer(host, decoded.text))
    off = skew(decoded, age)
    if off is not None and abs(off) > max_skew:
        raise ClusterwrightError(
            f"The clock of {host} is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} that of {source}, "
            "and munge trusts no such credential "
            f"({decoded.text}): look at `chronyc tracking` on both, and step the clock by `chronyc makestep`",
            skew_seconds=round(off),
        )
    if decoded.status == INVALID or decoded.status in OTHER_REALM:
        raise ClusterwrightError(
            f"{host} has another munge key than {source} ({decoded.text}): "
            f"run the role munge on {host}, or restart munged there if the key is new"
        )
    if decoded.status != OK or off is None:
        raise ClusterwrightError(f"{host} does not decode a credential of {source}: {decoded.text}")
    return off


def _no_answer(host: str, said: str) -> str:
    return f"munged does not answer on {host} ({said}): look at `systemctl status munge` and `journalctl -u munge`"
