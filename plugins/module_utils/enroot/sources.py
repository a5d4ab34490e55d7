# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image is made from: a registry, or a file here or at a URL; whether it has changed, and how a squashfs is made of it.

Sources: enroot 4.1's import and digest (doc/cmd, src/docker.sh), mksquashfs(1) of squashfs-tools 4.5 and 4.6.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import re
import shlex
import shutil
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit, urlunsplit

from ansible.module_utils.urls import open_url

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.enroot.intent import ImageIntent

SQUASHFS = b"hsqs"
# How a tar file begins, or the compressed one, and what uncompresses it.
COMPRESSED = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "zstd"}
TAR = (257, b"ustar")
HEAD = 512
CHUNK = 2**20
FULL = (errno.ENOSPC, errno.EDQUOT)
PATIENCE = 60       # seconds in which a server must begin to answer

REGISTRY = "docker://"
PINNED = re.compile(r"@sha256:([0-9a-f]{64})$")
SECRET = re.compile(r"^\w+://[^/@#]*:([^/@#]+)@")


class Source(NamedTuple):
    """What was seen of a source. `mark` changes when the source does, and is empty where that cannot be seen; `size` is 0 where unknown."""

    mark: str = ""
    size: int = 0
    unseen: str = ""        # why it could not be looked at


class Made(NamedTuple):
    """A squashfs that was made: the sha256 of what it was made from, and that source's mark."""

    sha256: str
    mark: str


class Full(ClusterwrightError):
    """A directory has not enough room; `needed` is 0 where nobody knows before it is done."""

    def __init__(self, directory: Path, needed: int = 0) -> None:
        super().__init__(f"{directory} is full")
        self.directory, self.needed = directory, needed


def kind(source: str) -> str:
    """registry, url or file. Raises ClusterwrightError for any other."""
    if source.startswith(REGISTRY):
        return "registry"
    if source.startswith(("http://", "https://")):
        return "url"
    if source.startswith("/"):
        return "file"
    raise ClusterwrightError(
        f"source {source!r} is of no known kind: name docker://[USER@][HOST#]IMAGE[:TAG], a http:// or https:// address, or a file's whole "
        "path; nothing was changed")


def secret(source: str) -> str:
    """The password that somebody wrote into a source, or nothing."""
    found = SECRET.match(source)
    return found.group(1) if found else ""


def shown(source: str) -> str:
    """A source as it may be written down: what follows the question mark of an address can be a key."""
    return urlunsplit(urlsplit(source)._replace(query="", fragment="")) if kind(source) == "url" else source


def look(run: Run, image: ImageIntent, record: Mapping[str, Any]) -> Source:
    """Looks at a source without fetching it. A file is read only if it is not as it was when the record was made."""
    source = image["source"]
    if kind(source) == "file":
        path = Path(source)
        try:
            info = path.stat()
            if record.get("source") == source and record.get("file") == [info.st_size, info.st_mtime_ns]:
                return Source(record["mark"], info.st_size)
            content(path)
            # What is made anew anyway is read then.
            return Source(digest(path) if record else "", info.st_size)
        except OSError as error:
            return Source(unseen=f"{source}: {error.strerror}")
    if kind(source) == "url":
        try:
            with _headers_of(source) as answer:
                return Source(_mark(answer.headers), int(answer.headers.get("Content-Length") or 0))
        except (OSError, ValueError) as error:
            return Source(unseen=f"{shown(source)}: {_reason(error)}")
    pinned = PINNED.search(source)
    if pinned:
        return Source(pinned.group(1))
    result = run(["enroot", "digest", source])
    found = re.fullmatch(r"sha256:([0-9a-f]{64})", result.out.strip())
    if result.rc or not found:
        return Source(unseen=f"`enroot digest {shlex.quote(source)}` failed: {last_lines(result)}")
    return Source(found.group(1))


def command(image: ImageIntent, target: Path) -> str:
    """What a person would type for the same."""
    source, file = shlex.quote(shown(image["source"])), shlex.quote(str(target))
    if kind(image["source"]) == "registry":
        return f"enroot import --output {file} {source}"
    return f"{'curl --location --output' if kind(image['source']) == 'url' else 'a squashfs of'} {source} as {file}"


def make(run: Run, image: ImageIntent, source: Source, target: Path, work: Path) -> Made:
    """Makes the squashfs `target`, with whatever lies in between in the directory `work`. Raises ClusterwrightError and OSError."""
    how = {"registry": _of_registry, "url": _of_url, "file": _of_file}[kind(image["source"])]
    made = how(run, image, source, target, work)
    if not whole(target):
        raise ClusterwrightError(f"what came of {shown(image['source'])} is no whole squashfs: is the source whole? The store is as it was")
    return made


def whole(path: Path) -> bool:
    """Whether a file is a squashfs that is as long as its own head says."""
    with path.open("rb") as file:
        head = file.read(48)
    return len(head) == 48 and head.startswith(SQUASHFS) and struct.unpack_from("<Q", head, 40)[0] <= path.stat().st_size


def content(path: Path) -> str:
    """squashfs, tar, or the program that uncompresses the tar. Raises ClusterwrightError for any other content, and OSError."""
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head.startswith(SQUASHFS):
        return "squashfs"
    if head[TAR[0]:].startswith(TAR[1]):
        return "tar"
    for begins, program in COMPRESSED.items():
        if head.startswith(begins):
            return program
    raise ClusterwrightError(f"{path} is neither a squashfs nor a tar file (gzip, xz, bzip2, zstd): nothing was changed; see `file {path}`")


def digest(path: Path) -> str:
    """The sha256 of a file's content."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            sha.update(chunk)
    return sha.hexdigest()


def _of_registry(run: Run, image: ImageIntent, source: Source, target: Path, work: Path) -> Made:
    # By the digest, so that what comes is what was looked at, whatever happens to the tag in between.
    wanted = image["sha256"] or source.mark
    plain = PINNED.sub("", image["source"])
    uri = f"{plain}@sha256:{wanted}" if wanted else image["source"]
    result = run(["env", f"ENROOT_CACHE_PATH={work}/cache", f"ENROOT_TEMP_PATH={work}", "enroot", "import", "--output", str(target), uri])
    if result.rc:
        said = result.err + result.out
        if "no space left" in said.lower() or "curl: (23)" in said:
            # mksquashfs writes into the store, all that comes before it into the work directory.
            raise Full(target.parent if "FATAL ERROR" in said else work)
        raise ClusterwrightError(
            f"`enroot import {shlex.quote(image['source'])}` failed: {last_lines(result)}; the store is as it was. Where the registry asks "
            "for a password, Enroot takes it from .credentials in ENROOT_CONFIG_PATH")
    return Made(wanted, source.mark or wanted)


def _of_file(run: Run, image: ImageIntent, source: Source, target: Path, _work: Path) -> Made:
    path = Path(image["source"])
    was = path.stat()
    if content(path) == "squashfs":
        with _filling(target.parent, was.st_size):
            shutil.copyfile(path, target)
        sha256 = digest(target)
    else:
        sha256 = source.mark or digest(path)
        _squash(run, path, target)
    now = path.stat()
    if (was.st_size, was.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
        raise ClusterwrightError(f"{path} was changed while it was read: run again once it is complete; the store is as it was")
    _compare(image, sha256)
    return Made(sha256, sha256)


def _of_url(run: Run, image: ImageIntent, _source: Source, target: Path, work: Path) -> Made:
    address = shown(image["source"])
    try:
        with open_url(image["source"], timeout=PATIENCE) as answer:
            mark, length = _mark(answer.headers), int(answer.headers.get("Content-Length") or 0)
            head = answer.read(HEAD)
            path = target if head.startswith(SQUASHFS) else work / "download"
            with _filling(path.parent, length), path.open("wb") as file:
                sha256, size = _save(head, answer, file)
    except (OSError, ValueError) as error:
        raise ClusterwrightError(f"{address}: {_reason(error)}; the store is as it was") from None
    if length and size != length:
        raise ClusterwrightError(f"{address}: only {size} of {length} bytes came: run again; the store is as it was")
    _compare(image, sha256)
    if content(path) != "squashfs":
        _squash(run, path, target)
    return Made(sha256, mark)


@contextlib.contextmanager
def _filling(directory: Path, needed: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise Full(directory, needed) from None
        raise


def _headers_of(address: str) -> Any:
    """An answer of which only the headers are read. Some servers refuse to be asked for these alone."""
    try:
        return open_url(address, method="HEAD", timeout=PATIENCE)
    except HTTPError as error:
        if error.code not in (403, 405, 501):
            raise
        return open_url(address, timeout=PATIENCE)


def _save(head: bytes, answer: IO[bytes], file: IO[bytes]) -> tuple[str, int]:
    sha, size = hashlib.sha256(), 0
    chunk = head
    while chunk:
        file.write(chunk)
        sha.update(chunk)
        size += len(chunk)
        chunk = answer.read(CHUNK)
    return sha.hexdigest(), size


def _squash(run: Run, tar: Path, target: Path) -> None:
    """A squashfs of a tar. Without what is in /dev, which no ordinary user could unpack; all files are root's, as Enroot has them."""
    program = content(tar)
    read = "cat" if program == "tar" else f"{program} -dc"
    squash = f"mksquashfs - {shlex.quote(str(target))} -tar -noappend -all-root -no-progress -quiet -wildcards -e 'dev/*'"
    result = run(["bash", "-o", "pipefail", "-c", f"{read} < {shlex.quote(str(tar))} | {squash}"])
    if result.rc:
        if "No space left" in result.err + result.out:
            raise Full(target.parent)
        raise ClusterwrightError(f"{tar}: no squashfs can be made of it: {last_lines(result)}; the store is as it was. It takes "
                                 f"squashfs-tools 4.5 or newer, and {'cat' if program == 'tar' else program}")


def _compare(image: ImageIntent, sha256: str) -> None:
    if image["sha256"] and sha256 != image["sha256"]:
        raise ClusterwrightError(
            f"the sha256 of {shown(image['source'])} is {sha256}, and {image['sha256']} is declared: it is another file, or came damaged; "
            "the store is as it was")


def _mark(headers: Mapping[str, str]) -> str:
    """What a server says of a file's version."""
    return headers.get("ETag") or " ".join(filter(None, (headers.get("Last-Modified"), headers.get("Content-Length"))))


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.reason}"
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)
