# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes files so that each is old or new, never half, and all can be put back until the call has succeeded."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import users
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.files import Change
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import FileIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Session


def apply(session: Session, changes: Sequence[Change]) -> None:
    """Makes all changes: directories; new contents beside their places, all validated; then all put in place.

    Raises ClusterwrightError when a step fails; `session.roll_back` then restores what stood there.
    """
    staged: dict[str, Path] = {}
    try:
        for change in changes:
            if change.intent["state"] == "directory":
                _naming(change, _make_directory, session)
        for change in changes:
            if change.intent["state"] == "file" and change.whole:
                staged[change.intent["path"]] = _naming(change, _stage, session)
        for change in changes:
            if change.intent["path"] in staged and change.intent["validate"]:
                _validate(session, change.intent, staged[change.intent["path"]])
        for change in changes:
            if change.intent["path"] in staged:
                _naming(change, _put_in_place, session, staged[change.intent["path"]])
                del staged[change.intent["path"]]
            elif change.intent["state"] == "absent":
                _naming(change, _remove, session)
            elif change.intent["state"] == "file":
                _naming(change, _set_attributes, session)
    finally:
        for leftover in staged.values():
            leftover.unlink()


def _naming(change: Change, step, session: Session, *args):  # type: ignore[no-untyped-def]
    """Runs one step; an error of the operating system becomes a sentence that names the path."""
    path = change.intent["path"]
    try:
        return step(session, change, *args)
    except OSError as error:
        mounted = (
            "it is a mount point of its own: manage it where it comes from "
            "(container engines mount /etc/hosts: start podman with --no-hosts)"
        )
        remedy = {
            errno.EBUSY: mounted,
            errno.EXDEV: mounted,
            errno.EROFS: "the file system is read-only: look at 'dmesg' for why",
            errno.ENOSPC: "the file system is full: see 'df -h' and 'df -i'",
            errno.EPERM: "see 'lsattr' for an immutable file, and run the play with become",
            errno.EACCES: "run the play with become",
        }.get(error.errno or 0, "see the system's log")
        raise ClusterwrightError(f"file {path}: {error.strerror}: {remedy}.") from None


def _own(target: Path, what: FileIntent) -> None:
    # chown before chmod: chown clears the set-uid bits.
    uid, gid = users.user_id(what["owner"]), users.group_id(what["group"])
    if uid is None or gid is None:
        raise ClusterwrightError(
            f"file {what['path']}: {what['owner']}:{what['group']} has ceased to exist: run again."
        )
    os.chown(target, uid, gid, follow_symlinks=False)
    target.chmod(int(what["mode"], 8))


def _beside(path: Path) -> str:
    # Hidden and with ~ at its end: directories of snippets (sudoers.d, conf.d, cron.d) are read without such names.
    return tempfile.mktemp(prefix=f".{path.name}.", suffix="~", dir=path.parent)


def _stage(_session: Session, change: Change) -> Path:
    path = Path(change.intent["path"])
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix="~", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(change.intent["content"] or b"")
            stream.flush()
            os.fsync(stream.fileno())
        _own(Path(name), change.intent)
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)


def _validate(session: Session, what: FileIntent, candidate: Path) -> None:
    argv = [word.replace("%s", str(candidate)) for word in what["validate"] or []]
    result = session.run(argv)
    if result.rc:
        # A validator quotes the line it dislikes; that line may be the secret.
        said = "its output is not shown because the file is secret" if what["secret"] else last_lines(result)
        raise ClusterwrightError(
            f"file {what['path']}: '{' '.join(what['validate'] or [])}' refuses the new content: {said}. "
            "No file was replaced: mend the content."
        )


def _put_in_place(session: Session, change: Change, candidate: Path) -> None:
    path = Path(change.intent["path"])
    if change.before.kind == "absent":
        session.keep(str(path), put_back=lambda: path.unlink(missing_ok=True), forget=_nothing)
    else:
        _keep_original(session, change, path)
    candidate.replace(path)
    _sync(path.parent)
    _note(session, change)


def _remove(session: Session, change: Change) -> None:
    path = Path(change.intent["path"])
    _keep_original(session, change, path)
    path.unlink()
    _sync(path.parent)
    _note(session, change)


def _keep_original(session: Session, change: Change, path: Path) -> None:
    # A second name for the same inode costs nothing and keeps owner, mode, times and attributes exactly.
    kept = Path(_beside(path))
    os.link(path, kept, follow_symlinks=False)
    backup = path.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}~")
    session.keep(
        str(path),
        put_back=lambda: _restore(kept, path),
        forget=(lambda: _rename(kept, backup)) if change.intent["backup"] else kept.unlink,
    )


def _restore(kept: Path, path: Path) -> None:
    # rename(2) does nothing when both names are the same inode already: the second name must go.
    kept.replace(path)
    with contextlib.suppress(FileNotFoundError):
        kept.unlink()


def _rename(source: Path, target: Path) -> None:
    source.replace(target)


def _make_directory(session: Session, change: Change) -> None:
    path = Path(change.intent["path"])
    if not change.whole:
        _set_attributes(session, change)
        return
    # Nobody but root looks inside until owner and mode are right.
    path.mkdir(mode=0o700)
    session.keep(str(path), put_back=path.rmdir, forget=_nothing)
    _own(path, change.intent)
    _note(session, change)


def _set_attributes(session: Session, change: Change) -> None:
    path, before = Path(change.intent["path"]), path_owner(Path(change.intent["path"]))

    def put_back() -> None:
        os.chown(path, before[0], before[1])
        path.chmod(before[2])

    session.keep(str(path), put_back, forget=_nothing)
    _own(path, change.intent)
    _note(session, change)


def path_owner(path: Path) -> tuple[int, int, int]:
    """Returns uid, gid and mode of a path."""
    info = path.lstat()
    return info.st_uid, info.st_gid, info.st_mode & 0o7777


def _note(session: Session, change: Change) -> None:
    for command in change.commands:
        session.did(command)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _nothing() -> None:
    """Nothing is kept, so nothing is forgotten."""
