# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module tells about a state and a plan, as plain data: before, after, impact and diff."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import NodeIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.state import Plan, State


def view(intent: NodeIntent, state: State) -> dict[str, Any]:
    """Returns a state as plain data for `before` and `after`: no contents of files."""
    declared = {group["name"] for group in intent["groups"]}
    return {
        "packages": dict(state.packages.versions),
        "groups": {
            name: record and {"gid": record["gid"]}
            for name, record in state.accounts.groups.items()
            if name in declared
        },
        "users": dict(state.accounts.users),
        "files": {what["path"]: files.view(what, state.files.files[what["path"]]) for what in intent["files"]},
        "services": {
            service["name"]: {
                "enabled": state.services.units[service["name"]].enabled or state.services.units[service["name"]].load,
                "active": state.services.units[service["name"]].active,
            }
            for service in intent["services"]
        },
    }


def predict(intent: NodeIntent, state: State, planned: Plan) -> dict[str, Any]:
    """Returns what `view` will show once the plan is carried out."""
    after = view(intent, state)
    after["packages"] = {name: version or "to be installed" for name, version in after["packages"].items()}
    for item, record in planned.accounts_after.items():
        kind, name = item.split(" ", 1)
        after[f"{kind}s"][name] = record
    for what in intent["files"]:
        after["files"][what["path"]] = files.view(what, files.predicted(what))
    for service in intent["services"]:
        shown = after["services"][service["name"]]
        switched = any(
            command.argv[1] in ("enable", "disable") and service["name"] in command.argv
            for command in planned.services.commands
        )
        after["services"][service["name"]] = {
            "enabled": ("enabled" if service["enabled"] else "disabled") if switched else shown["enabled"],
            "active": {True: "active"}.get(service["name"] in planned.services.starts)
            or ("inactive" if service["name"] in planned.services.stops else shown["active"]),
        }
    return after


def impact(planned: Plan, stale: Sequence[str], outdated: Sequence[str]) -> list[dict[str, Any]]:
    """Returns what the plan can disturb, as data and in words: services that start, stop, or wait for a restart or reload."""
    told = []
    for what, names, words in (
        ("service_starts", planned.services.starts, "starts"),
        ("service_stops", planned.services.stops, "stops: what depends on it loses it"),
        ("restart_pending", stale, "runs with files that have changed since it started: a restart is pending"),
        ("reload_pending", outdated, "runs with files that have changed since it read them: a reload is pending"),
    ):
        told += [{"kind": what, "name": name, "text": f"{name} {words}"} for name in names]
    told += [
        {"kind": "package_installed", "name": name, "text": f"package {name} is installed"} for name in planned.installs
    ]
    return told


def diff(planned: Plan, before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, str]]:
    """Returns Ansible's list of diffs: each changed file, and one entry for each other room that changes."""
    entries = []
    for room in ("packages", "groups", "users", "services"):
        if before[room] != after[room]:
            names = [name for name in after[room] if before[room].get(name) != after[room][name]]
            texts = {
                side: "".join(_line(name, shown[room].get(name)) for name in names)
                for side, shown in (("before", before), ("after", after))
            }
            entries.append({**texts, "before_header": room, "after_header": room})
    return entries + [files.diff(change) for change in planned.files]


def _line(name: str, record: Any) -> str:
    if not record:
        return ""
    words = record if isinstance(record, str) else " ".join(f"{key}={value}" for key, value in record.items() if value)
    return f"{name}: {words}\n"
