# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pyxis on one host: whether the Slurm that is installed here loads the plugin.

Slurm refuses a SPANK plugin that was made for another release of it, and then no srun on this host starts anything, since its line in
plugstack.conf says `required`. So it is tried first, with a configuration of its own that nobody else reads.

Sources: spank(7) of Slurm 24.11; the README of Pyxis 0.24.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run

OPTION = re.compile(r"(--(?:no-)?container-[a-z-]+)")


class State(NamedTuple):
    """slurm: the version installed here, empty without one. there: whether the plugin's file is. options: what srun has by it."""

    slurm: str
    there: bool
    options: list[str]
    said: str


def observe(run: Run, plugin: str) -> State:
    """Lets srun load it."""
    there = Path(plugin).is_file()
    scratch = Path(tempfile.mkdtemp(prefix="pyxis-", dir="/run"))
    try:
        # Without a configuration srun does not even say its version, and on a new host there is none yet.
        (scratch / "slurm.conf").write_text("ClusterName=trial\nSlurmctldHost=localhost\nNodeName=localhost\n")
        srun = ("env", f"SLURM_CONF={scratch}/slurm.conf", "srun")
        version = run((*srun, "-V"))
        (scratch / "plugstack.conf").write_text(f"required {plugin}\n")
        tried = run((*srun, "--help")) if there and not version.rc else version
    finally:
        shutil.rmtree(scratch)
    slurm = "" if version.rc else version.out.split()[-1]
    return State(slurm, there, sorted({*OPTION.findall(tried.out)}), tried.err)


def verdict(state: State, plugin: str) -> str:
    """Why srun would not load it, and the way out, in one sentence; empty when it does. Pure."""
    if not state.slurm:
        return "Slurm's commands are not installed here, so nobody can say whether Pyxis fits them: run the playbook site first"
    if not state.there:
        return (f"there is no {plugin}: nothing was told to Slurm. Say in the cluster file where the package has it, enroot.pyxis.plugin "
                "(`dpkg -L PACKAGE | grep spank_pyxis`), or give the source, enroot.pyxis.source")
    if state.options:
        return ""
    why = _reason(state.said.splitlines())
    return (f"Slurm {state.slurm} does not load {plugin} ({why}), and with it no srun would start: nothing was told to Slurm. It must be "
            "built for the very release: give a package that is, or the source, enroot.pyxis.source")


def _reason(lines: Sequence[str]) -> str:
    """The line that names the version, else the last one that says anything."""
    named = [line for line in lines if "ncompatible" in line] or [line for line in lines if "error" in line] or [*lines] or ["no word why"]
    return re.sub(r"^\w+: (error: )?", "", named[0]).strip().rstrip(".")


def require(state: State, plugin: str) -> None:
    """Raises ClusterwrightError unless Slurm loads it."""
    why = verdict(state, plugin)
    if why:
        raise ClusterwrightError(why, slurm=state.slurm)
