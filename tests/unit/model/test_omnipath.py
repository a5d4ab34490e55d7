"""From tenants to vFabrics: who becomes which member, and what is refused."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile_omnipath, hostvars

CLUSTER = """\
plugin: clusterwright.hpc.cluster
name: c
networks:
  admin: {subnet: 10.0.0.0/16}
  storage: {subnet: 10.1.0.0/16, pkey: 0x0020}
fabrics:
  opa0: {kind: omnipath, managers: head1, mtu: 8192, rate: 100, pkeys: 0x0010-0x00ff, qos: {high: {group: HighPriority}}}
  ib0: {kind: infiniband, pkeys: 0x0100-0x01ff}
nodes:
  head1:
    roles: [fabric_manager]
    interfaces: {eth0: {network: admin, address: 10.0.0.1}, opa0: {fabric: opa0, guid: 0x00117501a0000f01}}
  store1:
    interfaces: {eth0: {network: storage, address: 10.1.0.1}, opa0: {fabric: opa0, guid: 0x00117501a0000e01}}
  knl[01-16]:
    interfaces: {eth0: {network: admin, address: 10.0.0.21}, opa0: {fabric: opa0}}
    table: guids.csv
  cn1:
    interfaces: {eth0: {network: admin, address: 10.0.0.41}, ib0: {fabric: ib0, guid: 0x0002c90300000001}}
tenants:
  physics: {nodes: "knl[01-08]", pkey: 0x0010, reaches: [storage, bio], qos: {level: high}}
  chem: {nodes: "knl[09-16]", pkey: 0x0011, reaches: [storage, physics, bio]}
  bio: {nodes: cn1, pkey: 0x0100, reaches: [physics]}
"""
GUIDS = "name,guid\n" + "".join(f"knl{n:02},\n" for n in range(1, 16)) + "knl16,0x00117501a0000010\n"


def compiled(folder, *replacements, table=GUIDS):
    text = CLUSTER
    for old, new in replacements:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return compile_omnipath.vfabrics(folder.load(text, guids_csv=table))


def test_a_tenants_nodes_are_full_and_who_reaches_it_is_limited(folder):
    intent = compiled(folder)["opa0"]
    assert [(vfabric["name"], vfabric["pkey"], vfabric["members"], vfabric["limited_members"]) for vfabric in intent["vfabrics"]] == [
        ("storage", 0x20, ["storage"], ["physics", "chem"]), ("physics", 0x10, ["physics"], ["chem"]), ("chem", 0x11, ["chem"], [])]
    assert all(vfabric["security"] for vfabric in intent["vfabrics"]), "without it, limited members would be full ones"


def test_nodes_are_known_by_guid_or_by_what_they_call_themselves(folder):
    intent = compiled(folder)["opa0"]
    assert intent["groups"] == [
        {"name": "storage", "guids": ["0x00117501a0000e01"], "descriptions": []},
        {"name": "physics", "guids": [], "descriptions": ["knl[01-08] hfi1_0"]},
        {"name": "chem", "guids": ["0x00117501a0000010"], "descriptions": ["knl[09-15] hfi1_0"]},
    ]
    assert intent["by_description"] == [f"knl{n:02}" for n in range(1, 16)]


def test_limits_and_levels(folder):
    intent = compiled(folder)["opa0"]
    assert [(vfabric["mtu"], vfabric["rate"], vfabric["qos_group"]) for vfabric in intent["vfabrics"]] == [
        ("8192", "100g", ""), ("8192", "100g", "HighPriority"), ("8192", "100g", "")]
    plain = compiled(folder, (" mtu: 8192, rate: 100,", ""))["opa0"]["vfabrics"][0]
    assert (plain["mtu"], plain["rate"]) == ("Unlimited", "Unlimited")


def test_a_second_hfi_has_its_own_number(folder):
    one = "address: 10.0.0.21}, opa0: {fabric: opa0}"
    intent = compiled(folder, (f"{one}}}", f"{one}, opa1: {{fabric: opa0}}}}"))
    assert intent["opa0"]["groups"][1]["descriptions"] == ["knl[01-08] hfi1_0", "knl[01-08] hfi1_1"]


def test_the_managers_get_the_vfabrics_of_omnipath_alone(folder):
    groups = {group.name: group for group in hostvars.groups(folder.load(CLUSTER, guids_csv=GUIDS))}
    assert [*groups["fabric_manager"].variables["opa_vfabrics"]] == ["opa0"]
    intent = groups["fabric_manager"].variables["opa_vfabrics"]["opa0"]
    assert (intent["managers"], intent["owned"], intent["default"]) == (["head1"], [0x10, 0xFF], "limited")
    assert compiled(folder, ("rate: 100,", "rate: 100, default_partition: full,"))["opa0"]["default"] == "full"


def test_another_tenant_moves_no_key_and_no_other_vfabric(folder):
    before = compiled(folder)["opa0"]["vfabrics"]
    more = compiled(folder, ("tenants:\n", "tenants:\n  first: {nodes: head1, pkey: 0x0012}\n"))["opa0"]["vfabrics"]
    assert [vfabric for vfabric in more if vfabric["name"] != "first"] == before


MISTAKES = [
    ([("pkey: 0x0011, ", "")], 22, "tenant chem has nodes on opa0 but no pkey; the next free one is 0x0011"),
    ([("pkey: 0x0011", "pkey: 0x0200")], 22, "P_Key 0x0200 is outside opa0's own 0x0010-0x00ff; the next free one is 0x0011"),
    ([("pkey: 0x0011", "pkey: 0x0010")], 22, "P_Key 0x0010 is physics's already; the next free one is 0x0011"),
    ([(" pkeys: 0x0010-0x00ff,", "")], 7,
     "opa0 has vFabrics (storage, physics, chem) but no pkeys: say which P_Keys are ours, such as 0x0010-0x00ff"),
    ([("[fabric_manager]", "[subnet_manager]")], 7, "head1 shall manage opa0, but lacks the role fabric_manager"),
    ([("level: high", "level: hihg")], 21, "opa0 has no level 'hihg' with a group; did you mean 'high'?"),
    ([("mtu: 8192", "mtu: 1024")], 7, "mtu 1024 is none of Omni-Path's: 2048, 4096, 8192, 10240 bytes, or leave it out"),
    ([("rate: 100", "rate: 56")], 7, "rate 56 is none of Omni-Path's: 25, 50, 75, 100 Gb/s, or leave it out"),
]


@pytest.mark.parametrize(("replacements", "line", "message"), MISTAKES, ids=[message[:40] for _what, _line, message in MISTAKES])
def test_a_mistake_is_the_only_problem(folder, replacements, line, message):
    text = CLUSTER
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    assert folder.problems(text, guids_csv=GUIDS) == [("cluster.yml", line, message)]


def test_the_same_guid_twice_is_a_mistake(folder):
    twice = CLUSTER.replace("guid: 0x00117501a0000e01", "guid: 0x00117501a0000010")
    assert len(folder.problems(twice, guids_csv=GUIDS)) == 1
