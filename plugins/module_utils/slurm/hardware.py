# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node has, beside what slurm.conf declares of it, in plain words.

Sources: slurmd(8), option -C; `validate_node_specs` of Slurm 22.05 and 24.11: a node registers when sockets x cores x threads and memory
are at least what is declared (SlurmctldParameters=node_reg_mem_percent moves the latter), and more of either is fine.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines

# The kernel and the firmware keep a few percent of the memory; the smallest DIMM that can be missing is one of sixteen.
KEPT = 0.06


class Hardware(NamedTuple):
    """CPUs and memory (MiB) of a node; None where nothing is declared."""

    sockets: int | None = None
    cores_per_socket: int | None = None
    threads_per_core: int | None = None
    memory: int | None = None

    def __str__(self) -> str:
        parts = [f"{count} {_WHY[item][0].format(s='s' if count != 1 else '')}" for item, count in zip(_WHY, self[:3]) if count]
        return ", ".join([*parts, *([size(self.memory)] if self.memory else [])]) or "nothing"


class Difference(NamedTuple):
    """One item that is not as declared. `refused`: slurmctld does not take the node for it."""

    item: str
    declared: int
    found: int
    refused: bool
    text: str


def observe(run: Run) -> Hardware:
    """What slurmd sees on this node."""
    result = run(["slurmd", "-C"])
    try:
        return parse(result.out)
    except ValueError:
        raise ClusterwrightError(f"`slurmd -C` does not say what this node has ({last_lines(result)}): is slurmd installed here?") from None


def parse(output: str) -> Hardware:
    """The output of `slurmd -C`. Raises ValueError when it has no line of a node."""
    keys = dict(re.findall(r"(\w+)=(\d+)\b", next((line for line in output.splitlines() if line.startswith("NodeName=")), "")))
    try:
        sockets = int(keys["Sockets"]) if "Sockets" in keys else int(keys["SocketsPerBoard"]) * int(keys.get("Boards", 1))
        return Hardware(sockets, int(keys["CoresPerSocket"]), int(keys["ThreadsPerCore"]), int(keys["RealMemory"]))
    except KeyError as error:
        raise ValueError(f"no {error} in the output of slurmd -C") from None


def compare(declared: Hardware, found: Hardware) -> list[Difference]:
    """Each difference that matters: all that is missing, and what is there in vain."""
    wanted, has = _threads(declared, found), _threads(found, found)
    differences = [
        _cpus(item, getattr(declared, item), getattr(found, item), has < wanted)
        for item in ("sockets", "cores_per_socket", "threads_per_core")
        if getattr(declared, item) not in (None, getattr(found, item))
    ]
    if declared.memory is not None and found.memory is not None and _memory_differs(declared.memory, found.memory):
        text = memory(declared.memory, found.memory)
        differences.append(Difference("memory", declared.memory, found.memory, found.memory < declared.memory, text))
    return differences


def _threads(hardware: Hardware, otherwise: Hardware) -> int:
    product = 1
    for said, seen in zip(hardware[:3], otherwise[:3]):
        product *= (seen or 1) if said is None else said
    return product


def _memory_differs(declared: int, found: int) -> bool:
    # A node has always a little more than a careful administrator declares, and Slurm takes it.
    return found < declared or found > declared * (1 + KEPT)


def memory(declared: int, found: int) -> str:
    """In words, how much memory (MiB) is declared and found, and why that may be."""
    said = f"declares {size(declared)}, has {size(found)}"
    if found > declared:
        return f"{said}: correct the cluster file"
    if found < declared * (1 - KEPT):
        return f"{said}: a DIMM is gone?"
    return f"declares {declared} MiB, has {found} MiB: the kernel and the firmware keep a part, so declare {found // 100 * 100} MiB"


def size(mebibytes: int) -> str:
    """64 GiB, 62.5 GiB, 512 MiB."""
    if mebibytes < 1024:
        return f"{mebibytes} MiB"
    return f"{mebibytes / 1024:.1f}".replace(".0", "") + " GiB"


_WHY = {
    "sockets": ("socket{s}", "a processor is gone?"),
    "cores_per_socket": ("core{s} a socket", "cores are switched off in the firmware, or it is another processor?"),
    "threads_per_core": ("thread{s} a core", "SMT is switched off in the firmware or the kernel?"),
}


def _cpus(item: str, declared: int, found: int, refused: bool) -> Difference:
    unit, loss = _WHY[item]
    said = f"declares {declared} {unit.format(s='s' if declared != 1 else '')}, has {found}"
    if found < declared:
        why = loss if refused else "Slurm takes it, since there are as many CPUs in all, but it binds tasks by what is declared"
    else:
        why = "correct the cluster file"
    return Difference(item, declared, found, refused, f"{said}: {why}")


def explain(reason: str, declared: Hardware) -> str:
    """The Reason that slurmctld writes when it refuses a node's hardware, in words; empty for any other Reason."""
    said = []
    reported = re.search(r"Low RealMemory \(reported:(\d+) < ([\d.]+)% of configured:(\d+)\)", reason)
    if reported:
        said.append(memory(int(reported[3]), int(reported[1])))
    if re.search(r"Low socket\*core\*thread count|Low CPUs", reason):
        cpus = declared._replace(memory=None)
        said.append(f"declares {cpus}, has fewer: is a processor, or SMT, off? `slurmd -C` there says what it has")
    gres = re.search(r"gres/(\S+) count reported lower than configured \((\d+) < (\d+)\)", reason)
    if gres:
        said.append(f"declares {gres[3]} {gres[1]}, has {gres[2]}: a device is gone?")
    if "Low TmpDisk" in reason:
        said.append("declares more TmpDisk than its TmpFS has")
    return "; it ".join(said)
