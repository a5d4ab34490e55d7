"""The file that the cluster file was designed by, word for word."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile as intents
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import export, hostvars
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model.types import GPUs

DESIGN = (Path(__file__).parent / "files" / "design.cluster.txt").read_text(encoding="utf-8")
TABLE = "name,mac,bmc_mac,guid,serial,unit\n" + "".join(
    f"cn{n:03},02:00:00:00:{n >> 8:02x}:{n & 255:02x},02:00:00:01:{n >> 8:02x}:{n & 255:02x},0x0002c9030000{n:04x},K{n},{n}\n"
    for n in range(1, 301))


@pytest.fixture
def cluster(folder):
    return folder.load(DESIGN.replace(": {…}", ": {}"), knl_csv=TABLE)     # a sketch where it was written


def test_it_loads_whole(cluster):
    assert (cluster.name, cluster.domain) == ("aurora", "aurora.example")
    assert sum(1 for _node in cluster.nodes) == 302
    assert {name: (network.vlan, str(network.subnet), network.mtu) for name, network in cluster.networks.items()} == {
        "admin": (10, "10.10.0.0/20", 1500), "bmc": (11, "10.11.0.0/20", 1500), "storage": (12, "10.12.0.0/20", 9000)}
    ib0 = cluster.fabrics["ib0"]
    assert (ib0.kind, ib0.managers, ib0.speed, ib0.width, ib0.mtu, ib0.pkeys) == (
        "infiniband", ("head1", "head2"), "FDR", "4x", 4096, (0x100, 0x1FF))
    assert cluster.fabrics["opa0"].kind == "omnipath"
    gpu8 = cluster.hardware["gpu8"]
    assert (gpu8.cpus, gpu8.memory, gpu8.gpus) == (192, 2 * 1024**2, GPUs("h200", 8, "/dev/nvidia[0-7]"))
    assert cluster.hardware["knl7210"].bmc_protocol == "ipmi"
    assert [switch.name for switch in cluster.switches] == [f"leaf{n}" for n in range(1, 9)]
    assert cluster.switches[7].address == "10.10.0.108"
    assert cluster.switches[0].uplinks == tuple(f"Ten-GigabitEthernet1/0/{n}" for n in range(49, 53))
    assert cluster.cabling[39].port == "Ten-GigabitEthernet1/0/40"
    cfd = cluster.tenants["cfd"]
    assert (len(cfd.members), cfd.vlan, str(cfd.subnet), cfd.pkey) == (64, 301, "10.31.0.0/22", 0x101)
    assert (cfd.reaches, cfd.qos) == (("storage",), "high")
    assert cluster.power_saving.suspend_time == 600
    assert cluster.power_saving.exclude == ("cn001",)
    assert (cluster.ceph, cluster.enroot) == ({}, {})


def test_a_node_has_its_address_rack_and_what_the_table_says(cluster):
    name, variables = dict(hostvars.host_vars(cluster))["nodeset_cn_001_300"][299]
    assert name == "cn300"
    assert variables == {
        "ansible_host": "10.10.2.44", "mac": "02:00:00:00:01:2c", "guid": "0x0002c9030000012c", "bmc_address": "10.11.2.44",
        "bmc_mac": "02:00:00:01:01:2c", "serial_number": "K300", "unit": "300",
        "ib_ports": [{"name": "ib0", "guid": "0x0002c9030000012c", "mtu": 0, "children": []}]}
    group = cluster.groups[1]
    assert [group.rack(position) for position in (0, 74, 75, 149, 150, 225, 299)] == ["r1", "r1", "r2", "r2", "r3", "r4", "r4"]
    assert dict(dict(hostvars.host_vars(cluster))["nodeset_cn_001_300"])["cn040"]["eth0_port"] == "leaf1 Ten-GigabitEthernet1/0/40"


def test_its_groups(cluster):
    groups = {group.name: group for group in hostvars.groups(cluster)}
    assert {name for name, group in groups.items() if group.children or group.hosts} == {
        "nodes", "slurm_controller", "slurm_dbd", "subnet_manager", "ceph_mon", "ceph_mgr", "slurm_compute", "hardware_knl7210",
        "os_debian_13", "bmcs", "infiniband",
        "rack_r1", "rack_r2", "rack_r3", "rack_r4", "tenant_cfd", "partition_cfd", "partition_all", "switches", "platform_comware"}
    assert all(name.isidentifier() for name in groups)
    assert groups["partition_all"].children == ["nodeset_cn_001_300"]
    assert groups["rack_r2"].hosts[0] == "cn076"
    assert groups["hardware_knl7210"].variables == {"bmc_protocol": "ipmi"}     # the rest is read by nothing that runs on each host


def test_its_slurm_is_folded(cluster):
    assert intents.slurm(cluster) == {
        "cluster_name": "aurora",
        "controllers": [{"name": "head1", "address": "10.10.0.11"}, {"name": "head2", "address": "10.10.0.12"}],
        "dbds": [{"name": "head1", "address": "10.10.0.11"}, {"name": "head2", "address": "10.10.0.12"}],
        "jwt": False, "enforce": False,
        "nodes": [{"NodeName": "cn[001-300]", "NodeAddr": "10.10.1.[1-255],10.10.2.[0-44]", "Sockets": 1, "CoresPerSocket": 64,
                   "ThreadsPerCore": 4, "RealMemory": 15360, "Features": "knl,mcdram"}],
        "partitions": [{"PartitionName": "cfd", "Nodes": "cn[001-064]", "Default": True, "MaxTime": "2-00:00:00"},
                       {"PartitionName": "all", "Nodes": "cn[001-300]", "OverSubscribe": True}],
        "config": {
            "SuspendTime": 600, "SuspendTimeout": 120, "ResumeTimeout": 300,
            "SuspendExcStates": "DOWN,DRAIN,MAINTENANCE", "SuspendExcNodes": "cn001",
            "SuspendProgram": "/usr/local/libexec/clusterwright/power-suspend",
            "ResumeProgram": "/usr/local/libexec/clusterwright/power-resume",
            "ResumeFailProgram": "/usr/local/libexec/clusterwright/power-resume-failed",
            "SchedulerType": "sched/backfill",
        }, "cgroup": {}, "gres": [], "topology": [], "job_container": {}, "plugstack": [],
    }


def test_it_exports(cluster):
    assert "10.10.2.44 cn300.aurora.example cn300\n10.11.2.44 cn300-bmc.aurora.example cn300-bmc\n" in export.hosts(cluster)
    assert '  r4: "cn[226-300]"\n' in export.clustershell(cluster).replace('"r4"', "r4")
    assert '"10.10.2.44:9100"' in export.prometheus(cluster)
