"""What some machines lack for systemd containers: found, mended with a message, and undone when the last lab goes."""

from __future__ import annotations

import contextlib
import json
import resource
import time
from pathlib import Path
from typing import Any

import tomllib

from .common import LABEL, LabError, podman_json, run, say

CONTAINERS_CONF = Path("/etc/containers/containers.conf")
DROP_IN = Path("/etc/containers/containers.conf.d/clusterwright-lab.conf")
CGROUPS = Path("/sys/fs/cgroup")
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
# What was mended, so that it can be undone. In /run, because a reboot undoes the same things.
STATE = Path("/run/clusterwright-lab.json")

CAP_SYS_RESOURCE = 1 << 24
INOTIFY_PER_NODE = 4
INOTIFY_ENOUGH = 4096


def mend(nodes: int) -> bool:
    """Mend what this machine lacks for `nodes` more containers; return whether anything was mended."""
    steps = [_mend_ulimits(), _mend_cgroups(), _mend_inotify(nodes)]
    return any(steps)


def undo() -> bool:
    """Undo what `mend` did, unless a container on this machine may still need it; return whether anything was undone."""
    state = _state()
    if not state and not DROP_IN.exists():
        return False
    others = [item for item in podman_json("ps", "-a") if item["State"] == "running" or LABEL in (item["Labels"] or {})]
    if others:
        say(f"this machine stays mended: {len(others)} other containers may need it")
        return False
    for mount in state.get("mounts", []):
        _release_cgroup(Path(mount))
    for path, value in state.get("sysctl", {}).items():
        Path(path).write_text(value)
    DROP_IN.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        DROP_IN.parent.rmdir()
    STATE.unlink(missing_ok=True)
    say("this machine: undid what the lab had mended")
    return True


def lacks_resource_capability(status: str) -> bool:
    """Whether /proc/self/status tells of a root without CAP_SYS_RESOURCE, who cannot raise limits."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return not int(line.split()[1], 16) & CAP_SYS_RESOURCE
    return False


def _mend_ulimits() -> bool:
    if not lacks_resource_capability(Path("/proc/self/status").read_text()):
        return False
    if any(_sets_ulimits(path) for path in (CONTAINERS_CONF, *DROP_IN.parent.glob("*.conf"))):
        return False
    limits = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    hard = {name: resource.getrlimit(number)[1] for name, number in limits.items()}
    entries = [f"{name}={value}:{value}" for name, value in hard.items() if value != resource.RLIM_INFINITY]
    DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    DROP_IN.write_text(
        "# Made by tools/lab.py, removed by `down`: no CAP_SYS_RESOURCE here, so containers keep this machine's limits.\n"
        f"[containers]\ndefault_ulimits = {json.dumps(entries)}\n"
    )
    say(f"this machine: no CAP_SYS_RESOURCE; wrote {DROP_IN}, so that containers ask for no higher limits")
    return True


def _sets_ulimits(path: Path) -> bool:
    try:
        return "default_ulimits" in tomllib.loads(path.read_text()).get("containers", {})
    except FileNotFoundError:
        return False
    except (tomllib.TOMLDecodeError, OSError) as error:
        raise LabError(f"{path} cannot be read: {error}; mend it, podman needs it too") from None


def _mend_cgroups() -> bool:
    """On a hybrid machine a controller that was left in the v2 tree makes crun refuse every container."""
    unified = CGROUPS / "unified/cgroup.controllers"
    stray = unified.read_text().split() if unified.exists() else []
    for controller in stray:
        mount = CGROUPS / controller
        _remember("mounts", [*_state().get("mounts", []), str(mount)])
        mount.mkdir(exist_ok=True)
        done = run("mount", "-t", "cgroup", "-o", controller, controller, str(mount))
        if done.returncode:
            raise LabError(f"cannot mount the cgroup controller {controller} on {mount}: {done.stderr.strip()}; mount it by hand")
        say(f"this machine: hybrid cgroups; mounted the controller {controller} on {mount}")
    return bool(stray)


def _release_cgroup(mount: Path) -> None:
    """Unmount a controller that we had mounted. Groups that ended containers left behind go first, or it stays in use."""
    if not mount.exists():
        return
    for group in sorted((path for path in mount.rglob("*") if path.is_dir()), reverse=True):
        with contextlib.suppress(OSError):
            group.rmdir()
    run("umount", str(mount))
    # The kernel takes a moment to give it back to the v2 tree; an `up` in that moment would not see that it must be mounted.
    for _ in range(50):
        if mount.name in (CGROUPS / "unified/cgroup.controllers").read_text().split():
            break
        time.sleep(0.1)
    with contextlib.suppress(OSError):
        mount.rmdir()


def _mend_inotify(nodes: int) -> bool:
    """Each systemd takes some inotify instances of the one root user; with too few, units fail in odd places."""
    if not nodes:
        return False
    running = len(podman_json("ps"))
    now = INOTIFY.read_text()
    if int(now) >= INOTIFY_PER_NODE * (running + nodes):
        return False
    wanted = max(INOTIFY_ENOUGH, 2 * INOTIFY_PER_NODE * (running + nodes))
    _remember("sysctl", _state().get("sysctl", {}) or {str(INOTIFY): now})
    INOTIFY.write_text(str(wanted))
    say(f"this machine: fs.inotify.max_user_instances {int(now)} is too few for {running + nodes} containers; set {wanted}")
    return True


def _state() -> dict[str, Any]:
    try:
        state: dict[str, Any] = json.loads(STATE.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return state


def _remember(key: str, value: Any) -> None:
    """Written before the change itself: an interruption may leave a note too many, never a change without a note."""
    new = STATE.with_suffix(".new")
    new.write_text(json.dumps({**_state(), key: value}))
    new.replace(STATE)
