from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import ClusterFileError
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model.source import Source

SCALARS = """\
time: 12:00:00
date: 2026-01-02
padded: 010
yes: yes
no: no
on: on
true: true
number: 42
negative: -3
hex: 0x0101
guid: 0x0002c9030005f34a
octal: 0o17
float: 1.5
exponent: 1e3
underscore: 1_000
nothing:
tilde: ~
quoted: "42"
version: 1.10.2
"""


@pytest.fixture
def source(folder):
    return lambda text, **files: Source(folder.write(text, **files))


def lines(source):
    return {trail: mark.line for trail, mark in source.marks.items()}


def test_scalars_are_read_as_yaml_1_2_reads_them(source):
    assert source(SCALARS).data == {
        "time": "12:00:00", "date": "2026-01-02", "padded": "010", "yes": "yes", "no": "no", "on": "on", "true": True, "number": 42,
        "negative": -3, "hex": 257, "guid": "0x0002c9030005f34a", "octal": "0o17", "float": 1.5, "exponent": "1e3", "underscore": "1_000",
        "nothing": None, "tilde": None, "quoted": "42", "version": "1.10.2",
    }


def test_every_item_knows_its_line(source):
    text = """\
# a comment
networks:

  admin: {subnet: 10.0.0.0/24,
          gateway: 10.0.0.1}
  bmc:
    subnet: 10.1.0.0/24
cabling:
  - {nodes: a,
     switch: b}
  -
    nodes: c
"""
    assert lines(source(text)) == {
        (): 1, ("networks",): 2, ("networks", "admin"): 4, ("networks", "admin", "subnet"): 4, ("networks", "admin", "gateway"): 5,
        ("networks", "bmc"): 6, ("networks", "bmc", "subnet"): 7, ("cabling",): 8, ("cabling", 0): 9, ("cabling", 0, "nodes"): 9,
        ("cabling", 0, "switch"): 10, ("cabling", 1): 12, ("cabling", 1, "nodes"): 12,
    }


def test_an_unknown_place_is_the_nearest_one_around_it(source):
    assert source("a:\n  b: 1\n").mark(("a", "b", "c", 3)).line == 2
    assert source("a:\n  b: 1\n").mark(("x",)).line == 1


@pytest.mark.parametrize(("text", "line", "said"), [
    ("", 1, "the file is empty"),
    ("# only a comment\n", 1, "the file is empty"),
    ("- a\n- b\n", 1, "a cluster file is a mapping"),
    ("just text\n", 1, "a cluster file is a mapping"),
    ("a: 1\nb:\n\tc: 1\n", 3, "YAML indents by spaces"),
    ("a: [1, 2\nb: 1\n", 2, "not YAML"),
    ('a: 1\nb: "never closed\n', 2, "not YAML"),
    ("a: 1\n---\nb: 1\n", 2, "another document"),
    ("a: 1\n\nb: \x07\n", 3, "control characters"),
    (b"a: 1\nb: \xff\n", 2, "not UTF-8"),
    ("a: 1\nb: 2\na: 3\n", 3, "'a' stands here twice; first at"),
    ("a: {b: 1,\n b: 2}\n", 2, "'b' stands here twice; first at"),
    ("a: 1\n? [b]\n: 1\n", 2, "a key must be a word"),
    ("a: 1\nkey: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n", 2, "secrets never stand in the cluster file"),
    ("a: 1\nb: !!python/object:os.system {}\n", 2, "has no meaning here"),
    ("a: !!binary YQ==\n", 1, "has no meaning here"),
    ("a: !!int twelve\n", 1, "is not a number that can be used"),
    ("a: " + "9" * 5000, 1, "is not a number that can be used"),
    ("a: *b\n", 1, "undefined alias"),
    ("a: " + "[" * 100_000, 1, "nested too deeply"),
    ("".join(" " * depth + "a:\n" for depth in range(500)), 50, "nested too deeply"),
    ("a: &a [*a]\n", 1, "unfolds into too much"),
    ("a: &a {b: *a}\n", 1, "unfolds into too much"),
    ("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)), 1, "unfolds into too much"),
])
def test_what_is_no_cluster_file(folder, text, line, said):
    found = [problem[:2] for problem in folder.problems(text) if said in problem[2]]
    assert found == [("cluster.yml", line)]


def test_an_item_that_cannot_be_read_is_one_problem(folder, minimal):
    assert len(folder.problems(minimal + "domain: !vault x\n")) == 1
    assert len(folder.problems(minimal + "strict: " + "9" * 5000)) == 1


def test_anchors_and_aliases(source):
    data = source("a: &shared {b: [1, 2]}\nc: *shared\n").data
    assert data == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}


def test_merge_keys_are_no_part_of_yaml_1_2(folder, minimal):
    text = minimal.replace("{subnet: 10.0.0.0/24}", "{<<: 1, subnet: 10.0.0.0/24}")
    assert folder.problems(text) == [("cluster.yml", 4, "unknown key '<<' in networks.admin; there is gateway, mtu, pkey, subnet, vlan")]


def test_a_byte_order_mark_and_windows_lines_are_fine(folder, minimal):
    text = minimal.replace("\n", "\r\n")
    assert folder.load(b"\xef\xbb\xbf" + text.encode()).name == "small"
    assert folder.problems(text + "nam: x\r\n")[0][1] == 7


def test_a_missing_file(tmp_path):
    with pytest.raises(ClusterFileError, match="cannot be read: no such file"):
        Source(str(tmp_path / "cluster.yml")).stop_on_problems()


def test_a_problem_is_one_line_whatever_the_file_holds(folder, minimal):
    path = folder.write(minimal + '"x\\ny\\e[31m": 1\n')
    with pytest.raises(ClusterFileError) as caught:
        folder.load(minimal + '"x\\ny\\e[31m": 1\n')
    assert str(caught.value).startswith(f"{path}:7: unknown key 'x\\ny\\x1b[31m'")
    assert "\n" not in str(caught.value)


class TestInclude:
    def test_sections_join(self, folder, minimal):
        cluster = folder.load(
            minimal + "include: [nodes.yml, more.yml]\n",
            nodes_yml="nodes:\n  gpu1: {}\nnetworks:\n  bmc: {subnet: 10.1.0.0/24}\n",
            more_yml="plugin: clusterwright.hpc.cluster\ndomain: example.org\n")
        assert [group.nodeset for group in cluster.groups] == ["n[1-2]", "gpu1"]
        assert list(cluster.networks) == ["admin", "bmc"]
        assert cluster.domain == "example.org"

    def test_lists_join_and_keep_their_lines(self, folder, minimal):
        row = "  - {nodes: x1, interface: eth0, switch: s1, ports: p1}\n"
        text = minimal + "cabling:\n" + row + "include: more.yml\n"
        problems = folder.problems(text, more_yml="\n\ncabling:\n" + row.replace("1", "2") + row.replace("1", "3"))
        assert problems == [(name, line, message.format(number)) for name, line, number in
                            (("cluster.yml", 8, 1), ("more.yml", 4, 2), ("more.yml", 5, 3))
                            for message in ("no such nodes: x{}; there is n1, n2", "no switch 's{}'")]

    def test_an_error_names_the_included_file(self, folder, minimal):
        problems = folder.problems(minimal + "include: nodes.yml\n", nodes_yml="nodes:\n  gpu1:\n    rolls: []\n")
        assert problems == [("nodes.yml", 3, "unknown key 'rolls' in nodes.gpu1; did you mean 'roles'?")]

    def test_a_name_in_two_files_names_both_places(self, folder, minimal):
        (problem,) = folder.problems(minimal + "include: nodes.yml\n", nodes_yml="\nnodes:\n  n[1-2]: {}\n")
        assert problem[:2] == ("nodes.yml", 3)
        assert problem[2] == f"'n[1-2]' stands in nodes twice; first at {folder.path / 'cluster.yml'}:6"

    def test_a_word_in_two_files(self, folder, minimal):
        (problem,) = folder.problems(minimal + "include: more.yml\n", more_yml="name: other\n")
        assert problem == ("more.yml", 1, f"'name' is said twice; first at {folder.path / 'cluster.yml'}:2")

    def test_sections_of_two_kinds(self, folder, minimal):
        (problem,) = folder.problems(minimal + "include: more.yml\n", more_yml="nodes: [a]\n")
        assert problem == ("more.yml", 1, f"'nodes' is said twice; first at {folder.path / 'cluster.yml'}:5")

    def test_paths_are_relative_to_the_file_that_names_them(self, folder, minimal):
        part = folder.path / "part"
        part.mkdir()
        (part / "nodes.yml").write_text("include: [gpu.yml, ../up.yml]\n")
        (part / "gpu.yml").write_text("nodes:\n  gpu1: {interfaces: {eth0: {network: admin}}, table: gpu.csv}\n")
        (part / "gpu.csv").write_text("name,address\ngpu1,10.0.0.9\n")
        cluster = folder.load(minimal + "include: part/nodes.yml\n", up_yml="domain: up.example\n")
        assert {node.name: node.address for node in cluster.nodes}["gpu1"] == "10.0.0.9"
        assert cluster.domain == "up.example"

    @pytest.mark.parametrize(("include", "files", "place", "said"), [
        ("cluster.yml", {}, ("cluster.yml", 7), "is included already"),
        ("a.yml", {"a_yml": "include: b.yml\n", "b_yml": "\ninclude: a.yml\n"}, ("b.yml", 2), "is included already"),
        ("[a.yml, a.yml]", {"a_yml": "domain: x\n"}, ("cluster.yml", 7), "is included already"),
        ("none.yml", {}, ("cluster.yml", 7), "none.yml cannot be read: no such file"),
        ("[a.yml,\n none.yml]", {"a_yml": "domain: x\n"}, ("cluster.yml", 8), "none.yml cannot be read"),
        (".", {}, ("cluster.yml", 7), "it is not a file"),
        ("/dev/zero", {}, ("cluster.yml", 7), "it is not a file"),
        ("a.yml", {"a_yml": ""}, ("a.yml", 1), "the file is empty"),
        ("a.yml", {"a_yml": "- x\n"}, ("a.yml", 1), "is a mapping"),
        ("a.yml", {"a_yml": "a: [\n"}, ("a.yml", 1), "not YAML"),
        ("5", {}, ("cluster.yml", 7), "takes the names of files"),
        ("", {}, ("cluster.yml", 7), "takes the names of files"),
        ("true", {}, ("cluster.yml", 7), "takes the names of files"),
        ("{a: b}", {}, ("cluster.yml", 7), "takes the names of files"),
        ("[[a.yml]]", {}, ("cluster.yml", 7), "takes the names of files"),
        ('"a\\0b"', {}, ("cluster.yml", 7), "takes the names of files"),
    ])
    def test_what_cannot_be_included(self, folder, minimal, *, include, files, place, said):
        (problem,) = folder.problems(minimal + f"include: {include}\n", **files)
        assert problem[:2] == place
        assert said in problem[2]
