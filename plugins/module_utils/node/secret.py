# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A random secret in a file: read where there is one, made once where there is none.

Sources: munged(8) and mungekey(8) of munge 0.5.16: a key has 32 to 1024 bytes. A JSON Web Token signed by HS256 wants 32 (RFC 7518, 3.2).
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError

MIN_BYTES, MAX_BYTES = 32, 1024
MIN_DIFFERENT = 10      # bytes that differ; a key in hexadecimal has up to 16, a constant one has 1


def read(path: str) -> bytes | None:
    """The secret in this file; None when there is no file. Raises ClusterwrightError for what cannot be one."""
    file = Path(path)
    if not file.exists() and not file.is_symlink():
        return None
    if file.is_symlink() or not file.is_file():
        raise ClusterwrightError(f"{path} is not a regular file: move it away, and the next run makes a new key")
    try:
        secret = file.read_bytes()
    except OSError as error:
        raise ClusterwrightError(f"{path} cannot be read: {error.strerror}: run the play with become") from None
    if not MIN_BYTES <= len(secret) <= MAX_BYTES or len(set(secret)) < MIN_DIFFERENT:
        raise ClusterwrightError(
            f"{path} is no key to rely on: {len(secret)} bytes, {len(set(secret))} of them different; "
            "move it away, and the next run makes a new one"
        )
    return secret


def make(count: int) -> bytes:
    """That many bytes of the operating system's entropy."""
    if not MIN_BYTES <= count <= MAX_BYTES:
        raise ClusterwrightError(f"a key of {count} bytes: it needs {MIN_BYTES} to {MAX_BYTES}")
    return secrets.token_bytes(count)


def keep(path: str, secret: bytes) -> bytes:
    """Write a new secret, for root alone, and return what the file holds: another's, when another run was first."""
    file = Path(path)
    try:
        with contextlib.suppress(FileExistsError):
            file.parent.mkdir(mode=0o700)   # the package that owns it may come later, and its role sets the mode right
        descriptor, name = tempfile.mkstemp(prefix=f".{file.name}.", suffix="~", dir=file.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                os.fchmod(descriptor, 0o400)
                stream.write(secret)
                stream.flush()
                os.fsync(descriptor)
            with contextlib.suppress(FileExistsError):
                os.link(name, file)         # unlike a rename, it replaces nothing
        finally:
            Path(name).unlink()
    except OSError as error:
        raise ClusterwrightError(f"{path} cannot be written: {error.strerror}: run the play with become, and see `df -h`") from None
    return read(path) or secret
