"""What the role charliecloud says of a node on which no container could start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

CHECKOUT = Path(__file__).resolve().parents[3]
# It waits until it has numbers, all of them, so that there is a user without rights; a program begun after that is root in there.
WAIT = 'read _; exec "$@"'
NONE = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'


@pytest.mark.skipif(os.geteuid() != 0, reason="it makes a user namespace with all users")
def test_a_node_without_user_namespaces_is_refused_with_the_setting_and_its_value(tmp_path):
    """In a namespace whose own limit is 0, which leaves this machine's alone."""
    book = tmp_path / "play.yml"
    book.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [
        {"ansible.builtin.import_role": {"name": "clusterwright.hpc.charliecloud", "tasks_from": "needs"}}]}]))
    around = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
              "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build/collections")}
    play = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-e", f"ansible_python_interpreter={sys.executable}", book]
    begun = subprocess.Popen(
        ["unshare", "--user", "sh", "-ec", WAIT, "sh", "sh", "-ec", NONE, "sh", *play],
        env=around, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    own = Path("/proc/self/ns/user").readlink()
    while Path(f"/proc/{begun.pid}/ns/user").readlink() == own:
        assert begun.poll() is None
    for name in ("uid_map", "gid_map"):
        Path(f"/proc/{begun.pid}/{name}").write_text("0 0 65536\n")
    out, _ = begun.communicate("go\n", timeout=120)
    said = " ".join(out.split())
    assert begun.returncode and "users may make no user namespaces" in said and "max_user_namespaces:0" in said, out
