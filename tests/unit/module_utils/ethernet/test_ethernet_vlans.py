"""Lists of VLANs and names of ports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import vlans
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS

IDS = st.frozensets(st.integers(1, 4094))


@given(IDS)
def test_what_is_folded_is_expanded(ids):
    assert vlans.expand(vlans.fold(ids)) == ids


@given(IDS, st.sampled_from([("-", ","), (" to ", " "), ("-", " "), ("-", ",\n      ")]))
def test_each_way_of_writing_is_read(ids, style):
    to, between = style
    assert vlans.expand(between.join(vlans.items(ids, to))) == ids


@given(IDS, st.integers(14, 300), st.integers(1, 50))
def test_chunks_are_all_ids_and_no_longer_than_asked(ids, characters, count):
    parts = list(vlans.chunks(ids, characters, count))
    assert frozenset().union(*map(vlans.expand, parts)) == ids
    assert all(len(part) <= characters and part.count(",") < count for part in parts)


@pytest.mark.parametrize(("text", "ids"), [
    ("1(default vlan), 2001-2003, 2190\n                 4001-4002", {1, 2001, 2002, 2003, 2190, 4001, 4002}),
    ("107-109\n 111-112", {107, 108, 109, 111, 112}),
    ("1 to 3 7 9 to 10", {1, 2, 3, 7, 9, 10}),
    ("none", set()), ("None", set()), ("", set()), ("N/A", set()),
    ("ALL", ALL_VLANS), ("1-4094", ALL_VLANS),
])
def test_lists_as_switches_write_them(text, ids):
    assert vlans.expand(text) == ids


@pytest.mark.parametrize("text", ["5000", "0", "7-3", "10,eth", "10;20"])
def test_what_is_no_list_is_named(text):
    with pytest.raises(ValueError, match=text.split(",", maxsplit=1)[0].split(";", maxsplit=1)[0]):
        vlans.expand(text)


@given(st.text(max_size=40))
def test_any_text_is_a_list_or_an_error(text):
    try:
        assert vlans.expand(text) <= ALL_VLANS
    except ValueError as error:
        assert str(error)


def test_full_names():
    kinds = {"eth": "Ethernet", "ethernet": "Ethernet", "xge": "Ten-GigabitEthernet", "po": "port-channel"}
    names = {"Eth1/1": "Ethernet1/1", "ethernet 1/1": "Ethernet1/1", "XGE1/0/1": "Ten-GigabitEthernet1/0/1", "Po10": "port-channel10",
             " po 10 ": "port-channel10", "swp1": "swp1", "peerlink": "peerlink", "": ""}
    assert {name: vlans.full_name(name, kinds) for name in names} == names


def test_ranges_of_ports():
    assert vlans.ranges(["Ethernet1/3", "Ethernet1/1", "Ethernet1/2", "Ethernet2/4", "peerlink", "Ethernet1/9"]) == [
        "Ethernet1/1-3", "Ethernet1/9", "Ethernet2/4", "peerlink"]


def test_mac_addresses():
    assert {vlans.mac(text) for text in ("0200.5E00.5301", "0200-5e00-5301", "02:00:5e:00:53:01")} == {"02:00:5e:00:53:01"}
    assert vlans.mac("Ethernet1/1") == vlans.mac("NONE") == ""
