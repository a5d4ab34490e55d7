# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs on this host and what the fabric's ports hold: opensm's processes, the master, the P_Key tables.

Sources: opensm(8); proc(5).
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result, Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import reader
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.codes import FULL_BIT
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import FULL, LIMITED
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.partitions import Table, Tables

PROC = Path("/proc")
CONFIG = Path("/etc/opensm/opensm.conf")
PARTITIONS = Path("/etc/opensm/partitions.conf")
CACHE = Path("/var/cache/opensm")
MASTER = 3          # SMInfo's state
_OPTIONS = {"-g": "guid", "--guid": "guid", "-P": "partitions", "--Pconfig": "partitions", "-F": "config", "--config": "config"}


@dataclass(frozen=True)
class Daemon:
    """An opensm on this host: the port that it was given (empty: the first), its files, and whether it heeds service levels."""

    pid: int
    guid: str
    partitions: Path
    guid2lid: Path
    qos: bool


@dataclass(frozen=True)
class PortState:
    """A port of the fabric. `kind`: ca, switch or router; `size`: how many P_Keys its table holds."""

    lid: int
    kind: str
    size: int
    table: Table


@dataclass(frozen=True)
class Fabric:
    """What the fabric says. `local`: this host's port; `master`: the port of the master subnet manager; `silent`: ports that it
    remembers and that do not answer; `error`: why nothing could be asked. `activity`: how many packets the master has sent; `come`:
    whether what was waited for has come.
    """

    local: str = ""
    master: str = ""
    ports: dict[str, PortState] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    error: str = ""
    activity: int = 0
    come: bool = True

    @property
    def tables(self) -> Tables:
        """The P_Key table of each port that answers."""
        return {guid: port.table for guid, port in self.ports.items()}

    @property
    def kinds(self) -> dict[str, str]:
        """The kind of each port that answers."""
        return {guid: port.kind for guid, port in self.ports.items()}


def daemons() -> list[Daemon]:
    """Every opensm that runs here."""
    found = []
    for directory in PROC.iterdir():
        try:
            if directory.name.isdigit() and (directory / "comm").read_text().strip() == "opensm":
                found.append(_daemon(directory))
        except OSError:     # it has ended meanwhile
            continue
    return sorted(found, key=lambda daemon: daemon.pid)


def runs(daemon: Daemon) -> bool:
    """Whether this opensm still runs."""
    try:
        return bool((PROC / str(daemon.pid) / "cmdline").read_bytes())      # a process that nobody has waited for has none any more
    except OSError:
        return False


def _daemon(directory: Path) -> Daemon:
    words = [word for word in (directory / "cmdline").read_bytes().decode(errors="replace").split("\0") if word]
    environment = dict(entry.partition("=")[::2] for entry in (directory / "environ").read_bytes().decode(errors="replace").split("\0"))
    here = (directory / "cwd").readlink()
    named: dict[str, str] = {}
    for word, following in zip(words[1:], [*words[2:], ""]):
        option, equals, value = word.partition("=") if word.startswith("--") else (word[:2], word[2:], word[2:])
        if option in _OPTIONS:
            named[_OPTIONS[option]] = value if equals else following
    keys = config(here / named.get("config", str(CONFIG)))
    partitions = named.get("partitions") or keys.get("partition_config_file", str(PARTITIONS))
    qos = "-Q" in words or "--qos" in words or keys.get("qos", "FALSE").upper() == "TRUE"
    guid = named.get("guid") or keys.get("guid", "")
    number = int(guid, 16) if re.fullmatch(r"(0x)?[0-9a-fA-F]{1,16}", guid) else 0
    cache = here / environment.get("OSM_CACHE_DIR", str(CACHE))
    return Daemon(int(directory.name), f"{number:#018x}" if number else "", here / partitions, cache / "guid2lid", qos)


def config(path: Path) -> dict[str, str]:
    """The keys of an opensm.conf; none where there is no such file."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return {}
    return {found[1]: found[2] for found in re.finditer(r"^(\w+)[ \t]+([^\s#]\S*)", text, re.MULTILINE) if found[2] != "(null)"}


def fabric(run: Run, guid2lid: Path, until: dict[str, Any] | None = None) -> Fabric:
    """Asks the fabric. `until`: what the program that asks waits for before, as its `wait` takes it.

    The environment of this process reaches that program, so a simulated fabric is asked in the same way.
    """
    told = [json.dumps(until)] if until else []
    return answer(*run([sys.executable, "-IS", "-c", inspect.getsource(reader), str(guid2lid), *told]))


def answer(rc: int, out: str, err: str) -> Fabric:
    """What the program that asks has printed."""
    try:
        said = json.loads(out.strip().split("\n")[-1])
    except ValueError:
        said = {"error": last_lines(Result(rc, out, err))}
    ports = {guid: PortState(port["lid"], port["kind"], port["size"], table(port["keys"])) for guid, port in said.get("ports", {}).items()}
    sm = said.get("sm") or {}
    return Fabric(said.get("local", ""), sm.get("guid", "") if sm.get("state") == MASTER else "", ports, tuple(said.get("silent", ())),
                  said.get("error", ""), sm.get("activity", 0), said.get("come", True))


def words(table: Table) -> list[int]:
    """Memberships by key as the P_Keys that a port holds."""
    return [key | (FULL_BIT if membership == FULL else 0) for key, membership in table.items()]


def table(keys: list[int]) -> Table:
    """P_Keys as a port holds them, as memberships by key."""
    found: Table = {}
    for key in keys:
        if key & FULL_BIT:
            found[key & ~FULL_BIT] = FULL
        else:
            found.setdefault(key, LIMITED)
    return found
