# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that shall be present. What differs between families is data: a family is one Driver."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result, Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Command, Session

OS_RELEASE = "/etc/os-release"
LISTS_MAX_AGE = 24 * 3600  # seconds
LOCK_PATIENCE = 120  # seconds


@dataclass(frozen=True)
class Driver:
    """One family of packages. A capability is there when it is declared.

    families: ID or ID_LIKE of os-release. query: the command that lists what is installed; with `names_in_query` the
    names are appended. parse: its output -> version by package name, provided (virtual) names included.
    describe: the command that says name and version of a package's file, split by a tab; the path is appended.
    refresh and lists: how package lists are fetched and the directory they stand in. mends: words of a failed install
    -> the command that lets a second try succeed. busy: words that say another one holds the lock.
    """

    families: Sequence[str]
    query: Sequence[str]
    parse: Callable[[str], dict[str, str]]
    install: Sequence[str]
    remove: Sequence[str]
    describe: Sequence[str] = ()
    names_in_query: bool = False
    refresh: Sequence[str] = ()
    lists: str = ""
    mends: Sequence[tuple[str, Sequence[str]]] = ()
    busy: Sequence[str] = ()


def parse_dpkg(output: str) -> dict[str, str]:
    """Reads lines of package, version, status, provides, split by tabs."""
    versions: dict[str, str] = {}
    provided: dict[str, str] = {}
    for line in output.splitlines():
        name, version, status, provides = line.split("\t")
        if status not in ("installed", "triggers-awaited", "triggers-pending"):
            continue
        versions[name] = version
        for word in provides.split(","):
            provided[word.split("(")[0].strip()] = f"provided by {name} {version}"
    return {**provided, **versions}


def parse_rpm(output: str) -> dict[str, str]:
    """Reads lines of package, version, provided names; rpm's own "not installed" lines have no tab."""
    versions: dict[str, str] = {}
    provided: dict[str, str] = {}
    for line in output.splitlines():
        if "\t" not in line:
            continue
        name, version, provides = line.split("\t")
        versions[name] = version
        for word in provides.split():
            provided[word] = f"provided by {name} {version}"
    return {**provided, **versions}


# needrestart would restart daemons behind our back; restarts are decided elsewhere.
_APT = (
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "NEEDRESTART_SUSPEND=1",
    "apt-get",
    "-q",
    "-o",
    f"DPkg::Lock::Timeout={LOCK_PATIENCE}",
)
_APT_UPDATE = (*_APT, "update")

DRIVERS = (
    Driver(
        families=("debian", "ubuntu"),
        query=("dpkg-query", "-W", "-f", "${Package}\\t${Version}\\t${db:Status-Status}\\t${Provides}\\n"),
        parse=parse_dpkg,
        describe=("dpkg-deb", "--show", "--showformat=${Package}\\t${Version}\\n"),
        install=(*_APT, "-o", "Dpkg::Options::=--force-confold", "install", "-y", "--no-install-recommends"),
        remove=("apt-get", "remove", "-y"),
        refresh=_APT_UPDATE,
        lists="/var/lib/apt/lists",
        mends=(
            ("dpkg was interrupted", ("dpkg", "--force-confold", "--configure", "-a")),
            ("Unable to locate package", _APT_UPDATE),
            ("has no installation candidate", _APT_UPDATE),
            ("Failed to fetch", _APT_UPDATE),
        ),
        busy=("Could not get lock", "Unable to lock", "Unable to acquire the dpkg frontend lock"),
    ),
    Driver(
        families=("rhel", "fedora", "centos"),
        query=("rpm", "-q", "--qf", "%{NAME}\\t%{EVR}\\t[%{PROVIDENAME} ]\\n", "--whatprovides"),
        parse=parse_rpm,
        names_in_query=True,
        describe=("rpm", "-qp", "--qf", "%{NAME}\\t%{EVR}\\n"),
        install=("dnf", "install", "-y", "--setopt=install_weak_deps=False"),
        remove=("dnf", "remove", "-y"),
    ),
)


@dataclass(frozen=True)
class PackagesState:
    """versions: by declared name, None when not installed. refresh: the package lists are absent or too old.

    files: the package's name by the path of its file; such a one is not installed when another version of it is. others: of
    those, the packages that are there in another version.
    """

    driver: Driver | None
    versions: dict[str, str | None]
    refresh: bool = False
    files: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


def observe(run: Run, names: Sequence[str]) -> PackagesState:
    """Asks the package database, with one command. Raises ClusterwrightError where no driver fits."""
    if not names:
        return PackagesState(None, {})
    driver = _driver()
    files = {name: _describe(run, driver, name) for name in names if name.startswith("/")}
    asked = [files.get(name, (name, ""))[0] for name in names]
    result = run((*driver.query, *asked) if driver.names_in_query else driver.query)
    # rpm counts the packages that it did not find in its exit status.
    if result.rc == 127 or (result.rc and not driver.names_in_query):
        raise ClusterwrightError(f"packages: '{driver.query[0]}' failed: {last_lines(result)}")
    known = driver.parse(result.out)
    versions = {name: known.get(package) for name, package in zip(names, asked)}
    others = [path for path, (_name, version) in files.items() if versions[path] and versions[path] != version]
    versions.update(dict.fromkeys(others))
    return PackagesState(
        driver,
        versions,
        bool(driver.refresh) and not all(versions.values()) and _lists_are_old(driver),
        {path: name for path, (name, _version) in files.items()},
        others,
    )


def missing(state: PackagesState) -> list[str]:
    """Returns the declared packages that are not installed."""
    return [name for name, version in state.versions.items() if not version]


def plan(state: PackagesState) -> list[Command]:
    """Plans one command for all that is missing, after fresh lists where those are needed."""
    absent, driver = missing(state), state.driver
    if not absent or not driver:
        return []
    item = f"packages {', '.join(absent)}"
    refresh = [Command(driver.refresh, "package lists")] if state.refresh else []
    new = [state.files.get(name, name) for name in absent if name not in state.others]
    return [*refresh, Command((*driver.install, *absent), item, undo=(*driver.remove, *new) if new else ())]


def _describe(run: Run, driver: Driver, path: str) -> tuple[str, str]:
    """Name and version of a package's file; one that is not there is taken as coming, under its path."""
    if not Path(path).exists():
        return path, ""
    result = run((*driver.describe, path))
    name, tab, version = result.out.strip().partition("\t")
    if result.rc or not tab:
        raise ClusterwrightError(f"packages: {path} is no package of this system ({last_lines(result)}): name another file.")
    return name, version


def apply(session: Session, state: PackagesState, commands: Sequence[Command]) -> None:
    """Runs the plan; a failure that the driver knows how to mend is mended and tried once more."""
    driver = state.driver
    if driver is None:
        return
    for command in commands:
        result = _patient(session.run, command.argv, driver)
        if result.rc:
            said = result.out + result.err
            for mend in dict.fromkeys(argv for words, argv in driver.mends if words in said):
                session.do(Command(mend, command.item))
                result = _patient(session.run, command.argv, driver)
        if result.rc:
            raise ClusterwrightError(f"{command.item}: '{command}' failed: {last_lines(result)}")
        session.did(str(command), command.undo)


def _patient(run: Run, argv: Sequence[str], driver: Driver) -> Result:
    # DPkg::Lock::Timeout covers dpkg's lock but not that of the package lists.
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        result = run(argv)
        if not result.rc or time.monotonic() > deadline or not any(words in result.err for words in driver.busy):
            return result
        time.sleep(2)


def _driver() -> Driver:
    try:
        text = Path(OS_RELEASE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    values = dict(re.findall(r"^(ID|ID_LIKE)=[\"']?([^\"'\n]*)", text, re.MULTILINE))
    families = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".split()
    for driver in DRIVERS:
        if set(families) & set(driver.families):
            return driver
    known = ", ".join(family for driver in DRIVERS for family in driver.families)
    raise ClusterwrightError(
        f"packages: {OS_RELEASE} names the family '{' '.join(families) or 'nothing'}', with no package driver "
        f"(there is one for {known}): install the packages by other means and leave 'packages' empty."
    )


def _lists_are_old(driver: Driver) -> bool:
    directory = Path(driver.lists)
    lists = list(directory.glob("*_Packages*"))
    # A fetch that brought nothing new touches only partial/.
    fetched = max((path.stat().st_mtime for path in [*lists, *directory.glob("partial")]), default=0)
    return not lists or fetched < time.time() - LISTS_MAX_AGE
