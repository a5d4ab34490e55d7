"""Cumulus Linux with NVUE, ifupdown2 and NCLU: what is read, and what is written."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers import cumulus
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.cumulus_ifupdown2 import DRIVER as IFUPDOWN2
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.cumulus_nclu import DRIVER as NCLU
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.cumulus_nvue import DRIVER as NVUE
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS, MakeVlan, Port, RemoveVlan, SetPort, State
from ansible_collections.clusterwright.hpc.tests.unit.module_utils.ethernet import recordings

recorded = recordings.of("cumulus")
CONFIGURED = {"cumulus_nvue": "nv_config_show.json", "cumulus_ifupdown2": "interfaces", "cumulus_nclu": "interfaces"}
DRIVERS = pytest.mark.parametrize("driver", [NVUE, IFUPDOWN2, NCLU], ids=lambda driver: driver.platform)


def answers(driver):
    return {"config": recorded(CONFIGURED[driver.platform]), "names": recorded("names.txt"), "links": recorded("ip_link_show.json"),
            "running": recorded("bridge_vlan_show.json")}


def commands(driver, *steps, text=None):
    said = answers(driver) if text is None else {**answers(driver), "config": text}
    return plain(driver.commands(steps, driver.parse(said), said))


def plain(lines):
    return [line.removeprefix("sudo -n ") for line in lines]


def port(driver, name):
    return driver.parse(answers(driver)).ports[name]


@DRIVERS
def test_vlans_have_no_names_and_the_bridge_has_its_own(driver):
    assert driver.parse(answers(driver)).vlans == dict.fromkeys([1, 20, 30, 31, 32, 4000], "")


@DRIVERS
def test_ports(driver):
    mtu = {"cumulus_nvue": 9000}.get(driver.platform, 9216)
    firewall = "" if driver is NVUE else "to the firewall"
    assert driver.parse(answers(driver)).ports == {port.name: port for port in (
        Port("swp1", "access", 20, mtu=9000, description="cn001 eth0"),
        Port("swp2", "trunk", 20, frozenset({31}), mtu),
        Port("swp3", "trunk", 1, ALL_VLANS - {1}, mtu),                         # no list: all of the bridge
        Port("swp4", "trunk", None, frozenset({30, 31, 32}), mtu),
        Port("swp5", "other", None, mtu=9216, description=firewall),            # routed
        Port("swp6", "other", None, mtu=9216, lag="bond1"),
        Port("swp7", "other", None, mtu=9216, lag="bond1"),
        Port("swp8s0", "access", None, mtu=9216),                               # nobody has configured it
        Port("swp10", "access", None, mtu=mtu),
        Port("bond1", "trunk", 1, ALL_VLANS - {1}, 9216),
    )}


@pytest.mark.parametrize("text", ["", "[]", '[{"header": {}}, {"set": {}}]', '[{"set": null}]'])
def test_nvue_without_a_bridge(text):
    assert NVUE.parse({"config": text or "[]", "names": "lo swp1"}) == State({1: ""}, {"swp1": Port("swp1", "access", None, mtu=9216)})


def test_interfaces_without_a_bridge():
    for driver in (IFUPDOWN2, NCLU):
        said = {"config": "auto lo\niface lo inet loopback\n", "names": "lo swp1", "links": '[{"ifname":"swp1","mtu":9216}]', "running": ""}
        assert driver.parse(said).ports == {"swp1": Port("swp1", "access", None, mtu=9216)}
    with pytest.raises(ValueError, match="bridge-vlan-aware"):
        IFUPDOWN2.commands([MakeVlan(20, "")], State(), said)


def test_every_vlan():
    said = {"names": "swp1", "config": json.dumps([{"set": {"bridge": {"domain": {"br_default": {"vlan": {"1-4094": {}}}}}}}])}
    assert NVUE.parse(said).vlans.keys() == set(range(1, 4095))
    said = {"names": "swp1", "config": "iface br\n bridge-ports swp1\n bridge-vids 1-4094\n bridge-vlan-aware yes\n"}
    assert NCLU.parse(said).ports["swp1"].vlans == set(range(1, 4095))
    said["links"] = '[{"ifname":"swp1","mtu":9216}]'
    said["running"] = '[{"ifname":"swp1","vlans":[{"vlan":1,"flags":["PVID","Egress Untagged"]},{"vlan":2,"vlanEnd":4094}]}]'
    assert IFUPDOWN2.parse(said).ports["swp1"].vlans == set(range(1, 4095))


def test_about():
    said = {"release": recorded("lsb-release.txt"), "eeprom": recorded("decode-syseeprom.txt")}
    assert NVUE.about(said) == ("MSN2700", "5.9.1", "MT0000X00001")


def test_neighbours():
    assert NVUE.lldp({"lldp": recorded("lldpctl.json")}) == [
        ("swp1", "cn001", "eth0", "02:00:5e:00:53:01"), ("swp7", "", "swp49", "02:00:5e:00:53:02")]
    assert NVUE.lldp({"lldp": recorded("lldpctl_one.json")}) == [("swp1", "cn001", "eth0", "02:00:5e:00:53:01")]
    assert NVUE.lldp({"lldp": '{"lldp": {}}'}) == []


def test_learned_addresses():
    assert NVUE.macs({"macs": recorded("bridge_fdb.json")}) == [("02:00:5e:00:53:01", 20, "swp1"), ("02:00:5e:00:53:02", 31, "bond1")]


def test_folded_names():
    assert cumulus.spread("swp1-3,swp7") == ["swp1", "swp2", "swp3", "swp7"]
    assert cumulus.spread("swp1,3-4") == ["swp1", "swp3", "swp4"]
    assert cumulus.spread("swp1s0-2") == ["swp1s0", "swp1s1", "swp1s2"]
    assert cumulus.spread("peerlink.4094") == ["peerlink.4094"]


def test_nvue_makes_a_trunk():
    before = port(NVUE, "swp1")
    after = Port("swp1", "trunk", 20, frozenset({30, 31}), 9216, "it's cn002")
    assert commands(NVUE, RemoveVlan(4000, ""), SetPort(before, after)) == [
        "nv unset bridge domain br_default vlan 4000", "nv set interface swp1 description 'it'\"'\"'s cn002'",
        "nv set interface swp1 link mtu 9216", "nv unset interface swp1 bridge domain br_default access",
        "nv set interface swp1 bridge domain br_default untagged 20", "nv set interface swp1 bridge domain br_default vlan 20,30-31"]


def test_nvue_changes_a_trunk():
    assert commands(NVUE, SetPort(port(NVUE, "swp4"), Port("swp4", "trunk", 30, frozenset({20}), 9000))) == [
        "nv set interface swp4 bridge domain br_default untagged 30", "nv set interface swp4 bridge domain br_default vlan 20",
        "nv unset interface swp4 bridge domain br_default vlan 31-32"]


def test_nvue_makes_an_access_port():
    assert commands(NVUE, SetPort(port(NVUE, "swp2"), Port("swp2", "access", 30, mtu=9000))) == [
        "nv unset interface swp2 bridge domain br_default untagged", "nv unset interface swp2 bridge domain br_default vlan",
        "nv set interface swp2 bridge domain br_default access 30"]
    assert commands(NVUE, SetPort(port(NVUE, "swp1"), Port("swp1", "access", None, mtu=9000, description="cn001 eth0"))) == [
        "nv unset interface swp1 bridge domain br_default"]


def test_a_port_of_all_vlans_gets_a_list_and_loses_it_again():
    every, some = Port("bond1", "trunk", 1, ALL_VLANS - {1}, 9216), Port("bond1", "trunk", 1, frozenset({20}), 9216)
    listed = Port("swp2", "trunk", 1, ALL_VLANS - {1}, 9216)
    assert commands(NVUE, SetPort(every, some)) == [
        "nv set interface bond1 bridge domain br_default untagged 1", "nv unset interface bond1 bridge domain br_default vlan all",
        "nv set interface bond1 bridge domain br_default vlan 1,20"]
    assert commands(NVUE, SetPort(port(NVUE, "swp2"), listed)) == [
        "nv set interface swp2 link mtu 9216", "nv set interface swp2 bridge domain br_default untagged 1",
        "nv unset interface swp2 bridge domain br_default vlan"]
    assert commands(NCLU, SetPort(every, some)) == ["net add bond bond1 bridge vids 20", "net add bond bond1 bridge pvid 1"]
    assert commands(NCLU, SetPort(port(NCLU, "swp2"), listed)) == [
        "net add interface swp2 bridge pvid 1", "net del interface swp2 bridge vids 31"]
    assert commands(IFUPDOWN2, SetPort(port(IFUPDOWN2, "swp2"), listed))[0] == (
        "sed -i '30,33c\\iface swp2\\n\tbridge-pvid 1\\n\tlink-speed 25000' /etc/network/interfaces")


@DRIVERS
def test_a_trunk_of_nothing_would_be_one_of_all(driver):
    with pytest.raises(ValueError, match="swp1 cannot be a trunk without any VLAN"):
        commands(driver, SetPort(port(driver, "swp1"), Port("swp1", "trunk", None, frozenset())))


def test_nclu():
    steps = [MakeVlan(20, ""), RemoveVlan(20, ""), RemoveVlan(4000, "")]
    assert commands(NCLU, *steps) == ["net add bridge bridge vids 20", "net del vlan 20", "net del bridge bridge vids 4000"]
    assert commands(NCLU, SetPort(port(NCLU, "swp1"), Port("swp1", "trunk", 1, frozenset({20, 30}), 1500, "cn002 eth0"))) == [
        "net add interface swp1 alias 'cn002 eth0'", "net add interface swp1 mtu 1500", "net del interface swp1 bridge access 20",
        "net add interface swp1 bridge vids 20,30", "net add interface swp1 bridge pvid 1"]
    assert commands(NCLU, SetPort(port(NCLU, "swp4"), Port("swp4", "access", 20, mtu=9216))) == [
        "net del interface swp4 bridge allow-untagged", "net del interface swp4 bridge vids 30-32",
        "net add interface swp4 bridge access 20"]
    assert commands(NCLU, SetPort(port(NCLU, "swp8s0"), Port("swp8s0", "access", 20, mtu=9216))) == [
        "net add bridge bridge ports swp8s0", "net add interface swp8s0 bridge access 20"]


def test_ifupdown2_sees_what_somebody_has_changed_in_the_kernel_and_reloads():
    said = {**answers(IFUPDOWN2), "running": recorded("bridge_vlan_show.json").replace('"vlan":31', '"vlan":77')}
    state = IFUPDOWN2.parse(said)
    assert state.ports["swp2"].tagged == {77}
    assert IFUPDOWN2.commands([SetPort(state.ports["swp2"], port(IFUPDOWN2, "swp2"))], state, said) == [
        "sudo -n ifreload -a -s", "sudo -n ifreload -a"]


def test_ifupdown2_sees_the_mtu_that_the_kernel_has():
    """Which default a port has depends on the system: Debian's is 1500, and 9216 is that of Cumulus Linux."""
    links = [{**each, "mtu": 1500} if each["ifname"] == "swp2" else each for each in json.loads(recorded("ip_link_show.json"))]
    state = IFUPDOWN2.parse({**answers(IFUPDOWN2), "links": json.dumps(links)})
    assert (state.ports["swp1"].mtu, state.ports["swp2"].mtu, state.ports["swp4"].mtu) == (9000, 1500, 9216)


def test_ifupdown2_says_in_warnings_what_it_could_not_do():
    """As version 3.0.0 words them; its exit status is 0 all the same."""
    refused = re.compile("|".join(IFUPDOWN2.rejections)).search
    for line in ("warning: error while writing to file /sys/class/net/swp6/mtu: [Errno 22] Invalid argument",
                 "warning: swp9: interface not recognized - please check interface configuration",
                 'warning: swp3: bridge-access: value of out range "5000": valid attribute range: 1-4094',
                 "error: main exception: list index out of range"):
        assert refused(f"warning: /sbin/brctl: missing - bridge operation may not work as expected.\n{line}"), line
    assert not refused("warning: /sbin/brctl: missing - bridge operation may not work as expected. Please check if 'bridge-utils' package "
                       "is installed")


def test_ifupdown2_replaces_stanzas_from_the_end():
    lines = commands(IFUPDOWN2, SetPort(port(IFUPDOWN2, "swp8s0"), Port("swp8s0", "access", 20, mtu=9216)),
                     SetPort(port(IFUPDOWN2, "swp1"), Port("swp1", "trunk", None, frozenset({30, 31}), 9216, "it's \\ cn002")))
    assert lines == [
        r"sed -i '$a\\nauto swp8s0\niface swp8s0\n    mtu 9216\n    bridge-access 20' /etc/network/interfaces",
        r"sed -i '52,56c\iface bridge\n    bridge-ports bond1 glob swp1-4 swp8s0\n    bridge-pvid 1\n    bridge-vids 20 30-32 4000\n"
        r"    bridge-vlan-aware yes' /etc/network/interfaces",
        r"sed -i '22,26c\iface swp1\n    alias it'\''s \\ cn002\n    mtu 9216\n    mstpctl-portadminedge yes\n    bridge-vids 30-31\n"
        r"    bridge-allow-untagged no' /etc/network/interfaces",
        "ifreload -a -s", "ifreload -a"]


@pytest.mark.skipif(shutil.which("sed") is None, reason="no sed")
def test_what_sed_makes_of_the_file_is_what_was_meant(tmp_path):
    file = tmp_path / "interfaces"
    file.write_text(recorded("interfaces"), encoding="utf-8")
    said = answers(IFUPDOWN2)
    state = IFUPDOWN2.parse(said)
    targets = {
        "swp1": Port("swp1", "trunk", None, frozenset({30, 50}), 9216, "it's \\ cn002"), "swp2": Port("swp2", "access", 50, mtu=9216),
        "swp4": Port("swp4", "trunk", 50, frozenset({20}), 1500, "x"), "swp8s0": Port("swp8s0", "trunk", 1, frozenset({50}), 9216, "new"),
        "bond1": Port("bond1", "access", 20, mtu=9216), "swp10": Port("swp10", "access", 50, mtu=9216)}
    steps = [MakeVlan(50, ""), *(SetPort(state.ports[name], target) for name, target in targets.items()), RemoveVlan(4000, "")]
    for line in IFUPDOWN2.commands(steps, state, said)[:-2]:
        subprocess.run(line.replace("sudo -n ", "").replace("/etc/network/interfaces", str(file)), shell=True, check=True)
    seen = NCLU.parse({**said, "config": file.read_text(encoding="utf-8")})     # which reads the file alone
    assert seen == State(dict.fromkeys([1, 20, 30, 31, 32, 50], ""), {**state.ports, **targets})
    before, after = ([line for line in text.splitlines() if "mstpctl" in line or "link-speed" in line or line.startswith("#")]
                     for text in (recorded("interfaces"), file.read_text(encoding="utf-8")))
    assert before == after      # what is not ours is still there
