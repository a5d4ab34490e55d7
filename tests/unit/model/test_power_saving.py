from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile as intents
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile_power, hostvars
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model.problems import ClusterFileError

CLUSTER = """\
plugin: clusterwright.hpc.cluster
name: c
networks:
  admin: {subnet: 10.0.0.0/16}
hardware:
  h: {sockets: 2, cores_per_socket: 4, bmc: {protocol: redfish}}
nodes:
  head1:
    os: debian-13
    roles: [slurm_controller]
    interfaces: {eth0: {network: admin, address: 10.0.0.1}, bmc: {network: admin, address: 10.0.9.1}}
  cn[1-2]:
    hardware: h
    roles: [slurm_compute]
    interfaces:
      eth0: {network: admin, address: 10.0.1.1}
      bmc: {network: admin, address: 10.0.2.255}
  old[1-2]:
    hardware: h
    roles: [slurm_compute]
    interfaces: {eth0: {network: admin, address: 10.0.3.1}}
slurm:
  partitions:
    all: {nodes: "cn[1-2],old[1-2]"}
    new: {nodes: "cn[1-2]", config: {SuspendTime: 3600}}
    old: {nodes: "old[1-2]"}
"""


def test_keys_of_slurm_conf(folder):
    cluster = folder.load(CLUSTER + '  power_saving: {suspend_time: 10m, exclude: "old[1-2]", exclude_partitions: [old]}\n')
    programs = "/usr/local/libexec/clusterwright/power-"
    assert intents.slurm(cluster)["config"] == {
        "SuspendTime": 600, "SuspendTimeout": 120, "ResumeTimeout": 600, "SuspendProgram": f"{programs}suspend",
        "ResumeProgram": f"{programs}resume", "ResumeFailProgram": f"{programs}resume-failed", "SuspendExcStates": "DOWN,DRAIN,MAINTENANCE",
        "SuspendExcNodes": "old[1-2]", "SuspendExcParts": "old"}
    assert intents.slurm(cluster)["partitions"][1]["SuspendTime"] == 3600


def test_what_the_file_says_of_slurm_conf_counts(folder):
    said = "  config: {ResumeTimeout: 33, SuspendExcStates: omit}\n  power_saving: {suspend_time: 1s, exclude_partitions: [old]}\n"
    config = intents.slurm(folder.load(CLUSTER + said))["config"]
    assert (config["ResumeTimeout"], config["SuspendExcStates"], config["SuspendTime"]) == (33, "omit", 1)


def test_slurm_22_05_does_not_know_excluded_states(folder):
    text = CLUSTER.replace("debian-13", "debian-12") + "  power_saving: {suspend_time: 10m, exclude_partitions: [old]}\n"
    assert "SuspendExcStates" not in intents.slurm(folder.load(text))["config"]


def test_the_controllers_know_the_bmcs_of_compute_nodes(folder):
    cluster = folder.load(CLUSTER + "  power_saving: {suspend_time: 10m, exclude_partitions: [old]}\n")
    groups = {group.name: group for group in hostvars.groups(cluster)}
    assert groups["slurm_controller"].variables["slurm_power_bmcs"] == compile_power.bmcs(cluster) == [
        {"name": "cn1", "address": "10.0.2.255", "protocol": "redfish"}, {"name": "cn2", "address": "10.0.3.0", "protocol": "redfish"}]
    assert groups["asleep"] == hostvars.Group("asleep", {}, [], [])


def test_without_power_saving_there_is_none_of_it(folder):
    cluster = folder.load(CLUSTER)
    assert intents.slurm(cluster)["config"] == {}
    assert "slurm_power_bmcs" not in {group.name: group for group in hostvars.groups(cluster)}["slurm_controller"].variables


@pytest.mark.parametrize(("saving", "message"), [
    ("{suspend_time: 10m}", "old[1-2] would be powered off, and nothing could power it on again: it has no interface bmc"),
    ("{suspend_time: 10m, exclude: old1}", "old2 would be powered off"),
    ("{suspend_time: 10m, exclude_partitions: [odl]}", "no such partition: odl; did you mean 'old'?"),
    ("{suspend_time: 10m, exclude: cn9}", "cn9"),
    ("{suspend_timeout: 10m}", "'suspend_time' is missing in slurm.power_saving"),
])
def test_mistakes(folder, saving, message):
    with pytest.raises(ClusterFileError) as error:
        folder.load(f"{CLUSTER}  power_saving: {saving}\n")
    assert len(error.value.problems) == 1 and message in str(error.value)
