# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Enroot needs of a node's kernel: its settings, and whether an ordinary user gets the namespaces that a container is made of.

Sources: requirements.md of Enroot 4.1, what its enroot-check prints with --verify, user_namespaces(7), namespaces(7) on the limits below
/proc/sys/user.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines

SYS, SELF, KERNEL = Path("/proc/sys"), Path("/proc/self"), Path("/proc")
APPARMOR = Path("/sys/kernel/security/apparmor/profiles")
LIMIT = "user.max_user_namespaces"
CLONE = "kernel.unprivileged_userns_clone"                      # Debian's and Arch's kernels
RESTRICTED = "kernel.apparmor_restrict_unprivileged_userns"     # Ubuntu's
PROFILE = "enroot-nsenter"      # the program that Enroot's own AppArmor profile lets make them
# As an ordinary user: a user namespace, and a mount namespace in it, with a mount.
PROBE = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "unshare", "--user", "--map-root-user", "--mount", "true")


class State(NamedTuple):
    """settings: as the kernel has them, None for those that it has not. probe: what the try said, empty when it went well.

    missing: what no setting can mend. lacks: what only some uses need.
    """

    settings: dict[str, int | None]
    probe: str
    missing: list[str]
    lacks: list[str]


class Change(NamedTuple):
    """A setting that the kernel gets."""

    key: str
    before: int
    after: int

    def __str__(self) -> str:
        return f"sysctl -w {self.key}={self.after}"


def observe(run: Run, wanted: Mapping[str, int]) -> State:
    """Looks at the settings, and tries."""
    settings = {key: _read(key) for key in dict.fromkeys((*wanted, LIMIT, CLONE, RESTRICTED))}
    missing = [] if (SELF / "ns/user").exists() else ["user namespaces (CONFIG_USER_NS)"]
    if not (SYS / "kernel/seccomp/actions_avail").exists():
        missing.append("seccomp filters (CONFIG_SECCOMP_FILTER)")
    file_systems = (KERNEL / "filesystems").read_text() if (KERNEL / "filesystems").exists() else ""
    lacks = [] if "\toverlay\n" in file_systems else ["overlayfs (CONFIG_OVERLAY_FS, or `modprobe overlay`)"]
    tried = run(PROBE)
    return State(settings, last_lines(tried) if tried.rc else "", missing, lacks)


def plan(wanted: Mapping[str, int], state: State) -> list[Change]:
    """The settings that change. A limit that is higher stays; what this kernel does not have is left out. Pure."""
    found = []
    for key, value in wanted.items():
        now = state.settings[key]
        if now is not None and now != value and not (key.startswith("user.max_") and now > value):
            found.append(Change(key, now, value))
    return found


def apply(changes: Sequence[Change]) -> None:
    """Writes them. What was written is put back when one of them is refused."""
    done: list[Change] = []
    for change in changes:
        try:
            _place(change.key).write_text(f"{change.after}\n")
        except OSError as error:
            undo(done)
            raise ClusterwrightError(f"the kernel refuses {change.key} = {change.after} ({error.strerror}): nothing was changed. Correct "
                                     "enroot.sysctl in the cluster file") from None
        done.append(change)


def undo(changes: Sequence[Change]) -> None:
    """Puts the settings back."""
    for change in reversed(changes):
        _place(change.key).write_text(f"{change.before}\n")


def verdict(state: State, profile: bool) -> str:
    """Why no container would start here, and the way out, in one sentence; empty when they would. Pure.

    profile: AppArmor has Enroot's profile, so that what holds for the try does not hold for Enroot.
    """
    if state.missing:
        return (f"this kernel has no {' and no '.join(state.missing)}, and Enroot makes containers of them: nothing was installed. Boot a "
                "kernel that has them, or take the role enroot from this node")
    if not state.probe:
        return ""
    now = state.settings
    if now.get(RESTRICTED) and profile:
        return ""
    for key, bad in ((LIMIT, now.get(LIMIT) == 0), (CLONE, now.get(CLONE) == 0), (RESTRICTED, bool(now.get(RESTRICTED)))):
        if bad:
            right = {LIMIT: 65536, CLONE: 1, RESTRICTED: 0}[key]
            return (f"users may make no user namespaces here, since {key} is {now[key]}, and Enroot makes containers of them: nothing was "
                    f"installed. Say enroot.sysctl: {{{key}: {right}}} in the cluster file, and see what else sets it: grep -r {key} "
                    "/etc/sysctl.d /etc/sysctl.conf")
    return (f"users get no user and mount namespaces here ({state.probe}), and Enroot makes containers of them: nothing was installed. In "
            "a virtual machine or container its host forbids them; on RHEL see user_namespace.enable=1 of the kernel's command line")


def has_profile() -> bool:
    """Whether AppArmor has Enroot's profile."""
    try:
        return PROFILE in APPARMOR.read_text()
    except OSError:
        return False


# --- enroot-check

def check(run: Run, program: str) -> tuple[list[str], list[str]]:
    """What Enroot's own check finds: (what is missing, what only some uses need)."""
    said = run((program, "--verify"))
    if said.rc:
        raise ClusterwrightError(f"{program} --verify fails ({last_lines(said)}): see whether it is the enroot-check_*.run of the release, "
                                 "or leave enroot.check out")
    return parse_check(said.out)


def parse_check(output: str) -> tuple[list[str], list[str]]:
    """Reads lines of `name : OK`, `name : KO` and `name : KO (why it may be)`. Pure."""
    plain = re.sub(r"\x1b[\[(][0-9;]*[A-Za-z]", "", output)
    found = re.findall(r"^(\S.*?)\s*: KO(?: \((.*)\))?\s*$", plain, re.MULTILINE)
    return [name for name, why in found if not why], [f"{name} ({why})" for name, why in found if why]


def _read(key: str) -> int | None:
    try:
        return int(_place(key).read_text())
    except (OSError, ValueError):
        return None


def _place(key: str) -> Path:
    return SYS / key.replace(".", "/")
