"""The lab's BMCs: which there are, and how slurmd's restart is told from a boot."""

from __future__ import annotations

import dataclasses
import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.tools.labkit import background, bmcs, cli

CHECKOUT = Path(__file__).resolve().parents[3]
POWER = CHECKOUT / "molecule/power/cluster.yml"


@pytest.fixture
def cluster():
    return cli.load(POWER)


def test_each_node_with_an_interface_bmc_has_one(cluster):
    assert bmcs.bmcs_of(cluster, POWER).addresses == {"cn1": "10.66.0.121", "cn2": "10.66.0.122", "cn3": "10.66.0.123"}
    assert bmcs.bmcs_of(cli.load(CHECKOUT / "molecule/default/cluster.yml"), POWER).addresses == {}


def test_another_address_or_protocol_makes_them_anew(cluster):
    spec = bmcs.bmcs_of(cluster, POWER).spec
    assert bmcs.bmcs_of(cli.load(POWER), POWER).spec == spec
    nodes = cluster.groups[1]
    nodes.hardware = dataclasses.replace(nodes.hardware, bmc_protocol="redfish")
    assert bmcs.bmcs_of(cluster, POWER).spec != spec


@pytest.mark.parametrize(("action", "called"), [
    ("on", "start lab-cn1"), ("off", "stop -t 0 lab-cn1"), ("reset", "restart -t 0 lab-cn1"),
])
def test_what_a_bmc_does_to_its_container(tmp_path, action, called):
    (tmp_path / "podman").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "podman").chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", bmcs.SWITCH, "lab", "cn1", action], env={"PATH": path}, capture_output=True, text=True, check=True)
    assert done.stdout == f"{called}\n"


def test_only_the_first_start_of_slurmd_is_a_boot(tmp_path):
    script = bmcs.BOOT.split("'")[1].replace("/run", str(tmp_path))
    said = []
    for _start in range(3):
        subprocess.run(["sh", "-c", script], check=True)
        said.append((tmp_path / "lab-booted").read_text())
    assert said == ["LAB_BOOTED=-b\n", "", ""]


def test_a_pid_of_somebody_else_is_not_ours(tmp_path):
    (tmp_path / "pid").write_text(f"{os.getpid()}\n")
    assert background.running(tmp_path, "password") is None
    assert not background.stop(tmp_path, "password")
