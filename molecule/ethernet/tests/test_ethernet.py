"""What the simulated switches are after network.yml, read by the module itself, and by a person's commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent


def ansible(*words):
    command = [*words, "-i", os.environ["LAB_INVENTORY"]]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False)


def gathered(name, platform):
    options = {"state": "gathered", "platform": platform, "host": "{{ ansible_host }}", "port": "{{ ansible_port }}", "user": "admin",
               "password": "{{ ansible_password }}", "known_hosts": "{{ ethernet_fabric_known_hosts }}"}
    done = ansible(BIN / "ansible", name, "-c", "local", "-o", "-m", "clusterwright.hpc.switch_vlans", "-a", json.dumps(options),
                   "-e", f"ansible_python_interpreter={sys.executable}")
    assert done.returncode == 0, done.stdout + done.stderr
    result, _end = json.JSONDecoder().raw_decode(done.stdout.split("=>", 1)[1].lstrip())     # warnings of the command line may follow
    found = result["gathered"]
    return [vlan["id"] for vlan in found["vlans"]], {port["name"]: port for port in found["ports"]}


def test_the_tenant_is_on_its_nodes_and_on_the_link():
    for name, platform, prefix, inside, outside in (("leaf1", "eos", "Ethernet", 2, 1), ("leaf2", "nxos", "Ethernet1/", 1, 2)):
        vlans, ports = gathered(name, platform)
        assert vlans == [1, 10, 301]
        assert (ports[f"{prefix}{inside}"]["untagged"], ports[f"{prefix}{inside}"]["tagged"]) == (10, "301")
        assert (ports[f"{prefix}{outside}"]["mode"], ports[f"{prefix}{outside}"]["untagged"]) == ("access", 10)
        assert ports[f"{prefix}7"]["tagged"] == "10,301" or "ALL" in str(ports[f"{prefix}7"])


def test_a_further_run_changes_nothing():
    done = ansible(BIN / "ansible-playbook", "playbooks/network.yml", "--check", "--diff", "-e", "ethernet_fabric_state=exact")
    assert done.returncode == 0 and "changed=0" in done.stdout and "changed=1" not in done.stdout, done.stdout + done.stderr
