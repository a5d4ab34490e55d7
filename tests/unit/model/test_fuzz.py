"""Whatever stands in the file: it loads, or gives problems that each have a file and a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.plugin_utils import model
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile as intents
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import export, hostvars

FILES = Path(__file__).parent / "files"
SMALL = (FILES / "fuzz.cluster.txt").read_text(encoding="utf-8")
TABLE = (FILES / "cn.csv").read_text(encoding="utf-8")

ODD = [
    "", "null", "~", "true", "0", "-1", "1.0", "1e400", "9" * 25, "9" * 5000, "0x", "0xffffffffffffffffff", "1.5e300",
    "[]", "{}", "[[]]", "[{}]", "{a: b}", "[1, null, x]", '""', '" "', '"\\n"', '"a\\n"', '"\\0"', '"\\u2028"', '"é"',
    '"\uff11"', "日本", "cn[1-2]", "cn[1-999999999]", "cn[1-100000]", "[cn[1-2]]", '"cn[1-4],head1"', "@all", "a!b",
    "255.255.255.255", "0.0.0.0", "10.10.0.21", "10.10.0.0/24", "0.0.0.0/0", "10.10.0.0/33", "1.2.3", "&x a", "*x",
    "!vault x", "!!int a", "!!set {a}", "!!binary YQ==", "? a", "- a", "| \n  a", ">-", "@", "`", "%", "'", '"', "[",
    "{", "}", "]", "a: b: c", "-" * 300, "[" * 300, "<<", "../..", "/dev/zero", "cluster.yml", "cn.csv", "admin",
    "ib0", "knl", "cfd", "head1", "leaf1", "eth0", "bmc", "omit", "localhost", "all", "12:00:00", "10 GiB", "0x7fff",
]


def check(path: Path) -> None:
    breaks = ("\n", "\r", "\x85", "\u2028", "\u2029")
    try:
        cluster = model.load(str(path))
    except model.ClusterFileError as error:
        assert error.problems
        for problem in error.problems:
            text = Path(problem.mark.file).read_bytes().decode(errors="replace") if Path(problem.mark.file).is_file() else ""
            assert 1 <= problem.mark.line <= 1 + sum(map(text.count, breaks)), str(problem)
            assert problem.message
            assert str(problem).isprintable()
            assert len(str(problem)) < 6000
    else:       # what loads can be used
        json.dumps([*hostvars.host_vars(cluster), *hostvars.groups(cluster)], default=str)
        json.dumps(intents.slurm(cluster))
        assert all(render(cluster) for render in export.FORMATS.values())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


def _write(folder: Path, text: str | bytes, table: str | bytes = TABLE) -> Path:
    for name, content in (("cluster.yml", text), ("cn.csv", table), ("more.yml", "domain: more.example\n")):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder / "cluster.yml"


def test_what_is_mutated_is_good(folder):
    model.load(str(_write(folder, SMALL)))


@st.composite
def _changed_lines(draw, text=SMALL):
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        here, there = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
        kind = draw(st.sampled_from(["delete", "double", "swap", "indent", "value", "word", "part"]))
        if kind == "delete" and len(lines) > 1:
            del lines[here]
        elif kind == "double":
            lines.insert(there, lines[here])
        elif kind == "swap":
            lines[here], lines[there] = lines[there], lines[here]
        elif kind == "indent":
            lines[here] = draw(st.sampled_from(["  ", "\t", " ", "- ", "  - "])) + lines[here]
        elif kind == "value":
            lines[here] = lines[here].split(": ", 1)[0] + ": " + draw(st.sampled_from(ODD))
        elif kind == "word":
            words = lines[here].split(" ")
            words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(ODD))
            lines[here] = " ".join(words)
        else:
            start = draw(st.integers(0, max(len(lines[here]) - 1, 0)))
            lines[here] = lines[here][:start] + draw(st.text(max_size=6)) + lines[here][start + draw(st.integers(0, 4)):]
    return "\n".join(lines) + "\n"


_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), st.sampled_from(ODD)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=5), st.sampled_from(ODD)), inner, max_size=3)),
    max_leaves=6)


@st.composite
def _changed_data(draw):
    """The good file as data with one or two items replaced by anything, or moved to a key of any name."""
    data = json.loads((FILES / "fuzz.cluster.json").read_text(encoding="utf-8"))
    for _ in range(draw(st.integers(1, 2))):
        place = data
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = draw(st.sampled_from(keys))
            if not isinstance(place[key], (dict, list)) or not place[key] or draw(st.integers(0, 3)) == 0:
                break
            place = place[key]
        if isinstance(place, dict) and draw(st.integers(0, 4)) == 0:
            place[draw(st.one_of(st.text(max_size=8), st.sampled_from(ODD)))] = place.pop(key)
        else:
            place[key] = draw(_values)
    return json.dumps(data, indent=1)


@given(_changed_lines())
def test_changed_lines(folder, text):
    check(_write(folder, text.encode(errors="replace")))


@given(_changed_data())
def test_changed_values(folder, text):
    check(_write(folder, text.encode(errors="replace")))


@given(st.lists(st.tuples(st.integers(0, len(SMALL)), st.integers(0, 3), st.binary(max_size=4)), min_size=1, max_size=5))
def test_changed_bytes(folder, changes):
    data = SMALL.encode()
    for start, removed, added in changes:
        data = data[:start] + added + data[start + removed:]
    check(_write(folder, data))


@given(_changed_lines(TABLE), st.lists(st.tuples(st.integers(0, len(TABLE)), st.integers(0, 3), st.binary(max_size=4)), max_size=2))
def test_changed_tables(folder, table, changes):
    data = table.encode(errors="replace")
    for start, removed, added in changes:
        data = data[:start] + added + data[start + removed:]
    check(_write(folder, SMALL, data))
