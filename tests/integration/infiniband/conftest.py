"""A simulated InfiniBand fabric with the real OpenSM, on this machine: no containers, no cluster of tests/integration/conftest.py."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import trial
from ansible_collections.clusterwright.hpc.tests.simulators.infiniband import CHECKOUT, Fabric

PACKAGES = ("opensm", "ibsim-utils", "infiniband-diags")


@pytest.fixture(scope="session")
def packages() -> None:
    """opensm and ibsim, installed where they are not."""
    if trial.library() and Path("/usr/sbin/smpquery").exists():
        return
    command = [str(CHECKOUT / "tools" / "preflight.sh"), "install", *PACKAGES]
    if os.geteuid() or subprocess.run(command, check=False, capture_output=True).returncode or not trial.library():
        pytest.skip(f"these tests need {', '.join(PACKAGES)}, which could not be installed here")


@pytest.fixture
def fabric(packages: None, tmp_path: Path) -> Iterator[Fabric]:     # noqa: ARG001 (it installs)
    """Four hosts; not started."""
    made = Fabric(tmp_path, [f"0x0002c903000000{n:02x}" for n in (1, 11, 12, 13)])
    try:
        yield made
    finally:
        made.down()
