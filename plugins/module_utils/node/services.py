# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that shall run, and whether one still runs with what its files said before. Nothing here restarts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import ConflictIntent, ServiceIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Command, Session

UNIT_FILES = "/etc/systemd/system/"
_PROPERTIES = "LoadState,UnitFileState,ActiveState,ActiveEnterTimestampMonotonic,ExecMainStartTimestampMonotonic,NeedDaemonReload"
_RUNS = ("active", "reloading", "refreshing", "activating")
_ENABLED = ("enabled", "enabled-runtime", "linked", "linked-runtime")
# A static, generated or alias unit is not switched by enable and disable: it is as it is.
_NOT_SWITCHED = ("static", "generated", "indirect", "alias", "transient")
# A daemon that dies at once is seen only after its start was reported: this long it must live, in seconds.
SETTLE = 0.3


@dataclass(frozen=True)
class UnitState:
    """One unit in systemd's words.

    started: seconds since the epoch, None when it does not run. process_started: the same of its main process, which a
    reload may have replaced.
    """

    load: str
    enabled: str
    active: str
    started: float | None
    process_started: float | None
    need_reload: bool


@dataclass(frozen=True)
class ServicesState:
    """units: by name. changed_at: when a path last changed (inode change time), None when absent. now: the clock."""

    units: dict[str, UnitState] = field(default_factory=dict)
    changed_at: dict[str, float | None] = field(default_factory=dict)
    now: float = 0.0


@dataclass(frozen=True)
class ServicesPlan:
    """commands in order; starts and stops: the units that they start and stop.

    stale and outdated: units that run with files from before, and need a restart or a reload.
    """

    commands: list[Command]
    starts: list[str]
    stops: list[str]
    stale: list[str]
    outdated: list[str]


def observe(run: Run, services: Sequence[ServiceIntent], conflicts: Sequence[ConflictIntent]) -> ServicesState:
    """Asks systemd about all units with one command, and the file system about the files that they use."""
    names = [service["name"] for service in services] + [conflict["service"] for conflict in conflicts]
    if not names:
        return ServicesState()
    result = run(("systemctl", "show", "-p", _PROPERTIES, "--", *names))
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in result.out.strip().split("\n\n")
    ]
    if result.rc or len(blocks) != len(names):
        raise ClusterwrightError(
            f"services: systemd does not answer ({last_lines(result)}): the node must be booted with systemd."
        )
    # Both clocks are read at once. The monotonic clock is shared between a host and its containers, and a step of the
    # wall clock (the first time sync of a node) does not move it.
    now, monotonic = time.time(), time.clock_gettime(time.CLOCK_MONOTONIC)
    return ServicesState(
        units={name: _unit(block, now - monotonic) for name, block in zip(names, blocks)},
        changed_at={path: _changed_at(Path(path)) for service in services for path in (*service["uses"], *service["rereads"])},
        now=now,
    )


def refuse_conflicts(conflicts: Sequence[ConflictIntent], state: ServicesState) -> None:
    """Raises ClusterwrightError, with all of them, when a conflicting unit is enabled or runs."""
    found = []
    for conflict in conflicts:
        unit = state.units[conflict["service"]]
        words = [
            word for word, holds in (("enabled", unit.enabled in _ENABLED), ("active", unit.active in _RUNS)) if holds
        ]
        if words:
            found.append(f"{conflict['service']} is {' and '.join(words)}: {conflict['remedy']}")
    if found:
        raise ClusterwrightError("Nothing was changed: " + " / ".join(found), conflicts=found)


def plan(
    services: Sequence[ServiceIntent], state: ServicesState, changed_files: Sequence[str], awaits_packages: bool
) -> ServicesPlan:
    """Plans daemon-reload, enable, disable, start and stop, and finds the services that are stale or outdated.

    A running service is stale when it started before its `since`, or when a path that it uses changes in this call or has changed after
    it started, and outdated when the latter is so of a path that it rereads and of its main process. A time that lies in the future
    proves nothing (the clock was stepped) and would restart the service in each run.
    Raises ClusterwrightError for a masked or missing unit; with `awaits_packages` a missing unit may still come.
    """
    brought = [path for path in changed_files if path.startswith(UNIT_FILES)]
    for service in services:
        _refuse_unusable(service, state.units[service["name"]], awaits_packages or bool(brought))
    wanted = {service["name"]: (service["enabled"], service["state"] == "started") for service in services}
    enable = [
        name
        for name, (on, _) in wanted.items()
        if on and state.units[name].enabled not in ("enabled", "linked", *_NOT_SWITCHED)
    ]
    disable = [name for name, (on, _) in wanted.items() if not on and state.units[name].enabled in _ENABLED]
    start = [name for name, (_, on) in wanted.items() if on and state.units[name].active not in _RUNS]
    stop = [name for name, (_, on) in wanted.items() if not on and state.units[name].active in _RUNS]
    commands = []
    if brought or any(state.units[name].need_reload for name in wanted):
        commands.append(Command(("systemctl", "daemon-reload"), "systemd"))
    # Enabled last: what does not come up shall not try again at each boot.
    commands += [*_each("stop", "start", stop), *_each("start", "stop", start)]
    commands += [*_together("disable", "enable", disable), *_together("enable", "disable", enable)]
    runs_on = [service for service in services if service["state"] == "started" and service["name"] not in start]
    stale, outdated = [], []
    for service in runs_on:
        unit = state.units[service["name"]]
        older = unit.started is not None and unit.started < service.get("since", 0)
        if older or _changed_since(unit.started, service["uses"], state, changed_files):
            stale.append(service["name"])
        if _changed_since(unit.process_started, service["rereads"], state, changed_files):
            outdated.append(service["name"])
    return ServicesPlan(commands, start, stop, stale, outdated)


def apply(session: Session, planned: ServicesPlan) -> None:
    """Runs the plan. A service that does not come up, or does not stay up, is an error with the end of its journal."""
    for command in planned.commands:
        if command.argv[1] == "start":
            _start(session, command)
        else:
            session.do(command)


def _each(verb: str, opposite: str, names: Sequence[str]) -> list[Command]:
    return [Command(("systemctl", verb, name), f"service {name}", ("systemctl", opposite, name)) for name in names]


def _together(verb: str, opposite: str, names: Sequence[str]) -> list[Command]:
    if not names:
        return []
    return [Command(("systemctl", verb, *names), f"services {', '.join(names)}", ("systemctl", opposite, *names))]


def _start(session: Session, command: Command) -> None:
    name = command.argv[-1]
    result = session.run(command.argv)
    session.did(str(command), command.undo)
    if not result.rc:
        time.sleep(SETTLE)
        result = session.run(("systemctl", "is-active", "--", name))
    if result.rc:
        raise _did_not_come_up(session.run, name)


def _did_not_come_up(run: Run, name: str) -> ClusterwrightError:
    journal = run(("journalctl", "-u", name, "-n", "15", "--no-pager", "-o", "cat")).out.strip().splitlines()
    status = run(("systemctl", "show", "-p", "Result,ExecMainStatus", "--", name)).out.split()
    # systemd's own lines say only that it failed; the daemon's say why. mount's last one is always the same advice.
    own = [line for line in journal if name not in line and "dmesg(1) may have more information" not in line]
    last = own[-1].strip().rstrip(".") if own else "none in its journal"
    return ClusterwrightError(
        f"service {name} does not come up ({', '.join(status)}), its last words: {last}. "
        f"See 'journalctl -u {name}' on the node.",
        journal=journal,
    )


def _unit(block: dict[str, str], boot: float) -> UnitState:
    active = block.get("ActiveState", "")
    times = [int(block.get(name) or 0) for name in ("ActiveEnterTimestampMonotonic", "ExecMainStartTimestampMonotonic")]
    started, process_started = (boot + at / 1e6 if at and active in _RUNS else None for at in times)
    return UnitState(
        load=block.get("LoadState", ""),
        enabled=block.get("UnitFileState", ""),
        active=active,
        started=started,
        process_started=process_started,
        need_reload=block.get("NeedDaemonReload") == "yes",
    )


def _changed_at(path: Path) -> float | None:
    # The change time and not the modification time: a file restored from a backup brings its old modification time.
    try:
        return path.stat().st_ctime
    except OSError:
        return None


def _changed_since(since: float | None, paths: Sequence[str], state: ServicesState, changed_files: Sequence[str]) -> bool:
    if since is None:
        return False
    times = [state.changed_at.get(path) for path in paths]
    return any(path in changed_files for path in paths) or any(changed is not None and since < changed <= state.now for changed in times)


def _refuse_unusable(service: ServiceIntent, unit: UnitState, may_come: bool) -> None:
    name = service["name"]
    if not service["enabled"] and service["state"] == "stopped":
        return
    if unit.load == "masked" or unit.enabled.startswith("masked"):
        raise ClusterwrightError(
            f"service {name} is masked: find out who masked it and why, then type 'systemctl unmask {name}'."
        )
    if unit.load == "not-found" and not may_come:
        raise ClusterwrightError(
            f"service {name}: there is no such unit: name the package that brings it, or correct the name."
        )
    if unit.load in ("error", "bad-setting"):
        raise ClusterwrightError(
            f"service {name}: systemd cannot load its unit ({unit.load}): see 'systemctl status {name}'."
        )
