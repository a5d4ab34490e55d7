"""What a plan adds, what it never takes, what it refuses, and in which words it says so."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import plan as planning
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import (
    ALL_VLANS,
    MakeVlan,
    Port,
    RemoveVlan,
    SetPort,
    State,
)


def wanted(name, mode="access", untagged=None, tagged=(), mtu=None, description=None, protected=False):
    return {"name": name, "mode": mode, "untagged": untagged, "tagged": [*tagged], "mtu": mtu, "description": description,
            "protected": protected}


def intent(*ports, vlans=(10, 301, 302), owned=((10, 12), (300, 399))):
    return {"name": "leaf1", "platform": "eos", "vlans": [{"id": vlan, "name": f"v{vlan}"} for vlan in vlans], "ports": [*ports],
            "owned": [[*span] for span in owned]}


def state(*ports, vlans=(1,)):
    return State({vlan: f"v{vlan}" for vlan in vlans}, {port.name: port for port in ports})


def trunk(name, *tagged, untagged=1, **more):
    return Port(name, "trunk", untagged, frozenset(tagged), **more)


ALL = trunk("Et9", *(ALL_VLANS - {1}))


def after(plan, name="Et1"):
    return plan.after.ports[name]


def test_vlans_are_made_then_ports_are_set():
    plan = planning.plan(intent(wanted("Et1", "trunk", 10, [301], 9000, "cn1 eth0"), vlans=(10, 301)), state(Port("Et1", mtu=1500)))
    assert plan.steps == [MakeVlan(10, "v10"), MakeVlan(301, "v301"),
                          SetPort(Port("Et1", mtu=1500), trunk("Et1", 301, untagged=10, mtu=9000, description="cn1 eth0"))]
    assert [each["text"] for each in plan.impact] == [
        "Et1 (cn1 eth0) loses VLAN 1; untagged frames are in VLAN 10 then, not in VLAN 1",
        "Et1 (cn1 eth0): its MTU goes from 1500 to 9000; some switches take the link down for a moment"]
    assert (plan.refusals, plan.too_many, plan.ports, plan.vlans) == ([], "", ["Et1"], [10, 301])
    assert planning.plan(intent(wanted("Et1", "trunk", 10, [301], 9000, "cn1 eth0"), vlans=(10, 301)), plan.after).steps == []


def test_what_is_not_said_stays():
    had = trunk("Et1", 20, untagged=5, mtu=9214, description="by hand")
    plan = planning.plan(intent(wanted("Et1", "trunk", tagged=[301])), state(had))
    assert after(plan) == replace(had, tagged=frozenset({20, 301}))
    nothing = planning.plan(intent(wanted("Et1", "trunk", protected=True)), state(Port("Et1")))      # an uplink that nothing needs
    assert nothing.ports == []


def test_present_removes_nothing_and_exact_only_what_is_ours():
    had = state(trunk("Et1", 20, 310), Port("Et2", untagged=311), trunk("Et3", 20, 312, untagged=313),
                vlans=(1, 20, 310, 311, 312, 313, 400))
    wish = intent(wanted("Et1", "trunk", 10, [301]))
    present = planning.plan(wish, had)
    assert after(present).tagged == {20, 301, 310} and present.ports == ["Et1"]
    assert not [step for step in present.steps if isinstance(step, RemoveVlan)]
    exact = planning.plan(wish, had, "exact")
    assert after(exact) == trunk("Et1", 20, 301, untagged=10)
    assert after(exact, "Et2").untagged == 1 and after(exact, "Et3") == trunk("Et3", 20)
    assert [step.id for step in exact.steps if isinstance(step, RemoveVlan)] == [310, 311, 312, 313]
    assert sorted(exact.after.vlans) == [1, 10, 20, 301, 302, 400]
    assert "Et2 loses VLAN 311; untagged frames are in VLAN 1 then, not in VLAN 311" in [each["text"] for each in exact.impact]
    assert exact.impact[-1] == {"kind": "vlan_removed", "port": "", "vlans": [313], "text": "VLAN 313 (v313) is removed from the switch"}


def test_a_trunk_stays_one_while_it_carries_what_may_not_be_taken():
    wish = intent(wanted("Et1", "access", 10))
    assert after(planning.plan(wish, state(trunk("Et1", 301), vlans=(301,)))) == trunk("Et1", 301, untagged=10)
    assert after(planning.plan(wish, state(trunk("Et1", 301), vlans=(301,)), "exact")) == Port("Et1", untagged=10)
    assert after(planning.plan(wish, state(trunk("Et1", 20), vlans=(20,)), "exact")) == trunk("Et1", 20, untagged=10)
    # VLANs that do not exist carry nothing.
    assert after(planning.plan(wish, state(replace(ALL, name="Et1")))) == Port("Et1", untagged=10)
    assert after(planning.plan(wish, state(replace(ALL, name="Et1"), vlans=(1, 20)))) == trunk("Et1", 20, untagged=10)


def test_absent_takes_the_named_vlans_off():
    had = state(trunk("Et1", 301, 302), Port("Et2", untagged=301), vlans=(1, 301, 302))
    plan = planning.plan(intent(vlans=[301]), had, "absent")
    assert (after(plan).tagged, after(plan, "Et2").untagged, sorted(plan.after.vlans)) == ({302}, 1, [1, 302])
    assert "VLAN 400 is not ours to remove" in planning.plan(intent(vlans=[400]), had, "absent").refusals[0]
    uplink = planning.plan(intent(wanted("Et1", "trunk", protected=True), vlans=[301]), had, "absent")
    assert "it would lose VLAN 301" in uplink.refusals[0]


@pytest.mark.parametrize(("had", "wish", "said"), [
    (trunk("Et1", 310), wanted("Et1", "trunk", tagged=[301], protected=True), "it would lose VLAN 310"),
    (Port("Et1"), wanted("Et1", "trunk", tagged=[301], protected=True), "its mode would change from access to trunk"),
    (trunk("Et1"), wanted("Et1", "trunk", 10, protected=True), "its untagged VLAN would change from 1 to 10"),
])
def test_a_protected_port_loses_nothing_unless_it_is_named(had, wish, said):
    (refusal,) = planning.plan(intent(wish), state(had), "exact").refusals
    assert refusal.startswith("Et1 is protected (an uplink") and said in refusal and "allow_protected" in refusal
    assert planning.plan(intent(wish), state(had), "exact", allow_protected=["Et1"]).refusals == []


def test_a_trunk_of_all_vlans_is_left_to_be_one_where_it_is_an_uplink():
    had = state(ALL, Port("Et1"), vlans=(1, 310))
    for ports in ([wanted("Et9", "trunk", tagged=[10], protected=True)], []):
        plan = planning.plan(intent(*ports), had, "exact")
        assert plan.ports == [] and plan.refusals == []
        assert [step.id for step in plan.steps if isinstance(step, RemoveVlan)] == [310]
    assert plan.notes == ["Et9: trunks of all VLANs that are not in the cluster file, left as they are"]


@pytest.mark.parametrize("there", [(), (1, 10), (12,), (1, 20, 301)])
def test_it_stays_one_also_where_an_access_port_is_declared(there):
    """VLANs that come and go beside it make no difference, nor does what `exact` removes."""
    had = state(replace(ALL, name="Et1"), vlans=there)
    for wish in (wanted("Et1", untagged=1, protected=True), wanted("Et1", protected=True)):
        plan = planning.plan(intent(wish, vlans=()), had, "exact")
        assert after(plan) == had.ports["Et1"] and not plan.refusals
        assert not planning.plan(intent(wish, vlans=()), plan.after, "exact").steps
    plan = planning.plan(intent(wanted("Et1", untagged=10, protected=True), vlans=(10,)), had, "exact")
    assert "its untagged VLAN would change from 1 to 10" in plan.refusals[0]


def test_a_declared_port_that_carries_all_vlans_gets_a_list():
    """Some platforms make every port one: nobody has decided that it carries ours. What exists and is not ours is kept."""
    had = state(replace(ALL, name="Et1"), vlans=(1, 20, 301, 302))
    for mode in ("present", "exact"):
        assert after(planning.plan(intent(wanted("Et1", "trunk", 10, [301])), had, mode)) == trunk("Et1", 20, 301, untagged=10)


def test_a_native_vlan_that_an_uplink_shall_carry_is_carried():
    plan = planning.plan(intent(wanted("Et1", "trunk", tagged=[10, 301], protected=True)), state(trunk("Et1", untagged=10)), "exact")
    assert after(plan) == trunk("Et1", 301, untagged=10) and plan.refusals == []


def test_ports_that_the_switch_lacks_are_named_at_once():
    plan = planning.plan(intent(*(wanted(f"Ethernet{number}", untagged=10) for number in (1, 22, 23))),
                         state(Port("Ethernet1"), Port("Ethernet2")))
    assert plan.refusals == ["it has no port Ethernet22 (did you mean Ethernet2?), Ethernet23 (did you mean Ethernet2?): "
                             "correct the cabling, or make the LAG on the switch first"]


@pytest.mark.parametrize(("wish", "had", "said"), [
    (intent(wanted("Et1", untagged=10)), state(Port("Et1", "other", None, lag="Po1")),
     "Et1 is a member of Po1: the cabling row needs `lag: Po1`"),
    (intent(wanted("Et1", untagged=10)), state(Port("Et1", "other", None)), "Et1 is no port for VLANs (routed"),
    (intent(wanted("Et1", untagged=77)), state(Port("Et1")), "VLAN 77 is declared for a port, but is not among the VLANs"),
    (intent(vlans=[1, 1003]), state(), "VLAN 1,1003 is every switch's own"),
])
def test_what_cannot_be_is_refused(wish, had, said):
    assert said in planning.plan(wish, had).refusals[0]


def test_only_so_many_ports_change():
    names = [f"Et{number}" for number in range(1, 21)]
    had = state(*(Port(name) for name in names))
    plan = planning.plan(intent(*(wanted(name, untagged=10) for name in names)), had)
    assert plan.too_many.startswith("20 ports would change, more than max_changed_ports (16)") and plan.refusals == []
    assert planning.plan(intent(*(wanted(name, untagged=10) for name in names)), had, max_changed_ports=20).too_many == ""
    described = planning.plan(intent(*(wanted(name, "trunk", description="x", protected=True) for name in names)), had)
    assert len(described.ports) == 20 and described.too_many == ""


def test_a_name_is_corrected_where_the_platform_has_names():
    assert planning.plan(intent(vlans=[10]), State({10: "VLAN0010"})).steps == [MakeVlan(10, "v10", "VLAN0010")]
    assert planning.plan(intent(vlans=[10]), State({10: ""})).steps == []


def test_differences_and_lines_in_words():
    expected = state(trunk("Et1", 301, untagged=10, mtu=9000, description="cn1 eth0"), vlans=(10, 301))
    seen = State({10: "other", 302: "x"}, {"Et1": Port("Et1", untagged=10, mtu=9000)})
    assert planning.differences(expected, seen, [10, 301, 302], ["Et1"]) == [
        "VLAN 10 is called other, not v10", "VLAN 301 is not there", "VLAN 302 is still there",
        'Et1 is access, untagged 10, MTU 9000, not trunk, untagged 10, tagged 301, MTU 9000, "cn1 eth0"']
    assert planning.lines(expected, [301, 10], ["Et1"]) == (
        'VLAN 10 v10\nVLAN 301 v301\nEt1: trunk, untagged 10, tagged 301, MTU 9000, "cn1 eth0"\n')
    assert planning.describe(ALL) == "trunk, untagged 1, tagged all"
    assert planning.changed_since(expected, seen) == ["VLAN 10", "VLAN 301", "VLAN 302", "Et1"]
    assert planning.as_data(expected, [10])["ports"][0]["tagged"] == "301"


# --- whatever the switch is and whatever is wanted

ids = st.sampled_from([1, 2, 10, 11, 20, 300, 301, 302, 400, 1002])
names = st.sampled_from(["Et1", "Et2", "Et3", "Et4"])


def any_port(name, mode, untagged, tagged, mtu):
    carried = ALL_VLANS if tagged is None else frozenset(tagged)
    return Port(name, mode, None if mode == "other" else untagged, carried - {untagged} if mode == "trunk" else frozenset(), mtu)


def any_wish(name, untagged, tagged, mtu, protected):
    return wanted(name, "trunk" if tagged else "access", None if protected else untagged, sorted(tagged - {untagged}) or sorted(tagged),
                  mtu, None, protected)


ports = st.builds(any_port, names, st.sampled_from(["access", "trunk", "other"]), ids, st.none() | st.sets(ids, max_size=4),
                  st.sampled_from([None, 1500, 9000]))
states = st.builds(lambda many, vlans: State({vlan: f"v{vlan}" for vlan in vlans}, {port.name: port for port in many}),
                   st.lists(ports, max_size=4), st.sets(ids))
wishes = st.builds(any_wish, names, st.sampled_from([10, 11, 300]), st.sets(st.sampled_from([10, 301, 302])),
                   st.sampled_from([None, 9000]), st.booleans())
intents = st.lists(wishes, max_size=4, unique_by=lambda wish: wish["name"]).map(lambda many: intent(*many, vlans=(10, 11, 300, 301, 302)))


@settings(max_examples=400, deadline=None)
@given(intents, states, st.sampled_from(["present", "exact"]))
def test_no_plan_takes_what_it_may_not(wish, had, mode):
    plan = planning.plan(wish, had, mode, max_changed_ports=100)
    owned = {10, 11, 12, *range(300, 400)}
    declared = {port["name"]: port for port in wish["ports"]}
    assert {step.id for step in plan.steps if isinstance(step, RemoveVlan)} <= (owned if mode == "exact" else set())
    assert not {step.id for step in plan.steps if isinstance(step, MakeVlan)} & planning.RESERVED
    for step in plan.steps:
        if isinstance(step, SetPort):
            existing = set(had.vlans) - planning.RESERVED
            lost = (step.before.tagged - step.after.vlans) & existing
            assert lost <= (owned if mode == "exact" or step.before.vlans >= ALL_VLANS else set())
            if declared.get(step.after.name, {}).get("protected") and not plan.refusals:
                assert step.before.vlans <= step.after.vlans
    for name, want in declared.items():
        if name in had.ports and had.ports[name].mode != "other":
            assert set(want["tagged"]) <= plan.after.ports[name].vlans
            assert want["untagged"] in (None, plan.after.ports[name].untagged)
    kinds = [(2 if isinstance(step, RemoveVlan) else 0 if isinstance(step, MakeVlan) else 1) for step in plan.steps]
    assert kinds == sorted(kinds)
    assert planning.plan(wish, plan.after, mode, max_changed_ports=100).steps == []
    assert planning.apply_to(plan.after, planning.steps_back(plan, plan.after)) == had
