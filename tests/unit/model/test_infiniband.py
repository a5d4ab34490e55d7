"""From tenants to partitions: who becomes which member, and what is refused."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import pairs, partitions
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import Parsed
from ansible_collections.clusterwright.hpc.plugins.plugin_utils import model
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile_infiniband, hostvars

CLUSTER = """\
plugin: clusterwright.hpc.cluster
name: c
networks:
  admin: {subnet: 10.0.0.0/16}
  storage: {subnet: 10.1.0.0/16, pkey: 0x0110}
fabrics:
  ib0: {kind: infiniband, managers: head1, mtu: 4096, rate: 56, pkeys: 0x0100-0x01ff, qos: {high: {sl: 2}}}
  opa0: {kind: omnipath, pkeys: 0x0010-0x00ff}
nodes:
  head1:
    roles: [subnet_manager]
    interfaces: {eth0: {network: admin, address: 10.0.0.1}, ib0: {fabric: ib0, guid: 0x0002c90300000f01}}
  store[1-2]:
    interfaces: {eth0: {network: storage, address: 10.1.0.1}, ib0: {fabric: ib0}}
    table: guids.csv
  cn[1-4]:
    interfaces: {eth0: {network: admin, address: 10.0.0.21}, ib0: {fabric: ib0}}
    table: guids.csv
  knl1:
    interfaces: {eth0: {network: admin, address: 10.0.0.31}, opa0: {fabric: opa0}}
tenants:
  cfd: {nodes: "cn[1-2]", pkey: 0x0101, reaches: [storage], qos: {level: high}}
  bio: {nodes: "cn[3-4]", pkey: 0x0102, reaches: [storage, cfd], ipoib: false}
  knl: {nodes: knl1, pkey: 0x0010, reaches: [cfd]}
"""
NODES = ["store1", "store2", "cn1", "cn2", "cn3", "cn4"]
GUIDS = "name,guid\n" + "".join(f"{name},0x0002c903000000{n:02x}\n" for n, name in enumerate(NODES, 1))


def compiled(folder, *replacements, table=GUIDS):
    text = CLUSTER
    for old, new in replacements:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return compile_infiniband.partitions(folder.load(text, guids_csv=table))


def memberships(partition):
    return {member["name"]: member["membership"] for member in partition["members"]}


def test_a_tenants_nodes_are_full_and_who_reaches_it_is_limited(folder):
    intent = compiled(folder)["ib0"]
    storage, cfd, bio = intent["partitions"]
    assert (storage["name"], storage["pkey"], memberships(storage)) == ("storage", 0x110, {
        "store1": "full", "store2": "full", "cn1": "limited", "cn2": "limited", "cn3": "limited", "cn4": "limited"})
    assert (cfd["name"], cfd["pkey"], memberships(cfd)) == (
        "cfd", 0x101, {"cn1": "full", "cn2": "full", "cn3": "limited", "cn4": "limited"})
    assert memberships(bio) == {"cn3": "full", "cn4": "full"}
    assert cfd["members"][0] == {"name": "cn1", "guid": "0x0002c90300000003", "membership": "full"}


def test_mtu_rate_and_level_are_codes(folder):
    intent = compiled(folder)["ib0"]
    assert [(partition["ipoib"], partition["mtu"], partition["rate"], partition["sl"]) for partition in intent["partitions"]] == [
        (True, 5, 12, 0), (True, 5, 12, 2), (False, 5, 12, 0)]
    plain = compiled(folder, (" mtu: 4096, rate: 56,", ""))["ib0"]
    assert (plain["mtu"], plain["rate"], plain["partitions"][0]["mtu"]) == (4, 3, 4), "as OpenSM has it where nothing is said"


def test_the_default_partition_is_limited_where_keys_are_ours_unless_it_is_said_otherwise(folder):
    assert compiled(folder)["ib0"]["default"] == "limited"
    assert compiled(folder, ("rate: 56,", "rate: 56, default_partition: full,"))["ib0"]["default"] == "full"


def test_only_infiniband_fabrics_are_compiled_and_their_managers_get_it(folder):
    cluster = folder.load(CLUSTER, guids_csv=GUIDS)
    groups = {group.name: group for group in hostvars.groups(cluster)}
    assert [*groups["subnet_manager"].variables["ib_partitions"]] == ["ib0"]
    intent = groups["subnet_manager"].variables["ib_partitions"]["ib0"]
    assert (intent["owned"], intent["managers"]) == ([0x100, 0x1FF], [{"name": "head1", "guid": "0x0002c90300000f01"}])


def test_a_network_without_a_key_is_reached_over_ethernet_alone(folder):
    assert [partition["name"] for partition in compiled(folder, (", pkey: 0x0110", ""))["ib0"]["partitions"]] == ["cfd", "bio"]


def test_another_tenant_moves_no_key(folder):
    before = compiled(folder)["ib0"]["partitions"]
    more = compiled(folder, ("tenants:\n", "tenants:\n  first: {nodes: head1, pkey: 0x0100}\n"))["ib0"]["partitions"]
    assert [partition for partition in more if partition["name"] != "first"] == before


def test_a_node_whose_guid_is_not_known_is_named_and_left_out(folder):
    intent = compiled(folder, table=GUIDS.replace("cn4,0x0002c90300000006", "cn4,"))["ib0"]
    assert intent["without_guid"] == ["cn4"]
    assert "cn4" not in {member["name"] for partition in intent["partitions"] for member in partition["members"]}


def test_a_node_of_both_sides_is_full(folder):
    intent = compiled(folder, ('bio: {nodes: "cn[3-4]"', 'bio: {nodes: "cn[2-4]"'))["ib0"]
    assert memberships(intent["partitions"][1])["cn2"] == "full"
    assert len(intent["partitions"][1]["members"]) == 4


MANY = "".join(f"  t{n}: {{nodes: cn1, pkey: {0x120 + n:#06x}}}\n" for n in range(62))

MISTAKES = [
    ([("pkey: 0x0102, ", "")], 23, "tenant bio has nodes on ib0 but no pkey; the next free one is 0x0100"),
    ([("pkey: 0x0102", "pkey: 0x0110")], 23, "P_Key 0x0110 is storage's already; the next free one is 0x0100"),
    ([("pkey: 0x0110", "pkey: 0x0210")], 5, "P_Key 0x0210 is outside ib0's own 0x0100-0x01ff; the next free one is 0x0100"),
    ([(" pkeys: 0x0100-0x01ff,", "")], 7,
     "ib0 has partitions (storage, cfd, bio) but no pkeys: say which P_Keys are ours, such as 0x0100-0x01ff"),
    ([("level: high", "level: hihg")], 22, "ib0 has no level 'hihg'; did you mean 'high'?"),
    ([("[subnet_manager]", "[slurm_login]")], 7, "head1 shall manage ib0, but lacks the role subnet_manager"),
    ([("  opa0: {kind", "  ib1: {kind: infiniband, managers: head1}\n  opa0: {kind")], 8,
     "head1 manages ib0 already, and a node manages one InfiniBand fabric: name another for ib1"),
    ([("admin: {subnet: 10.0.0.0/16}", "admin: {subnet: 10.0.0.0/16}\n  lan: {subnet: 10.2.0.0/16, pkey: 0x0120}")], 5,
     "network lan has a P_Key, but none of its nodes is on a fabric: its partition has no full member, and nobody could talk in it"),
    ([("  cfd: {", f"  {'c' * 32}: {{"), ("[storage, cfd]", "[storage]"), ("reaches: [cfd]", "reaches: [storage]")], 22,
     f"the name '{'c' * 32}' is longer than 31 characters, where OpenSM cuts it"),
    ([("tenants:\n", "tenants:\n" + MANY)], 7,
     "cn1 would hold up to 65 P_Keys on ib0 with the default partition's, and a port's table holds 64: give fewer, or say the size of the "
     "tables (pkey_table)"),
]


@pytest.mark.parametrize(("replacements", "line", "message"), MISTAKES, ids=[message[:40] for _what, _line, message in MISTAKES])
def test_a_mistake_is_the_only_problem(folder, replacements, line, message):
    text = CLUSTER
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    assert folder.problems(text, guids_csv=GUIDS) == [("cluster.yml", line, message)]


def test_a_partition_of_limited_members_only_is_a_mistake(folder):
    table = GUIDS.replace("store1,0x0002c90300000001", "store1,").replace("store2,0x0002c90300000002", "store2,")
    assert folder.problems(CLUSTER, guids_csv=table) == [
        ("cluster.yml", 5, "partition storage has limited members only on ib0: none of them can talk to another")]
    bad = folder.problems(CLUSTER, guids_csv=GUIDS.replace("0x0002c90300000001", "x").replace("0x0002c90300000002", "y"))
    assert [line for _file, line, _message in bad] == [2, 3], "a GUID that is no GUID is that problem alone"


@pytest.mark.parametrize(("old", "new"), [("rate: 56", "rate: 57"), ("{sl: 2}", "{sl: 16}"), ("mtu: 4096", "mtu: 4095"), ("{sl: 2}", "{}")])
def test_what_is_no_value_is_one_problem(folder, old, new):
    assert CLUSTER.count(old) == 1
    assert len(folder.problems(CLUSTER.replace(old, new), guids_csv=GUIDS)) == 1


def test_a_larger_table_may_be_declared(folder):
    assert compiled(folder, ("tenants:\n", "tenants:\n" + MANY), ("rate: 56,", "rate: 56, pkey_table: 128,"))["ib0"]["table"] == 128


NODE_SETS = st.lists(st.integers(1, 6), min_size=1, max_size=4, unique=True)
REACHES = st.lists(st.sampled_from(["a", "b", "c", "d", "storage"]), unique=True, max_size=3)
TENANTS = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.tuples(NODE_SETS, REACHES), max_size=4)


@given(TENANTS)
def test_exactly_the_declared_pairs_can_talk(tmp_path_factory, wanted):
    """From any tenants to the tables that OpenSM makes of the file, and to who can talk."""
    tenants = {name: ([f"n{number}" for number in nodes], [service for service in reaches if service in {*wanted, "storage"} - {name}])
               for name, (nodes, reaches) in wanted.items()}
    written = {name: {"nodes": ",".join(nodes), "pkey": 0x101 + number, "reaches": reaches}
               for number, (name, (nodes, reaches)) in enumerate(tenants.items())}
    guids = {f"n{number}": f"0x0002c903000000{number:02x}" for number in range(1, 8)}
    data = {
        "plugin": "clusterwright.hpc.cluster", "name": "c", "networks": {"storage": {"subnet": "10.1.0.0/24", "pkey": 0x110}},
        "fabrics": {"ib0": {"kind": "infiniband", "pkeys": "0x0100-0x01ff"}}, "tenants": written,
        "nodes": {name: {"interfaces": {"ib0": {"fabric": "ib0", "guid": guid}}} for name, guid in guids.items()},
    }
    data["nodes"]["n7"]["interfaces"]["eth0"] = {"network": "storage", "address": "10.1.0.7"}
    path = tmp_path_factory.mktemp("cluster") / "cluster.yml"
    path.write_text(json.dumps(data))
    intent = compile_infiniband.partitions(model.load(str(path)))["ib0"]
    assert partitions.wrong(intent) == []
    text = partitions.render(partitions.definitions(intent, Parsed(), exact=True), partitions.names(intent))
    tables = partitions.tables(partitions.parse(text), dict.fromkeys(guids.values(), "ca"))

    def members(service):
        return ["n7"] if service == "storage" else tenants[service][0]

    declared = {frozenset(pair) for nodes, _reaches in tenants.values() for pair in itertools.combinations(nodes, 2)}
    declared |= {frozenset((one, other)) for nodes, reaches in tenants.values() for service in reaches
                 for one in nodes for other in members(service)}
    node = {guid: name for name, guid in guids.items()}
    assert {frozenset((node[one], node[other])) for one, other, verdict in pairs.matrix(tables) if verdict.allowed} == {
        pair for pair in declared if len(pair) == 2}


def test_what_shall_be_seen_on_a_fabric(folder):
    intent = compile_infiniband.fabrics(folder.load(CLUSTER, guids_csv=GUIDS.replace("cn4,0x0002c90300000006", "cn4,")))
    assert [*intent] == ["ib0"]
    fabric = intent["ib0"]
    assert (fabric["speed"], fabric["width"], fabric["mtu"], fabric["cables"]) == ("", "", 4096, [])
    assert (fabric["managers"], fabric["without_guid"]) == ([{"name": "head1", "guid": "0x0002c90300000f01"}], ["cn4"])
    assert [port["name"] for port in fabric["ports"]] == ["head1", "store1", "store2", "cn1", "cn2", "cn3"]


def test_cables_of_a_fabric_are_the_rows_of_its_interfaces(folder):
    text = CLUSTER.replace("fabrics:\n", "switches: {ibsw1: {platform: onyx, address: 10.0.1.1}}\ncabling:\n"
                           "  - {nodes: 'cn[1-2]', interface: ib0, switch: ibsw1, ports: 'IB1/[3-4]'}\nfabrics:\n")
    assert compile_infiniband.fabrics(folder.load(text, guids_csv=GUIDS))["ib0"]["cables"] == [
        {"name": "cn1", "guid": "0x0002c90300000003", "switch": "ibsw1", "port": "IB1/3"},
        {"name": "cn2", "guid": "0x0002c90300000004", "switch": "ibsw1", "port": "IB1/4"}]


def test_the_firmware_of_a_board_reaches_what_shall_be_seen(folder):
    assert "firmware" not in compile_infiniband.fabrics(folder.load(CLUSTER, guids_csv=GUIDS))["ib0"]
    text = CLUSTER.replace("rate: 56", "rate: 56, firmware: {MT_0000000223: 20.31.1014}")
    assert compile_infiniband.fabrics(folder.load(text, guids_csv=GUIDS))["ib0"]["firmware"] == {"MT_0000000223": "20.31.1014"}


def test_each_level_has_a_lane_of_its_own_and_those_without_share_the_first(folder):
    levels = "high: {sl: 2, weight: 192}, low: {sl: 5, weight: 16}, plain: {sl: 0}, also: {sl: 5}"
    cluster = folder.load(CLUSTER.replace("high: {sl: 2}", levels), guids_csv=GUIDS)
    assert compile_infiniband.levels(cluster) == {
        "ib0": {"sl2vl": [0, 0, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "weights": [64, 192, 64]}}
    groups = {group.name: group for group in hostvars.groups(cluster)}
    assert groups["subnet_manager"].variables["ib_levels"] == compile_infiniband.levels(cluster)
    assert compile_infiniband.levels(folder.load(CLUSTER.replace(", qos: {high: {sl: 2}}", "").replace(", qos: {level: high}", ""),
                                                 guids_csv=GUIDS)) == {}


def test_sixteen_levels_use_no_lane_that_is_not_for_data(folder):
    levels = ", ".join(f"l{sl}: {{sl: {sl}}}" for sl in range(16))
    cluster = folder.load(CLUSTER.replace("high: {sl: 2}", f"high: {{sl: 2}}, {levels}"), guids_csv=GUIDS)
    intent = compile_infiniband.levels(cluster)["ib0"]
    assert max(intent["sl2vl"]) == 14 and len(intent["weights"]) == 15


def test_a_node_has_an_interface_in_each_of_its_partitions_that_carries_ip(folder):
    cluster = folder.load(CLUSTER, guids_csv=GUIDS)
    variables = {name: host for _group, hosts in hostvars.host_vars(cluster) for name, host in hosts}
    assert variables["cn3"]["ib_ports"] == [{"name": "ib0", "guid": "0x0002c90300000005", "mtu": 0, "children": [
        {"name": "ib0.8110", "partition": "storage", "pkey": 0x8110}, {"name": "ib0.8101", "partition": "cfd", "pkey": 0x8101}]}]
    assert variables["head1"]["ib_ports"][0]["children"] == [] and "ib_ports" not in variables["knl1"]
    members = {group.name: group for group in hostvars.groups(cluster)}["infiniband"].children
    assert members == ["nodeset_head1", "nodeset_store_1_2", "nodeset_cn_1_4"]


def test_a_node_whose_guid_nobody_knows_has_no_ports(folder):
    cluster = folder.load(CLUSTER, guids_csv=GUIDS.replace("cn4,0x0002c90300000006\n", "cn4,\n"))
    variables = {name: host for _group, hosts in hostvars.host_vars(cluster) for name, host in hosts}
    assert "ib_ports" in variables["cn3"] and "ib_ports" not in variables["cn4"]
