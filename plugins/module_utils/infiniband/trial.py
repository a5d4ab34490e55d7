# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trial: the real OpenSM reads the new file on a simulated fabric that has the same ports, and the tables that it programs are read back.

It needs ibsim, and is left out where that is not installed. OpenSM reads the whole file, whatever ports there are: it passes over a member
that is absent, and discards the file for one that it cannot read. All ports hang on simulated switches of 128 ports, because what a port
may do does not depend on where it is. The trial reaches no real fabric: it goes on only when the simulator's library is seen to be loaded.
What one leaves that was killed ends by itself, or is removed by a later one.

Sources: ibsim-run(1), opensm(8). In ibsim a port's GUID is its node's plus one, and a port holds 64 P_Keys.
"""

from __future__ import annotations

import inspect
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import PATH, Run
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import observe, reader
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.observe import Fabric

LIBRARIES = ("/usr/lib/*/umad2sim/libumad2sim.so", "/usr/lib64/umad2sim/libumad2sim.so", "/usr/local/lib*/umad2sim/libumad2sim.so")
SCRATCH, PREFIX = "/run", "opensm-trial-"
LEAF = 128          # hosts on a simulated switch
SIZE = 64           # P_Keys that a simulated port holds
PATIENCE = 120      # seconds
_SWITCHES, _CORE = 0xFD00000000000000, 0xFDFFFFFFFFFFFFFF

# $1: the directory, $2: the library, $3: the name of the simulator's socket, $4: a Python, $5: how many ports, $6: the program that reads.
_SCRIPT = """
cd "$1" || exit 1
unset LD_PRELOAD IBSIM_SERVER_NAME
export IBSIM_SOCKNAME="$3" SIM_HOST=host0 OSM_CACHE_DIR="$1" OSM_TMP_DIR="$1"
LD_PRELOAD="$2" grep -q libumad2sim /proc/self/maps || exit 4
mkfifo console
timeout {LONGEST} ibsim -s -f said.ibsim \\
    -N $(($5 * 2 + 100)) -S $(($5 / {LEAF} + 10)) -P $(($5 * 4 + 1000)) fabric.net <>console >simulator 2>&1 &
simulator=$!
trap 'kill $simulator' EXIT
left=500
until grep -q "@$3:" /proc/net/unix; do
    kill -0 $simulator 2>/dev/null || exit 2
    left=$((left - 1)); [ $left -gt 0 ] || exit 2
    sleep 0.01
done
LD_PRELOAD="$2" timeout {PATIENCE} opensm -o -F opensm.conf >said 2>&1 || exit 3
LD_PRELOAD="$2" "$4" -IS -c "$6" guid2lid
""".replace("{LEAF}", str(LEAF)).replace("{PATIENCE}", str(PATIENCE)).replace("{LONGEST}", str(2 * PATIENCE))


def library() -> str:
    """The simulator's library; empty where a trial is not possible."""
    if not all(shutil.which(program, path=PATH) for program in ("ibsim", "opensm")):
        return ""
    found = [path for pattern in LIBRARIES for path in sorted(Path("/").glob(pattern[1:]))]
    return str(found[0]) if found else ""


def start(run: Run, text: str, guids: Sequence[str], manager: str, preload: str) -> tuple[Fabric, str]:
    """What the fabric holds after OpenSM has read this text, and why OpenSM has discarded it (empty: it says nothing of the kind).

    guids: the ports that there are; manager: that of the subnet manager, one of them.
    """
    _sweep()
    ordered = [manager, *(guid for guid in guids if guid != manager)]
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=SCRATCH) as scratch:
        folder = Path(scratch)
        (folder / "partitions.conf").write_bytes(text.encode(errors="surrogateescape"))
        (folder / "fabric.net").write_text(topology(ordered))
        (folder / "opensm.conf").write_text(
            f"guid {manager}\npartition_config_file {folder}/partitions.conf\nlog_file {folder}/log\nsweep_interval 0\n")
        name = f"clusterwright-{os.getpid()}"
        result = run(["sh", "-c", _SCRIPT, "sh", scratch, preload, name, sys.executable, str(len(ordered)), inspect.getsource(reader)])
        said = next((_last(folder / name) for name in ("log", "said", "simulator") if _last(folder / name)), "")
        complaint = _complaint(folder / "said")
    found = observe.answer(*result) if not result.rc else Fabric()
    if result.rc or found.error:
        raise ClusterwrightError(f"the trial on a simulated fabric did not work ({found.error or said or result.err.strip()}): nothing was "
                                 "changed. Look whether /run has room; without the package ibsim-utils there is no trial")
    return found, complaint


def topology(guids: Sequence[str]) -> str:
    """The simulated fabric, in ibsim's form. Its first host is the subnet manager's."""
    leaves = (len(guids) + LEAF - 1) // LEAF
    lines = []
    for leaf in range(leaves):
        lines += [f"switchguid={_SWITCHES + leaf:#x}", f'Switch {LEAF + 1} "leaf{leaf}"']
        lines += [f'[{port + 1}] "host{leaf * LEAF + port}"[1]' for port in range(min(LEAF, len(guids) - leaf * LEAF))]
        lines += [f'[{LEAF + 1}] "core"[{leaf + 1}]', ""] if leaves > 1 else [""]
    if leaves > 1:
        lines += [f"switchguid={_CORE - 1:#x}", f'Switch {leaves} "core"']
        lines += [f'[{leaf + 1}] "leaf{leaf}"[{LEAF + 1}]' for leaf in range(leaves)]
        lines.append("")
    for host, guid in enumerate(guids):
        lines += [f"caguid={int(guid, 16) - 1:#x}", f'Ca 1 "host{host}"', f'[1] "leaf{host // LEAF}"[{host % LEAF + 1}]', ""]
    return "\n".join(lines)


def _sweep() -> None:
    """Removes what trials have left that were killed."""
    for folder in Path(SCRATCH).glob(f"{PREFIX}*"):
        try:
            if time.time() - folder.stat().st_mtime > 4 * PATIENCE:
                shutil.rmtree(folder)
        except OSError:     # another one has just done so
            continue


def _last(path: Path) -> str:
    try:
        lines = [line.strip() for line in path.read_text(errors="replace").split("\n") if line.strip()]
    except OSError:
        return ""
    return lines[-1] if lines else ""


def _complaint(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in lines if "PARSE ERROR" in line), "")
