"""Burning firmware, with stand-ins for mstflint and for the kernel's /sys/class: there is no HCA here.

The stand-in writes the version that the image's text says, as the kernel would show it after a reset. What mstflint does with a real
HCA is not tested.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from ansible_collections.clusterwright.hpc.tests.simulators.infiniband import CHECKOUT, COLLECTIONS

pytestmark = pytest.mark.integration

MSTFLINT = """#!/bin/sh
echo "mstflint $*" >>{log}
[ "$1 $3 $5 $6" = "-d -i -y burn" ] && cat "$4" >{sys}/infiniband/$2/fw_ver
"""
MSTFWRESET = '#!/bin/sh\necho "mstfwreset $*" >>{log}\n'
PSID = "MT_0000000223"


@pytest.fixture
def burn(tmp_path):
    """Runs the tasks on this machine, in a namespace in which /sys/class has one HCA."""
    if os.geteuid():
        pytest.skip("a mount namespace needs root")
    system, log = tmp_path / "class", tmp_path / "log"
    hca = system / "infiniband" / "mlx5_0"
    (hca / "ports" / "1").mkdir(parents=True)
    for name, text in (("fw_ver", "20.30.1004\n"), ("board_id", f"{PSID}\n"), ("ports/1/link_layer", "InfiniBand\n")):
        (hca / name).write_text(text)
    for name, text in (("mstflint", MSTFLINT), ("mstfwreset", MSTFWRESET)):
        (tmp_path / name).write_text(text.format(log=log, sys="/sys/class"))
        (tmp_path / name).chmod(0o755)
    (tmp_path / f"{PSID}.bin").write_text("20.31.1014\n")
    log.write_text("")
    book = tmp_path / "play.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [
        {"ansible.builtin.import_tasks": str(CHECKOUT / "playbooks" / "tasks" / "ib_firmware.yml")}]}]))
    (tmp_path / "hosts.yml").write_text(json.dumps({"subnet_manager": {"hosts": {"head1": {
        "ib_fabrics": {"ib0": {"firmware": {PSID: "20.31.1014"}}, "ib1": {}}}}}, "all": {"hosts": {"localhost": {}}}}))

    def run(*more):
        around = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
                  "PATH": f"{tmp_path}:{os.environ['PATH']}"}
        command = [sys.executable, "-m", "ansible", "playbook", "-i", str(tmp_path / "hosts.yml"), str(book),
                   "-e", f"ansible_python_interpreter={sys.executable}", "-e", f"ib_firmware_images={tmp_path}", *more]
        done = subprocess.run(["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /sys/class && exec "$@"', str(system), *command],
                              cwd=tmp_path, env=around, capture_output=True, text=True, check=False, timeout=120)
        return done.returncode, done.stdout + done.stderr, log.read_text().splitlines(), (hca / "fw_ver").read_text().strip()

    return run


def test_nothing_is_burnt_unasked_and_once_when_it_is_confirmed(burn):
    status, said, did, version = burn()
    assert (status, did, version) == (2, [], "20.30.1004")
    assert "mlx5_0 of localhost would get the firmware 20.31.1014" in " ".join(said.split())
    assert "nothing was burnt: say -e ib_firmware_burn=true" in " ".join(said.split())
    status, said, did, version = burn("-e", "ib_firmware_burn=true")
    assert (status, version) == (0, "20.31.1014"), said
    assert did == [f"mstflint -d mlx5_0 -i /run/{PSID}.bin -y burn", "mstfwreset -d mlx5_0 -y reset"]
    assert burn("-e", "ib_firmware_burn=true")[2] == did, "there is nothing left to do"
