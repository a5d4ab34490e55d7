"""Modules against simulated switches: as Ansible calls them, but in this process; the switches answer over SSH."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import lock
from tests.simulators.switch import Fabric


class Expected(NamedTuple):
    """How a platform fails. `acts`: the line from which on a change acts; `saves`: the line that saves, if saving is a thing of its own.

    `goes_back`: whether an unconfirmed change goes back by itself when the session is lost; `undo`: what a person would type first;
    `refusal`: how it refuses a command; `names`: whether VLANs have names.
    """

    acts: str
    goes_back: bool
    undo: str
    refusal: str = "% Invalid input"
    saves: str = ""
    names: bool = True


EXPECTED = {
    "eos": Expected("^commit timer", True, "configure session cw", saves="^write"),
    "nxos": Expected("^vlan 301", False, "rollback running-config checkpoint cw", saves="^copy running"),
    "comware": Expected("^vlan 301", True, "system-view", " % Wrong parameter found at '^' position.", "^save"),
    "onyx": Expected("^vlan 301", False, "enable", "% Unrecognized command", "^configuration write"),
    "os10": Expected("^commit", False, "discard", "% Error: Illegal parameter.", "^copy running"),
    "sonic": Expected("config vlan add 301", True, "sudo -n config rollback", "Error: Invalid VLAN ID", "config save", False),
    "cumulus_nvue": Expected("^nv config apply --confirm 3", True, "nv config apply --confirm-no", "Error: Invalid config", "config save",
                             False),
    "cumulus_ifupdown2": Expected("ifreload -a$", True, "sudo -n cp -a", "error: refused", "", False),
    "cumulus_nclu": Expected("^net commit", False, "net abort", "ERROR: refused", "", False),
}


@pytest.fixture(scope="session")
def fabric():
    """Switches whose minutes last a second."""
    with Fabric(minute=1) as running:
        yield running


@pytest.fixture
def call(capsys, monkeypatch, tmp_path):
    """Runs a module on a switch; returns what Ansible gets, `warnings` always with it."""
    warnings: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, warning: warnings.append(warning))
    monkeypatch.setattr(lock, "directory", lambda: tmp_path / "locks")

    def run(module, switch=None, check=False, **options):
        warnings.clear()
        if switch is not None:
            known_hosts = tmp_path / "known_hosts"
            known_hosts.write_text(switch.known_host + "\n")
            options = {"host": switch.host, "port": switch.port, "user": switch.user, "password": switch.password, "timeout": 5,
                       "known_hosts": str(known_hosts), **options}
        arguments = {**options, "_ansible_check_mode": check}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        text = capsys.readouterr().out
        assert options.get("password", "?") not in text.replace("wrong password", "")
        return {**json.loads(text), "warnings": [*warnings]}

    return run


class Leaf:
    """A simulated switch with what it shall be."""

    def __init__(self, fabric, name, platform, ports=8):
        self.switch = fabric.switch(name, platform=platform, ports=ports)
        self.switch.known_host = f"[{self.switch.host}]:{self.switch.port} {fabric.host_key}"
        self.name, self.platform, self.expected = name, platform, EXPECTED[platform]
        self.names = self.switch.dialect.port_names(ports)
        self.saves = self.switch.saves
        self.first = self.carried()

    def carried(self):
        """The VLANs that there are, and what each port carries."""
        running = self.switch.running
        return set(running.vlans), {name: running.carries(running.ports[name]) for name in self.names}

    def port(self, number, mode="trunk", untagged=10, tagged=(301,), **more):
        return {"name": self.names[number], "mode": mode, "untagged": untagged, "tagged": [*tagged], "mtu": None,
                "description": f"cn{number} eth0", "protected": False, **more}

    def intent(self, *ports, vlans=((10, "admin"), (301, "bio"))):
        return {"name": self.name, "platform": self.platform, "vlans": [{"id": vlan, "name": name} for vlan, name in vlans],
                "ports": [*ports], "owned": [[10, 10], [300, 310]]}

    def untouched(self):
        """Whether it is as it was made: nothing changed, nothing saved."""
        return self.carried() == self.first and (self.switch.saves == self.saves or not self.expected.saves)

    def carries(self, number):
        """(untagged, tagged) of a port."""
        return self.carried()[1][self.names[number]]


@pytest.fixture(params=sorted(EXPECTED))
def leaf(request, fabric):
    """A switch of each platform."""
    return Leaf(fabric, f"leaf{len(fabric.switches) + 1}", request.param)
