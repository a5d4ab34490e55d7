"""Whose machine is behind which BMC."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import identity
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.driver import Identity
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import OK, UNKNOWN, WRONG_MACHINE

UUIDS = [str(uuid.UUID(int=number << 64 | 7)) for number in range(1, 9)]


def node(number, **more):
    return {"name": f"node00{number}", "address": f"10.11.1.{number}", "uuid": UUIDS[number], "serial": f"S{number}4711", **more}


def said(number, **more):
    return Identity(uuid=UUIDS[number], serial=f"S{number}4711")._replace(**more)


def judge(*nodes, **seen):
    return identity.judge(nodes, {name: who for name, who in seen.items() if who})


def test_all_at_home():
    found = judge(node(1), node(2), node001=said(1), node002=said(2, serial=None))
    assert {name: outcome.verdict for name, outcome in found.items()} == {"node001": OK, "node002": OK}


def test_a_crossed_pair_is_named_on_both_sides():
    found = judge(node(1), node(2), node(5), node001=said(1), node002=said(5), node005=said(2))
    assert found["node001"].ok
    assert found["node002"].text == ("node002 and node005 are swapped: the BMC at 10.11.1.2 belongs to node005, that at 10.11.1.5 to "
                                     "node002. Exchange the two addresses or the two cables")
    assert found["node005"].text.startswith("node002 and node005 are swapped: the BMC at 10.11.1.5 belongs to node002")


def test_a_ring_of_three_says_whose_each_is():
    found = judge(node(1), node(2), node(3), node001=said(2), node002=said(3), node003=said(1))
    assert [outcome.text.split(":")[0] for outcome in found.values()] == [
        f"the BMC at 10.11.1.{number} belongs to node00{owner}" for number, owner in ((1, 2), (2, 3), (3, 1))]


def test_a_stranger_and_a_replaced_part():
    found = judge(node(1), node(2), node001=said(7), node002=said(2, uuid=UUIDS[7]))
    assert found["node001"].verdict == found["node002"].verdict == WRONG_MACHINE
    assert "none of these nodes" in found["node001"].text
    assert "has the serial number of node002, but UUID" in found["node002"].text and "replaced" in found["node002"].text


def test_what_cannot_be_compared_is_unknown_and_not_ok():
    found = judge({"name": "a", "address": "x"}, node(2, uuid=None), a=said(1), node002=said(2, serial=None))
    assert found["a"].verdict == found["node002"].verdict == UNKNOWN
    assert "no UUID, serial number or MAC address is known of it" in found["a"].text
    assert "does not tell its serial number" in found["node002"].text


def test_a_number_that_two_nodes_have_proves_nothing():
    twins = [node(1, uuid=UUIDS[3], serial=None), node(2, uuid=UUIDS[3], serial=None)]
    found = judge(*twins, node001=Identity(uuid=UUIDS[3]), node002=Identity(uuid=UUIDS[4]))
    assert {outcome.verdict for outcome in found.values()} == {UNKNOWN}


@pytest.mark.parametrize("text", ["", "To Be Filled By O.E.M.", "Default string", "0000000000", "0123456789", "123456789", "N/A", "xxxxxx",
                                  "System Serial Number", "Not Specified", " none "])
def test_what_makers_leave_empty_is_no_serial_number(text):
    assert identity.normal("serial", text) is None


@pytest.mark.parametrize("text", ["S4711", "0012345", "CZ12345678", "1234567890"])
def test_serial_numbers_are_compared_without_their_case(text):
    assert identity.normal("serial", f" {text} ") == identity.normal("serial", text.lower())


@given(st.uuids())
def test_a_uuid_is_the_same_in_both_byte_orders(number):
    swapped = uuid.UUID(bytes=number.bytes_le)
    assert identity.normal("uuid", str(number)) == identity.normal("uuid", str(swapped).upper())


@pytest.mark.parametrize("text", [str(uuid.UUID(int=0)), "ffffffff-ffff-ffff-ffff-ffffffffffff", "garbage", "00:00:00:00:00:00"])
def test_empty_uuids_and_macs(text):
    assert identity.normal("uuid", text) is None and identity.normal("mac", text) is None


def test_macs_in_any_spelling():
    assert identity.normal("mac", "02:0A:bc-01.02 03") == "020abc010203"


@given(st.permutations(range(1, 7)))
def test_whoever_is_wired_to_whom_only_the_right_ones_pass(order):
    nodes = [node(number) for number in range(1, 7)]
    found = identity.judge(nodes, {f"node00{place}": said(number) for place, number in enumerate(order, 1)})
    for place, number in enumerate(order, 1):
        outcome = found[f"node00{place}"]
        assert outcome.ok is (place == number)
        assert outcome.ok or f"belongs to node00{number}" in outcome.text
