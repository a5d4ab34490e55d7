# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of a cluster's munge.

Sources: munged(8) and mungekey(8) of munge 0.5.16: a key has 32 to 1024 bytes; mungekey makes 128.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError

MIN_BYTES, NEW_BYTES, MAX_BYTES = 32, 128, 1024


def read(path: str) -> bytes | None:
    """The key in this file; None when there is no file. Raises ClusterwrightError for what cannot be a key."""
    file = Path(path)
    if not file.exists() and not file.is_symlink():
        return None
    if file.is_symlink() or not file.is_file():
        raise ClusterwrightError(f"{path} is not a regular file: move it away, and the next run makes a new key")
    try:
        key = file.read_bytes()
    except OSError as error:
        raise ClusterwrightError(f"{path} cannot be read: {error.strerror}") from None
    if not MIN_BYTES <= len(key) <= MAX_BYTES or len(set(key)) < 16:
        raise ClusterwrightError(
            f"{path} is no key to rely on: {len(key)} bytes, {len(set(key))} of them different; "
            "move it away, and the next run makes a new one"
        )
    return key


def make() -> bytes:
    """A new key from the operating system's entropy."""
    return secrets.token_bytes(NEW_BYTES)
