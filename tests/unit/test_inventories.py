"""The example inventories are whole clusters."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import partitions
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import Parsed
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf
from ansible_collections.clusterwright.hpc.plugins.plugin_utils import model
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile as intents
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import export, hostvars

INVENTORIES = Path(__file__).resolve().parents[2] / "inventories"


def load(name):
    return model.load(str(INVENTORIES / name / "cluster.yml"))


def test_all_are_known():
    assert sorted(path.parent.name for path in INVENTORIES.glob("*/cluster.yml")) == ["homelab5", "knl300", "lab", "tenants"]


@pytest.mark.parametrize(("name", "nodes", "switches", "tenants", "fabrics"), [
    ("lab", 6, 2, ["bio", "geo"], []),
    ("homelab5", 5, 1, [], ["ib0"]),
    ("knl300", 302, 8, ["cfd"], ["ib0", "opa0"]),
    ("tenants", 61, 2, ["climate", "chem", "physics"], ["ib0", "opa0"]),
])
def test_an_example_loads(name, nodes, switches, tenants, fabrics):
    cluster = load(name)
    assert sum(1 for _node in cluster.nodes) == nodes
    assert len(cluster.switches) == switches
    assert (list(cluster.tenants), list(cluster.fabrics)) == (tenants, fabrics)
    assert all(group.name.isidentifier() for group in hostvars.groups(cluster))
    assert f"ClusterName={cluster.name}\n" in conf.render(intents.slurm(cluster))
    assert all(render(cluster) for render in export.FORMATS.values())


def test_the_homelab_fits_on_one_screen():
    assert len((INVENTORIES / "homelab5" / "cluster.yml").read_text(encoding="utf-8").splitlines()) <= 40


def test_the_homelab_has_a_socket_for_its_infiniband_switch_and_ports_for_its_nodes():
    cluster = load("homelab5")
    assert cluster.outlets == [{"name": "ib-switch", "driver": "tasmota", "address": "192.168.10.60", "number": 1}]
    ((_own, [(_name, switch)]),) = [entry for entry in hostvars.host_vars(cluster) if entry[0] == "nodeset_sw1"]
    access = [port["description"] for port in switch["switch_intent"]["ports"] if port["untagged"] == 10 and not port["protected"]]
    assert access == ["head1 eth0", "n1 eth0", "n2 eth0", "n3 eth0", "n4 eth0"]


def test_the_tenants_have_switches_of_two_makers_and_nodes_on_both_fabrics():
    cluster = load("tenants")
    assert {switch.platform for switch in cluster.switches} == {"eos", "cumulus_nvue"}
    assert all(switch.uplinks for switch in cluster.switches)
    assert {interface.fabric for group in cluster.groups for interface in group.interfaces.values()} == {None, "ib0", "opa0"}
    assert {path.name for path in (INVENTORIES / "tenants").iterdir()} == {"cluster.yml", "guids.csv", "nodes.yml", "tenants.yml"}
    cabled = {cable.node for cable in cluster.cabling}
    assert cabled == {node.name for node in cluster.nodes}


@pytest.mark.parametrize(("name", "members"), [
    ("homelab5", {"Default": 1}), ("knl300", {"Default": 2, "cfd": 64}), ("tenants", {"Default": 4, "climate": 16, "chem": 18}),
])
def test_opensm_would_read_the_partitions_as_they_are_meant(name, members):
    (group,) = [group for group in hostvars.groups(load(name)) if group.name == "subnet_manager"]
    intent = group.variables["ib_partitions"]["ib0"]
    assert partitions.wrong(intent) == []
    wanted = partitions.definitions(intent, Parsed(), exact=True)
    parsed = partitions.parse(partitions.render(wanted, partitions.names(intent)))
    assert (parsed.findings, parsed.definitions) == ([], wanted)
    assert {definition.name: len(definition.members) for definition in parsed.definitions} == members
