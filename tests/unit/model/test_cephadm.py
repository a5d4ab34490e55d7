"""The way by cephadm: the same declaration, and what only one of the two ways has."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile_ceph, hostvars

CLUSTER = """\
plugin: clusterwright.hpc.cluster
name: c
networks:
  admin: {subnet: 10.0.0.0/16}
  storage: {subnet: 10.1.0.0/16}
nodes:
  mon[1-3]:
    roles: [ceph_mon, ceph_mgr]
    interfaces: {eth0: {network: admin, address: 10.0.0.1}, eth1: {network: storage, address: 10.1.0.1}}
  store[1-4]:
    roles: [ceph_osd, ceph_mds]
    rack: "r[1-4]"
    interfaces: {eth0: {network: admin, address: 10.0.0.11}}
  cn1:
    roles: [ceph_client]
    interfaces: {eth0: {network: admin, address: 10.0.1.1}}
ceph:
  way: cephadm
  image: registry.example:5000/ceph/ceph:v18.2.7
  registry: {user: me}
  public_network: storage
  osds:
    "store[1-4]": {devices: [/dev/sda, /dev/sdb], size: 1 TiB}
  pools:
    meta: {application: cephfs, share: 1}
    data: {application: cephfs, share: 99}
  filesystems:
    scratch: {metadata: meta, data: [data], mount: /scratch}
"""
CEPHADM = "  way: cephadm\n  image: registry.example:5000/ceph/ceph:v18.2.7\n  registry: {user: me}\n"


def changed(*replacements):
    text = CLUSTER
    for old, new in replacements:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def test_hosts_have_what_they_are_for_and_where_managers_reach_them(folder):
    intent = compile_ceph.intent(folder.load(CLUSTER))
    assert (intent["way"], intent["image"]) == ("cephadm", "registry.example:5000/ceph/ceph:v18.2.7")
    assert intent["registry"] == {"host": "registry.example:5000", "user": "me", "insecure": False}
    assert [host["name"] for host in intent["hosts"]] == ["mon1", "mon2", "mon3", "store1", "store2", "store3", "store4"]
    assert intent["hosts"][1] == {"name": "mon2", "address": "10.1.0.2", "labels": ["mon", "mgr"], "rack": ""}
    assert intent["hosts"][3] == {"name": "store1", "address": "10.0.0.11", "labels": ["osd", "mds"], "rack": ""}
    assert intent["osds"][0]["method"] == "lvm"


def test_racks_are_told_where_they_are_the_failure_domain(folder):
    intent = compile_ceph.intent(folder.load(changed(("  way:", "  failure_domain: rack\n  way:"))))
    assert [host["rack"] for host in intent["hosts"]] == ["", "", "", "r1", "r2", "r3", "r4"]


def test_the_same_declaration_without_the_way_is_by_packages(folder):
    one, other = (compile_ceph.intent(folder.load(text)) for text in (CLUSTER, changed((CEPHADM, ""))))
    assert (other["way"], other["hosts"], other["image"]) == ("packages", [], "")
    assert {key for key in one if one[key] != other[key]} == {"way", "image", "registry", "hosts", "osds"}


def test_the_group_cephadm_has_its_hosts_and_no_other(folder):
    def group(text):
        return next(group for group in hostvars.groups(folder.load(text)) if group.name == "cephadm")
    assert group(CLUSTER).children == [hostvars.own_group("mon[1-3]"), hostvars.own_group("store[1-4]")]
    assert group(CLUSTER[:CLUSTER.index("ceph:\n")]).children == []


def test_an_image_without_a_registry_has_none():
    def host(image):
        return compile_ceph.registry({"image": image})["host"]
    assert [host(image) for image in ("ceph/ceph:v18", "registry.example/ceph", "localhost:5000/ceph", "")] == [
        "", "registry.example", "localhost:5000", ""]


@pytest.mark.parametrize(("replacements", "line", "reason"), [
    ([(CEPHADM, "  image: ceph/ceph:v18\n")], "  image: ", "image is only for cephadm"),
    ([(CEPHADM, "  way: packages\n  registry: {user: me}\n")], "  registry: ", "registry is only for cephadm"),
    ([(CEPHADM, ""), ("1 TiB}", "1 TiB, method: raw}")], '    "store[1-4]": ', "method is only for cephadm"),
    ([("devices: [/dev/sda, /dev/sdb]", "files: 2")], '    "store[1-4]": ', "cephadm makes no OSDs on files"),
    ([("image: registry.example:5000/ceph/ceph:v18.2.7", "image: ceph/ceph:v18.2.7")], "  registry: ", "image names none"),
    ([("[ceph_osd, ceph_mds]", "[ceph_osd, ceph_mds, ceph_client]")], "    roles: [ceph_osd", "give ceph_client to other nodes"),
    ([("way: cephadm", "way: podman")], "  way: ", "packages"),
])
def test_what_only_one_way_has_is_refused_with_its_line(folder, replacements, line, reason):
    text = changed(*replacements)
    number = next(position for position, content in enumerate(text.splitlines(), 1) if content.startswith(line))
    ((_file, there, message),) = folder.problems(text)
    assert reason in message and there == number, (there, message)
