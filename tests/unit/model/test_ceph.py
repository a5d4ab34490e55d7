"""From the cluster file's Ceph section to its intent, and what is refused as the file is read."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile_ceph, hostvars

CLUSTER = """\
plugin: clusterwright.hpc.cluster
name: c
domain: c.example
networks:
  admin: {subnet: 10.0.0.0/16}
  storage: {subnet: 10.1.0.0/16}
  back: {subnet: 10.2.0.0/16}
nodes:
  mon[1-3]:
    roles: [ceph_mon, ceph_mgr, ceph_mds]
    interfaces: {eth0: {network: admin, address: 10.0.0.1}, eth1: {network: storage, address: 10.1.0.1}}
  store[1-8]:
    roles: [ceph_osd]
    rack: "r[1-4]"
    interfaces: {eth0: {network: admin, address: 10.0.0.11}}
  cn[1-4]:
    roles: [ceph_client]
    interfaces: {eth0: {network: admin, address: 10.0.1.1}}
ceph:
  public_network: storage
  cluster_network: back
  osds:
    "store[1-8]": {devices: [/dev/sda, /dev/sdb], size: 10 TiB}
  pools:
    meta: {application: cephfs, share: 1}
    data: {application: cephfs, share: 39, stored: 10 TiB}
    archive: {application: cephfs, erasure: {k: 4, m: 2}, share: 60, stored: 30 TiB}
  filesystems:
    scratch: {metadata: meta, data: [data, archive], mount: /scratch}
  clients:
    backup: {mon: allow r, osd: "allow rw pool=data"}
"""


def changed(*replacements):
    text = CLUSTER
    for old, new in replacements:
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


def test_the_intent(folder):
    intent = compile_ceph.intent(folder.load(CLUSTER))
    assert intent["mons"][2] == {"name": "mon3", "address": "10.1.0.3"}
    assert (intent["public_network"], intent["cluster_network"]) == ("10.1.0.0/16", "10.2.0.0/16")
    assert [(pool["name"], pool["pg_num"], pool["size"], pool["min_size"], pool["k"]) for pool in intent["pools"]] == [
        ("meta", 16, 3, 2, 0), ("data", 256, 3, 2, 0), ("archive", 128, 6, 5, 4)]
    assert intent["osds"][0]["hosts"][7] == "store8" and intent["osds"][0]["size"] == 10 * 1024**2
    assert intent["clients"] == [
        {"name": "client.scratch", "caps": {"mon": "allow r fsname=scratch", "mds": "allow rw fsname=scratch",
                                            "osd": "allow rw tag cephfs data=scratch"}},
        {"name": "client.backup", "caps": {"mon": "allow r", "osd": "allow rw pool=data"}}]
    assert any("163840 GiB of disks: keep them below 74 %" in text for text in intent["warnings"])
    assert any("loss of the largest host makes the others copy 9600 GiB: 3.9 hours" in text for text in intent["warnings"])


def test_the_intent_stands_on_the_groups_of_ceph(folder):
    groups = {group.name: group for group in hostvars.groups(folder.load(CLUSTER))}
    assert all("ceph_intent" in groups[name].variables for name in ("ceph_mon", "ceph_mgr", "ceph_osd", "ceph_mds", "ceph_client"))
    without = {group.name: group for group in hostvars.groups(folder.load(CLUSTER[:CLUSTER.index("ceph:\n")]))}
    assert "ceph_intent" not in without["ceph_mon"].variables


def test_the_fsid_follows_from_the_name_and_can_be_said(folder):
    def fsid(text):
        return compile_ceph.intent(folder.load(text))["fsid"]
    assert fsid(CLUSTER) == fsid(CLUSTER) != fsid(changed(("name: c\n", "name: d\n")))
    own = "0a1b2c3d-0000-4000-8000-0123456789ab"
    assert fsid(CLUSTER.replace("ceph:\n", f"ceph:\n  fsid: {own}\n")) == own


def test_pools_that_say_no_share_divide_what_is_left(folder):
    text = changed(("share: 39, ", ""), ("share: 60, ", ""))
    assert [pool["pg_num"] for pool in compile_ceph.intent(folder.load(text))["pools"]] == [16, 256, 128]


@pytest.mark.parametrize(("old", "new", "where", "reason"), [
    ("share: 39,", "size: 1,", "data:", "pool data: size 1 loses data with the first disk that dies"),
    ("share: 39,", "min_size: 1,", "data:", "pool data: min_size 1 takes writes with a single copy"),
    ("share: 39,", "size: 2, min_size: 3,", "data:", "min_size 3 is more than its 2 copies"),
    ("m: 2}", "m: 2}, min_size: 4", "archive:", "at least k + 1 = 5"),
    ("{k: 4, m: 2}", "{k: 8, m: 3}", "archive:", "11 parts need 11 hosts, and 8 have OSDs"),
    ("{k: 4, m: 2}", "{k: 4, m: 2}, size: 3", "archive:", "k + m is its size"),
    ("public_network: storage", "failure_domain: rack", "archive:", "6 parts need 6 racks, and 4 have OSDs"),
    ("share: 39,", "pg_num: 100,", "data:", "100 placement groups are unequal in size"),
    ("share: 39,", "pg_num: 4096,", "pools:", "placement groups for each of 16 OSDs, and mons refuse more than 250: data has 4096 x 3"),
    ("share: 39", "share: 50", "pools:", "the shares of the pools make 111 %"),
    ("stored: 10 TiB", "stored: 30 TiB", "pools:",
     "makes them 96 % full after the loss of the largest host; writes stop at 95 %, and there is room for 121856 GiB"),
    ("metadata: meta, data: [data, archive]", "metadata: archive, data: [data]", "filesystems",
     "pool archive is erasure-coded, and metadata must be replicated"),
    ("data: [data, archive]", "data: [archive, data]", "filesystems", "the first pool of data, which keeps the backtraces"),
    ("data: [data, archive]", "data: [dta]", "filesystems", "no such pool: dta; did you mean 'data'?"),
    ("data: [data, archive]", "data: [meta]", "filesystems", "pool meta is used already"),
    ("share: 1}", "share: 1}\n    images: {application: rbd}", None, None),
    ("mount: /scratch", "max_mds: 4", "filesystems", "4 active MDS, and 3 nodes have the role ceph_mds"),
    ("mon[1-3]:", "mon[1-2]:", "ceph:", "2 mons survive the loss of 0, as 1 would, and there is one more to lose: take 1 or 3"),
    ("[ceph_mon, ceph_mgr, ceph_mds]", "[ceph_mgr, ceph_mds]", "ceph:", "no node has the role ceph_mon"),
    ("[ceph_mon, ceph_mgr, ceph_mds]", "[ceph_mon, ceph_mds]", "ceph:", "no node has the role ceph_mgr"),
    ("[ceph_mon, ceph_mgr, ceph_mds]", "[ceph_mon, ceph_mgr]", "filesystems", "a CephFS needs an MDS"),
    ("roles: [ceph_osd]", "roles: [ceph_client]", '"store', "store[1-8] has OSDs, but lacks the role ceph_osd"),
    ('"store[1-8]":', '"store[1-9]":', '"store', "no such nodes: store9"),
    ("devices: [/dev/sda, /dev/sdb], ", "", '"store', "say either devices or, in a lab, files"),
    ("devices: [/dev/sda, /dev/sdb]", "devices: [sda]", "devices", "'sda' is not a device such as"),
    ("public_network: storage", "public_network: storge", "public_network", "no such network: storge; did you mean 'storage'?"),
    ("    backup:", "    scratch:", "clients", "client scratch is the one of the filesystem scratch"),
    ("application: cephfs, share: 1}", "application: cephfs, shares: 1}", "meta:", "unknown key 'shares'"),
    ("backup: {mon: allow r", "backup: {mon: everything", "backup", "'everything' is not capabilities such as"),
])
def test_what_is_refused_with_its_line(folder, old, new, where, reason):
    text = changed((old, new))
    problems = folder.problems(text)
    if reason is None:
        assert problems == []
        return
    assert len(problems) == 1, problems
    _file, line, message = problems[0]
    assert reason in message
    assert where.strip('"') in text.splitlines()[line - 1] or where in ("filesystems", "clients", "devices"), text.splitlines()[line - 1]


def test_all_is_said_at_once(folder):
    text = changed(("share: 39,", "size: 1,"), ("{k: 4, m: 2}", "{k: 8, m: 3}"), ("mon[1-3]:", "mon[1-4]:"))
    assert len(folder.problems(text)) == 3


def test_a_section_without_disks_or_with_an_empty_pool(folder):
    assert "it has no osds" in folder.problems(CLUSTER[:CLUSTER.index("  osds:")])[0][2]
    assert any("is not a mapping" in message for _file, _line, message in folder.problems(changed(("{application: cephfs, share: 1}", ""))))


@pytest.mark.parametrize(("config", "reason"), [
    ("{osd: {osd_max_backfills: 4}}", "osd_max_backfills 4 would not stay: under mclock OSDs go by 1, and remove it"),
    ("{osd: {osd_max_backfills: 4, osd_mclock_override_recovery_settings: true}}", None),
    ("{osd: {osd_max_backfills: 4, osd_op_queue: wpq}}", None),
    ("{osd: {osd_max_backfills: omit}}", None),
    ("{osd: {osd_max_backfills: 4}}\n  way: cephadm", None),
    ("{osd: {osd_mclock_profile: high_recovery_ops}}", None),
])
def test_limits_of_recovery_that_would_not_stay(folder, config, reason):
    problems = folder.problems(changed(("  pools:\n", f"  config: {config}\n  pools:\n")))
    assert [reason in message for _file, _line, message in problems] == ([True] if reason else [])


def test_pauses_without_effect_are_told(folder):
    text = changed(("  pools:\n", "  config: {osd: {osd_recovery_sleep_hdd: 0.1}}\n  pools:\n"))
    assert "osd_recovery_sleep_hdd 0.1 has no effect" in compile_ceph.intent(folder.load(text))["warnings"][0]
