"""What each switch shall be: VLANs on the ports of nodes and on the links between switches; and what a file may not say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile_ethernet
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model.bridges import Bridges, Link

FILE = """\
plugin: clusterwright.hpc.cluster
name: c
networks:
  admin: {vlan: 10, subnet: 10.0.0.0/16, gateway: 10.0.0.1}
  bmc: {vlan: 11, subnet: 10.1.0.0/16}
  storage: {vlan: 12, subnet: 10.2.0.0/16, mtu: 9000}
  lan: {subnet: 10.3.0.0/16}
nodes:
  cn[1-4]:
    interfaces:
      eth0: {network: admin, address: 10.0.1.1}
      bmc: {network: bmc, address: 10.1.1.1}
  st[1-2]:
    interfaces:
      bond0: {network: admin, address: 10.0.2.1, bonds: [eth0, eth1]}
      bond0.12: {network: storage, address: 10.2.2.1, parent: bond0}
      lan0: {network: lan, address: 10.3.2.1}
switches:
  leaf[1-2]: {platform: eos, address: 10.0.9.1, mlag: Port-Channel1000}
  leaf3: {platform: nxos, address: 10.0.9.3}
  mgmt1: {platform: onyx, address: 10.0.9.4}
  spine1: {platform: eos, address: 10.0.9.5, uplinks: ["Ethernet[31-32]"]}
cabling:
  - {nodes: "cn[1-2]", interface: eth0, switch: leaf1, ports: "Ethernet[1-2]"}
  - {nodes: "cn[3-4]", interface: eth0, switch: leaf3, ports: "Ethernet1/[1-2]"}
  - {nodes: "cn[1-4]", interface: bmc, switch: mgmt1, ports: "Eth1/[1-4]"}
  - {nodes: "st[1-2]", interface: eth0, switch: leaf1, ports: "Ethernet[11-12]", lag: "Port-Channel[11-12]"}
  - {nodes: "st[1-2]", interface: eth1, switch: leaf2, ports: "Ethernet[11-12]", lag: "Port-Channel[11-12]"}
  - {nodes: "st[1-2]", interface: lan0, switch: leaf3, ports: "Ethernet1/[11-12]"}
  - {nodes: "leaf[1-3]", interface: Ethernet49, switch: spine1, ports: "Ethernet[1-3]"}
  - {nodes: mgmt1, interface: "Eth1/[15-16]", switch: leaf3, ports: "Ethernet1/[47-48]"}
tenants:
  bio: {nodes: "cn[1-2]", vlan: 301}
  cfd: {nodes: "cn[2-3],st1", vlan: 302}
"""


@pytest.fixture
def compiled(folder):
    return lambda text=FILE: compile_ethernet.switches(folder.load(text))


def port(intent, name):
    found = [dict(each) for each in intent["ports"] if each["name"] == name]
    assert len(found) == 1, f"{name} stands {len(found)} times in {intent['name']}"
    return found[0]


def ids(intent):
    return [vlan["id"] for vlan in intent["vlans"]]


def test_a_node_has_its_network_untagged_and_its_tenants_tagged(compiled):
    leaf1 = compiled()["leaf1"]
    assert port(leaf1, "Ethernet1") == {"name": "Ethernet1", "mode": "trunk", "untagged": 10, "tagged": [301], "mtu": None,
                                        "description": "cn1 eth0", "protected": False}
    assert port(leaf1, "Ethernet2")["tagged"] == [301, 302]
    cn4 = port(compiled()["leaf3"], "Ethernet1/2")
    assert (cn4["mode"], cn4["untagged"], cn4["tagged"], cn4["description"]) == ("access", 10, [], "cn4 eth0")
    bmc = port(compiled()["mgmt1"], "Eth1/2")       # the tenants are on the interface that the node is managed by
    assert (bmc["mode"], bmc["untagged"], bmc["tagged"]) == ("access", 11, [])


def test_a_bond_is_configured_on_its_lag_and_its_members_are_left_alone(compiled):
    for leaf in ("leaf1", "leaf2"):
        intent = compiled()[leaf]
        assert port(intent, "Port-Channel11") == {
            "name": "Port-Channel11", "mode": "trunk", "untagged": 10, "tagged": [12, 302], "mtu": 9000, "description": "st1 bond0",
            "protected": False}
        assert port(intent, "Port-Channel12")["tagged"] == [12]
        assert "Ethernet11" not in [each["name"] for each in intent["ports"]]


def test_a_bond_without_a_lag_has_its_networks_on_each_port(compiled):
    text = FILE.replace(', lag: "Port-Channel[11-12]"', "")
    for leaf in ("leaf1", "leaf2"):
        assert port(compiled(text)[leaf], "Ethernet12")["tagged"] == [12]
    assert port(compiled(text)["leaf2"], "Ethernet12")["description"] == "st2 eth1"


def test_a_port_without_any_vlan_is_left_alone(compiled):
    assert "Ethernet1/11" not in [each["name"] for each in compiled()["leaf3"]["ports"]]


def test_links_carry_what_is_needed_beyond_them(compiled):
    intents = compiled()
    # 302 is on leaf1, leaf2 and leaf3: on all three links of the spine. 301 is only on leaf1, and on the peer link of its pair.
    assert [port(intents["spine1"], f"Ethernet{number}")["tagged"] for number in (1, 2, 3)] == [[10, 12, 302], [10, 12, 302], [10, 302]]
    assert ids(intents["spine1"]) == [10, 12, 302]
    for leaf in ("leaf1", "leaf2"):
        assert port(intents[leaf], "Port-Channel1000")["tagged"] == [10, 12, 301, 302]
    assert ids(intents["leaf2"]) == [10, 12, 301, 302]
    # Only what has a gateway is on the way out, and VLAN 10 is mgmt1's own address.
    assert port(intents["spine1"], "Ethernet31") == {"name": "Ethernet31", "mode": "trunk", "untagged": None, "tagged": [10], "mtu": None,
                                                     "description": None, "protected": True}
    assert port(intents["mgmt1"], "Eth1/15")["tagged"] == [10]
    assert port(intents["mgmt1"], "Eth1/15")["description"] == "leaf3 Ethernet1/47"
    assert port(intents["leaf1"], "Ethernet49")["mtu"] == 9000 and port(intents["leaf3"], "Ethernet49")["mtu"] is None


def test_owned_are_the_vlans_that_the_file_writes_or_those_it_says(compiled):
    assert compiled()["leaf1"]["owned"] == [[10, 12], [301, 302]]
    assert compiled(FILE + "ethernet: {vlans: '10-12,300-399'}\n")["leaf1"]["owned"] == [[10, 12], [300, 399]]


@pytest.mark.parametrize(("old", "new", "said"), [
    ("name: c\n", "name: c\nethernet: {vlans: '10-12,300-301'}\n", "VLAN 302 is not among those of ethernet.vlans (10-12,300-301)"),
    ("name: c\n", "name: c\nethernet: {vlans: '1-400'}\n", "'1-400' is not a range of VLAN ids from 2 to 4094"),
    ("name: c\n", "name: c\nethernet: {vlans: '300-200'}\n", "'300-200' is not a range of VLAN ids"),
    ("name: c\n", "name: c\nethernet: {vlans: many}\n", "VLAN ids such as 10-12,300-399"),
    ("name: c\n", "name: c\nethernet: {max_changed_ports: 0}\n", "a number from 1 on"),
    ("{vlan: 11,", "{vlan: 1,", "VLAN 1 is every switch's own"),
    ("{vlan: 11,", "{vlan: 1003,", "VLAN 1003 is every switch's own"),
    ('ports: "Ethernet[11-12]", lag: "Port-Channel[11-12]"}\n  - {nodes: "st[1-2]", interface: lan0',
     'ports: "Ethernet[11-12]", lag: "Port-Channel[12-13]"}\n  - {nodes: "st[1-2]", interface: lan0',
     "st1 bond0 is in Port-Channel11 and Port-Channel12: a bond is one LAG, of the same name on both switches"),
    ('switch: leaf2, ports: "Ethernet[11-12]", lag: "Port-Channel[11-12]"', 'switch: leaf2, ports: "Ethernet[11-12]"',
     "st1 bond0: all of its cables are in a LAG, or none"),
    ('switch: leaf2, ports: "Ethernet[11-12]", lag: "Port-Channel[11-12]"', 'switch: leaf2, ports: "Ethernet[11-12]", lag: Port-Channel11',
     "1 LAGs for 2 ports"),
    (", mlag: Port-Channel1000", "", "st1 bond0 is a LAG over leaf[1-2], which are no MLAG pair"),
    ('ports: "Ethernet[1-2]"}', 'ports: "Ethernet[1-2]", lag: "Port-Channel[1-2]"}', "no interface of cn[1-4] bonds eth0"),
    ("uplinks: [", "mlag: Ethernet30, uplinks: [", "an MLAG pair is an entry of two switches, 'spine1' has 1"),
    ('switch: spine1, ports: "Ethernet[1-3]"', 'switch: spine1, ports: "Ethernet[1-3]", lag: "Po[1-3]"',
     "between switches a LAG is named in place of its ports"),
    ("interface: Ethernet49, switch", "interface: 'Ethernet[49-50]', switch", "6 ports, but 3 switch ports (1 switches x 3 ports)"),
    ('nodes: mgmt1, interface: "Eth1/[15-16]", switch: leaf3', 'nodes: leaf3, interface: "Eth1/[15-16]", switch: leaf3',
     "leaf3 has a cable to itself"),
    ("interface: lan0,", "interface: bond0,", "bond0 is a bond: the cables are those of eth0, eth1"),
    ("interface: lan0,", "interface: bond0.12,", "bond0.12 is a VLAN interface: the cable is bond0's"),
    ("parent: bond0", "parent: bond1", "bond0.12 cannot be a VLAN interface on 'bond1'; did you mean 'bond0'?"),
    ("network: storage, address: 10.2.2.1", "network: lan, address: 10.3.9.1", "it needs a network with a vlan"),
    ("bonds: [eth0, eth1]", "bonds: [eth0, bond0]", "bond0 cannot bond bond0"),
    ("      lan0:", "      eth0: {network: lan}\n      lan0:", "eth0 is bonded: it has no network of its own"),
    ("  - {nodes: mgmt1,", "  # - {nodes: mgmt1,",
     "VLAN 10 is needed on leaf[1-3],spine1 and on mgmt1, but no cable leads from one to the other"),
])
def test_a_mistake_is_told(folder, old, new, said):
    assert FILE.count(old) == 1, f"'{old}' does not say which"
    problems = folder.problems(FILE.replace(old, new))
    assert said in "\n".join(message for _file, _line, message in problems), problems


# --- the rule itself, against all paths there are

NAMES = "abcdefg"
pairs = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] != pair[1])


def oracle(links, users):
    """The links on any path between two users that passes no switch twice: every path is walked."""
    found = set()

    def walk(at, passed, used):
        if at in users and used:
            found.update(used)
        for index, link in enumerate(links):
            if at in (link.near, link.far):
                other = link.far if link.near == at else link.near
                if other not in passed:
                    walk(other, passed | {other}, [*used, index])

    for user in users:
        walk(user, {user}, [])
    return found


@given(st.lists(pairs, max_size=11), st.sets(st.sampled_from(NAMES)))
def test_a_vlan_is_on_the_links_of_every_path_between_its_users_and_on_no_other(ends, users):
    links = [Link(near, str(index), far, str(index)) for index, (near, far) in enumerate(ends)]
    on_links = Bridges(links).carried({7: users})
    assert {index for index, vlans in enumerate(on_links) if vlans} == oracle(links, users)


@given(st.lists(pairs, max_size=8))
def test_switches_are_apart_when_no_path_joins_them(ends):
    links = [Link(near, str(index), far, str(index)) for index, (near, far) in enumerate(ends)]
    sets = Bridges(links).apart(NAMES)
    for one in NAMES:
        for other in NAMES:
            together = any(one in names and other in names for names in sets)
            assert together == (one == other or bool(oracle(links, {one, other})))


def test_a_long_chain_of_switches_is_no_trouble():
    links = [Link(str(number), "1", str(number + 1), "2") for number in range(5000)]
    assert all(Bridges(links).carried({7: ["0", "5000"]}))
