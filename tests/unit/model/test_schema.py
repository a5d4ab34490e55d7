from __future__ import annotations

import ast
import dataclasses
import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import intent
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import SCHEMA_FILE, types

SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
# Handed to Ansible or to a later role as they are.
PASSED_ON = {"protocol", "level"}
# What slurmdbd keeps: it goes to the module slurm_account as it stands here.
PASSED_ON |= {key for kind in (intent.QosIntent, intent.AccountIntent) for key in kind.__annotations__}


def objects(schema=None, path=""):
    """(path, schema) of each object of the schema that names its keys."""
    schema = SCHEMA if schema is None else schema
    if isinstance(schema.get("additionalProperties"), dict):
        yield from objects(schema["additionalProperties"], f"{path}.NAME")
    if isinstance(schema.get("items"), dict):
        yield from objects(schema["items"], f"{path}[]")
    if "properties" in schema:
        yield path.lstrip("."), schema
        for key, value in schema["properties"].items():
            yield from objects(value, f"{path}.{key}")


KEYS = [(path, key, value) for path, schema in objects() for key, value in schema["properties"].items()]


def test_it_is_a_valid_schema_of_its_draft():
    assert SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(SCHEMA)


def test_the_code_knows_the_roles():
    assert list(types.ROLES) == SCHEMA["properties"]["nodes"]["additionalProperties"]["properties"]["roles"]["items"]["enum"]


def test_the_walk_sees_the_keys():
    assert {path for path, _key, _value in KEYS} >= {
        "", "networks.NAME", "nodes.NAME.interfaces.NAME", "cabling[]", "slurm.partitions.NAME"}


@pytest.mark.parametrize(("path", "key", "value"), KEYS, ids=lambda value: value if isinstance(value, str) else "")
def test_each_key_says_what_it_is_for(path, key, value):
    assert value.get("description", "").endswith("."), f"{path}.{key} has no description"


def test_each_reference_leads_somewhere():
    names = {part.split('"')[0] for part in json.dumps(SCHEMA).split('"#/$defs/')[1:]}
    assert names == set(SCHEMA["$defs"])
    assert all("title" in definition for definition in SCHEMA["$defs"].values())


def test_unknown_keys_are_refused_wherever_keys_are_named():
    assert [path for path, schema in objects() if schema.get("additionalProperties") is not False] == []


def _words_of_the_code():
    words = set()
    for path in Path(SCHEMA_FILE).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " not in node.value:
                words.add(node.value)
    return words


def test_the_code_reads_each_key_that_the_schema_has():
    words = _words_of_the_code()
    keys = {key for _path, key, _value in KEYS}
    assert keys - words - PASSED_ON == set()


@pytest.mark.parametrize(("section", "kind", "other_names"), [
    ("networks.NAME", types.Network, {}),
    ("fabrics.NAME", types.Fabric, {}),
    ("hardware.NAME", types.Hardware, {"bmc": "bmc_protocol", "cpus": None}),
    ("nodes.NAME", types.NodeGroup, {"rack": "racks", "table": "facts"}),
    ("nodes.NAME.interfaces.NAME", types.Interface, {"address": "first", "mac": "macs", "guid": "guids"}),
    ("switches.NAME", types.Switch, {}),
    ("tenants.NAME", types.Tenant, {}),
    ("slurm.partitions.NAME", types.Partition, {}),
    ("slurm.power_saving", types.PowerSaving, {}),
])
def test_each_key_has_a_field_in_the_model(section, kind, other_names):
    fields = {field.name for field in dataclasses.fields(kind)}
    wanted = {other_names.get(key, key) for key in dict(objects())[section]["properties"]} - {None}
    assert wanted <= fields


# (what is added to a minimal file, its line, the message)
MISTAKES = [
    ("nam: x\n", 7, "unknown key 'nam'; did you mean 'name'?"),
    ("hardware: {h: {sockets: 1, cores_per_socket: 1, core: 2, bus: 3}}\n", 7,
     ["unknown key 'bus' in hardware.h; there is bmc, cores_per_socket, cpus, features, gpus, gres, memory, sockets, …",
      "unknown key 'core' in hardware.h; there is bmc, cores_per_socket, cpus, features, gpus, gres, memory, sockets, …"]),
    ("hardware:\n  h:\n    sockets: 1\n", 8, "'cores_per_socket' is missing in hardware.h"),
    ("hardware:\n  h:\n", 8, "hardware.h: nothing is not a mapping"),
    ("hardware: []\n", 7, "hardware: a list is not a mapping"),
    ("hardware: {H: {sockets: 1, cores_per_socket: 1}}\n", 7, "'H' is not a name of lower-case letters, digits, - and _"),
    ("hardware: {h: {sockets: two, cores_per_socket: 1}}\n", 7, "hardware.h.sockets: 'two' is not a number from 1 to 64"),
    ("hardware: {h: {sockets: 0, cores_per_socket: 1}}\n", 7, "hardware.h.sockets: 0 is not a number from 1 to 64"),
    ("hardware: {h: {sockets: true, cores_per_socket: 1}}\n", 7, "hardware.h.sockets: true is not a number from 1 to 64"),
    ("hardware: {h: {sockets: 1.0, cores_per_socket: 1}}\n", 7, "hardware.h.sockets: 1.0 is not a number from 1 to 64"),
    ("hardware: {h: {sockets: 1, cores_per_socket: 1, memory: 15}}\n", 7,
     "hardware.h.memory: 15 is not a size such as 15 GiB (MiB, GiB or TiB)"),
    ("hardware: {h: {sockets: 1, cores_per_socket: 1, memory: 15 GB}}\n", 7,
     "hardware.h.memory: '15 GB' is not a size such as 15 GiB (MiB, GiB or TiB)"),
    ('hardware: {h: {sockets: 1, cores_per_socket: 1, memory: "15 GiB\\n"}}\n', 7,
     "hardware.h.memory: '15 GiB\n' is not a size such as 15 GiB (MiB, GiB or TiB)"),
    ("fabrics: {f: {kind: infiniban}}\n", 7, "fabrics.f.kind: 'infiniban' is unknown; did you mean 'infiniband'?"),
    ("fabrics: {f: {kind: omnipath, mtu: 1500}}\n", 7, "fabrics.f.mtu: 1500 is unknown; there is 256, 512, 1024, 2048, 4096, 8192, 10240"),
    ("tenants:\n  t:\n    nodes: n1\n    pkey: 0x8001\n", 10,
     "tenants.t.pkey: 32769 is not a P_Key from 0x0001 to 0x7ffe (the full-member bit is not part of it)"),
    ("tenants:\n  t:\n    nodes: n1\n    vlan: 4095\n", 10, "tenants.t.vlan: 4095 is not a VLAN id from 1 to 4094"),
    ("tenants:\n  t:\n    nodes: 5\n", 9, "tenants.t.nodes: 5 is not a NodeSet such as cn[001-300,305],gpu[1-4]"),
    ("cabling: [5]\n", 7, "cabling[0]: 5 is not a mapping"),
    ("cabling:\n  - {nodes: n1, interface: eth0, ports: p1}\n", 8, "'switch' is missing in cabling[0]"),
    ("slurm: {partitions: {DEFAULT: {nodes: n1}}}\n", 7, "'DEFAULT' is not a Slurm partition's name (letters, digits, - and _)"),
    ("slurm: {partitions: {p: {nodes: [], max_time: 1h}}}\n", 7,
     ["slurm.partitions.p.max_time: '1h' is not a time as Slurm writes it, such as 30, 12:00:00, 2-00:00:00 or UNLIMITED",
      "slurm.partitions.p.nodes: a list is not a NodeSet such as cn[001-300,305],gpu[1-4]"]),
    ("slurm: {partitions: {p: {nodes: x1, max_time: 1h}}}\n", 7, ["no such nodes: x1; there is n1, n2",
     "slurm.partitions.p.max_time: '1h' is not a time as Slurm writes it, such as 30, 12:00:00, 2-00:00:00 or UNLIMITED"]),
    ("slurm: {partitions: {p: {default: yes}}}\n", 7,
     ["'nodes' is missing in slurm.partitions.p", "slurm.partitions.p.default: 'yes' is not true or false"]),
    ("slurm: {config: {schedulerType: x}}\n", 7, "'schedulerType' is not a key of slurm.conf such as SchedulerType"),
    ("slurm: {config: {SchedulerType: [x]}}\n", 7,
     "slurm.config.SchedulerType: a list is not a word, a number or true/false; omit drops one of ours"),
    ('slurm: {config: {SchedulerType: "x\\nNodeName=y"}}\n', 7,
     "slurm.config.SchedulerType: 'x\nNodeName=y' is not a word, a number or true/false; omit drops one of ours"),
    ("slurm: {power_saving: {suspend_time: 600}}\n", 7, "slurm.power_saving.suspend_time: 600 is not a time such as 10m (s, m, h or d)"),
    ("domain: Example.org\n", 7, "domain: 'Example.org' is not a DNS domain such as aurora.example"),
    ("strict: maybe\n", 7, "strict: 'maybe' is not true or false"),
    ("keyed_groups: {}\n", 7, "keyed_groups: a mapping is not a list"),
]


@pytest.mark.parametrize(("added", "line", "said"), MISTAKES)
def test_a_breach_is_said_in_an_administrators_words(folder, minimal, added, line, said):
    expected = [("cluster.yml", line, message) for message in ([said] if isinstance(said, str) else said)]
    assert [problem for problem in folder.problems(minimal + added) if problem[1] >= 7] == expected


def test_what_is_missing_at_the_top(folder):
    assert folder.problems("{}\n") == [("cluster.yml", 1, f"'{key}' is missing") for key in ("name", "networks", "nodes", "plugin")]


def test_another_plugins_file(folder, minimal):
    assert folder.problems(minimal.replace("clusterwright.hpc.cluster", "other")) == [
        ("cluster.yml", 1, "plugin must be clusterwright.hpc.cluster")]


def test_roles_named_twice(folder, minimal):
    text = minimal.replace("{}", "{roles: [enroot, enroot], interfaces: {eth0: {network: admin, address: 10.0.0.1}}}")
    assert folder.problems(text) == [("cluster.yml", 6, "nodes.n[1-2].roles names something twice")]
