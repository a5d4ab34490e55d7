from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile as intents
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model.problems import Mark
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model.types import Interface

CLUSTER = """\
plugin: clusterwright.hpc.cluster
name: c
networks:
  admin: {subnet: 10.0.0.0/16}
hardware:
  h: {sockets: 2, cores_per_socket: 4, features: [fast]}
nodes:
  head1:
    roles: [slurm_controller]
    interfaces: {eth0: {network: admin, address: 10.0.0.1}}
  %s:
    hardware: h
    roles: [slurm_compute]
    interfaces: {eth0: {network: admin, address: 10.0.0.254}}
%s"""


def _interface(first, **exceptions):
    return Interface("eth0", "admin", None, int(IPv4Address(first)), None, Mark("x", 1), addresses=exceptions.get("exceptions", {}))


@pytest.mark.parametrize(("first", "nodes", "folded"), [
    ("10.0.0.1", 1, "10.0.0.1"),
    ("10.0.0.1", 3, "10.0.0.[1-3]"),
    ("10.0.0.254", 4, "10.0.0.[254-255],10.0.1.[0-1]"),
    ("10.0.0.255", 2, "10.0.0.255,10.0.1.0"),
    ("10.0.255.255", 258, "10.0.255.255,10.1.0.[0-255],10.1.1.0"),
])
def test_addresses_are_a_nodeset_that_crosses_the_octets(first, nodes, folded):
    assert intents.addresses(_interface(first), nodes) == folded


@given(st.integers(2**24, 2**32 - 2000), st.integers(1, 700), st.dictionaries(st.integers(0, 40), st.integers(2**24, 2**31), max_size=3))
def test_addresses_keep_the_order_of_the_nodes(first, nodes, exceptions):
    interface = _interface(str(IPv4Address(first)), exceptions=exceptions)
    expanded = [name for term in intents.addresses(interface, nodes).split(",") for name in NodeSet(term, resolver=RESOLVER_NOGROUP)]
    assert expanded == [str(IPv4Address(interface.address(position))) for position in range(nodes)]


def test_the_first_name_as_written_has_the_first_address(folder):
    """slurmctld pairs NodeName and NodeAddr in the order in which each is written."""
    cluster = folder.load(CLUSTER % ("gpu[1-2],cn[1-2]", ""))
    (line,) = intents.slurm(cluster)["nodes"]
    assert (line["NodeName"], line["NodeAddr"]) == ("gpu[1-2],cn[1-2]", "10.0.0.[254-255],10.0.1.[0-1]")
    assert [(node.name, node.address) for node in cluster.nodes][1:4] == [
        ("gpu1", "10.0.0.254"), ("gpu2", "10.0.0.255"), ("cn1", "10.0.1.0")]


def test_rendered(folder):
    slurm = """\
slurm:
  partitions:
    day: {nodes: "cn[1-3]", default: true, max_time: 1-0, default_time: 30, oversubscribe: true, config: {PriorityTier: 5, State: DOWN}}
  config: {SlurmdTimeout: 60, MpiDefault: omit, KILLONBADEXIT: 0, LaunchParameters: "a b", DisableRootJobs: true}
"""
    text = conf.render(intents.slurm(folder.load(CLUSTER % ("cn[1-3]", slurm))))
    lines = text.splitlines()
    assert lines[1:3] == ["ClusterName=c", "SlurmctldHost=head1(10.0.0.1)"]
    assert lines[-2:] == [
        "NodeName=cn[1-3] NodeAddr=10.0.0.[254-255],10.0.1.0 Sockets=2 CoresPerSocket=4 ThreadsPerCore=1 Features=fast",
        "PartitionName=day Nodes=cn[1-3] Default=YES MaxTime=1-0 DefaultTime=30 OverSubscribe=YES PriorityTier=5 State=DOWN"]
    assert "SlurmdTimeout=60" in lines
    assert 'LaunchParameters="a b"' in lines
    assert "DisableRootJobs=YES" in lines
    assert "MpiDefault" not in text
    # Slurm reads keys without regard to case, and the last of two wins with a warning: ours must not stand beside the user's.
    assert [line for line in lines if line.lower().startswith("killonbadexit")] == ["KILLONBADEXIT=0"]


def test_parsed():
    text = 'A=1 # why\n# B=2\n\nNodeName=cn[1-2] \\\n  Reason="two words" State=DOWN\nTRESBillingWeights="CPU=1.0,Mem=0.25G"\nEmpty=""\n'
    assert conf.parse(text) == [
        {"A": "1"}, {"NodeName": "cn[1-2]", "Reason": "two words", "State": "DOWN"},
        {"TRESBillingWeights": "CPU=1.0,Mem=0.25G"}, {"Empty": ""}]


EMPTY = {"cluster_name": "c", "controllers": [], "dbds": [], "jwt": False, "enforce": False, "nodes": [], "partitions": [], "config": {},
         "cgroup": {}, "gres": [], "topology": [], "job_container": {}, "plugstack": []}

FULL = """\
plugin: clusterwright.hpc.cluster
name: full
networks:
  admin: {subnet: 10.0.0.0/16}
hardware:
  cpu: {sockets: 1, cores_per_socket: 4, gres: {nvme: 2}}
  gpu: {sockets: 1, cores_per_socket: 4, gpus: {type: h200, count: 2}}
nodes:
  head[1-2]:
    roles: [slurm_controller, slurm_dbd, slurm_rest]
    interfaces: {eth0: {network: admin, address: 10.0.0.1}}
  cn[1-4]: {hardware: cpu, roles: [slurm_compute], interfaces: {eth0: {network: admin, address: 10.0.1.1}}}
  gpu1: {hardware: gpu, roles: [slurm_compute], interfaces: {eth0: {network: admin, address: 10.0.2.1}}}
slurm:
  cgroup: {ConstrainSwapSpace: true, ConstrainDEVICES: omit}
  job_container: {BasePath: /scratch}
  topology:
    leaf1: {nodes: "cn[1-2]"}
    leaf2: {nodes: "cn[3-4],gpu1"}
    core: {switches: "leaf[1-2]"}
  qos:
    high: {priority: 10, limits: {MaxWall: 1-00:00:00}}
  accounts:
    cfd: {parent: physics, users: [ada]}
    physics: {shares: 3, qos: [normal, high], default_qos: high}
"""


def test_everything_that_a_careful_site_declares(folder):
    files = conf.files(intents.slurm(folder.load(FULL)))
    lines = files["slurm.conf"].splitlines()
    for line in ("SlurmctldHost=head1(10.0.0.1)", "SlurmctldHost=head2(10.0.0.2)", "AccountingStorageHost=10.0.0.1",
                 "AccountingStorageType=accounting_storage/slurmdbd", "AccountingStorageBackupHost=10.0.0.2",
                 "AccountingStorageEnforce=associations,limits,qos",
                 "AuthAltTypes=auth/jwt", "AuthAltParameters=jwt_key=/etc/slurm/jwt_hs256.key", "GresTypes=nvme,gpu",
                 "AccountingStorageTRES=gres/nvme,gres/gpu", "TopologyPlugin=topology/tree", "JobContainerType=job_container/tmpfs"):
        assert line in lines
    assert conf.parse(files["gres.conf"]) == [
        {"NodeName": "cn[1-4]", "Name": "nvme", "Count": "2"},
        {"NodeName": "gpu1", "Name": "gpu", "Type": "h200", "File": "/dev/nvidia[0-1]"}]
    assert [line["Gres"] for line in conf.parse(files["slurm.conf"]) if "Gres" in line] == ["nvme:2", "gpu:h200:2"]
    assert conf.parse(files["topology.conf"]) == [
        {"SwitchName": "leaf1", "Nodes": "cn[1-2]"}, {"SwitchName": "leaf2", "Nodes": "cn[3-4],gpu1"},
        {"SwitchName": "core", "Switches": "leaf[1-2]"}]
    assert conf.parse(files["cgroup.conf"])[-1] == {"ConstrainSwapSpace": "YES"}
    assert "constraindevices" not in files["cgroup.conf"].lower()
    assert conf.parse(files["job_container.conf"]) == [{"AutoBasePath": "YES"}, {"BasePath": "/scratch"}]


def test_a_job_that_asks_for_no_memory_gets_a_threads_share_of_the_leanest_node():
    nodes = [{"NodeName": name, "Sockets": 2, "CoresPerSocket": 8, "ThreadsPerCore": 2, **memory}
             for name, memory in (("a", {"RealMemory": 64000}), ("b", {"RealMemory": 32000}), ("c", {}))]
    assert {"DefMemPerCPU": "1000"} in conf.parse(conf.render({**EMPTY, "nodes": nodes}))
    assert "DefMemPerCPU" not in conf.render({**EMPTY, "nodes": nodes[2:]})
    assert "DefMemPerCPU=1\n" in conf.render({**EMPTY, "nodes": nodes, "config": {"DefMemPerCPU": 1}})


def test_what_is_not_declared_has_no_file_and_no_key():
    files = conf.files(EMPTY)
    assert list(files) == ["slurm.conf", "cgroup.conf"]
    keys = {key for line in conf.parse(files["slurm.conf"]) for key in line}
    assert not [key for key in keys if key.startswith(("Accounting", "AuthAlt", "Gres", "Topology"))]


def test_parents_come_before_their_children(folder):
    accounts = intents.slurm_accounts(folder.load(FULL))
    assert accounts["accounts"] == [
        {"name": "physics", "shares": 3, "qos": ["normal", "high"], "default_qos": "high"},
        {"name": "cfd", "parent": "physics", "users": ["ada"]}]
    assert accounts["qos"] == [{"name": "high", "priority": 10, "limits": {"MaxWall": "1-00:00:00"}}]


@pytest.mark.parametrize(("old", "new", "line", "message"), [
    ("parent: physics", "parent: fysics", 24, "no such account: fysics; did you mean 'physics'?"),
    ("{shares: 3,", "{shares: 3, parent: cfd,", 24, "account cfd is below itself"),
    ("default_qos: high", "default_qos: hihg", 25, "no such QOS: hihg; did you mean 'high'?"),
    ("slurm_dbd, ", "", 21, "qos are kept by slurmdbd: give a node the role slurm_dbd"),
    ('"cn[1-2]"', '"cn[1-3]"', 19, "cn3 is below switch leaf1 already"),
    ('"leaf[1-2]"', '"leaf[1-3]"', 20, "no such switches in slurm.topology: leaf3; did you mean 'leaf2'?"),
    ("core: {switches", "core: {nodes: head1, switches", 20, "switch core has either nodes or switches below it"),
    ("count: 2}", 'count: 2, devices: "/dev/dri/renderD[128-130]"}', 7, "3 device files for 2 GPUs"),
    ("  cgroup:", "  config: {SlurmctldParameters: idle_on_node_suspend}\n  cgroup:", 15,
     "nodes fetch their configuration from slurmctld: enable_configless must be among them"),
])
def test_what_slurm_would_only_find_out_later(folder, old, new, line, message):
    assert FULL.count(old) == 1
    assert (line, message) in [(found, said) for _file, found, said in folder.problems(FULL.replace(old, new))]


# What the schema lets through.
_keys = st.from_regex(r"\A[A-Z][A-Za-z]{1,12}\Z").filter(lambda key: key not in ("RealMemory", "Sockets"))      # numbers there
_characters = st.characters(codec="utf-8", min_codepoint=0x20, exclude_characters='"#\\')
_values = st.one_of(st.integers(), st.booleans(), st.text(_characters, min_size=1))
_lines = st.dictionaries(_keys, _values, min_size=1, max_size=4)


@given(_lines, st.lists(_lines, max_size=3), st.lists(_lines, max_size=3))
def test_what_is_rendered_can_be_read_back(config, nodes, partitions):
    config = {key: value for key, value in config.items() if value != "omit"}
    intent = {**EMPTY, "nodes": nodes, "partitions": partitions, "config": config}
    read = conf.parse(conf.render(intent))
    written = [{key: {True: "YES", False: "NO"}[value] if isinstance(value, bool) else str(value) for key, value in line.items()}
               for line in (*({key: value} for key, value in config.items()), *nodes, *partitions)]
    assert all(line in read for line in written)
    assert read[len(read) - len(nodes) - len(partitions):] == written[len(config):]
