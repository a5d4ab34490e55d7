"""partitions.conf as OpenSM reads it. That the real one does the same stands in tests/integration/infiniband."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import partitions
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import Definition, Member
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.grammar import parse

ONE, TWO = "0x0002c90300000001", "0x0002c90300000002"
MAY: dict[str, Any] = {"deadline": None, "derandomize": True, "database": None}


def members(text):
    parsed = parse(text)
    assert not parsed.discarded, parsed.findings
    return {definition.pkey: {member.target: member.membership for member in definition.members} for definition in parsed.definitions}


def says(text):
    return [str(finding) for finding in parse(text).findings]


def test_a_clean_file_has_nothing_to_be_said_about():
    text = ("# ours\nDefault=0x7fff, ipoib, mtu=5, rate=12 :\n  ALL=limited,\n  SELF=full ;\n"
            f"cfd=0x0101, ipoib, sl=2:\n {ONE}=full,\n {TWO}=limited ;\n")
    parsed = parse(text)
    assert (parsed.findings, parsed.discarded) == ([], False)
    assert parsed.definitions == [
        Definition("Default", 0x7FFF, ipoib=True, mtu=5, rate=12, members=[Member("ALL", "limited"), Member("SELF", "full")]),
        Definition("cfd", 0x101, ipoib=True, sl=2, members=[Member(ONE, "full"), Member(TWO, "limited")]),
    ]


# (the file, what is said of it with its place)
ODD = [
    (f"A=0x5: {ONE}=;\n", f"line 1, column 8: '{ONE}=' without a membership makes it a full member"),
    (f"A=0x5: {ONE}=Full;\n", f"line 1, column 8: 'Full' of {ONE} is taken for limited"),
    (f"A=0x5: {ONE}=fulll;\n", f"line 1, column 8: 'fulll' of {ONE} is taken for limited"),
    (f"A=0x5: {ONE}=fu;\n", f"line 1, column 8: 'fu' of {ONE} is taken for full"),
    ("A=0x5: A=full;\n", "line 1, column 8: 'A' is taken for ALL"),
    (f"A=0x5: {ONE}=both;\n", f"line 1, column 8: both makes {ONE} a full member, unless OpenSM runs with allow_both_pkeys"),
    (f"A=010: {ONE};\n", "line 1, column 1: '010' begins with 0 and is read as octal: 0x0008"),
    (f"A=0x12345: {ONE};\n", "line 1, column 1: '0x12345' is no P_Key of 16 bits: OpenSM takes 0x2345 of it"),
    (f"A=0x8101: {ONE};\n", "line 1, column 1: the membership bit of 0x8101 means nothing here: the P_Key is 0x0101"),
    (f"A=0: {ONE};\n", "line 1, column 1: partition A has no P_Key, and OpenSM picks one"),
    (f"A: {ONE};\n", "line 1, column 1: partition A has no P_Key, and OpenSM picks one"),
    (f"A=5, IPoIB: {ONE};\n", "line 1, column 6: OpenSM knows no flag 'IPoIB' and passes over it"),
    (f"A=5, mtu=2048: {ONE};\n", "line 1, column 6: mtu=2048 is no code of InfiniBand's, 1 to 5: no group with it can be joined"),
    (f"A=5, sl=16: {ONE};\n", "line 1, column 6: sl=16 is not within 0-15, and means nothing"),
    ("A=5: 2903000053420123=full;\n",
     "line 1, column 6: '2903000053420123' has no 0x before it and is read as decimal: 0x000a50435ef7905b"),
    (f"A=5: {ONE};\nB=5: {TWO};\n", "line 2, column 1: 0x0005 is 'A' already: its members and those of 'B' become one partition"),
    (f"A=5: {ONE}\n;\n",
     "line 2, column 1: a ; at the start of a line: OpenSM reads on behind the line's end. Put it behind the last member"),
    (f"A=5: {ONE}\n", "line 2, column 1: partition A has no ; at its end: what is added behind it would be taken for its members"),
    (f"{'A' * 32}=5: {ONE};\n", f"line 1, column 1: the name '{'A' * 32}' is longer than 31 bytes, where it is cut"),
]


@pytest.mark.parametrize(("text", "said"), ODD, ids=[said for _text, said in ODD])
def test_what_a_person_would_not_mean_is_said(text, said):
    assert not parse(text).discarded
    assert said in says(text)


# (the file, the last that is said of it)
DISCARDED = [
    ("", "line 1, column 1: there is no partition in the file"),
    ("# nothing\n\n", "line 3, column 1: there is no partition in the file"),
    (f"A=5: {ONE}=full\nB=6: {TWO};\n", "line 2, column 1: 'B' is no port GUID"),
    (f"A=0x5g: {ONE};\n", "line 1, column 1: '0x5g' is no P_Key"),
    ("A=5: 0002c90300000001;\n", "line 1, column 6: '0002c90300000001' is no port GUID"),
    (f"A=5: {ONE};\r\n",
     "line 1, column 25: a partition begins with 'name=P_Key:', all on one line, and not with '\\r\\n' (a line of Windows ends in a "
     "carriage return, which OpenSM does not know)"),
    (f"A=5\n: {ONE};\n", "line 1, column 1: a partition begins with 'name=P_Key:', all on one line, and not with 'A=5\\n'"),
    ("A=5: mgid;\n", "line 1, column 6: mgid without = and a group: OpenSM ends there"),
    (f"A=0x5, ipoib, sl=2: {ONE}=full\n;\n", "line 2, column 3: a partition begins with 'name=P_Key:', all on one line, and not with 'x5'"),
]


@pytest.mark.parametrize(("text", "said"), DISCARDED, ids=[said[:60] for _text, said in DISCARDED])
def test_what_opensm_discards_names_the_place(text, said):
    assert parse(text).discarded
    assert says(text)[-1] == said


def test_a_line_that_is_too_long_is_read_in_pieces():
    text = "A=5: " + f"{ONE}=full," * 170 + f"{TWO}=full;\n"
    assert len(text) > 4094
    assert says(text)[0] == "line 1, column 1: the line is longer than 4094 bytes, and OpenSM takes the rest for another line"


def test_the_last_word_on_a_port_counts():
    ports = {ONE: "ca", TWO: "ca"}
    tables = partitions.tables(parse(f"A=5: {ONE}=limited, ALL=full;\nB=6: ALL=full, {TWO}=limited;\n"), ports, ONE)
    assert tables == {ONE: {0x7FFF: "full", 5: "full", 6: "full"}, TWO: {0x7FFF: "limited", 5: "full", 6: "limited"}}


def test_a_discarded_file_opens_the_fabric():
    assert partitions.tables(parse("oops"), {ONE: "ca", TWO: "ca"}, ONE) == {ONE: {0x7FFF: "full"}, TWO: {0x7FFF: "full"}}


def test_a_membership_that_is_said_for_all():
    assert members(f"A=5, defmember=full: {ONE}, {TWO}=limited;\n") == {5: {ONE: "full", TWO: "limited"}}


ALPHABET = st.sampled_from([
    *"=:;,#\n\t \r", "A", "0x5", "010", "ipoib", "mtu=4", "full", "limited", "ALL", "SELF", ONE, TWO, "mgid=ff12::1", "\0", "é", "0x"])
TEXTS = st.lists(ALPHABET, max_size=60).map("".join)


@settings(max_examples=300, **MAY)
@given(st.one_of(TEXTS, st.binary(max_size=200)))
def test_any_text_is_read_or_discarded_and_what_is_understood_can_be_written(text):
    parsed = parse(text)
    assert parsed.discarded == any(finding.fatal for finding in parsed.findings)
    lines = (text.encode() if isinstance(text, str) else text).count(b"\n") + 1
    assert all(1 <= finding.line <= lines and finding.column >= 1 for finding in parsed.findings)
    written = partitions.render(parsed.definitions, {})
    if parsed.definitions:
        assert parse(written).definitions == parsed.definitions


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,30}", fullmatch=True)
PORTS = st.integers(1, 2**64 - 1).map(lambda number: f"{number:#018x}")
MEMBERS = st.builds(Member, st.one_of(PORTS, st.sampled_from(["ALL", "ALL_CAS", "SELF"])), st.sampled_from(["full", "limited"]))
DEFINITIONS = st.builds(
    Definition, NAMES, st.integers(1, 0x7FFE), ipoib=st.booleans(), mtu=st.integers(1, 5), rate=st.integers(2, 24), sl=st.integers(0, 15),
    indx0=st.booleans(), scopes=st.sampled_from([(), (2,), (2, 5)]), q_key=st.integers(0, 2**32 - 1), tclass=st.integers(0, 255),
    flow_label=st.integers(0, 0xFFFFF), groups=st.lists(st.sampled_from(["ff12:401b::16", "ff12::1,sl=1,Q_Key=0xdeadbeef"]), max_size=2),
    members=st.lists(MEMBERS, max_size=6),
)


@settings(max_examples=200, **MAY)
@given(st.lists(DEFINITIONS, min_size=1, max_size=5, unique_by=(lambda definition: definition.pkey, lambda definition: definition.name)))
def test_what_is_written_is_read_the_same_and_nothing_is_odd_about_it(wanted):
    known = {member.target: "cn1; # cn2" for definition in wanted for member in definition.members}
    for text in (partitions.render(wanted, {}), partitions.render(wanted, known, "a; headline: x")):
        parsed = parse(text)
        assert (parsed.findings, parsed.definitions) == ([], wanted)
        assert max(map(len, text.splitlines())) < 1000
