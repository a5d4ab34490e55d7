"""The simulated switches that are a Linux: SONiC, and Cumulus Linux in its three ways."""

from __future__ import annotations

import json
import time

import pytest
from netmiko import ConnectHandler

from ansible_collections.clusterwright.hpc.tests.simulators.switch import Neighbour

FILE = "/etc/network/interfaces"


@pytest.fixture
def switch(fabric):
    """switch(platform): a switch with six ports."""

    def make(platform, **more):
        return fabric.switch(f"leaf{len(fabric.switches)}", platform, ports=6, **more)

    return make


@pytest.mark.parametrize("platform", ["sonic", "cumulus_nvue"])
def test_netmiko_becomes_root(switch, platform):
    leaf = switch(platform)     # what bash 5.1 writes around a line is an empty line to netmiko
    with ConnectHandler(**leaf.netmiko()) as session:
        assert session.send_command("whoami").strip() == "admin"
        assert session.send_command("nonsense").strip() == "-bash: nonsense: command not found"
        session.enable()
        assert session.send_command("whoami").strip() == "root"
    assert leaf.rejected == ["nonsense"]


@pytest.mark.parametrize("line, said", [
    ("echo one; false || echo two && echo three", "one\ntwo\nthree"), ("echo 'a | b' | sed 's/a/c/'", "c | b"), ("false; echo $?", "1"),
    ("echo hidden > /tmp/file; cat /tmp/file /nowhere", "cat: /nowhere: No such file or directory"),
    ("echo x > /etc/hostname", "Permission denied"),
    ("sudo sed -i 's/leaf/spine/' /etc/hostname && cut -c1-5 /etc/hostname", "spine"), ("echo 'open", "unexpected EOF"),
    ("nonsense 2>/dev/null; echo done", "done"), ("sudo nonsense", "sudo: nonsense: command not found"),
])
def test_the_shell(switch, talk, line, said):
    assert said in talk(switch("cumulus_nvue"), line)


def test_sudo_asks_for_a_password_where_it_must(switch, terminal):
    leaf = switch("sonic")
    leaf.device.memory["sudo"] = {"asks": True}
    with terminal(leaf) as person:
        person.read("$ ")
        person.type("sudo -n config vlan add 10\r")
        person.read("sudo: a password is required")
        person.type("sudo config vlan add 10\r")
        person.read("[sudo] password for admin: ")
        person.type(f"{leaf.password}\r")
        assert leaf.password not in person.read("$ ")
    assert 10 in leaf.running.vlans


# SONiC

def test_sonic_refuses_what_the_real_one_does(switch, talk):
    leaf = switch("sonic", lags={"PortChannel33": ["Ethernet16", "Ethernet20"]})
    for line, words in {
        "config vlan add 10": "Root privileges are required", "sudo config vlan add 1": "Vlan1 is default VLAN",
        "sudo config vlan add 4095": "Invalid VLAN ID 4095 (2-4094)", "sudo config vlan del 10": "Vlan10 does not exist",
        "sudo config vlan member add 10 Ethernet0": "Vlan10 does not exist", "sudo config vlan rename 10": 'No such command "rename"',
    }.items():
        assert words in talk(leaf, line)
    talk(leaf, "sudo config vlan add 10", "sudo config vlan add 11", "sudo config vlan member add -u 10 Ethernet0")
    for line, words in {
        "sudo config vlan add 10": "Vlan10 already exists.", "sudo config vlan del 10": "First remove all members assigned to this VLAN",
        "sudo config vlan member add -u 11 Ethernet0": "Ethernet0 is already untagged member!",
        "sudo config vlan member add 10 Ethernet0": "already a member of Vlan10",
        "sudo config vlan member add 10 Ethernet16": "part of portchannel", "sudo config vlan member del 11 Ethernet0": "not a member",
        "sudo config vlan member add 10 Ethernet999": "Ethernet999 does not exist",
    }.items():
        said = talk(leaf, line)
        assert words in said and "Error: " in said
    assert leaf.running.carries(leaf.running.ports["Ethernet0"]) == (10, frozenset())


def test_sonic_checkpoints_and_saves(switch, talk):
    leaf = switch("sonic")
    talk(leaf, "sudo config checkpoint before", "sudo config vlan add 10", "sudo config vlan member add 10 PortChannel1")
    assert json.loads(talk(leaf, "show runningconfiguration all"))["VLAN"] == {"Vlan10": {"vlanid": "10"}}
    assert talk(leaf, "sudo config rollback before") == "Config rolled back successfully."
    assert not leaf.running.vlans
    talk(leaf, "sudo config vlan add 11")
    assert not leaf.startup.vlans
    talk(leaf, "sudo config save -y")
    assert leaf.startup.vlans and leaf.saves == 1


# Cumulus Linux

def test_ifupdown2_takes_the_file_at_a_reload(switch, talk):
    leaf = switch("cumulus_ifupdown2", lags={"bond1": ["swp5", "swp6"]})
    talk(leaf, f"sudo sed -i '/^iface swp1$/a\\    bridge-access 10' {FILE}")
    assert (leaf.running.ports["swp1"].mode, leaf.startup.ports["swp1"].mode) == ("trunk", "access")
    assert talk(leaf, "ifreload -a") == "ifreload: must be root"
    assert talk(leaf, "sudo ifreload -a -s") == "" and leaf.running.ports["swp1"].mode == "trunk"
    assert talk(leaf, "sudo ifreload -a") == ""
    assert leaf.running.carries(leaf.running.ports["swp1"]) == (10, frozenset())
    assert leaf.running.ports["swp5"].channel == "bond1" and leaf.saves == 1
    talk(leaf, f"sudo sed -i 's/bridge-access 10/bridge-acces 10/' {FILE}")
    assert talk(leaf, "sudo ifreload -a") == "" and leaf.running.ports["swp1"].mode == "trunk"
    talk(leaf, f"sudo sed -i 's/bridge-acces 10/bridge-access 5000/' {FILE}")
    assert talk(leaf, "sudo ifreload -a -s") == 'warning: swp1: bridge-access: value of out range "5000": valid attribute range: 1-4094'


def test_a_trunk_without_a_list_carries_what_the_bridge_has(switch, talk):
    leaf = switch("cumulus_ifupdown2", vlans={10: "", 11: ""})
    assert leaf.running.carries(leaf.running.ports["swp1"]) == (1, {10, 11})
    talk(leaf, f"sudo sed -i '/^iface swp1$/a\\    bridge-vids 10' {FILE}", "sudo ifreload -a")
    assert leaf.running.carries(leaf.running.ports["swp1"]) == (1, {10})
    table = {row["ifname"]: row["vlans"] for row in json.loads(talk(leaf, "bridge -j vlan show"))}
    assert table["swp1"] == [{"vlan": 1, "flags": ["PVID", "Egress Untagged"]}, {"vlan": 10}]
    assert table["swp2"][1:] == [{"vlan": 10, "vlanEnd": 11}]


def test_a_timer_of_systemd_puts_the_file_back(switch, talk):
    leaf = switch("cumulus_ifupdown2")
    before = leaf.device.files[FILE]
    talk(leaf, f"sudo cp {FILE} {FILE}.old", f"sudo systemd-run --unit=back --on-active=1m /bin/sh -c 'cp {FILE}.old {FILE}; ifreload -a'",
         f"sudo sed -i '/^iface swp1$/a\\    bridge-access 10' {FILE}", "sudo ifreload -a")
    assert leaf.running.ports["swp1"].mode == "access"
    time.sleep(0.5)
    assert leaf.running.ports["swp1"].mode == "trunk" and leaf.device.files[FILE] == before
    assert leaf.device.log[-1].who == "back.timer"
    assert "not loaded" in talk(leaf, "sudo systemctl stop back.timer")


def test_nclu_does_nothing_before_the_commit(switch, talk):
    leaf = switch("cumulus_nclu")
    said = talk(leaf, "net add vlan 10", "net add interface swp1-2 bridge access 10", "net add interface swp1 alias cn001 eth0")
    assert said == ["", "", ""] and leaf.running.ports["swp1"].mode == "trunk"
    assert "+    bridge-access 10" in talk(leaf, "net pending")
    talk(leaf, "net commit")
    port = leaf.running.ports["swp1"]
    assert (port.mode, port.access, port.description) == ("access", 10, "cn001 eth0")
    assert "bridge-access 10" in leaf.device.files[FILE]
    for line, words in {
        "net add interface swp99 bridge access 10": "is not a physical interface on this switch", "net foo": "ERROR: Command not found.",
        "net del interface swp3 bridge access 10": 'does not have "bridge access 10"', "net add vlan 5000": "not a valid VLAN",
    }.items():
        assert words in talk(leaf, line)


def test_nclu_goes_back_unless_return_is_pressed(switch, terminal):
    leaf = switch("cumulus_nclu")
    with terminal(leaf) as person:
        person.read("$ ")
        person.type("net add vlan 10; net commit confirm 30\r")
        person.read("press ENTER")
        assert 10 in leaf.running.vlans
        time.sleep(0.3)
        assert 10 not in leaf.running.vlans


def test_nvue_applies_confirms_and_saves(switch, talk):
    leaf = switch("cumulus_nvue")
    talk(leaf, "nv set bridge domain br_default vlan 10,20", "nv set interface swp1 bridge domain br_default access 10",
         "nv set interface swp2 bridge domain br_default vlan 20", "nv set interface swp2 bridge domain br_default untagged none",
         "nv set interface swp1 description 'cn001 eth0'")
    assert leaf.running.ports["swp1"].mode == "trunk"
    assert "applied" in talk(leaf, "nv config apply --confirm 1 -y")
    assert leaf.running.carries(leaf.running.ports["swp1"]) == (10, frozenset())
    assert leaf.running.carries(leaf.running.ports["swp2"]) == (None, {20})
    said = json.loads(talk(leaf, "nv config show -o json"))[1]["set"]
    assert said["interface"]["swp1"] == {"description": "cn001 eth0", "bridge": {"domain": {"br_default": {"access": 10}}}}
    time.sleep(0.5)
    assert leaf.running.ports["swp1"].mode == "trunk" and leaf.device.log[-1].who == "confirm timer"
    talk(leaf, "nv set bridge domain br_default vlan 10", "nv config apply --confirm 1 -y", "nv config apply --confirm-yes",
         "nv config save")
    time.sleep(0.4)
    assert 10 in leaf.running.vlans and 10 in leaf.startup.vlans and leaf.saves == 1


def test_nvue_finds_a_conflict_when_it_applies(switch, talk):
    leaf = switch("cumulus_nvue")
    talk(leaf, "nv set interface swp1 bridge domain br_default access 10", "nv set interface swp1 bridge domain br_default vlan 20")
    assert "Config invalid at interface.swp1" in talk(leaf, "nv config apply -y")
    talk(leaf, "nv config detach")
    assert talk(leaf, "nv config apply -y") == "no changes to apply"
    assert "not a VLAN id" in talk(leaf, "nv set bridge domain br_default vlan 5000")


def test_what_linux_tells(switch, talk):
    leaf = switch("cumulus_nvue")
    leaf.neighbours += [Neighbour("swp1", "cn001", "eth0"), Neighbour("swp2", "leaf9", "swp7", bridge=True)]
    leaf.device.learn([("00:11:22:33:44:55", 1, "swp1")])
    heard = json.loads(talk(leaf, "sudo lldpctl -f json"))["lldp"]["interface"]
    assert heard[1]["swp2"]["port"]["id"]["value"] == "swp7"
    assert json.loads(talk(leaf, "sudo bridge -j fdb show"))[0]["ifname"] == "swp1"
    assert "(simulated)" in talk(leaf, "sudo decode-syseeprom")
    assert talk(leaf, "ls /sys/class/net").split() == ["br_default", "eth0", "lo", *(f"swp{number}" for number in range(1, 7))]
