# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups and users that shall be present. Numbers are set once: a uid that differs is an error, never a change."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import GroupIntent, UserIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Command

Record = dict[str, Any]


@dataclass(frozen=True)
class AccountsState:
    """groups: name -> {gid, members}; users: name -> {uid, group, home, shell, comment}; None for what does not exist.

    uid_of and gid_of: who holds a declared number now.
    """

    groups: dict[str, Record | None] = field(default_factory=dict)
    users: dict[str, Record | None] = field(default_factory=dict)
    uid_of: dict[int, str] = field(default_factory=dict)
    gid_of: dict[int, str] = field(default_factory=dict)


def observe(groups: Sequence[GroupIntent], users: Sequence[UserIntent]) -> AccountsState:
    """Looks up all that is declared, and the groups that users name."""
    names = {group["name"] for group in groups}
    for user in users:
        names.update([user["name"], *user["groups"], *([user["group"]] if user["group"] else [])])
    return AccountsState(
        groups={name: _group(name) for name in sorted(names)},
        users={user["name"]: _user(user["name"]) for user in users},
        uid_of={uid: name for uid in _numbers(users, "uid") if (name := user_name(uid)) is not None},
        gid_of={gid: name for gid in _numbers(groups, "gid") if (name := group_name(gid)) is not None},
    )


def plan(
    groups: Sequence[GroupIntent], users: Sequence[UserIntent], state: AccountsState, awaits_packages: bool
) -> tuple[list[Command], dict[str, Record]]:
    """Plans groupadd, useradd and usermod. Returns the commands, and what changed users and groups will be.

    `awaits_packages`: a package of this call is still to come and may bring the groups that a user names; such a user
    is left for the plan made afterwards. Raises ClusterwrightError for a number that differs or is taken, and for a
    group that does not exist.
    """
    commands: list[Command] = []
    after: dict[str, Record] = {}
    declared = {group["name"] for group in groups}
    for group in groups:
        name, is_now = group["name"], state.groups[group["name"]]
        _check_number("group", "gid", name, number=group["gid"], is_now=is_now, holders=state.gid_of)
        if is_now is None:
            commands.append(Command(_groupadd(group), f"group {name}", undo=("groupdel", name)))
            after[f"group {name}"] = {"gid": group["gid"]}
    for user in users:
        name, is_now = user["name"], state.users[user["name"]]
        _check_number("user", "uid", name, number=user["uid"], is_now=is_now, holders=state.uid_of)
        named = [*([user["group"]] if user["group"] else []), *user["groups"]]
        unknown = [group for group in named if group not in declared and state.groups[group] is None]
        if unknown and awaits_packages:
            after[f"user {name}"] = _predicted(user, is_now)
            continue
        if unknown:
            raise ClusterwrightError(f"user {name}: group {unknown[0]} does not exist: declare it under groups.")
        if is_now is None:
            own_group = name in declared or state.groups[name] is not None
            commands.append(Command(_useradd(user, own_group), f"user {name}", undo=("userdel", name)))
            after[f"user {name}"] = _predicted(user, is_now)
        else:
            options, undo = _differences(user, is_now, state.groups)
            if options:
                back = ("usermod", *undo, name) if undo else ()
                commands.append(Command(("usermod", *options, name), f"user {name}", back))
                after[f"user {name}"] = _predicted(user, is_now)
    return commands, after


def user_name(uid: int) -> str | None:
    """Returns the name of a uid, None when it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def group_name(gid: int) -> str | None:
    """Returns the name of a gid, None when it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return None


def user_id(name: str) -> int | None:
    """Returns the uid of a name, None when there is no such user."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def group_id(name: str) -> int | None:
    """Returns the gid of a name, None when there is no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def _numbers(declared: Sequence[Any], key: str) -> list[int]:
    return [item[key] for item in declared if item[key] is not None]


def _group(name: str) -> Record | None:
    try:
        entry = grp.getgrnam(name)
    except KeyError:
        return None
    return {"gid": entry.gr_gid, "members": list(entry.gr_mem)}


def _user(name: str) -> Record | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return {
        "uid": entry.pw_uid,
        "group": group_name(entry.pw_gid) or str(entry.pw_gid),
        "home": entry.pw_dir,
        "shell": entry.pw_shell,
        "comment": entry.pw_gecos,
    }


def _check_number(
    kind: str, key: str, name: str, *, number: int | None, is_now: Record | None, holders: dict[int, str]
) -> None:
    if number is None:
        return
    if is_now is None:
        if number in holders:
            raise ClusterwrightError(
                f"{kind} {name}: {key} {number} already belongs to {kind} {holders[number]}: "
                f"declare another {key} for one of the two."
            )
    elif is_now[key] != number:
        modify = "usermod -u" if kind == "user" else "groupmod -g"
        raise ClusterwrightError(
            f"{kind} {name}: {key} is {is_now[key]} and {number} is declared. It is not changed under running daemons: "
            f"stop what runs as {name}, type '{modify} {number} {name}', give it its files again "
            f"(find / -xdev -{key} {is_now[key]}), or declare {key} {is_now[key]}."
        )


def _groupadd(group: GroupIntent) -> list[str]:
    number = [] if group["gid"] is None else ["-g", str(group["gid"])]
    return ["groupadd", *(["-r"] if group["system"] else []), *number, group["name"]]


def _useradd(user: UserIntent, own_group: bool) -> list[str]:
    argv = ["useradd", "-m" if user["create_home"] else "-M"]
    if user["system"]:
        argv.append("-r")
    if user["uid"] is not None:
        argv += ["-u", str(user["uid"])]
    # -U and -N are told apart here, because families differ in what useradd does by itself.
    group = user["group"] or (user["name"] if own_group else None)
    argv += ["-g", group] if group else ["-U"]
    if user["groups"]:
        argv += ["-G", ",".join(user["groups"])]
    for option, key in _ATTRIBUTES:
        if user[key] is not None:  # type: ignore[literal-required]
            argv += [option, user[key]]  # type: ignore[literal-required]
    return [*argv, user["name"]]


_ATTRIBUTES = (("-d", "home"), ("-s", "shell"), ("-c", "comment"))


def _differences(user: UserIntent, is_now: Record, groups: dict[str, Record | None]) -> tuple[list[str], list[str]]:
    options: list[str] = []
    undo: list[str] = []
    for option, key in (("-g", "group"), *_ATTRIBUTES):
        value = user[key]  # type: ignore[literal-required]
        if value is not None and value != is_now[key]:
            options += [option, str(value)]
            undo += [option, is_now[key]]
    lacking = [
        name
        for name in user["groups"]
        if name != is_now["group"] and user["name"] not in (groups[name] or {}).get("members", ())
    ]
    return options + (["-a", "-G", ",".join(lacking)] if lacking else []), undo


def _predicted(user: UserIntent, is_now: Record | None) -> Record:
    record = dict(is_now or {})
    for key in ("uid", "group", "groups", "home", "shell", "comment"):
        if user[key] not in (None, []):
            record[key] = user[key]
    return record
