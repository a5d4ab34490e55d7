# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node shall be: the shape of an intent, and the checks that need no node."""

from __future__ import annotations

import base64
import binascii
import os.path
import re
import shlex
from collections.abc import Iterable
from typing import Any, TypedDict

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError


class ConflictIntent(TypedDict):
    """A systemd unit that must be neither enabled nor active, and what to do when it is."""

    service: str
    remedy: str


class GroupIntent(TypedDict):
    """A group; `gid` None: any."""

    name: str
    gid: int | None
    system: bool


class UserIntent(TypedDict):
    """A user; None: any, and an existing value stays. `groups` are added, never taken away."""

    name: str
    uid: int | None
    group: str | None
    groups: list[str]
    home: str | None
    shell: str | None
    comment: str | None
    system: bool
    create_home: bool


class FileIntent(TypedDict):
    """A file, directory or absence. `content` is bytes or None; `secret` says that nobody may see it.

    With `block` the content is only what stands between our marker lines, in a file that others write too.
    """

    path: str
    state: str
    content: bytes | None
    secret: bool
    block: bool
    owner: str
    group: str
    mode: str
    validate: list[str] | None
    backup: bool


class _Service(TypedDict):
    name: str
    enabled: bool
    state: str
    uses: list[str]
    rereads: list[str]


class ServiceIntent(_Service, total=False):
    """A service by its full unit name.

    `uses` are the paths that it reads only when it starts, `rereads` those that its main process has read, and that a reload replaces.
    One that was started before `since`, in seconds since 1970, runs with what is no more.
    """

    since: int


class NodeIntent(TypedDict):
    """All that one call declares."""

    packages: list[str]
    conflicts: list[ConflictIntent]
    groups: list[GroupIntent]
    users: list[UserIntent]
    files: list[FileIntent]
    services: list[ServiceIntent]


def from_params(params: dict[str, Any]) -> NodeIntent:
    """Turns the module's options into an intent.

    Raises ClusterwrightError for what can be seen without looking at the node: a name twice, a relative path, a mode
    that YAML has read as a number, a secret that is not base64, a validate command without %s.
    """
    intent: NodeIntent = {
        "packages": list(dict.fromkeys(params["packages"])),
        "conflicts": [
            {"service": unit_name(conflict["service"]), "remedy": conflict["remedy"]}
            for conflict in params["conflicts"]
        ],
        "groups": params["groups"],
        "users": params["users"],
        "files": [_file(declared) for declared in params["files"]],
        "services": [
            {
                "name": unit_name(service["name"]),
                "enabled": service["enabled"],
                "state": service["state"],
                "uses": service["uses"],
                "rereads": service["rereads"],
                "since": service["since"],
            }
            for service in params["services"]
        ],
    }
    _once("group", (group["name"] for group in intent["groups"]))
    _once("user", (user["name"] for user in intent["users"]))
    _once("file", (declared["path"] for declared in intent["files"]))
    _once("service", (service["name"] for service in intent["services"]))
    return intent


def unit_name(name: str) -> str:
    """Returns the full unit name: munge -> munge.service."""
    return name if name.endswith((".service", ".socket", ".timer", ".target", ".mount", ".path")) else f"{name}.service"


def _once(kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ClusterwrightError(f"{kind} {name} is declared twice in this call: keep one of the two.")
        seen.add(name)


def _file(declared: dict[str, Any]) -> FileIntent:
    path, state = declared["path"], declared["state"]
    if not path.startswith("/") or os.path.normpath(path) != path:
        raise ClusterwrightError(f"file {path}: write the path absolute, without '..' and without a slash at its end.")
    mode = declared["mode"] or {"directory": "0755"}.get(state, "0600" if declared["secret"] else "0644")
    if not re.fullmatch(r"[0-7]{4}", mode):
        raise ClusterwrightError(f"file {path}: mode {mode} is not four octal digits: quote it in YAML, like '0644'.")
    if (state == "file") != (declared["content"] is not None or declared["secret"] is not None):
        raise ClusterwrightError(
            f"file {path}: state {state} "
            + ("needs content, template or secret." if state == "file" else "takes no content and no secret.")
        )
    if declared["block"] and declared["content"] is None:
        raise ClusterwrightError(f"file {path}: block needs content, not secret.")
    return {
        "path": path,
        "state": state,
        "content": _content(declared),
        "secret": declared["secret"] is not None,
        "block": declared["block"],
        "owner": declared["owner"],
        "group": declared["group"],
        "mode": mode,
        "validate": _validate(path, declared["validate"]),
        "backup": declared["backup"],
    }


def _content(declared: dict[str, Any]) -> bytes | None:
    if declared["secret"] is None:
        return None if declared["content"] is None else declared["content"].encode("utf-8", "surrogateescape")
    try:
        return base64.b64decode("".join(declared["secret"].split()), validate=True)
    except (binascii.Error, ValueError):
        # The cause would quote what it could not decode.
        raise ClusterwrightError(
            f"file {declared['path']}: secret is not base64: pass it through the b64encode filter."
        ) from None


def _validate(path: str, command: str | None) -> list[str] | None:
    if not command:
        return None
    try:
        argv = shlex.split(command)
    except ValueError:
        argv = []
    if not any("%s" in word for word in argv[1:]):
        raise ClusterwrightError(
            f"file {path}: validate needs %s where the name of the file goes, like 'visudo -cf %s'."
        )
    return argv
