"""`python -m tests.simulators.switch`: all switches of a cluster file, until SIGTERM."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def program(tmp_path):
    """program(inventory, option, ...): the running program and the file that it writes."""
    running = []

    def start(inventory, *options):
        told = tmp_path / "switches.json"
        running.append(subprocess.Popen(
            [sys.executable, "-m", "tests.simulators.switch", "-i", str(inventory), "--port", "0", "--write", str(told), *options],
            cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return running[0], told

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_it_serves_the_switches_of_a_cluster_file_until_it_is_told_to_stop(program, terminal):
    process, told = program(CHECKOUT / "inventories" / "tenants" / "cluster.yml")
    deadline = time.monotonic() + 30
    while not told.exists():
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read()
        time.sleep(0.05)
    switches = json.loads(told.read_text())
    assert {name: entry["platform"] for name, entry in switches.items()} == {"leaf1": "eos", "leaf2": "cumulus_nvue"}
    assert len({entry["host"] for entry in switches.values()}) == 2

    class Leaf:
        host, port, user, password = (switches["leaf1"][key] for key in ("host", "port", "user", "password"))

    with terminal(Leaf) as person:
        person.read("leaf1#")
        person.type("show interfaces Ethernet32 switchport\rshow lldp neighbors | include Et32\r")
        assert "Administrative Mode: static access" in person.read("Source interface")
        person.read("cpu32")
    process.terminate()
    assert process.wait(timeout=10) == 0
    assert not told.exists()
