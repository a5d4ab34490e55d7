# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Enroot and Pyxis: what could not work, or would end what a site has already."""

from __future__ import annotations

import posixpath
from typing import Any

from .. import compile_enroot
from .context import Context


def check(context: Context) -> None:
    """The Enroot section, the roles that go with it, and what Slurm is told of both."""
    section = context.cluster.enroot
    _nodes(context)
    _programs(context)
    if "pyxis" in section and not context.complained(("enroot", "pyxis")):
        _pyxis(context, section["pyxis"])
    _files(context)
    images: dict[str, Any] = section.get("images") or {}
    for name, entry in images.items():
        if not context.complained(("enroot", "images", name)) and "source" not in (entry or {}) and (entry or {}).get("state") != "absent":
            context.error(("enroot", "images", name), f"image {name} has no source: say where it comes from, or state: absent")


def _nodes(context: Context) -> None:
    section = context.cluster.enroot
    roles = {role for group in context.cluster.groups for role in group.roles}
    if section and not roles & {compile_enroot.ROLE, "charliecloud"} and not context.complained(("nodes",)):
        context.error(("enroot",), "no node has the role enroot (or charliecloud): give it to those that shall run containers")


def _programs(context: Context) -> None:
    """Slurm calls one pattern of programs; Enroot's must be among them without displacing the site's own."""
    cluster = context.cluster
    if not compile_enroot.slurm_keys(cluster):
        return
    for key, ours in compile_enroot.PATTERNS.items():
        if compile_enroot.program(cluster, key) is None:
            said = next(name for name in cluster.slurm["config"] if name.lower() == key.lower())
            context.error(("slurm", "config", said), f"{cluster.slurm['config'][said]} leaves no room for {compile_enroot.PROGRAM}, which "
                                                     "makes the directories of containers: put your program into a directory on every "
                                                     f"compute node, and say {key}: {ours}")


def _pyxis(context: Context, entry: dict[str, Any]) -> None:
    if ("source" in entry) == ("package" in entry):
        context.error(("enroot", "pyxis"), "say either source, a tar of Pyxis's source, or package: Pyxis is in no distribution")
    if not any("slurm_compute" in group.roles and compile_enroot.ROLE in group.roles for group in context.cluster.groups):
        context.error(("enroot", "pyxis"), "Pyxis starts Enroot's containers as Slurm jobs, and no node has both enroot and slurm_compute")
    if (entry.get("options") or {}).get("container_scope") == "job":
        context.error(("enroot", "pyxis", "options", "container_scope"), "with job, Pyxis calls Enroot after each job, also on a node "
                      "where no step and no prolog ran, and when that fails Slurm drains it: leave it out, the epilog removes containers")
    names = [line.split()[1] for line in context.cluster.slurm["plugstack"] if isinstance(line, str)]
    if any("pyxis" in posixpath.basename(name) for name in names):
        context.error(("slurm", "plugstack"), "Pyxis's line comes from enroot.pyxis: leave it out here")


def _files(context: Context) -> None:
    """Two files of one name would be one on the nodes."""
    section = context.cluster.enroot
    pyxis = section.get("pyxis") or {}
    entries = [entry for entry in (*(section.get("packages") or ()), section.get("check"), pyxis.get("source"), pyxis.get("package"))
               if isinstance(entry, dict) and {"source", "sha256"} <= entry.keys()]
    seen: dict[str, str] = {}
    for entry in entries:
        name = posixpath.basename(entry["source"].split("?")[0])
        if not name or seen.setdefault(name, entry["source"]) != entry["source"]:
            context.error(("enroot",), f"{entry['source']} has no file name of its own on the nodes: rename one of the files")
