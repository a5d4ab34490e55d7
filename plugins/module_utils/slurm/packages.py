# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slurm's packages on one host, and the daemons that run from them.

All packages of a host go together, since they depend on each other in exactly one version, and while they are replaced no daemon of
Slurm runs: a slurmd that stays up would start the new slurmstepd, which does not understand it, and the step fails. While slurmd is down,
steps and jobs only wait. Debian's maintainer scripts start daemons by themselves; here they do not, for the order is the playbook's.

Sources: dpkg-query(1), apt-get(8), invoke-rc.d(8), deb-systemd-invoke(1p); what a step does was seen with 24.11 and 26.05.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines

from .releases import release

SOURCES = ("slurm-wlm", "slurm-smd")        # Debian's source package, and SchedMD's own
UNITS = ("slurmdbd.service", "slurmctld.service", "slurmd.service", "slurmrestd.service", "sackd.service")
STAYS_UP = ("sackd.service",)            # nothing comes of it but the files that commands read, and they go when it stops
FREE = 512 << 20                            # bytes that packages may need where they are unpacked
POLICY = Path("/usr/sbin/policy-rc.d")
MARK = "# Written by clusterwright.hpc."
PROC = Path("/proc")

APT = ("env", "DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120")
_QUERY = ("dpkg-query", "-W", "-f", "${source:Package}\\t${Package}\\t${Version}\\t${db:Status-Want}\\t${db:Status-Status}\\n")
_CONFOLD = ("-o", "Dpkg::Options::=--force-confold")
_INSTALL = (*_CONFOLD, "install", "-y", "--no-install-recommends", "--only-upgrade")


class Daemon(NamedTuple):
    """A unit of Slurm. stale: it runs from a program that a newer package has replaced."""

    active: bool
    enabled: bool
    stale: bool

    @property
    def down(self) -> bool:
        """Whether it should run and does not."""
        return self.enabled and not self.active


class State(NamedTuple):
    """installed, candidate: package -> version, of all that is installed. trouble: what keeps packages from being replaced.

    unfinished: packages of an upgrade that was interrupted, Slurm's among them. old_steps: job steps that were started by packages which
    have been replaced since.
    """

    installed: dict[str, str]
    candidate: dict[str, str]
    trouble: list[str]
    daemons: dict[str, Daemon]
    unfinished: list[str] = []
    old_steps: int = 0


class Plan(NamedTuple):
    """upgrade: package -> version to come. stop: units that must not run meanwhile, or that run from former packages.

    mend: dpkg was interrupted and has to finish first.
    """

    upgrade: dict[str, str]
    stop: list[str]
    mend: bool = False

    @property
    def steps(self) -> list[tuple[str, ...]]:
        """The commands that replace packages, in order."""
        mend = [("dpkg", "--force-confold", "--configure", "-a"), (*APT, "-f", *_CONFOLD, "install", "-y", "--no-install-recommends")]
        return [*(mend if self.mend else []), *([(*APT, *_INSTALL, *_words(self))] if self.upgrade else [])]


def observe(run: Run) -> State:
    """Looks at packages, package sources and daemons."""
    result = run(_QUERY)
    if result.rc:
        raise ClusterwrightError(f"packages: '{_QUERY[0]}' failed ({last_lines(result)}): only Debian's packages can be upgraded")
    installed, unfinished, trouble = parse_packages(result.out)
    candidate: dict[str, str] = {}
    if installed:
        candidate = parse_policy(run(("apt-cache", "policy", *installed)).out)
        trouble += _short_of_space("/usr") + _foreign_policy(run)
    daemons = parse_units(run(("systemctl", "show", "-p", "Id,LoadState,ActiveState,UnitFileState,MainPID", "--", *UNITS)).out)
    return State(installed, candidate, trouble, daemons, unfinished, _old_steps())


def parse_packages(output: str) -> tuple[dict[str, str], list[str], list[str]]:
    """Lines of source, package, version, want and status -> Slurm's packages, what dpkg has begun with them, and what is in the way."""
    installed, unfinished, held, ours = {}, [], [], False
    for line in output.splitlines():
        source, package, version, want, status = line.split("\t")
        if status in ("config-files", "not-installed"):
            continue
        if status not in ("installed", "triggers-pending", "triggers-awaited"):
            unfinished.append(package)
            ours = ours or source in SOURCES
        if source in SOURCES:
            installed[package] = "" if status == "half-installed" else version
            if want == "hold":
                held.append(package)
    trouble = []
    if unfinished and not ours:
        trouble.append(f"dpkg has not finished with {', '.join(unfinished)}: type `dpkg --configure -a`")
    if held:
        trouble.append(f"{', '.join(held)} held back: type `apt-mark unhold {' '.join(held)}`")
    return installed, unfinished if ours else [], trouble


def parse_policy(output: str) -> dict[str, str]:
    """`apt-cache policy`: package -> the version that the sources offer."""
    return dict(re.findall(r"^([^\s:]+)(?::\w+)?:\n(?:  .*\n)*?  Candidate: (?!\(none\))(\S+)", output, re.MULTILINE))


def parse_units(output: str) -> dict[str, Daemon]:
    """`systemctl show` of units, parted by empty lines -> those that exist."""
    found = {}
    for block in output.strip().split("\n\n"):
        keys = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if keys.get("LoadState") == "loaded":
            active = keys.get("ActiveState") in ("active", "activating", "reloading", "refreshing")
            stale = active and _replaced(PROC / keys.get("MainPID", "0"))
            found[keys["Id"]] = Daemon(active, keys.get("UnitFileState", "").startswith("enabled"), stale)
    return found


def plan(state: State, target: str) -> Plan:
    """What takes the host to a release. Raises ClusterwrightError where its package sources do not have it, or packages are in trouble."""
    upgrade = {}
    for package, version in state.installed.items():
        offered = state.candidate.get(package, "")
        if release(offered) == target and offered != version:
            upgrade[package] = offered
        elif release(version) != target:
            raise ClusterwrightError(
                f"package {package} is {version}, and the package sources offer {offered or 'none'}, nothing of Slurm {target}: "
                f"see `apt-cache policy {package}`"
            )
    mend = bool(state.unfinished)
    if (upgrade or mend) and state.trouble:
        raise ClusterwrightError("; ".join(state.trouble))
    replaced = bool(upgrade) or mend
    stop = [unit for unit, daemon in state.daemons.items() if daemon.active and (daemon.stale or (replaced and unit not in STAYS_UP))]
    return Plan(upgrade, stop, mend)


def simulate(run: Run, planned: Plan) -> list[str]:
    """The packages that apt would remove. Raises ClusterwrightError where it refuses, or where one of Slurm's is among them."""
    if not planned.upgrade or planned.mend:
        return []
    result = run((*APT, "-s", *_INSTALL, *_words(planned)))
    if result.rc:
        raise ClusterwrightError(f"apt-get refuses: {last_lines(result)}; see `apt-get -s install {' '.join(_words(planned))}`")
    removed = re.findall(r"^Remv (\S+)", result.out, re.MULTILINE)
    ours = sorted({*removed} & {*planned.upgrade})
    if ours:
        raise ClusterwrightError(f"apt-get would remove {', '.join(ours)}: see `apt-get -s install {' '.join(_words(planned))}`")
    return removed


def refresh(run: Run) -> list[str]:
    """Fetches the package lists; returns why that failed."""
    result = run((*APT, "update"))
    return [f"its package sources do not answer: {last_lines(result, 1)}"] if result.rc else []


def fetch(run: Run, planned: Plan) -> list[str]:
    """Brings the packages to the host, and changes nothing else. Returns the commands."""
    if not planned.upgrade or planned.mend:
        return []
    argv = (*APT, *_INSTALL, "--download-only", *_words(planned))
    result = run(argv)
    if result.rc:
        raise ClusterwrightError(f"packages cannot be fetched: {last_lines(result)}")
    return [shlex.join(argv)]


def commands(planned: Plan) -> list[str]:
    """What install() runs."""
    return [shlex.join(argv) for argv in ([("systemctl", "stop", *planned.stop)] if planned.stop else []) + planned.steps]


def install(run: Run, planned: Plan) -> None:
    """Stops the daemons and replaces the packages. Nothing is started, unless it fails."""
    if planned.stop:
        result = run(("systemctl", "stop", *planned.stop))
        if result.rc:
            raise _failed(run, planned, f"'systemctl stop {' '.join(planned.stop)}' failed: {last_lines(result)}")
    if planned.steps:
        with held_back():
            results = [run(argv) for argv in planned.steps]
        if results[-1].rc:
            raise _failed(run, planned, f"packages cannot be replaced: {last_lines(results[-1])}")


def _failed(run: Run, planned: Plan, what: str) -> ClusterwrightError:
    """The error, after what may run again does.

    That is what still has its old package; and slurmd in any case, because after SlurmdTimeout slurmctld sets the node down and ends its
    jobs. A new slurmdbd or slurmctld must not start before its turn.
    """
    now, _, _ = parse_packages(run(_QUERY).out)
    old = {package for package, version in planned.upgrade.items() if now.get(package) != version}
    again = [unit for unit in planned.stop if unit == "slurmd.service" or _package(unit) in old]
    if again:
        run(("systemctl", "start", *again))
    left = [unit for unit in planned.stop if unit not in again]
    told = f"; {', '.join(left)} stays down" if left else ""
    return ClusterwrightError(f"{what}{told}. Mend what it says and start the upgrade again: it goes on from here.")


@contextmanager
def held_back(pid: int | None = None) -> Iterator[None]:
    """No maintainer script starts a daemon of Slurm meanwhile. What a killed run leaves behind has no effect: it asks for our process."""
    if POLICY.exists() and MARK not in POLICY.read_text(encoding="utf-8", errors="replace"):
        yield       # the administrator's own, which does it too: _foreign_policy has asked it
        return
    names = "|".join(unit[: -len(".service")] + "*" for unit in UNITS)
    lines = ("#!/bin/sh", MARK, f'case "$1" in {names}) [ ! -d /proc/{os.getpid() if pid is None else pid} ] || exit 101 ;; esac', "exit 0")
    fresh = POLICY.with_name(f"{POLICY.name}.clusterwright")
    fresh.write_text("\n".join(lines) + "\n", encoding="utf-8")
    fresh.chmod(0o755)
    fresh.rename(POLICY)
    try:
        yield
    finally:
        POLICY.unlink()


def _foreign_policy(run: Run) -> list[str]:
    if not os.access(POLICY, os.X_OK) or MARK in POLICY.read_text(encoding="utf-8", errors="replace"):
        return []
    if all(run((str(POLICY), unit, "restart")).rc == 101 for unit in UNITS):
        return []
    return [f"{POLICY} exists and would let packages restart Slurm's daemons: let it exit with 101 for slurm* and sackd*, or move it away"]


def _short_of_space(path: str) -> list[str]:
    room = os.statvfs(path)
    free = room.f_bavail * room.f_frsize
    return [f"{path} has {free >> 20} MiB free, packages may need {FREE >> 20} MiB"] if free < FREE else []


def _old_steps() -> int:
    count = 0
    for folder in PROC.glob("[0-9]*"):
        try:
            count += (folder / "comm").read_text() == "slurmstepd\n" and _replaced(folder)
        except OSError:     # it has just ended
            continue
    return count


def _replaced(folder: Path) -> bool:
    try:
        return str((folder / "exe").readlink()).endswith(" (deleted)")
    except OSError:
        return False


def _package(unit: str) -> str:
    return unit[: -len(".service")]


def _words(planned: Plan) -> list[str]:
    return [f"{package}={version}" for package, version in planned.upgrade.items()]

