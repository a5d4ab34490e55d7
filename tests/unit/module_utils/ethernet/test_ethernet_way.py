"""Where the session itself comes from, and what would cut it."""

from __future__ import annotations

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import session as sessions
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import way
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Learned
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.plan import Plan
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import ALL_VLANS, MakeVlan, Port, RemoveVlan, SetPort, State

OURS = frozenset({"02:00:00:00:00:99"})
HERE = Learned("02:00:00:00:00:99", 10, "swp5")
MANY = [Learned(f"02:00:00:00:01:{number:02}", 10, "swp49") for number in range(3)]


def plan(*steps):
    return Plan(list(steps), State(), State())


def port(untagged=None, tagged=(), name="swp5"):
    return Port(name, "trunk" if tagged else "access", untagged, frozenset(tagged))


def cuts(step, allowed=()):
    return way.cuts(plan(step), [way.Way("swp5", frozenset({10}), "why")], allowed)


def test_the_port_of_this_machine_is_the_way():
    assert way.ways([*MANY, HERE], OURS, None) == [way.Way("swp5", frozenset({10}), "this control machine is behind it")]


def test_of_several_vlans_it_is_the_one_of_the_switchs_address():
    both = [HERE, HERE._replace(vlan=20)]
    assert [each.vlans for each in way.ways(both, OURS, None)] == [{10, 20}]
    assert [each.vlans for each in way.ways(both, OURS, 20)] == [{20}]
    assert [each.vlans for each in way.ways(both, OURS, 30)] == [{10, 20}]      # routed by this switch, perhaps


def test_behind_a_router_it_is_any_port_of_many_machines():
    one = Learned("02:00:00:00:02:01", 10, "swp1")
    assert [each.port for each in way.ways([*MANY, one], OURS, 10)] == ["swp49"]
    assert way.ways([*MANY, one], OURS, 20) == [] == way.ways([*MANY, one], OURS, None)


def test_what_cuts_it_and_what_does_not():
    assert cuts(SetPort(port(10), port(20)))[0].startswith("swp5 is the way that this session takes (why): VLAN 10 would be taken off it")
    assert cuts(SetPort(port(10), port(1, (10,)))) and cuts(SetPort(port(1, (10,)), port(10)))      # the other end tags as before
    assert cuts(RemoveVlan(10, "admin"))            # under a trunk of all VLANs
    assert not cuts(SetPort(port(10), port(10, (20,)))) and not cuts(SetPort(port(10, (20,)), port(10)))
    assert not cuts(SetPort(port(10, name="swp6"), port(20, name="swp6")))
    assert not cuts(SetPort(port(10), port(20)), allowed=["swp5"]) and not cuts(RemoveVlan(20, ""))
    assert not cuts(SetPort(Port("swp5", "trunk", 1, ALL_VLANS - {1}), port(1, (10,))))


def test_the_addresses_of_this_machine(tmp_path, monkeypatch):
    infiniband = "80:00:02:08:fe:80:" + 14 * "00:" + "01\n"
    for name, text in (("lo", "00:00:00:00:00:00\n"), ("eth0", "02:00:00:00:00:0A\n"), ("ib0", infiniband), ("tun0", "\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "address").write_text(text)
    (tmp_path / "veth7" / "address").mkdir(parents=True)        # goes while it is read
    monkeypatch.setattr(way, "NET", tmp_path)
    assert way.own_macs() == {"02:00:00:00:00:0a"}
    monkeypatch.setattr(way, "NET", tmp_path / "nothing")       # not Linux
    assert way.own_macs() == frozenset()


def test_the_mac_table_is_read_only_when_something_is_taken_away(monkeypatch):
    asked = []

    def macs(_session):
        asked.append(1)
        raise ClusterwrightError("not understood")

    monkeypatch.setattr(sessions, "macs", macs)
    harmless = plan(MakeVlan(10, "admin"), SetPort(port(10), port(10, (20,))))
    assert way.guarded(None, harmless, None, ()) == harmless and not asked
    seen = way.guarded(None, plan(RemoveVlan(10, "")), None, ())
    assert asked and not seen.refusals and "its MAC table cannot be read" in seen.notes[0]
