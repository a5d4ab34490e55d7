"""Exports and mounts of the cluster file: what servers and nodes are told, and what is refused as the file is read."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile_filesystems, hostvars

CLUSTER = """\
plugin: clusterwright.hpc.cluster
name: c
networks:
  admin: {subnet: 10.0.0.0/16}
  storage: {subnet: 10.1.0.0/16}
nodes:
  head1:
    roles: [nfs_server, ceph_client]
    interfaces: {eth0: {network: admin, address: 10.0.0.1}, eth1: {network: storage, address: 10.1.0.1}}
  cn[1-4]:
    interfaces: {eth0: {network: admin, address: 10.0.1.1}, eth1: {network: storage, address: 10.1.1.1}}
  ws[1-2]:
    interfaces: {eth0: {network: admin, address: 10.0.2.1}, bmc: {network: admin, address: 10.0.3.1}}
exports:
  home: {server: head1, path: /srv/home, networks: [storage], root: "cn1"}
  apps: {server: head1, path: /srv/apps, networks: [storage, admin, 192.168.7.0/24], access: ro, options: [async, crossmnt]}
mounts:
  home: {path: /home, nodes: "cn[1-4]", export: home}
  apps: {path: /opt/apps, nodes: "cn[1-2],ws[1-2]", export: apps, access: ro, options: [timeo=100, soft]}
  filer: {path: /data, nodes: "cn4", source: "10.9.9.9:/vol/data", automount: true}
  scratch: {path: /scratch, nodes: "cn[1-4]", type: lustre, source: "10.0.9.1@tcp:/scratch", options: [flock]}
"""


def changed(*replacements):
    text = CLUSTER
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_what_a_server_exports(folder):
    home, apps = compile_filesystems.exports(folder.load(CLUSTER))["head1"]
    assert home == {"path": "/srv/home", "state": "present", "clients": [
        {"to": "10.1.0.0/16", "options": ["rw", "sync", "no_subtree_check", "root_squash"]},
        {"to": "10.0.1.1", "options": ["rw", "sync", "no_subtree_check", "no_root_squash"]},
        {"to": "10.1.1.1", "options": ["rw", "sync", "no_subtree_check", "no_root_squash"]}]}
    assert [client["to"] for client in apps["clients"]] == ["10.1.0.0/16", "10.0.0.0/16", "192.168.7.0/24"]
    assert apps["clients"][0]["options"] == ["ro", "no_subtree_check", "root_squash", "async", "crossmnt"]


def test_what_nodes_mount(folder):
    mounts = compile_filesystems.mounts(folder.load(CLUSTER))
    assert mounts["mount_home"] == {"path": "/home", "source": "10.1.0.1:/srv/home", "type": "nfs", "automount": False, "state": "present",
                                    "options": ["vers=4.2", "hard", "nconnect=4", "_netdev"]}
    # The workstations are not on the storage network, so all use the first that all have.
    assert mounts["mount_apps"]["source"] == "10.0.0.1:/srv/apps"
    assert mounts["mount_apps"]["options"] == ["ro", "vers=4.2", "nconnect=4", "_netdev", "timeo=100", "soft"]
    assert mounts["mount_filer"]["source"] == "10.9.9.9:/vol/data" and mounts["mount_filer"]["automount"]
    assert mounts["mount_scratch"]["options"] == ["_netdev", "flock"]


def test_a_bmc_is_no_client(folder):
    cluster = folder.load(changed(('root: "cn1"', 'nodes: "ws1"')))
    assert [client["to"] for client in compile_filesystems.exports(cluster)["head1"][0]["clients"]] == ["10.1.0.0/16", "10.0.2.1"]


def test_the_groups_of_the_inventory(folder):
    groups = {group.name: group for group in hostvars.groups(folder.load(CLUSTER))}
    assert groups["mounts"].children == ["mount_home", "mount_apps", "mount_filer", "mount_scratch"]
    assert (groups["mount_home"].children, groups["mount_home"].hosts) == (["nodeset_cn_1_4"], [])
    assert (groups["mount_apps"].children, groups["mount_apps"].hosts) == (["nodeset_ws_1_2"], ["cn1", "cn2"])
    assert groups["mounts"].variables["mounts_intent"].keys() == {"mount_home", "mount_apps", "mount_filer", "mount_scratch"}
    assert groups["nfs_server"].variables["nfs_intent"].keys() == {"head1"}
    assert not any("intent" in name for _own, hosts in hostvars.host_vars(folder.load(CLUSTER)) for _host, variables in hosts
                   for name in variables)


def test_a_file_without_mounts_has_an_empty_group(folder):
    groups = {group.name: group for group in hostvars.groups(folder.load(CLUSTER[:CLUSTER.index("exports:\n")]))}
    assert groups["mounts"].children == [] and groups["mounts"].variables == {} == groups["nfs_server"].variables


def test_clients_of_single_nodes_are_admitted_through_any_network(folder):
    text = changed(("networks: [storage], root: \"cn1\"", 'nodes: "cn[1-4]"'))
    assert compile_filesystems.mounts(folder.load(text))["mount_home"]["source"] == "10.0.0.1:/srv/home"


@pytest.mark.parametrize(("replacements", "line", "words"), [
    ([("home: {server: head1", "home: {server: haed1")], 15, "no such nodes: haed1; did you mean 'head1'?"),
    ([("networks: [storage], root", "networks: [storgae], root")], 15, "no such network: storgae; did you mean 'storage'?"),
    ([('root: "cn1"', 'root: "cn9"')], 15, "no such nodes: cn9"),
    ([(', networks: [storage], root: "cn1"', "")], 15, "nobody may mount home: say networks or nodes"),
    ([("192.168.7.0/24", "192.168.7.0/33")], 16, "'192.168.7.0/33' is not an IPv4 subnet"),
    ([("[storage, admin, 192.168.7.0/24]", "[storage, admin, 0.0.0.0/0], root_squash: false")], 16,
     "root of any machine in 0.0.0.0/0 would be root in /srv/apps"),
    ([("options: [async, crossmnt]", "options: [no_root_squash]")], 16, "no_root_squash is said by access, root or root_squash"),
    ([("path: /srv/apps", "path: /srv/home")], 16, "head1 exports /srv/home already, as home"),
    ([("export: home}", "export: hmoe}")], 18, "no such export: hmoe; did you mean 'home'?"),
    ([("export: home}", "export: home, source: '10.9.9.9:/x'}")], 18, "say one of the two"),
    ([(", export: home}", "}")], 18, "say one of the two"),
    ([("export: home}", "export: home, type: lustre}")], 18, "home is an export, which is NFS: leave type out"),
    ([('nodes: "cn[1-4]", export: home', 'nodes: "cn[1-4],ws2", export: home')], 18,
     "ws2 may not mount home: no address of it is among those who may (10.1.0.0/16)"),
    ([('nodes: "cn[1-4]", export: home', 'nodes: "cn[1-4],head1", export: home')], 18, "head1 is the server of home"),
    ([('nodes: "cn[1-4]", export: home', 'nodes: "cn[1-5]", export: home')], 18, "no such nodes: cn5"),
    ([("path: /data", "path: /home")], 20, "cn4 has home at /home already"),
    ([("[timeo=100, soft]", "[nconnect=8]")], 19, "it has nconnect=8, and home of the same server (head1) nconnect=4: they share"),
    ([("path: /data", "path: /usr")], 20, "/usr belongs to the operating system of each node"),
    ([("10.9.9.9:/vol/data", "filer")], 20, "'filer' names no server and path, such as 10.12.0.9:/vol/home"),
    ([("path: /data", "path: /data/../etc")], 20, "is not an absolute path"),
    ([("options: [flock]", "options: [ro]")], 21, "ro is said by access"),
    ([("options: [flock]", "options: ['flock,ro']")], 21, "is not an option of mount"),
    ([("path: /srv/apps", "path: /srv/apps, state: absent")], 19, "apps is declared absent: unmount it first"),
    ([("  filer: {path: /data", "  home_: {path: /data")], 20, "'home_' and 'home' would both be the group mount_home"),
])
def test_what_is_refused(folder, replacements, line, words):
    (problem,) = folder.problems(changed(*replacements))
    assert problem[1] == line and words in problem[2], problem


def test_a_server_has_the_role(folder):
    problems = folder.problems(changed(("[nfs_server, ceph_client]", "[ceph_client]")))
    assert [(line, words) for _file, line, words in problems] == [
        (15, "head1 exports /srv/home, but lacks the role nfs_server"), (16, "head1 exports /srv/apps, but lacks the role nfs_server")]


def test_a_cephfs_has_its_mount_point_to_itself(folder):
    ceph = """\
ceph:
  osds: {"cn[1-3]": {devices: [/dev/sda], size: 1 TiB}}
  pools: {m: {application: cephfs}, d: {application: cephfs}}
  filesystems: {fs: {metadata: m, data: [d], mount: /scratch}}
"""
    text = changed(("  cn[1-4]:\n", "  cn[1-4]:\n    roles: [ceph_mon, ceph_mgr, ceph_mds, ceph_osd, ceph_client]\n")) + ceph
    text = text.replace("cn[1-4]", "cn[1-3]").replace("cn4", "cn3")
    assert [(line, words) for _file, line, words in folder.problems(text)] == [(22, "cn[1-3] has the CephFS fs at /scratch already")]
    assert folder.problems(text.replace("mount: /scratch", "mount: /fs")) == []


def test_a_host_cannot_have_the_groups_name(folder):
    assert any("'mounts'" in words for _file, _line, words in folder.problems(CLUSTER.replace("  ws[1-2]:", "  mounts,ws2:")))


def test_other_nodes_may_have_another_filesystem_at_the_same_place(folder):
    assert folder.problems(changed(('nodes: "cn4", source', 'nodes: "ws1", source'), ("path: /data", "path: /home"))) == []
