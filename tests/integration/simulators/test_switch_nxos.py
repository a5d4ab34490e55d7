"""The simulated Cisco NX-OS: what its commands do, and what bites."""

from __future__ import annotations

import json

import pytest
from netmiko import ConnectHandler


@pytest.fixture
def leaf(fabric, request):
    return fabric.switch(request.node.name[:40], "nxos", ports=6, lags={"port-channel33": ["Ethernet1/5", "Ethernet1/6"]})


def port(leaf, number):
    return leaf.running.ports[f"Ethernet1/{number}"]


def test_a_session_as_netmiko_holds_it(leaf):
    with ConnectHandler(**leaf.netmiko()) as session:
        said = session.send_config_set(["vlan 10", "name admin", "interface Ethernet1/1", "switchport access vlan 10", "mtu 9216"])
        assert "%" not in said
        assert "Copy complete." in session.save_config()
    assert (port(leaf, 1).access, port(leaf, 1).mtu, leaf.startup.vlans[10]) == (10, 9216, "admin")


def test_the_caret_stands_under_what_is_wrong(leaf, talk):
    caret, words = talk(leaf, "show vlans").split("\n")
    assert caret.index("^") == len(f"{leaf.name}# show ") and words == "% Invalid command at '^' marker."
    assert talk(leaf, "show").endswith("% Incomplete command at '^' marker.")


def test_a_port_accepts_a_vlan_that_is_missing_and_carries_nothing(leaf, talk):
    talk(leaf, "configure terminal", "interface Ethernet1/1", "switchport access vlan 3")
    assert "  Access Mode VLAN: 3 (Vlan not created)" in talk(leaf, "show interface Ethernet1/1 switchport")
    assert 3 not in leaf.running.vlans and leaf.running.carries(port(leaf, 1))[0] is None


def test_a_list_without_add_replaces_what_a_trunk_carried(leaf, talk):
    talk(leaf, "configure terminal", "interface Ethernet1/1", "switchport mode trunk")
    assert "  Trunking VLANs Allowed: 1-4094" in talk(leaf, "show interface Ethernet1/1 switchport")
    talk(leaf, "configure terminal", "interface Ethernet1/1", "switchport trunk allowed vlan 30")
    assert port(leaf, 1).allowed == {30}


def test_long_lists_go_on_in_a_further_line(leaf, talk):
    odd = ",".join(str(number) for number in range(1, 400, 2))
    talk(leaf, "configure terminal", "interface Ethernet1/1", "switchport mode trunk", f"switchport trunk allowed vlan {odd}")
    lines = [line for line in talk(leaf, "show running-config interface Ethernet1/1").split("\n") if "allowed" in line]
    assert len(lines) > 2 and all("allowed vlan add" in line for line in lines[1:])
    again = talk(leaf, "configure terminal", "interface Ethernet1/2", *lines)
    assert not any(again[2:]) and port(leaf, 2).allowed == port(leaf, 1).allowed


@pytest.mark.parametrize("line, words", [
    ("mtu 9000", "MTU on L2 interfaces"), ("switchport access vlan 3970", "reserved"), ("description " + "x" * 255, "exceeded max length"),
    ("interface Ethernet9/9", "Invalid interface format"),
    ("vlan 4000", "reserved"), ("no vlan 1", "Cannot delete"), ("commit", "Invalid command"),
])
def test_what_it_refuses(leaf, talk, line, words):
    before = leaf.running.copy()
    assert words in talk(leaf, "configure terminal", "interface Ethernet1/1", line)[-1]
    assert leaf.running == before


def test_a_member_of_a_port_channel_is_not_configured_alone(leaf, talk):
    assert talk(leaf, "configure terminal", "interface Ethernet1/5", "switchport access vlan 10")[-1].startswith("ERROR: Ethernet1/5")


def test_the_mode_of_a_port_without_link_is_down(leaf, talk):
    port(leaf, 2).link = False
    rows = json.loads(talk(leaf, "show interface switchport | json"))["TABLE_interface"]["ROW_interface"]
    assert {row["interface"]: row["oper_mode"] for row in rows}["Ethernet1/2"] == "down"


def test_one_row_is_not_a_list(leaf, talk):
    assert isinstance(json.loads(talk(leaf, "show vlan brief | json"))["TABLE_vlanbriefxbrief"]["ROW_vlanbriefxbrief"], dict)
    talk(leaf, "configure terminal", "vlan 10")
    assert isinstance(json.loads(talk(leaf, "show vlan brief | json"))["TABLE_vlanbriefxbrief"]["ROW_vlanbriefxbrief"], list)


def test_checkpoints_bring_the_running_configuration_back(leaf, talk):
    talk(leaf, "checkpoint before", "configure terminal", "vlan 10")
    assert "+vlan 1,10" in talk(leaf, "show diff rollback-patch checkpoint before running-config")
    assert talk(leaf, "rollback running-config checkpoint before atomic").endswith("Rollback completed successfully.")
    assert 10 not in leaf.running.vlans
    assert "already exists" in talk(leaf, "checkpoint before")
    assert talk(leaf, "no checkpoint before") == "" and "does not exist" in talk(leaf, "rollback running-config checkpoint before")


def test_ten_checkpoints_and_no_more(leaf, talk):
    answers = [talk(leaf, f"checkpoint c{number}") for number in range(11)]
    assert answers[9].endswith("Done") and "Max number" in answers[10]


def test_what_the_vendors_modules_read(leaf, talk):
    talk(leaf, "configure terminal", "vlan 301", "name bio", "end")
    said = json.loads(talk(leaf, "show vlan | json-pretty"))
    assert said["TABLE_vlanbrief"]["ROW_vlanbrief"][1]["vlanshowbr-vlanname"] == "bio"
    assert said["TABLE_mtuinfo"]["ROW_mtuinfo"][1] == {
        "vlanshowinfo-vlanid": "301", "vlanshowinfo-media-type": "enet", "vlanshowinfo-vlanmode": "ce-vlan"}
    one = json.loads(talk(leaf, "show vlan id 301 | json"))
    assert one["TABLE_vlanbriefid"]["ROW_vlanbriefid"]["vlanshowbr-vlanid-utf"] == "301" and "TABLE_mtuinfoid" in one
    assert "TABLE_mtuinfo" not in talk(leaf, "show vlan brief | json")
    assert talk(leaf, "show running-config | section ^vlan").split("\n") == ["vlan 1,301", "vlan 301", "  name bio"]
    assert talk(leaf, "show inventory").startswith('NAME: "Chassis",  DESCR: "Nexus9000 C93180YC-EX chassis"\nPID: N9K-C93180YC-EX ')
    row = json.loads(talk(leaf, "show inventory | json"))["TABLE_inv"]["ROW_inv"]
    assert row["productid"] == "N9K-C93180YC-EX" and row["serialnum"] in talk(leaf, "show license host-id")
