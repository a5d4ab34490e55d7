"""What of a running configuration is not saved."""

from __future__ import annotations

import json

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.saved import differences

EOS = """\
! Command: show startup-config
! Startup-config last modified at Tue Mar  3 10:00:00 2026 by admin
vlan 10,301
!
interface Ethernet1
   description cn1 eth0
   switchport trunk allowed vlan 10,301
!
interface Vlan10
   ip address 10.0.0.11/16
!
vlan 305
   name mine
!
end
"""
COMWARE = "#\n sysname leaf1\n#\nvlan 10 to 12\n#\nvlan 301\n name bio\n#\ninterface XGE1/0/1\n port link-type trunk\n#\nreturn\n"
NXOS = "!Time: now\nversion 9.3(3)\nvlan 1,10,301\nvlan 301\n  name bio\ninterface Ethernet1/1\n  switchport access vlan 10\n"
OS10 = "! Version 10.5\ninterface vlan301\n description bio\n no shutdown\n!\ninterface ethernet1/1/1\n switchport access vlan 301\n!\n"
SONIC = json.dumps({"VLAN": {"Vlan301": {"vlanid": "301"}}, "VLAN_MEMBER": {"Vlan301|Ethernet0": {"tagging_mode": "tagged"}},
                    "PORT": {"Ethernet0": {"mtu": "9100", "alias": "etp1"}}, "FLEX_COUNTER_TABLE": {"PORT": {"a": "1"}}})


@pytest.mark.parametrize("text", [EOS, COMWARE, NXOS, OS10, SONIC])
def test_the_same_is_the_same(text):
    assert differences(text, text.replace("startup", "running").replace("now", "then")) == set()


@pytest.mark.parametrize(("running", "saved", "names"), [
    (EOS, EOS.replace("\nvlan 10,301", "\nvlan 10"), {"VLAN 301"}),
    (EOS, EOS.replace("allowed vlan 10,301", "allowed vlan 10"), {"Ethernet1"}),
    (EOS, EOS.replace("10.0.0.11", "10.0.0.12"), {"Vlan10"}),          # which is no VLAN, and not ours
    (EOS, EOS.replace("mine", "theirs"), {"VLAN 305"}),
    (EOS, "", {"VLAN 10", "VLAN 301", "VLAN 305", "Ethernet1", "Vlan10"}),         # never saved
    (COMWARE, COMWARE.replace("10 to 12", "10 to 11").replace("sysname", "sysnam"), {"VLAN 12"}),
    (NXOS, NXOS.replace("1,10,301\nvlan 301\n  name bio", "1,10"), {"VLAN 301"}),
    (OS10, OS10.replace("access vlan 301", "access vlan 1"), {"ethernet1/1/1"}),
    (SONIC, SONIC.replace('"Vlan301|Ethernet0"', '"Vlan301|Ethernet4"'), {"Ethernet0", "Ethernet4"}),
    (SONIC, SONIC.replace('"tagged"', '"untagged"'), {"Ethernet0"}),
    (SONIC, SONIC.replace('"a": "1"', '"a": "2"'), set()),
])
def test_what_is_not_saved_is_named(running, saved, names):
    assert differences(running, saved) == names


@pytest.mark.parametrize("saved", ["cat: /etc/sonic/config_db.json: No such file or directory\n", "{ not json"])
def test_what_is_no_configuration_says_nothing(saved):
    assert differences(SONIC, saved) is None and differences("", SONIC) is None
