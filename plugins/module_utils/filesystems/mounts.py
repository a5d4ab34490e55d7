# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node mounts: systemd's units, and what the kernel says is mounted. Nothing that is mounted is ever mounted anew or moved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.filesystems.intent import MountIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import FileIntent, NodeIntent, ServiceIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Command, Session

UNITS = Path("/etc/systemd/system")
PROCESSES = Path("/proc")
FINDMNT = ("findmnt", "--json", "--list", "--output", "TARGET,SOURCE,FSTYPE,OPTIONS")
HEAD = "# Ansible managed: a mount of the cluster file\n"
_KINDS = {"nfs4": "nfs"}         # the kernel's name of a type, and ours


@dataclass(frozen=True)
class Mounted:
    """What is mounted at a path, the uppermost of several."""

    source: str
    type: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class State:
    """mounted: by path. automounts: paths that wait for somebody to look. units: paths of which a unit of ours is there.

    full: mount points that have something in them, which a mount would hide. jobs: whether a job of Slurm runs here.
    """

    mounted: dict[str, Mounted] = field(default_factory=dict)
    automounts: frozenset[str] = frozenset()
    units: frozenset[str] = frozenset()
    full: frozenset[str] = frozenset()
    jobs: bool = False


def unit(path: str, kind: str = "mount") -> str:
    """systemd's name of a mount point's unit, as `systemd-escape --path` makes it."""
    escaped = "".join(
        "-" if char == "/" else char if char.isascii() and (char.isalnum() or char in ":_" or (char == "." and position))
        else "".join(f"\\x{byte:02x}" for byte in char.encode()) for position, char in enumerate(path.strip("/")))
    return f"{escaped or '-'}.{kind}"


def render(mount: MountIntent) -> dict[str, str]:
    """The units of a mount, by name."""
    install = "\n[Install]\nWantedBy=remote-fs.target\n"
    where = mount["path"].replace("%", "%%")
    what, options = mount["source"].replace("%", "%%"), ",".join(mount["options"]).replace("%", "%%")
    text = (f"{HEAD}[Unit]\nAfter=network-online.target\nWants=network-online.target\n\n"
            f"[Mount]\nWhat={what}\nWhere={where}\nType={mount['type']}\nOptions={options}\n")
    if not mount["automount"]:
        return {unit(mount["path"]): text + install}
    return {unit(mount["path"]): text, unit(mount["path"], "automount"): f"{HEAD}[Automount]\nWhere={where}\n{install}"}


def node_intent(packages: Sequence[str], mounts: Iterable[MountIntent]) -> NodeIntent:
    """Packages, units and what systemd shall have started, for those that shall be there."""
    declared: list[FileIntent] = []
    services: list[ServiceIntent] = []
    for mount in mounts:
        for name, text in render(mount).items():
            declared.append({"path": str(UNITS / name), "state": "file", "content": text.encode(), "secret": False, "block": False,
                             "owner": "root", "group": "root", "mode": "0644", "validate": None, "backup": False})
        name = unit(mount["path"], "automount" if mount["automount"] else "mount")
        services.append({"name": name, "enabled": True, "state": "started", "uses": [], "rereads": []})
    return {"packages": list(dict.fromkeys(packages)), "conflicts": [], "groups": [], "users": [], "files": declared, "services": services}


def parse(text: str) -> tuple[dict[str, Mounted], frozenset[str]]:
    """What `findmnt --json --list` prints: what is mounted by path, and where automounts wait."""
    mounted, waiting = {}, set()
    for entry in json.loads(text or "{}").get("filesystems", ()):
        if entry["fstype"] == "autofs":
            waiting.add(entry["target"])
        else:
            kind = _KINDS.get(entry["fstype"], entry["fstype"])
            mounted[entry["target"]] = Mounted(entry["source"] or "", kind, tuple(entry["options"].split(",")))
    return mounted, frozenset(waiting)


def observe(run: Run, mounts: Sequence[MountIntent]) -> State:
    """Looks at what is mounted where the intents say, and at our units."""
    shown = run(FINDMNT)
    if shown.rc:
        raise ClusterwrightError(f"'findmnt' failed: {last_lines(shown)}: it comes with the package mount or util-linux.")
    try:
        mounted, waiting = parse(shown.out)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ClusterwrightError("'findmnt --json' says what nobody can read: look at its output on the node.") from None
    paths = [mount["path"] for mount in mounts]
    return State(
        {path: mounted[path] for path in paths if path in mounted}, waiting & set(paths),
        frozenset(path for path in paths if any(_ours(UNITS / unit(path, kind)) for kind in ("mount", "automount"))),
        # Only where nothing is mounted: a server that is away would keep us waiting.
        frozenset(path for path in paths if path not in mounted and path not in waiting and _full(Path(path))),
        any(mount["state"] == "absent" for mount in mounts) and _jobs())


def once(mounts: Sequence[MountIntent]) -> None:
    """Raises ClusterwrightError where a path is declared twice."""
    paths = [mount["path"] for mount in mounts]
    for path in paths:
        if paths.count(path) > 1:
            raise ClusterwrightError(f"{path} is declared twice in this call: keep one of the two.")


def refuse(mounts: Sequence[MountIntent], state: State) -> None:
    """Raises ClusterwrightError, with all of them, where something else is mounted already, or a mount shall end while a job runs."""
    found = []
    for mount in mounts:
        path, here = mount["path"], state.mounted.get(mount["path"])
        source = f"{mount['source']} ({mount['type']})"
        if mount["state"] == "absent":
            if here and path in state.units and state.jobs:
                found.append(f"{path} shall be unmounted, and a job runs on this node: drain it, and run again when it is idle")
        elif here and not _same(mount, here):
            found.append(f"{path} has {here.source} ({here.type}) mounted, and not {source}: when no job needs it, type 'umount {path}', "
                         "then run again")
        elif here and mount["automount"] and path not in state.automounts:
            found.append(f"{path} is mounted without an automount: when no job needs it, type 'systemctl disable --now {unit(path)}', "
                         "then run again")
        elif path in state.automounts and not mount["automount"]:
            found.append(f"{path} is an automount: when no job needs it, type 'systemctl disable --now {unit(path, 'automount')}', "
                         "then run again")
    if found:
        raise ClusterwrightError("Nothing was changed: " + " / ".join(found), conflicts=found)


def endings(mounts: Sequence[MountIntent], state: State) -> list[tuple[str, list[Command]]]:
    """For each mount of ours that shall end: its path, and the commands, the unmounting first."""
    found = []
    for mount in mounts:
        path = mount["path"]
        if mount["state"] != "absent" or path not in state.units:
            continue
        units = [unit(path, "automount"), unit(path)]
        found.append((path, [
            Command(("systemctl", "stop", *units), f"mount {path}"), Command(("systemctl", "disable", *units), f"mount {path}"),
            Command(("rm", "-f", *(str(UNITS / name) for name in units)), f"mount {path}"),
            Command(("systemctl", "daemon-reload"), "systemd"),
        ]))
    return found


def end(run: Run, planned: Sequence[tuple[str, list[Command]]]) -> list[str]:
    """Ends mounts. One that is in use stays as it is, with its unit, and is an error that says so."""
    session = Session(run)
    for path, (stop, disable, *rest) in planned:
        session.run(stop.argv)
        mounted, waiting = parse(run(FINDMNT).out)
        if path in mounted or path in waiting:
            raise ClusterwrightError(f"{path} could not be unmounted, it is in use: 'fuser -vm {path}' says by whom. It stays as it is.",
                                     changed=bool(session.commands), verified=False, commands=session.commands)
        session.did(str(stop))
        session.run(disable.argv)       # it fails for the one of the two that was never there
        session.did(str(disable))
        for command in rest:
            session.do(command)
    return session.commands


def diff(planned: Sequence[tuple[str, list[Command]]]) -> list[dict[str, str]]:
    """One entry for each mount that ends."""
    return [{"before_header": path, "before": "mounted by a unit\n", "after_header": path, "after": ""} for path, _commands in planned]


def pending(mounts: Sequence[MountIntent], state: State) -> dict[str, list[str]]:
    """By path: the declared options that hold only after the next mount, of those that the kernel shows as they were given."""
    found = {}
    for mount in mounts:
        here = state.mounted.get(mount["path"])
        if not here or mount["state"] == "absent":
            continue
        shown = dict(option.partition("=")[::2] for option in here.options)
        later = ["rw"] if "ro" in shown and "ro" not in mount["options"] else []
        for option in mount["options"]:
            key, _is, value = option.partition("=")
            opposite = any(option in pair and option not in shown and pair & shown.keys() for pair in _EITHER)
            other = key in _SHOWN and key in shown and not f"{shown[key]}.".startswith(f"{value}.")     # vers=4 is shown as vers=4.2
            if opposite or other:
                later.append(option)
        if later:
            found[mount["path"]] = later
    return found


_SHOWN = frozenset({"vers", "nconnect", "timeo", "retrans", "sec", "proto"})
_EITHER = ({"ro", "rw"}, {"hard", "soft"})


def compare(mounts: Sequence[MountIntent], state: State, commands: Sequence[str]) -> None:
    """Raises ClusterwrightError where what the kernel says is not as declared."""
    wrong = []
    for mount in mounts:
        here = state.mounted.get(mount["path"])
        if mount["state"] == "absent":
            continue
        if mount["automount"]:
            if mount["path"] not in state.automounts:
                wrong.append(f"no automount at {mount['path']}")
        elif not here:
            wrong.append(f"nothing is mounted at {mount['path']}")
        elif not _same(mount, here):
            wrong.append(f"{here.source} is mounted at {mount['path']}, not {mount['source']}")
    if wrong:
        raise ClusterwrightError(f"Applied, but read back: {'; '.join(wrong)}: see 'findmnt' and 'journalctl -b' on the node.",
                                 changed=True, verified=False, commands=list(commands), mismatch=wrong)


def view(mounts: Sequence[MountIntent], state: State) -> dict[str, Any]:
    """The state as plain data, by path; null where nothing is mounted."""
    return {mount["path"]: _record(here.source, here.type, here.options) if (here := state.mounted.get(mount["path"])) else
            "automount" if mount["path"] in state.automounts else None for mount in mounts}


def predict(mounts: Sequence[MountIntent], state: State) -> dict[str, Any]:
    """What `view` will say, with the options as declared."""
    after = view(mounts, state)
    for mount in mounts:
        path = mount["path"]
        if mount["state"] == "absent":
            after[path] = None if path in state.units else after[path]
        elif after[path] is None:
            after[path] = "automount" if mount["automount"] else _record(mount["source"], mount["type"], mount["options"])
    return after


def impact(mounts: Sequence[MountIntent], state: State) -> list[dict[str, Any]]:
    """What begins, ends, is hidden, or waits for the next mount."""
    told: list[dict[str, Any]] = []
    for mount in mounts:
        path = mount["path"]
        if mount["state"] == "absent":
            if path in state.units:
                told.append({"kind": "unmounts", "path": path, "text": f"{path} is unmounted"})
        elif path not in state.mounted and path not in state.automounts:
            told.append({"kind": "mounts", "path": path, "text": f"{mount['source']} is mounted at {path}"})
            if path in state.full:
                told.append({"kind": "hides", "path": path, "text": f"what this node has in {path} itself is hidden by the mount"})
    for path, options in pending(mounts, state).items():
        told.append({"kind": "remount_pending", "path": path, "options": options,
                     "text": f"{path} has {', '.join(options)} only after its next mount: when no job needs it, type "
                             f"'systemctl restart {unit(path)}'"})
    return told


def _same(mount: MountIntent, here: Mounted) -> bool:
    if {"bind", "rbind"} & {*mount["options"]}:     # of these the kernel names the device, not the directory
        return True
    kind = _KINDS.get(mount["type"], mount["type"])
    return (kind, mount["source"].rstrip("/")) == (here.type, here.source.rstrip("/"))


def _record(source: str, kind: str, options: Sequence[str]) -> dict[str, str]:
    return {"source": source, "type": kind, "options": ",".join(options)}


def _ours(path: Path) -> bool:
    try:
        return path.read_text(encoding="utf-8", errors="replace").startswith(HEAD)
    except OSError:
        return False


def _full(path: Path) -> bool:
    try:
        return any(path.iterdir())
    except OSError:
        return False


def _jobs() -> bool:
    """Whether a step of a job runs: each has a slurmstepd."""
    for comm in PROCESSES.glob("[0-9]*/comm"):
        try:
            if comm.read_text(encoding="utf-8", errors="replace").strip() == "slurmstepd":
                return True
        except OSError:     # it has ended
            continue
    return False
