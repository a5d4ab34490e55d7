"""Cluster files written on the spot."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ansible_collections.clusterwright.hpc.plugins.plugin_utils import model

# The same few examples each time. For a search: HYPOTHESIS_PROFILE=search.
_common: dict[str, Any] = {"deadline": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("few", max_examples=40, derandomize=True, database=None, **_common)
settings.register_profile("search", **{**_common, "max_examples": 3000, "database": None, "deadline": 2000})
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))

MINIMAL = """\
plugin: clusterwright.hpc.cluster
name: small
networks:
  admin: {subnet: 10.0.0.0/24}
nodes:
  n[1-2]: {}
"""


class Folder:
    """A folder for a cluster file; ``load`` gives the cluster, ``problems`` gives [(file, line, message)]."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text="", **files):
        """Write cluster.yml and further files; a name's `_` before the suffix is a dot (`nodes_yml`)."""
        for name, content in {"cluster_yml": text, **files}.items():
            data = content if isinstance(content, bytes) else content.encode()
            (self.path / ".".join(name.rsplit("_", 1))).write_bytes(data)
        return str(self.path / "cluster.yml")

    def load(self, text, **files):
        return model.load(self.write(text, **files))

    def problems(self, text, **files):
        path = self.write(text, **files)
        try:
            model.load(path)
        except model.ClusterFileError as error:
            return [(Path(problem.mark.file).name, problem.mark.line, problem.message) for problem in error.problems]
        return []


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def minimal():
    return MINIMAL
