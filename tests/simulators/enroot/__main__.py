"""Writes a cluster file that adds Enroot's packages to another: python -m tests.simulators.enroot CLUSTER TARGET."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from . import packages, sha256


def main(cluster: str, target: str) -> None:
    """The packages are built beside the target; with ENROOT_PACKAGES it names those there, Pyxis among them."""
    folder = Path(target).parent.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    found = packages(folder)
    section: dict[str, object] = {"packages": [_entry(package) for package in found]}
    real = os.environ.get("ENROOT_PACKAGES")
    pyxis = sorted(Path(real).resolve().glob("pyxis*.deb")) if real else []
    if pyxis:
        section["pyxis"] = {"package": _entry(pyxis[0])}
    Path(target).write_text("# Written by a test.\n" + json.dumps(
        {"plugin": "clusterwright.hpc.cluster", "include": os.path.relpath(cluster, folder), "enroot": section}, indent=2) + "\n")
    variables = folder / "group_vars"
    if not variables.is_symlink():
        variables.symlink_to(os.path.relpath(Path(cluster).parent / "group_vars", folder))


def _entry(package: Path) -> dict[str, str]:
    return {"source": str(package.resolve()), "sha256": sha256(package)}


main(*sys.argv[1:])
