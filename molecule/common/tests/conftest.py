"""Hosts of the scenario's cluster file, over the lab's ssh configuration."""

import os
import sys
from pathlib import Path

import pytest
import testinfra

CHECKOUT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(CHECKOUT / ".build" / "collections"))

from ansible_collections.clusterwright.hpc.plugins.plugin_utils import model

CLUSTER = model.load(os.environ["LAB_INVENTORY"])
NODES = {node.name: node for node in CLUSTER.nodes}


def connect(name):
    """A host of testinfra by ssh."""
    return testinfra.get_host(f"ssh://{name}", ssh_config=str(CHECKOUT / ".build" / "lab" / CLUSTER.name / "ssh_config"))


def with_role(role):
    """Names of the nodes with a role."""
    return [name for name, node in NODES.items() if role in node.roles]


def pytest_generate_tests(metafunc):
    """One test a node for `node`, one a node of a role for `controller` and `compute`."""
    for fixture, names in (("node", list(NODES)), ("controller", with_role("slurm_controller")), ("compute", with_role("slurm_compute"))):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, names, indirect=True)


@pytest.fixture
def node(request):
    return connect(request.param)


controller = compute = node


@pytest.fixture
def submit_host():
    """Where users submit jobs: the login node where there is one."""
    return connect((with_role("slurm_login") + with_role("slurm_controller"))[0])


@pytest.fixture
def compute_names():
    return with_role("slurm_compute")


@pytest.fixture
def cluster():
    return CLUSTER
