"""network.yml and cabling.yml, as users run them, on six switches of two makers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulators.switch import Neighbour, datapath

pytestmark = pytest.mark.integration
CHECKOUT = Path(__file__).resolve().parents[3]
COUNT = 6
PREFIX = {"eos": "Ethernet", "nxos": "Ethernet1/"}


class Site:
    """Leaves with an uplink each, and four nodes on each; a tenant on the first half of the nodes."""

    def __init__(self, fabric, path, count=COUNT):
        self.path = path
        platforms = ["eos" if number % 2 else "nxos" for number in range(count)]
        self.leaves = [fabric.switch(f"leaf{number}", platform=platform, ports=8) for number, platform in enumerate(platforms, 1)]
        for leaf in self.leaves:
            leaf.change(lambda config, name=f"{PREFIX[leaf.platform]}8": self._uplink(config.ports[name]))
        switches = "".join(f"  {leaf.name}: {{platform: {leaf.platform}, address: {leaf.host}, uplinks: [{PREFIX[leaf.platform]}8]}}\n"
                           for leaf in self.leaves)
        cabling = "".join(f"  - {{nodes: 'cn[{4 * at + 1}-{4 * at + 4}]', interface: eth0, switch: {leaf.name}, "
                          f"ports: '{PREFIX[leaf.platform]}[1-4]'}}\n" for at, leaf in enumerate(self.leaves))
        (path / "cluster.yml").write_text(
            "plugin: clusterwright.hpc.cluster\nname: nettest\n"
            "networks:\n  admin: {vlan: 10, subnet: 10.0.0.0/16, gateway: 10.0.0.1}\n"
            f"nodes:\n  cn[1-{4 * count}]:\n    interfaces: {{eth0: {{network: admin, address: 10.0.1.1}}}}\n"
            f"switches:\n{switches}cabling:\n{cabling}tenants:\n  bio: {{nodes: 'cn[1-{2 * count}]', vlan: 301}}\n"
            "ethernet: {vlans: '10,300-399'}\n")
        for folder in ("host_vars", "group_vars"):
            (path / folder).mkdir()
        for leaf in self.leaves:
            (path / "host_vars" / f"{leaf.name}.yml").write_text(f"ansible_port: {leaf.port}\n")
        (path / "known_hosts").write_text("".join(f"[{leaf.host}]:{leaf.port} {fabric.host_key}\n" for leaf in self.leaves))
        (path / "group_vars" / "switches.yml").write_text(
            "ansible_user: admin\nansible_password: simulated\nethernet_fabric_timeout: 5\n"
            f"ethernet_fabric_known_hosts: {path}/known_hosts\n")

    @staticmethod
    def _uplink(port):
        port.mode, port.allowed = "trunk", frozenset({1})

    def run(self, playbook, *words):
        """(exit status, output) of a playbook."""
        environment = {**os.environ, "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        command = [Path(sys.executable).with_name("ansible-playbook"), "-i", self.path / "cluster.yml", f"playbooks/{playbook}.yml", *words]
        done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=300, check=False)
        output = done.stdout + done.stderr
        assert "simulated" not in output, "a password was printed"
        return done.returncode, output


@pytest.fixture
def site(fabric, tmp_path):
    return Site(fabric, tmp_path)


def test_a_site_from_check_to_second_run(site):
    status, shown = site.run("network", "--check", "--diff")
    assert status == 0 and all(leaf.saves == 0 for leaf in site.leaves)
    assert '+Ethernet1: trunk, untagged 10, tagged 301, "cn5 eth0"' in shown
    assert "Ethernet1 (cn5 eth0) loses VLAN 1; untagged frames are in VLAN 10 then" in shown and "  commit timer 00:03:00" in shown

    # One of them does not answer: the others are done, it is named, and the exit status says so.
    site.leaves[2].faults.silent = True
    status, output = site.run("network", "-e", "ethernet_fabric_timeout=2")
    assert status == 2 and "leaf3 (admin@" in output and "takes the connection but says nothing within 2 s" in output
    assert [leaf.saves for leaf in site.leaves] == [1, 1, 0, 1, 1, 1]
    site.leaves[2].faults.clear()
    before = [leaf.sessions for leaf in site.leaves]
    status, output = site.run("network")
    assert status == 0 and [leaf.saves for leaf in site.leaves] == [1] * COUNT, output
    assert [leaf.sessions - was for leaf, was in zip(site.leaves, before)] == [1] * COUNT       # one session a switch
    for leaf in site.leaves[:3]:
        uplink = leaf.running.ports[f"{PREFIX[leaf.platform]}8"]
        assert leaf.running.carries(uplink) == (1, frozenset({10, 301})) and leaf.running == leaf.startup
    assert 301 not in site.leaves[5].running.vlans

    status, output = site.run("network", "--check", "--diff", "-e", "ethernet_fabric_state=exact")
    assert status == 0 and "changed=1" not in output


@pytest.mark.skipif(bool(datapath.missing()), reason=f"no datapath: {datapath.missing()}")
def test_tenants_reach_their_own_across_two_switches_and_nobody_else(fabric, tmp_path):
    """By pings between network namespaces: real frames through both switches."""
    site = Site(fabric, tmp_path, 2)
    cluster = site.path / "cluster.yml"
    one = "bio: {nodes: 'cn[1-4]', vlan: 301}"
    assert one in cluster.read_text()
    cluster.write_text(cluster.read_text().replace(one, "bio: {nodes: 'cn[1-2,5]', vlan: 301}\n  lab: {nodes: 'cn[3,6]', vlan: 302}"))
    (near, far), tenants = site.leaves, {1: 301, 2: 301, 3: 302, 5: 301, 6: 302}
    with datapath.Datapath() as wires:
        wires.link(near, f"{PREFIX[near.platform]}8", far, f"{PREFIX[far.platform]}8")
        for number, vlan in tenants.items():
            leaf = near if number < 5 else far
            wires.host(f"cn{number}", leaf, f"{PREFIX[leaf.platform]}{(number - 1) % 4 + 1}", f"10.31.0.{number}/24", vlan=vlan)
        assert not wires.pings("cn1", "cn2")
        status, output = site.run("network")
        assert status == 0, output
        assert [wires.pings(*pair) for pair in (("cn1", "cn2"), ("cn1", "cn5"), ("cn3", "cn6"))] == [True] * 3
        assert not wires.pings("cn1", "cn3") and not wires.pings("cn5", "cn6")
        # Somebody puts cn5's port into the other tenant's VLAN.
        port = far.running.ports[f"{PREFIX[far.platform]}1"]
        far.change(lambda _config: setattr(port, "allowed", frozenset({10, 302})))
        assert not wires.pings("cn1", "cn5")
        status, output = site.run("network", "--check")
        assert status == 0 and "changed=1" in output and not wires.pings("cn1", "cn5")
        status, output = site.run("network", "-e", "ethernet_fabric_state=exact")
        assert status == 0 and wires.pings("cn1", "cn5"), output
        assert far.running.carries(far.running.ports[f"{PREFIX[far.platform]}1"])[1] == {301}


def hears(site, number, *nodes):
    """What a leaf hears at its first ports."""
    leaf = site.leaves[number]
    leaf.neighbours = [Neighbour(f"{PREFIX[leaf.platform]}{port}", f"cn{node}.lab.example", "eth0") for port, node in enumerate(nodes, 1)]


def test_crossed_cables_are_named_on_a_switch_and_between_two(site):
    hears(site, 0, 1, 10, 3, 4)
    hears(site, 1, 5, 8, 7, 6)
    hears(site, 2, 9, 2, 11, 12)
    status, output = site.run("cabling", "--limit", "leaf1,leaf2,leaf3")
    said = " ".join(output.split())
    assert status == 2 and "cn6 and cn8 are swapped on leaf2: Ethernet2 has cn8 eth0, Ethernet4 has cn6 eth0" in said
    assert "cn2 (leaf1 Ethernet1/2) and cn10 (leaf3 Ethernet1/2) are swapped: each is at the other's port" in said
    assert "should be there" not in said and [leaf.sessions for leaf in site.leaves] == [1, 1, 1, 0, 0, 0]

    hears(site, 0, 1, 2, 3, 4)
    site.leaves[2].faults.silent = True     # the others are compared, and it is named
    status, output = site.run("cabling", "--limit", "leaf1,leaf3", "-e", "ethernet_fabric_timeout=1")
    assert status == 2 and "takes the connection but says nothing within 1 s" in output and "swapped" not in output
    assert "leaf1                      : ok=2" in output


def test_forty_switches_of_which_one_is_silent(fabric, tmp_path):
    site = Site(fabric, tmp_path, 40)
    silent = site.leaves[24]
    silent.faults.silent = True
    status, output = site.run("network", "-e", "ethernet_fabric_timeout=20")
    assert status == 2, output
    assert output.count("failed=1") == 1 and f"leaf25 (admin@{silent.host}:{silent.port}) takes the connection but says nothing" in output
    assert [(leaf.sessions, leaf.saves) for leaf in site.leaves] == [(0, 0) if leaf is silent else (1, 1) for leaf in site.leaves]
    assert all(leaf.running == leaf.startup and leaf.running.vlans.keys() >= {10} for leaf in site.leaves if leaf is not silent)
