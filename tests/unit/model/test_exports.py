from __future__ import annotations

import json

import pytest
from ClusterShell.NodeSet import NodeSet
from ClusterShell.NodeUtils import GroupResolver, YAMLGroupLoader

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import export

CLUSTER = """\
plugin: clusterwright.hpc.cluster
name: c
networks:
  admin: {subnet: 10.0.0.0/16}
  bmc: {subnet: 10.1.0.0/16}
  storage: {subnet: 10.2.0.0/16}
fabrics:
  ib0: {kind: infiniband, pkeys: 0x0100-0x01ff}
hardware:
  h: {sockets: 1, cores_per_socket: 1}
nodes:
  head1:
    roles: [slurm_controller, enroot]
    interfaces:
      bmc: {network: bmc, address: 10.1.0.1}
      eth0: {network: admin, address: 10.0.0.1}
  cn[1-4]:
    hardware: h
    roles: [slurm_compute, enroot]
    rack: "[1-2]"
    interfaces:
      eth0: {network: admin, address: 10.0.0.254}
      eth1: {network: storage, address: 10.2.0.1}
      ib0: {fabric: ib0}
  silent1: {}
switches:
  leaf[1-2]: {platform: eos, address: 10.0.9.1}
tenants:
  "no": {nodes: "cn[1-2]", pkey: 0x0101}
slurm:
  partitions:
    "on": {nodes: "cn[3-4]"}
"""


@pytest.fixture
def cluster(folder):
    return folder.load(CLUSTER)


def test_hosts(cluster):
    assert sorted(export.hosts(cluster).splitlines()) == sorted([
        "10.0.9.1 leaf1", "10.0.9.2 leaf2", "10.1.0.1 head1-bmc", "10.0.0.1 head1",
        "10.0.0.254 cn1", "10.0.0.255 cn2", "10.0.1.0 cn3", "10.0.1.1 cn4",
        "10.2.0.1 cn1-eth1", "10.2.0.2 cn2-eth1", "10.2.0.3 cn3-eth1", "10.2.0.4 cn4-eth1"])


def test_hosts_carry_the_domain(folder):
    cluster = folder.load(CLUSTER + "domain: c.example\n")
    assert "10.0.0.1 head1.c.example head1" in export.hosts(cluster).splitlines()
    assert "10.1.0.1 head1-bmc.c.example head1-bmc" in export.hosts(cluster).splitlines()


def test_clustershell_reads_the_groups(cluster, tmp_path):
    """ClusterShell reads YAML 1.1, to which no, on and 1 are not words."""
    path = tmp_path / "cluster.yaml"
    path.write_text(export.clustershell(cluster))
    sources = list(YAMLGroupLoader(str(path)))
    resolver = GroupResolver(default_source=sources[0])
    for source in sources:
        if source.name != resolver.default_source_name:
            resolver.add_source(source)

    def members(text):
        return str(NodeSet(text, resolver=resolver))

    assert members("@roles:slurm_compute") == members("@slurm_compute") == "cn[1-4]"
    assert members("@roles:enroot") == "cn[1-4],head1"
    assert members("@roles:all") == "cn[1-4],head1,silent1"
    assert members("@racks:1") == "cn[1-2]"
    assert members("@tenants:no") == "cn[1-2]"
    assert members("@partitions:on") == "cn[3-4]"


def test_clustershell_leaves_out_what_there_is_none_of(folder, minimal):
    assert export.clustershell(folder.load(minimal)) == 'roles:\n  "all": "n[1-2]"\n'


def test_prometheus(cluster):
    assert json.loads(export.prometheus(cluster)) == [
        {"targets": ["10.0.0.1:9100"], "labels": {"cluster": "c", "nodeset": "head1", "roles": "slurm_controller,enroot"}},
        {"targets": ["10.0.0.254:9100", "10.0.0.255:9100"],
         "labels": {"cluster": "c", "nodeset": "cn[1-4]", "roles": "slurm_compute,enroot", "rack": "1", "hardware": "h"}},
        {"targets": ["10.0.1.0:9100", "10.0.1.1:9100"],
         "labels": {"cluster": "c", "nodeset": "cn[1-4]", "roles": "slurm_compute,enroot", "rack": "2", "hardware": "h"}},
    ]


@pytest.mark.parametrize("name", export.FORMATS)
def test_the_same_bytes_each_time(folder, name):
    render = export.FORMATS[name]
    assert render(folder.load(CLUSTER)) == render(folder.load(CLUSTER))
    assert render(folder.load(CLUSTER)).endswith("\n")
