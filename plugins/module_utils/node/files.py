# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and directories as declared: what is there, and what must change. `replace` does the changing."""

from __future__ import annotations

import shlex
import shutil
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import PATH
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import users
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import FileIntent

BEGIN, END = b"# BEGIN clusterwright.hpc\n", b"# END clusterwright.hpc\n"
DIFF_LIMIT = 256 * 1024  # bytes; a longer text is not a diff that anybody reads


@dataclass(frozen=True)
class FileState:
    """What stands at a path. kind: absent, file, directory, symlink, or other. content: of a file, in bytes."""

    kind: str
    owner: str = ""
    group: str = ""
    mode: str = ""
    content: bytes | None = None


@dataclass(frozen=True)
class FilesState:
    """The declared paths, and which parent directories, owners, groups and validating programs exist."""

    files: dict[str, FileState] = field(default_factory=dict)
    exists: dict[tuple[str, str], bool] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One path that shall become `intent`. `whole`: it is written anew; otherwise only owner, group or mode change."""

    intent: FileIntent
    before: FileState
    whole: bool

    @property
    def commands(self) -> list[str]:
        """What a person would type for the same."""
        path, what = shlex.quote(self.intent["path"]), self.intent
        if what["state"] == "absent":
            return [f"rm {path}"]
        owner = f"{what['owner']}:{what['group']}"
        if self.whole and what["state"] == "directory":
            return [f"install -d -m {what['mode']} -o {what['owner']} -g {what['group']} {path}"]
        if self.whole:
            return [f"write {path} ({what['mode']} {owner})"]
        chown = [f"chown {owner} {path}"] if owner != f"{self.before.owner}:{self.before.group}" else []
        return [*chown, *([f"chmod {what['mode']} {path}"] if what["mode"] != self.before.mode else [])]


def observe(declared: Sequence[FileIntent]) -> FilesState:
    """Looks at each declared path without following a symlink, and at all that writing it needs."""
    exists: dict[tuple[str, str], bool] = {}
    for what in declared:
        if what["state"] == "absent":
            continue
        exists["directory", str(Path(what["path"]).parent)] = Path(what["path"]).parent.is_dir()
        exists["owner", what["owner"]] = users.user_id(what["owner"]) is not None
        exists["group", what["group"]] = users.group_id(what["group"]) is not None
        if what["validate"]:
            exists["program", what["validate"][0]] = shutil.which(what["validate"][0], path=PATH) is not None
    return FilesState({what["path"]: _look(Path(what["path"])) for what in declared}, exists)


def plan(
    declared: Sequence[FileIntent], state: FilesState, new_users: set[str], new_groups: set[str], awaits_packages: bool
) -> list[Change]:
    """Returns the paths that differ, directories first, removals last.

    `new_users` and `new_groups` come into being in this call. With `awaits_packages` an owner, a parent directory or a
    validating program that does not exist may still come with a package. Raises ClusterwrightError for a path that
    cannot be written: a symlink, a directory, a device, no parent, no owner.
    """
    directories = {what["path"] for what in declared if what["state"] == "directory"}
    coming = {"directory": directories, "owner": new_users, "group": new_groups, "program": set()}
    changes = []
    for wish in declared:
        is_now = state.files[wish["path"]]
        what = whole_file(wish, is_now)
        _refuse_other_kinds(what, is_now)
        if what["state"] != "absent" and not awaits_packages:
            _refuse_what_is_missing(what, state, coming)
        if _differs(what, is_now):
            whole = is_now.kind != what["state"] or is_now.content != what["content"]
            changes.append(Change(what, is_now, whole))
    order = {"directory": 0, "file": 1, "absent": 2}
    return sorted(
        changes,
        key=lambda change: (
            order[change.intent["state"]],
            change.intent["path"] if change.intent["state"] == "directory" else "",
        ),
    )


def whole_file(what: FileIntent, is_now: FileState) -> FileIntent:
    """Returns the declaration of the whole file: a block's content with all that stands around it.

    A block that is not there yet comes first: of two lines for one name in /etc/hosts, the first counts.
    """
    if not what["block"]:
        return what
    block = BEGIN + (what["content"] or b"").rstrip(b"\n") + b"\n" + END
    old = is_now.content or b""
    before, begin, rest = old.partition(BEGIN)
    _old_block, end, after = rest.partition(END)
    content = before + block + after if begin and end else block + old
    return {**what, "content": content}


def view(what: FileIntent, state: FileState) -> dict[str, Any]:
    """Returns what `before` and `after` tell of a path: never its content."""
    if state.kind == "absent":
        return {"state": "absent"}
    shown: dict[str, Any] = {"state": state.kind, "owner": state.owner, "group": state.group, "mode": state.mode}
    if what["state"] == "file":
        shown["content"] = "as declared" if state.content == whole_file(what, state)["content"] else "differs"
    return shown


def predicted(what: FileIntent) -> FileState:
    """Returns what a path will be once its change is made."""
    if what["state"] == "absent":
        return FileState("absent")
    return FileState(what["state"], what["owner"], what["group"], what["mode"], what["content"])


def diff(change: Change) -> dict[str, str]:
    """Returns one entry of Ansible's list of diffs; a secret's content is in none."""
    what, before, after = change.intent, change.before, predicted(change.intent)
    texts = {"before": _attributes(before), "after": _attributes(after)}
    if "file" in (before.kind, after.kind) and before.content != after.content:
        for side, content in (("before", before.content), ("after", after.content)):
            texts[side] = _text(side, content, what["secret"])
    return {**texts, "before_header": _header(what, before), "after_header": _header(what, after)}


def _look(path: Path) -> FileState:
    try:
        info = path.lstat()
        kind = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}.get(
            stat.S_IFMT(info.st_mode), "other"
        )
        return FileState(
            kind,
            users.user_name(info.st_uid) or str(info.st_uid),
            users.group_name(info.st_gid) or str(info.st_gid),
            f"{stat.S_IMODE(info.st_mode):04o}",
            path.read_bytes() if kind == "file" else None,
        )
    except (FileNotFoundError, NotADirectoryError):
        return FileState("absent")
    except OSError as error:
        raise ClusterwrightError(f"file {path}: cannot be read ({error.strerror}): run the play with become.") from None


def _differs(what: FileIntent, is_now: FileState) -> bool:
    if what["state"] == "absent":
        return is_now.kind != "absent"
    return is_now != predicted(what)


def _refuse_other_kinds(what: FileIntent, is_now: FileState) -> None:
    fine = {"file": ("absent", "file"), "directory": ("absent", "directory"), "absent": ("absent", "file", "symlink")}
    if is_now.kind in fine[what["state"]]:
        return
    kind = {"other": "a device, socket or pipe"}.get(is_now.kind, f"a {is_now.kind}")
    wish = "removed" if what["state"] == "absent" else f"made a {what['state']}"
    raise ClusterwrightError(
        f"file {what['path']}: it is {kind} and is not {wish}: move it away by hand, or declare "
        + ("the path that it points to." if is_now.kind == "symlink" else "another path.")
    )


def _refuse_what_is_missing(what: FileIntent, state: FilesState, coming: dict[str, set[str]]) -> None:
    remedies = {
        "directory": "declare it before the file with state directory",
        "owner": "declare it under users, or name the package that brings it",
        "group": "declare it under groups, or name the package that brings it",
        "program": "name the package that brings it, or leave validate out",
    }
    needs = [("directory", str(Path(what["path"]).parent)), ("owner", what["owner"]), ("group", what["group"])]
    for kind, name in [*needs, *([("program", what["validate"][0])] if what["validate"] else [])]:
        if not state.exists[kind, name] and name not in coming[kind]:
            raise ClusterwrightError(f"file {what['path']}: {kind} {name} does not exist: {remedies[kind]}.")


def _attributes(state: FileState) -> str:
    return "" if state.kind == "absent" else f"{state.kind} {state.mode} {state.owner}:{state.group}\n"


def _header(what: FileIntent, state: FileState) -> str:
    return f"{what['path']} ({_attributes(state).strip() or 'absent'})"


def _text(side: str, content: bytes | None, secret: bool) -> str:
    if content is None:
        return ""
    if secret:
        return "(secret)\n" if side == "before" else "(secret differs)\n"
    if len(content) > DIFF_LIMIT or b"\0" in content:
        return f"({len(content)} bytes, not shown)\n"
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return f"({len(content)} bytes, not UTF-8, not shown)\n"
