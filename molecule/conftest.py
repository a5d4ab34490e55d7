"""Hosts of the scenario's cluster file, over the lab's ssh configuration, and further runs on them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import testinfra

CHECKOUT = Path(__file__).resolve().parents[1]
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
def host():
    """Any host by its name."""
    return connect


@pytest.fixture
def submit_host():
    """Where users submit jobs: the login node where there is one."""
    return connect((with_role("slurm_login") + with_role("slurm_controller"))[0])


@pytest.fixture
def user(submit_host):
    """What a shell script prints that an ordinary user runs on the submit host; ada where no other is named."""
    def run(script, name="ada", check=True):
        quoted = script.replace("'", "'\\''")
        done = submit_host.run(f"cd /tmp && runuser -u {name} -- sh -c '{quoted}'")
        assert not check or done.succeeded, done.stdout + done.stderr
        return (done.stdout + ("" if check else done.stderr)).strip()
    return run


@pytest.fixture
def site(tmp_path):
    """Runs site.yml with tools/run.py: (exit status, summary of each host, output)."""
    def run(*words, inventory=os.environ["LAB_INVENTORY"]):
        artifacts = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        command = [sys.executable, "tools/run.py", "playbooks/site.yml", "-i", inventory, "--artifacts", artifacts, *words]
        done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
        summaries = [json.loads(path.read_text()) for path in artifacts.glob("*/summary.json")]
        return done.returncode, summaries[0]["hosts"] if summaries else {}, done.stdout
    return run


@pytest.fixture
def eventually():
    """Waits until a function returns something true, and returns that."""
    def wait(look, seconds=60):
        end = time.monotonic() + seconds
        while not (seen := look()):
            assert time.monotonic() < end, f"{look.__name__} after {seconds} s: {seen!r}"
            time.sleep(0.5)
        return seen
    return wait


@pytest.fixture
def compute_names():
    return with_role("slurm_compute")


@pytest.fixture
def cluster():
    return CLUSTER
