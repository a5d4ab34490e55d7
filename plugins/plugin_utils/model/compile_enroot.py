# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the cluster file's Enroot section to what nodes get of it, and to what Slurm is told of it."""

from __future__ import annotations

import fnmatch
import posixpath
from typing import Any

from ...module_utils.enroot.intent import EnrootIntent, ImageIntent, PackageIntent, PyxisIntent
from ...module_utils.slurm.intent import Keys
from . import units
from .types import Cluster

ROLE = "enroot"
SUBMITS = ("slurm_controller", "slurm_compute", "slurm_login", "slurm_rest")    # whose srun reads plugstack.conf
# Where no program matches, Slurm drains the node at its first job: so ours goes to every compute node, before Slurm hears of it.
PATTERNS = {"Prolog": "/etc/slurm/prolog.d/*", "Epilog": "/etc/slurm/epilog.d/*"}
PROGRAM = "50-enroot.sh"
STORAGE, IMAGE_STORE, MIN_FREE = "/var/lib/enroot", "/srv/images", "5 GiB"
HOOKS = ("50-slurm-pmi.sh", "50-slurm-pytorch.sh")
# Every user may have that many at once, each container one of each; 0 is what forbids them.
SYSCTL = {"user.max_user_namespaces": 65536, "user.max_mnt_namespaces": 65536, "kernel.unprivileged_userns_clone": 1}
FROM_SOURCE, FROM_PACKAGE = "/usr/local/lib/slurm/spank_pyxis.so", "/usr/lib/x86_64-linux-gnu/slurm/spank_pyxis.so"


def wanted(cluster: Cluster) -> bool:
    """Whether the file has containers at all."""
    return bool(cluster.enroot) or any(role in group.roles for group in cluster.groups for role in (ROLE, "charliecloud"))


def intent(cluster: Cluster) -> EnrootIntent:
    """Enroot, its prolog and epilog, Pyxis, and the images."""
    section = cluster.enroot
    said: dict[str, Any] = section.get("config") or {}
    storage = section.get("storage", STORAGE)
    scope = ((section.get("pyxis") or {}).get("options") or {}).get("container_scope")
    return {
        "packages": [_package(entry) for entry in section.get("packages") or ["enroot"]],
        "check": _package(section["check"]) if "check" in section else None,
        "storage": storage,
        "keeps": ["cache", "data"] if scope == "global" else ["cache"],
        "min_free": units.mebibytes(section.get("min_free", MIN_FREE)),
        "config": {key: _text(value) for key, value in said.items() if value != "omit"},
        "user_paths": {key: value for key, value in _user_paths(storage).items() if key not in said},
        "environment": {key: str(value) for key, value in (section.get("environment") or {}).items()},
        "mounts": list(section.get("mounts") or ()),
        "hooks": list(section.get("hooks", HOOKS if "pyxis" in section else ())),
        "sysctl": {**SYSCTL, **(section.get("sysctl") or {})},
        "prolog": program(cluster, "Prolog") or "",
        "epilog": program(cluster, "Epilog") or "",
        "pyxis": _pyxis(section["pyxis"]) if "pyxis" in section else None,
        "image_store": section.get("image_store", IMAGE_STORE),
        "images": [_image(name, entry or {}) for name, entry in (section.get("images") or {}).items()],
    }


def slurm_keys(cluster: Cluster) -> Keys:
    """What slurm.conf says for Enroot's sake: patterns, in which there is room for a site's own programs."""
    return dict(PATTERNS) if _prepares(cluster) else {}


def plugstack(cluster: Cluster) -> list[str]:
    """The lines of plugstack.conf; none where the file says nothing of it, and it stays as it is."""
    pyxis = cluster.enroot.get("pyxis")
    further = list(cluster.slurm["plugstack"])
    if pyxis is None:
        return further
    options = [f"{key}={_text(value)}" for key, value in (pyxis.get("options") or {}).items()]
    # Not `optional`: a node without the plugin would run the job outside of its container.
    return [" ".join(["required", _pyxis(pyxis)["plugin"], *options]), *further]


def pattern(cluster: Cluster, key: str) -> str:
    """What slurm.conf will say under Prolog or Epilog."""
    said = {name.lower(): str(value) for name, value in cluster.slurm["config"].items()}
    return said.get(key.lower(), PATTERNS[key])


def program(cluster: Cluster, key: str) -> str | None:
    """Where Enroot's prolog or epilog lies, so that the pattern takes it in; None where Slurm calls none, or the pattern has no room."""
    folder, name = posixpath.split(pattern(cluster, key))
    fits = folder.startswith("/") and not set(folder) & set("*?[") and set(name) & set("*?[") and fnmatch.fnmatchcase(PROGRAM, name)
    return f"{folder}/{PROGRAM}" if fits and _prepares(cluster) else None


def _prepares(cluster: Cluster) -> bool:
    """Whether jobs find directories of their own: not where the file has all paths otherwise."""
    return "pyxis" in cluster.enroot and not _user_paths("").keys() <= (cluster.enroot.get("config") or {}).keys()


def _user_paths(storage: str) -> dict[str, str]:
    # Enroot makes what is below, but for the one of temporary files: that is the user's own directory itself.
    own = f"{storage}/$(id -u)"
    return {"ENROOT_RUNTIME_PATH": "/run/enroot/$(id -u)", "ENROOT_CACHE_PATH": f"{own}/cache", "ENROOT_DATA_PATH": f"{own}/data",
            "ENROOT_TEMP_PATH": own}


def _package(entry: str | dict[str, str]) -> PackageIntent:
    if isinstance(entry, str):
        return {"name": entry, "source": "", "sha256": ""}
    return {"name": posixpath.basename(entry["source"].split("?")[0]), "source": entry["source"], "sha256": entry["sha256"]}


def _pyxis(entry: dict[str, Any]) -> PyxisIntent:
    source, package = (_package(entry[key]) if key in entry else None for key in ("source", "package"))
    return {"plugin": entry.get("plugin", FROM_SOURCE if source else FROM_PACKAGE), "source": source, "package": package}


def _image(name: str, entry: dict[str, str]) -> ImageIntent:
    return {"name": name, "source": entry.get("source", ""), "sha256": entry.get("sha256", ""), "state": entry.get("state", "present")}


def _text(value: str | int | bool) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
