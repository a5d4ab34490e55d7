"""The inventory plugin: as Ansible's own programs see it, and inside one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible import constants
from ansible.inventory.data import InventoryData
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.doc_fragments import constructed
from ansible.plugins.loader import inventory_loader
from ansible.vars.manager import VariableManager

from ansible_collections.clusterwright.hpc.plugins.inventory import cluster as plugin
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import types

CHECKOUT = Path(__file__).resolve().parents[3]
NAME = "clusterwright.hpc.cluster"
CLUSTER = """\
plugin: clusterwright.hpc.cluster
name: small
domain: small.example
networks:
  admin: {subnet: 10.0.0.0/24}
  bmc: {subnet: 10.1.0.0/24}
fabrics:
  ib0: {kind: infiniband}
hardware:
  knl: {sockets: 1, cores_per_socket: 64, memory: 15 GiB}
nodes:
  head1:
    os: debian-13
    roles: [slurm_controller]
    interfaces:
      eth0: {network: admin, address: 10.0.0.1, mac: 02:00:00:00:00:01}
      ib0: {fabric: ib0, guid: 0x0002c90300000001}
  cn[1-4]:
    hardware: knl
    os: debian-13
    roles: [slurm_compute]
    rack: r[1-2]
    interfaces:
      eth0: {network: admin, address: 10.0.0.11}
      bmc: {network: bmc, address: 10.1.0.11}
switches:
  leaf[1-2]: {platform: eos, address: 10.0.0.101}
cabling:
  - {nodes: "cn[1-2]", interface: eth0, switch: leaf1, ports: "Et[1-2]"}
tenants:
  cfd: {nodes: "cn[1-2]"}
slurm:
  partitions:
    all: {nodes: "cn[1-4]", default: true}
    half: {nodes: "cn[3-4]"}
"""


@pytest.fixture(scope="session")
def _options():
    """The plugin's options, as Ansible's loader makes them known."""
    described = yaml.safe_load(plugin.DOCUMENTATION)["options"]
    common = yaml.safe_load(constructed.ModuleDocFragment.DOCUMENTATION)["options"]
    constants.config.initialize_plugin_configuration_definitions("inventory", NAME, {**common, **described})


@pytest.fixture
def ours(_options):
    """Makes the plugin as Ansible's loader does."""
    def make():
        made = plugin.InventoryModule()
        made._load_name = made._original_path = NAME
        made._redirected_names = [NAME]
        return made
    return make


@pytest.fixture
def manager(tmp_path, monkeypatch, ours):
    """Loads texts as cluster files, the way that Ansible does; sources before and after it are INI files."""
    monkeypatch.setattr(InventoryManager, "_fetch_inventory_plugins", lambda _self: [ours(), inventory_loader.get("ini")])

    def load(text, after=(), before=()):
        path = tmp_path / "cluster.yml"
        path.write_text(text)
        return InventoryManager(DataLoader(), sources=[*map(str, before), str(path), *map(str, after)])

    return load


def run(*arguments, config="", **environment):
    """Run ansible-inventory apart from this checkout's ansible.cfg."""
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".build" / "collections"), "NO_COLOR": "1", **environment}
    environment.pop("ANSIBLE_INVENTORY_ENABLED", None)
    settings = Path(str(arguments[1])).parent / "empty.cfg"
    settings.write_text(config)
    environment["ANSIBLE_CONFIG"] = str(settings)
    program = Path(sys.executable).parent / "ansible-inventory"
    command = [sys.executable, str(program), *map(str, arguments)]
    return subprocess.run(command, env=environment, text=True, capture_output=True, check=False)


@pytest.fixture
def cluster_file(tmp_path):
    def write(text=CLUSTER, name="cluster.yml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name
    return write


class TestPrograms:
    def test_list_is_plain_and_the_same_whatever_the_hash_seed(self, cluster_file):
        path = cluster_file()
        outputs = [run("-i", path, "--list", PYTHONHASHSEED=seed) for seed in ("1", "2")]
        assert [output.returncode for output in outputs] == [0, 0]
        assert outputs[0].stdout == outputs[1].stdout
        assert "__ansible_unsafe" not in outputs[0].stdout
        listed = json.loads(outputs[0].stdout)
        assert listed["slurm_compute"] == {"children": ["nodeset_cn_1_4"]}
        assert listed["nodeset_cn_1_4"]["hosts"] == ["cn1", "cn2", "cn3", "cn4"]
        assert listed["_meta"]["hostvars"]["cn2"]["ansible_host"] == "10.0.0.12"
        assert listed["_meta"]["hostvars"]["cn2"]["rack"] == "r1"

    def test_a_bad_file_ends_the_run_with_one_list_even_under_ansibles_defaults(self, cluster_file):
        path = cluster_file(CLUSTER.replace("domain:", "domian:").replace("hardware: knl", "hardware: kln"))
        ended = run("-i", path, "--list")
        assert ended.returncode == 4
        assert ended.stdout == ""
        assert ended.stderr.strip().splitlines() == [
            "[ERROR]: The cluster file has 2 error(s):",
            f"{path}:3: unknown key 'domian'; did you mean 'domain'?",
            f"{path}:19: no hardware 'kln'; did you mean 'knl'?"]

    def test_what_is_no_yaml_is_one_list_where_the_plugin_is_enabled(self, cluster_file):
        path = cluster_file("name: [\n")
        ended = run("-i", path, "--graph", config=f"[inventory]\nenable_plugins = {NAME}, ansible.builtin.yaml, ansible.builtin.ini\n")
        assert ended.returncode == 4
        assert "Traceback" not in ended.stderr
        assert ended.stderr.count("[ERROR]") + ended.stderr.count("[WARNING]") == 1
        assert f"{path}:1: not YAML" in ended.stderr


class TestGroupsAndVariables:
    def test_every_group(self, manager):
        inventory = manager(CLUSTER)
        assert {name: [host.name for host in group.get_hosts()] for name, group in inventory.groups.items() if name != "all"} == {
            **{role: [] for role in types.ROLES}, "ungrouped": [], "asleep": [], "cephadm": [], "infiniband": ["head1"],
            "mounts": [], "pyxis": [], "nodes": ["head1", "cn1", "cn2", "cn3", "cn4"],
            "nodeset_head1": ["head1"], "slurm_controller": ["head1"], "os_debian_13": ["head1", "cn1", "cn2", "cn3", "cn4"],
            "nodeset_cn_1_4": ["cn1", "cn2", "cn3", "cn4"], "slurm_compute": ["cn1", "cn2", "cn3", "cn4"],
            "hardware_knl": ["cn1", "cn2", "cn3", "cn4"], "bmcs": ["cn1", "cn2", "cn3", "cn4"],
            "rack_r1": ["cn1", "cn2"], "rack_r2": ["cn3", "cn4"], "tenant_cfd": ["cn1", "cn2"],
            "partition_all": ["cn1", "cn2", "cn3", "cn4"], "partition_half": ["cn3", "cn4"],
            "switches": ["leaf1", "leaf2"], "platform_eos": ["leaf1", "leaf2"], "nodeset_leaf_1_2": ["leaf1", "leaf2"],
        }
        assert {host.name for host in inventory.groups["all"].get_hosts()} == {"head1", "cn1", "cn2", "cn3", "cn4", "leaf1", "leaf2"}

    def test_a_host_has_only_what_is_its_own(self, manager):
        inventory = manager(CLUSTER)
        own = {name: {key: value for key, value in host.vars.items() if key not in ("inventory_file", "inventory_dir")}
               for name, host in inventory.hosts.items()}
        port = {"name": "ib0", "guid": "0x0002c90300000001", "mtu": 0, "children": []}
        assert own["head1"] == {"ansible_host": "10.0.0.1", "mac": "02:00:00:00:00:01", "guid": "0x0002c90300000001", "ib_ports": [port]}
        assert own["cn1"] == {"ansible_host": "10.0.0.11", "bmc_address": "10.1.0.11", "eth0_port": "leaf1 Et1"}
        assert own["cn4"] == {"ansible_host": "10.0.0.14", "bmc_address": "10.1.0.14"}
        intent = {"name": "leaf2", "platform": "eos", "vlans": [], "ports": [], "owned": [], "management": None}
        assert own["leaf2"] == {"ansible_host": "10.0.0.102", "switch_intent": intent}
        shared = [key for key in own["cn1"] if len({repr(own[f"cn{number}"].get(key)) for number in range(1, 5)}) == 1]
        assert shared == []

    def test_what_is_shared_reaches_the_host(self, manager):
        inventory = manager(CLUSTER)
        variables = VariableManager(DataLoader(), inventory).get_vars(host=inventory.get_host("cn3"))
        assert (variables["cluster_name"], variables["cluster_domain"], variables["rack"], variables["node_os"]) == (
            "small", "small.example", "r2", "debian-13")
        assert variables["ansible_python_interpreter"] == "/usr/bin/python3"
        assert Path(variables["cluster_file"]).name == "cluster.yml"
        assert "slurm_intent" not in variables
        head = VariableManager(DataLoader(), inventory).get_vars(host=inventory.get_host("head1"))
        assert head["slurm_intent"]["nodes"][0]["NodeName"] == "cn[1-4]"

    def test_outlets_reach_every_play(self, manager):
        inventory = manager(CLUSTER + "outlets: {ib-switch: {driver: snmp, address: 10.1.0.5, number: 3}}\n")
        variables = VariableManager(DataLoader(), inventory).get_vars(host=inventory.get_host("localhost"))
        assert variables["power_outlets"] == [{"name": "ib-switch", "driver": "snmp", "address": "10.1.0.5", "number": 3}]
        assert "power_outlets" not in manager(CLUSTER).groups["all"].vars

    def test_names_that_are_no_words_become_words(self, manager):
        text = CLUSTER.replace("      eth0: {network: admin, address: 10.0.0.11}",
                               "      eth0: {network: admin, address: 10.0.0.11}\n      en-p1.2: {network: bmc, address: 10.1.0.99}")
        assert manager(text).hosts["cn1"].vars["en_p1_2_address"] == "10.1.0.99"

    def test_hosts_are_added_as_the_public_methods_would(self, manager, monkeypatch):
        quick = manager(CLUSTER)

        def slowly(inventory, group, hosts):
            for name, variables in hosts:
                inventory.add_host(name, group)
                for key, value in variables.items():
                    inventory.set_variable(name, key, value)

        def members(inventory, group, names):
            for name in names:
                inventory.add_child(group, name)

        monkeypatch.setattr(plugin, "_add_hosts", slowly)
        monkeypatch.setattr(plugin, "_add_members", members)
        slow = manager(CLUSTER)

        def seen(inventory):
            return (
                {name: (host.get_vars(), sorted(group.name for group in host.get_groups())) for name, host in inventory.hosts.items()},
                {name: ([host.name for host in group.hosts], sorted(host.name for host in group.get_hosts()), sorted(group.host_names),
                        sorted(group.name for group in group.child_groups),
                        sorted(group.name for group in group.parent_groups), group.depth)
                 for name, group in inventory.groups.items()},
                inventory.get_groups_dict(),
            )

        assert seen(quick)[0] == seen(slow)[0]
        assert seen(quick)[1] == seen(slow)[1]
        assert list(quick.hosts) == list(slow.hosts)


class TestConstructed:
    def test_groups_and_variables_of_the_users_own(self, manager):
        inventory = manager(CLUSTER + """\
keyed_groups: [{key: rack, prefix: r}]
groups: {many: "'hardware_knl' in group_names"}
compose: {place: "rack ~ '/' ~ inventory_hostname", os: node_os | upper}
""")
        assert [host.name for host in inventory.groups["r_r2"].get_hosts()] == ["cn3", "cn4"]
        assert [host.name for host in inventory.groups["many"].get_hosts()] == ["cn1", "cn2", "cn3", "cn4"]
        assert inventory.hosts["cn4"].vars["place"] == "r2/cn4"
        assert inventory.hosts["cn4"].vars["os"] == "DEBIAN-13"
        assert "place" not in inventory.hosts["head1"].vars

    def test_nothing_is_done_for_hosts_when_nothing_is_asked_for(self, manager, monkeypatch):
        monkeypatch.setattr(plugin.InventoryModule, "set_options", lambda *_args, **_more: pytest.fail("options were read"))
        manager(CLUSTER)

    def test_only_our_own_hosts_are_touched(self, manager, tmp_path):
        other = tmp_path / "other.ini"
        other.write_text("[others]\nforeign1\n")
        inventory = manager(CLUSTER + "compose: {x: \"'y'\"}\n", before=[other])
        assert inventory.hosts["cn1"].vars["x"] == "y"
        assert "x" not in inventory.hosts["foreign1"].vars

    @pytest.mark.parametrize("option", [
        "compose: {a: 5}", 'compose: {a: "{{"}', "compose: {a: nowhere}", "groups: {x: 5}",
        "keyed_groups: [{key: 5}]", "keyed_groups: [{}]"])
    def test_strict_makes_mistakes_fatal(self, manager, option, capsys):
        with pytest.raises(SystemExit):
            manager(CLUSTER + option + "\nstrict: true\n")
        assert "compose, groups or keyed_groups: " in capsys.readouterr().err


class TestSources:
    @pytest.mark.parametrize(("name", "wanted"), [
        ("cluster.yml", True), ("cluster.yaml", True), ("aurora.cluster.yml", True), ("aurora.cluster.yaml", True),
        ("hosts.yml", False), ("mycluster.yml", False), ("cluster.yml.bak", False), ("cluster.json", False), ("cluster", False)])
    def test_names_of_files(self, ours, tmp_path, name, wanted):
        (tmp_path / name).write_text(CLUSTER)
        assert ours().verify_file(str(tmp_path / name)) is wanted

    def test_a_file_that_is_not_there(self, ours, tmp_path):
        assert ours().verify_file(str(tmp_path / "cluster.yml")) is False

    def test_nothing_is_half_loaded(self, ours, tmp_path, capsys):
        path = tmp_path / "cluster.yml"
        path.write_text(CLUSTER.replace('half: {nodes: "cn[3-4]"}', 'half: {nodes: "cn[3-5]"}'))
        inventory = InventoryData()
        with pytest.raises(SystemExit) as ended:
            ours().parse(inventory, DataLoader(), str(path))
        assert ended.value.code == 4
        assert not inventory.hosts
        assert set(inventory.groups) == {"all", "ungrouped"}
        assert f"{path}:35: no such nodes: cn5" in capsys.readouterr().err

    def test_a_missing_library_is_named(self, manager, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "jsonschema", None)
        with pytest.raises(SystemExit):
            manager(CLUSTER)
        assert "needs the Python library jsonschema: pip install" in capsys.readouterr().err

    def test_a_second_source_adds_to_the_same_hosts(self, manager, tmp_path):
        more = tmp_path / "more.ini"
        more.write_text("[slurm_compute]\ncn1 colour=red\nextra1\n[cloud:children]\nslurm_compute\n")
        inventory = manager(CLUSTER, [more])
        assert inventory.hosts["cn1"].vars["colour"] == "red"
        assert inventory.hosts["cn1"].vars["ansible_host"] == "10.0.0.11"
        assert {host.name for host in inventory.groups["cloud"].get_hosts()} == {"cn1", "cn2", "cn3", "cn4", "extra1"}

    def test_a_host_that_was_there_before_keeps_its_groups(self, manager, tmp_path):
        before = tmp_path / "before.ini"
        before.write_text("[red]\ncn1 colour=red\n[slurm_compute]\nextra1\n")
        inventory = manager(CLUSTER, before=[before])
        assert inventory.hosts["cn1"].vars["colour"] == "red"
        assert inventory.hosts["cn1"].vars["ansible_host"] == "10.0.0.11"
        assert {group.name for group in inventory.hosts["cn1"].get_groups()} >= {"red", "slurm_compute", "rack_r1", "partition_all"}
        assert {host.name for host in inventory.groups["slurm_compute"].get_hosts()} == {"cn1", "cn2", "cn3", "cn4", "extra1"}
        assert [host.name for host in inventory.groups["rack_r1"].get_hosts()] == ["cn1", "cn2"]
