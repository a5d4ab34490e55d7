from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import nodeset
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model.nodeset import NodeSetError


@pytest.mark.parametrize(("text", "names"), [
    ("head1", ["head1"]),
    ("cn[1-3]", ["cn1", "cn2", "cn3"]),
    ("cn[001-003,305],gpu[1-2]", ["cn001", "cn002", "cn003", "cn305", "gpu1", "gpu2"]),
    ("r[1-2]n[01-02,05]", ["r1n01", "r1n02", "r1n05", "r2n01", "r2n02", "r2n05"]),
    ("cn[09-11]", ["cn09", "cn10", "cn11"]),
    ("cn[9-11]", ["cn9", "cn10", "cn11"]),
    ("cn[000-001]", ["cn000", "cn001"]),
    ("a[1-2]-ib", ["a1-ib", "a2-ib"]),
    ("swp[1-2]s[0-1]", ["swp1s0", "swp1s1", "swp2s0", "swp2s1"]),
    ("Ten-GigabitEthernet1/0/[9-10]", ["Ten-GigabitEthernet1/0/9", "Ten-GigabitEthernet1/0/10"]),
    # As written, not sorted: the first name gets the first address, the first port the first cable.
    ("gpu[1-2],cn[1-2]", ["gpu1", "gpu2", "cn1", "cn2"]),
    ("cn3,cn[1-2]", ["cn3", "cn1", "cn2"]),
])
def test_names_come_in_the_order_written(text, names):
    assert list(nodeset.expand(text)) == names


@pytest.mark.parametrize(("text", "said"), [
    ("", "names nothing"),
    ("cn[1-4", "is not a NodeSet"),
    ("cn1-4]", "is not a NodeSet"),
    ("cn[]", "is not a NodeSet"),
    ("cn[a-b]", "is not a NodeSet"),
    ("cn[1-]", "is not a NodeSet"),
    ("cn[1,]", "is not a NodeSet"),
    ("cn1,,cn2", "is not a NodeSet"),
    ("cn1,", "is not a NodeSet"),
    ("cn 1", "is not a NodeSet"),
    ("cn[1-4]\n", "is not a NodeSet"),
    ("cn[[1-4]]", "is not a NodeSet"),
    ("cn[\uff11-\uff13]", "is not a NodeSet"),
    ("cn[1-10/2]", "is not a NodeSet"),
    ("cn[4-1]", "runs backwards"),
    ("cn[01-3]", "zero padding"),
    ("cn[3,1]", "must go up"),
    ("cn[1-4,4]", "must go up"),
    ("cn[01,1]", "zero padding"),
    ("cn[1,02]", "zero padding"),
    ("cn[1-3,005]", "zero padding"),
    ("cn1,cn1", "names 1 of its members twice"),
    ("cn[1-4],cn[3-6]", "names 2 of its members twice"),
    ("n[1-999999999]", "more than 100,000 names"),
    ("n[1-1000][1-1000]", "more than 100,000 names"),
    ("n[1-1000]m[1-1000]", "more than 100,000 names"),
    (",".join(f"{a}[1-100000]" for a in "abc"), "more than 100,000 names"),
    ("n[1-99999999999999999999]", "too long"),
    ("n" * 5000, "too long"),
    *((text, "is not a NodeSet") for text in ("a!b", "a&b", "a^b", "@all", "@roles:x", "a*", "a?", "a%b", "a{1..3}", "a;b", "a$b", "é1")),
])
def test_what_is_refused(text, said):
    with pytest.raises(NodeSetError, match=said) as caught:
        nodeset.expand(text)
    assert len(str(caught.value)) < 300


def test_a_single_name_needs_no_library(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ClusterShell.NodeSet", None)
    assert nodeset.expand("head-only-one") == ("head-only-one",)


def test_fold():
    assert nodeset.fold(["cn2", "cn1", "cn3", "gpu1"]) == "cn[1-3],gpu1"
    assert nodeset.fold(["cn001", "cn002"]) == "cn[001-002]"
    assert nodeset.fold_some([f"n{number}" for number in range(3000)]) == "n[0-999] and 2,000 more"


@st.composite
def _ranges(draw):
    width = draw(st.integers(1, 3))
    numbers = sorted(draw(st.sets(st.integers(10 ** (width - 1), 10**width - 1), min_size=1, max_size=6)))
    padding = draw(st.sampled_from([0, width + 1]))
    parts, position = [], 0
    while position < len(numbers):
        last = numbers[position]
        while draw(st.booleans()) and last + 1 not in numbers and last + 1 < 10**width:
            last += 1
        parts.append((numbers[position], last))
        position += 1
    parts = [(first, min([last] + [other - 1 for other, _last in parts if other > first])) for first, last in parts]
    text = ",".join(f"{first:0{padding}}" if first == last else f"{first:0{padding}}-{last:0{padding}}" for first, last in parts)
    return f"[{text}]", [f"{number:0{padding}}" for first, last in parts for number in range(first, last + 1)]


@st.composite
def _terms(draw):
    pieces = [(prefix, [prefix]) for prefix in draw(st.lists(st.sampled_from(["r", "n-", "x.", "blade/"]), min_size=1, max_size=2))]
    for place in range(len(pieces), 0, -1):
        pieces.insert(place, draw(_ranges()))
    return "".join(text for text, _names in pieces), ["".join(parts) for parts in product(*(names for _text, names in pieces))]


@given(_terms())
def test_brackets_multiply_the_last_one_fastest(term):
    text, names = term
    assert list(nodeset.expand(text)) == names


@given(_terms())
def test_folded_and_expanded_again_are_the_same_names(term):
    text, names = term
    assert sorted(nodeset.expand(nodeset.fold(nodeset.expand(text)))) == sorted(names)


@given(st.one_of(
    st.text(max_size=60),
    st.text(alphabet="acn0123456789[]-,./:_!@*^&% ", max_size=60),
    st.from_regex(r"\A[a-z]{0,3}(\[[0-9]{1,12}(-[0-9]{1,12})?(,[0-9]{1,4})*\][a-z]?){0,3}(,[a-z][0-9]*){0,3}\Z"),
))
def test_any_text_is_expanded_or_refused(text):
    try:
        names = nodeset.expand(text)
    except NodeSetError as error:
        assert str(error)
    else:
        assert 1 <= len(names) <= nodeset.MAX_NAMES
        assert len(set(names)) == len(names)
