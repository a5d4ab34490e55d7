"""Ports that one table of a switch names and another does not know: members of a LAG that was pulled, modules that are out, lines left
behind. None of them is made up, and they take no other port with them.
"""

from __future__ import annotations

import json

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers import PLATFORMS, driver
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS, Port, State

ACCESS = {"mode": "access", "accessVlanId": 10, "trunkingNativeVlanId": 1, "trunkAllowedVlans": "ALL"}
EOS = {
    "vlans": '{"vlans": {"1": {"name": "default"}}}',
    "switchport": json.dumps({"switchports": {"Ethernet99": {"enabled": True, "switchportInfo": ACCESS}}}),
    "status": '{"interfaceStatuses": {"Ethernet1": {"description": "spare"}}}'}
NXOS = {
    "vlans": "1    default                          active    Po9, Eth1/77",
    "switchport": "Name: Ethernet1/99\n  Switchport: Enabled\n  Operational Mode: trunk\n  Access Mode VLAN: 1 (default)\n"
                  "  Trunking Native Mode VLAN: 1 (default)\n  Trunking VLANs Allowed: 1-4094\n",
    "config": "interface nve1\n  no shutdown\n\ninterface Ethernet1/5\n  no switchport\n"}
COMWARE = {
    "vlans": " VLAN ID: 1\n VLAN type: Static\n Name: VLAN 0001\n Tagged ports:\n    Ten-GigabitEthernet9/0/1\n Untagged ports:   None\n",
    "interfaces": "", "lags": ""}
ONYX = {"vlans": '{"1": [{"Name": "default", "Ports": "Eth1/77"}]}', "switchport": "",
        "config": "interface ethernet 1/55 mtu 9000 force\n"}
OS10 = {"config": "!\ninterface vlan1\n no shutdown\n!\ninterface loopback0\n no shutdown\n!\ninterface virtual-network100\n!\n"
                  "interface ethernet1/1/9\n no shutdown\n switchport mode trunk\n switchport access vlan 1\n"
                  " switchport trunk allowed vlan 2-4094\n"}
SONIC = {"config": json.dumps({
    "PORT": {"Ethernet0": {}}, "VLAN": {"Vlan20": {"vlanid": "20"}},
    "VLAN_MEMBER": {"Vlan20|Ethernet99": {"tagging_mode": "untagged"}, "Vlan20|Ethernet0": {"tagging_mode": "untagged"}}})}
NVUE = {"names": "lo swp1", "config": json.dumps([{"set": {
    "bridge": {"domain": {"br_default": {"vlan": {"20": {}}}}},
    "interface": {"swp9": {"bridge": {"domain": {"br_default": {"access": 20}}}}}}}])}
FILE = {"config": "auto bridge\niface bridge\n    bridge-ports swp1 swp9\n    bridge-vlan-aware yes\n    bridge-vids 20\n",
        "names": "lo swp1", "links": '[{"ifname": "lo", "mtu": 65536}, {"ifname": "swp1", "mtu": 1500}]',
        "running": '[{"ifname": "swp1", "vlans": [{"vlan": 1, "flags": ["PVID", "Egress Untagged"]}, {"vlan": 20}]}]'}
EVERY = ALL_VLANS - {1}

FOUND = {
    "eos": (EOS, {1}, [Port("Ethernet1", "other", None, description="spare")]),
    "nxos": (NXOS, {1}, [Port("Ethernet1/5", "other", None, mtu=1500)]),
    "comware": (COMWARE, {1}, []),
    "onyx": (ONYX, {1}, [Port("Eth1/55", "other", None, mtu=9000)]),
    "os10": (OS10, {1}, [Port("ethernet1/1/9", "trunk", 1, EVERY, 1500)]),
    "sonic": (SONIC, {20}, [Port("Ethernet0", "access", 20, mtu=9100)]),
    "cumulus_nvue": (NVUE, {1, 20}, [Port("swp1", "access", None, mtu=9216)]),
    # What the file says of a port is shown, though the kernel has none: ifreload then names it.
    "cumulus_ifupdown2": (FILE, {1, 20}, [Port("swp1", "trunk", 1, EVERY, 1500), Port("swp9", "access", None, mtu=9216)]),
    "cumulus_nclu": (FILE, {1, 20}, [Port("swp1", "trunk", 1, EVERY, 9216), Port("swp9", "trunk", 1, EVERY, 9216)]),
}


@pytest.mark.parametrize("platform", PLATFORMS)
def test_ports_that_one_table_names_and_another_does_not_know(platform):
    answers, vlans, ports = FOUND[platform]
    state = driver(platform).parse(answers)
    assert (state.vlans.keys(), state.ports) == (vlans, {port.name: port for port in ports})


NOTHING = {
    "comware": ({"vlans": " VLAN ID: 1\n Name: VLAN 0001\n", "interfaces": "", "lags": ""}, State({1: "VLAN 0001"}, {})),
    "onyx": ({"vlans": "{}", "switchport": "{}", "config": ""}, State({}, {})),
    "cumulus_ifupdown2": ({"config": "", "links": "[]", "running": "[]"}, State({1: ""}, {})),
    "cumulus_nclu": ({"config": "", "names": ""}, State({1: ""}, {})),
}


@pytest.mark.parametrize("platform", NOTHING)
def test_tables_without_a_row(platform):
    answers, state = NOTHING[platform]
    assert driver(platform).parse(answers) == state
