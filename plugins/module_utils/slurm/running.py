# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs: the configuration that a slurmctld has loaded, its nodes, partitions and jobs, and which controller is the active one.

Sources: scontrol(1), squeue(1) of Slurm 22.05 and 24.11. HASH_VAL of `scontrol show config` compares the bytes of slurm.conf, comments
included, with those that slurmctld has read.
"""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.info import ENDED
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import record

Table = dict[str, str]
ANSWER = 20     # seconds that a controller gets for an answer
_SECTIONS = {"Cgroup Support Configuration:": "cgroup.conf"}
_LINE = re.compile(r"(\w+)(?:\[\d+\])?\s*= ?(.*)")
_LINES = ("nodename", "partitionname", "nodeset", "downnodes", "frontendname")
_WAITS = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})


@dataclass(frozen=True)
class Slurm:
    """What one slurmctld says of itself: keys of slurm.conf and cgroup.conf by file, nodes and partitions by name."""

    places: dict[str, Table]
    nodes: dict[str, Table] = field(default_factory=dict)
    partitions: dict[str, Table] = field(default_factory=dict)


class Job(NamedTuple):
    """A job; `nodes` folded, empty while it waits."""

    id: str
    user: str
    state: str
    partition: str
    nodes: str

    @property
    def runs(self) -> bool:
        """Whether it has nodes."""
        return self.state not in _WAITS

    def __str__(self) -> str:
        return f"job {self.id} of {self.user} ({self.state}{f' on {self.nodes}' if self.nodes else f' in {self.partition}'})"


def parse(config: str, nodes: str = "", partitions: str = "") -> Slurm:
    """`scontrol show config`, and `scontrol --oneliner show` of nodes and partitions."""
    return Slurm(parse_config(config), _records("NodeName", nodes), _records("PartitionName", partitions))


def parse_config(text: str) -> dict[str, Table]:
    """Keys by file, `(null)` left out; what is a list, such as SlurmctldHost[0], is joined. Other sections are left out."""
    places: dict[str, Table] = {"slurm.conf": {}, "cgroup.conf": {}}
    place: str | None = "slurm.conf"
    for line in text.split("\n"):
        found = _LINE.fullmatch(line.rstrip())
        if found and place and found[2].strip() not in ("(null)", "(null type)"):
            key, value = found[1], found[2].strip()
            known = places[place].get(key)
            places[place][key] = value if known is None else f"{known},{value}"
        elif not found and line.endswith(":"):
            place = _SECTIONS.get(line)
    return places


def settings(text: str) -> Table:
    """The keys of a slurm.conf that are no lines of nodes or partitions, in lower case; what is given more than once is joined."""
    found: Table = {}
    for keys in conf.parse(text):
        lower = {key.lower(): value for key, value in keys.items()}
        if not lower.keys() & {*_LINES}:
            found.update({key: f"{found[key]},{value}" if key in found else value for key, value in lower.items()})
    return found


def parse_jobs(output: str) -> list[Job]:
    """Lines of `id|user|state|partition|nodes`."""
    rows = (line.split("|") for line in output.split("\n"))
    return [Job(*row) for row in rows if len(row) == 5]


def expand(text: str) -> list[str]:
    """The names of a folded text as Slurm prints it: cn[1-3,07],gpu1."""
    names = []
    for term in re.split(r",(?![^\[]*\])", text):
        parts = re.split(r"\[([^\]]*)\]", term)
        names += ["".join(choice) for choice in itertools.product(*(_choices(part, at % 2 == 1) for at, part in enumerate(parts)))]
    return [name for name in names if name]


def _choices(text: str, is_range: bool) -> Iterable[str]:
    if not is_range:
        return [text]
    ends = [part.partition("-") for part in text.split(",")]
    return [f"{number:0{len(first)}}" for first, _dash, last in ends for number in range(int(first), int(last or first) + 1)]


def _records(key: str, output: str) -> dict[str, Table]:
    return {found[key]: found for found in map(record, output.split("\n")) if key in found}


# --- asking

def config(run: Run, conf_file: Path | None = None) -> tuple[dict[str, Table], str]:
    """What the active slurmctld has loaded; none, and why, when there is no answer. conf_file: other than /etc/slurm/slurm.conf."""
    result = run([*_environment(conf_file), "timeout", str(ANSWER), "scontrol", "show", "config"])
    return ({}, last_lines(result)) if result.rc else (parse_config(result.out), "")


def look(run: Run, places: dict[str, Table], conf_file: Path | None = None) -> tuple[Slurm, list[Job]]:
    """All the rest of the active slurmctld: nodes, partitions, and every job that it remembers."""
    def answer(*argv: str) -> str:
        result = run([*_environment(conf_file), *argv])
        if result.rc:
            raise ClusterwrightError(f"slurmctld does not answer any more ({last_lines(result)}): nothing was changed. Look at `systemctl "
                                     "status slurmctld`, and run again")
        return result.out

    nodes = answer("scontrol", "--all", "--oneliner", "show", "node")
    partitions = answer("scontrol", "--all", "--oneliner", "show", "partition")
    jobs = answer("squeue", "--all", "--noheader", "--states=all", "--format=%i|%u|%T|%P|%N")
    return Slurm(places, _records("NodeName", nodes), _records("PartitionName", partitions)), parse_jobs(jobs)


def unfinished(jobs: Sequence[Job]) -> list[Job]:
    """Those that have not ended."""
    return [job for job in jobs if job.state not in ENDED]


def controllers(run: Run, texts: Sequence[str], scratch: Path) -> dict[str, str]:
    """Every controller that one of these slurm.conf names: active, standby, or down. Empty when that is only one.

    The first text is that to ask with. `scontrol ping` does not tell which controller is active: so each that is up is asked as if it
    were the only one.
    """
    named = {host.split("(")[0]: host for text in reversed(texts) for host in settings(text).get("slurmctldhost", "").split(",") if host}
    hosts, text = [*named.values()], texts[0]
    if len(hosts) < 2:
        return {}
    common = [line for line in text.split("\n") if line.split("=", 1)[0].strip().lower() not in ("slurmctldhost", *_LINES)]
    alone = scratch / "one.conf"
    alone.write_text("\n".join([*common, *(f"SlurmctldHost={host}" for host in hosts), ""]))
    pinged = run([*_environment(alone), "timeout", str(ANSWER), "scontrol", "ping"]).out
    up = set(re.findall(r"^Slurmctld\(\S+\) at (\S+) is UP", pinged, re.MULTILINE))
    found = {}
    for host in hosts:
        name = host.split("(")[0]
        found[name] = "down"
        if name in up:
            alone.write_text("\n".join([*common, f"SlurmctldHost={host}", ""]))
            places, why = config(run, alone)
            found[name] = "active" if places else "standby" if "standby" in why else "down"
    return found


def unresolvable(names: Sequence[str]) -> list[str]:
    """Those of the names that this host cannot resolve: each of them stops slurmctld for 10 s when it starts."""
    with ThreadPoolExecutor(max_workers=32) as pool:
        return [name for name, fine in zip(names, pool.map(_resolves, names)) if not fine]


def _resolves(name: str) -> bool:
    try:
        return bool(socket.getaddrinfo(name, None))
    except (OSError, UnicodeError):
        return False


def listens(host: str, port: int) -> bool:
    """Whether something takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=ANSWER / 4):
            return True
    except (OSError, UnicodeError):
        return False


def _environment(conf_file: Path | None) -> list[str]:
    return ["env", f"SLURM_CONF={conf_file}"] if conf_file else []


def loaded(places: Mapping[str, Table]) -> bool:
    """Whether slurmctld has read the slurm.conf that is asked with, byte for byte."""
    return places.get("slurm.conf", {}).get("HASH_VAL") == "Match"
