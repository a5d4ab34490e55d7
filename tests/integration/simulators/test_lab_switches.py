"""`tools/lab.py switches`: the simulated switches of a lab, in the background, kept while they are good."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.tools.labkit import cli, switches

LAB = Path(__file__).resolve().parents[3] / "inventories/lab/cluster.yml"


@pytest.fixture
def inventory(tmp_path):
    """The lab's file under addresses of this test."""
    file = tmp_path / "cluster.yml"
    file.write_text(LAB.read_text().replace("127.77.0.", f"127.{64 + os.getpid() % 128}.200.").replace("name: lab", "name: labswitches"))
    return file


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "switches"
    yield path
    switches.stop(path)


@pytest.fixture
def ensure(inventory, folder):
    """Brings the switches up as the file says; returns whether that changed anything."""
    return lambda: switches.ensure(switches.switches_of(cli.load(inventory), inventory), folder)


def change(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_they_run_until_they_are_ended_and_their_password_is_nobody_elses(ensure, folder, inventory, capsys):
    assert ensure() and not ensure()
    pid = switches.running(folder)
    assert os.getsid(pid) == pid != os.getsid(0)
    scanned = subprocess.run(["ssh-keyscan", "-p", "2222", *switches.switches_of(cli.load(inventory), inventory).addresses.values()],
                             capture_output=True, text=True, check=True).stdout
    assert {*(folder / "known_hosts").read_text().splitlines()} <= {*scanned.splitlines()}
    password = (folder / "password").read_text().strip()
    assert len(password) > 16 and password not in capsys.readouterr().out + (folder / "log").read_text()
    assert password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert switches.stop(folder)
    assert not Path(f"/proc/{pid}/cmdline").exists() or Path(f"/proc/{pid}/cmdline").read_bytes() == b""
    assert {path.name for path in folder.iterdir()} == {"password", "known_hosts", "log"}


def test_a_new_vlan_leaves_them_running_and_a_new_cable_makes_them_anew(ensure, folder, inventory):
    ensure()
    first = switches.running(folder)
    change(inventory, "vlan: 301", "vlan: 333")
    assert not ensure() and switches.running(folder) == first
    change(inventory, "swp8", "swp7")
    assert ensure() and switches.running(folder) != first


@pytest.mark.parametrize("how", ["stopped", "killed", "half_started"])
def test_what_is_broken_is_made_anew(ensure, folder, monkeypatch, how):
    monkeypatch.setattr(switches, "STILL_GOOD_DEADLINE", 1)
    ensure()
    first = switches.running(folder)
    if how == "half_started":
        (folder / "spec").unlink()
    else:
        os.kill(first, signal.SIGSTOP if how == "stopped" else signal.SIGKILL)
    assert ensure()
    assert switches.running(folder) not in (first, None)


def test_they_end_when_the_lab_is_deleted_by_hand(ensure, folder):
    ensure()
    pid = switches.running(folder)
    (folder / "told.json").unlink()
    deadline = time.monotonic() + 30
    while switches.running(folder) == pid:
        assert time.monotonic() < deadline
        time.sleep(0.1)
