"""OSDs that go: refused where pools would not fit, waited for until their data is elsewhere."""

from __future__ import annotations

import json

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import removal
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import ceph_osd_state

CLEAN, LOST, RECOVERING = "active+clean", "active+undersized+degraded", "active+undersized+degraded+remapped+backfilling"


class Ceph:
    """Hosts with an OSD each, in racks of one or two, as `ceph` 18.2.7 tells them. `busy` looks pass until data is elsewhere."""

    def __init__(self, hosts=4, racks=0, size=3):
        self.osds = {number: {"status": "up", "reweight": 1.0, "crush_weight": 1.0} for number in range(hosts)}
        self.racks = racks
        self.pools = [{"pool_name": "data", "type": 1, "size": size, "min_size": 2, "crush_rule": 1}]
        self.states, self.ran, self.busy, self.used, self.stoppable = {CLEAN: 32}, [], 0, 10, True

    def run(self, argv):
        words = argv[3:]
        if words[-2:] == ["--format", "json"]:
            return Result(0, json.dumps(getattr(self, "ask_" + "_".join(words[:-2]))()), "")
        if words[1] == "safe-to-destroy":
            self.busy -= 1
            return Result(16, "", "Error EBUSY: OSD(s) 0 have 43 pgs currently mapped to them.\n") if self.busy >= 0 else Result(0, "", "")
        if words[1] == "ok-to-stop":
            return Result(0, "", "") if self.stoppable else Result(16, "", "Error EBUSY: unsafe to stop osd(s) at this time (8 PGs)\n")
        self.ran.append(" ".join(words))
        self.change(*words[1:])
        return Result(0, "", "")

    def change(self, verb, *rest):
        if verb in ("in", "out"):
            self.osds[int(rest[0])]["reweight"] = float(verb == "in")
        elif verb == "crush":
            self.osds[int(rest[1].split(".")[1])]["crush_weight"] = float(rest[2])
        elif verb == "destroy":
            self.osds[int(rest[0])]["status"] = "destroyed"
        else:
            del self.osds[int(rest[0])]

    def ask_osd_tree(self):
        hosts = [{"id": -10 - number, "name": f"store{number + 1}", "type": "host", "children": [number]} for number in self.osds]
        racks = [{"id": -2 - rack, "name": f"r{rack + 1}", "type": "rack", "children": [
            host["id"] for host in hosts if (-10 - host["id"]) % self.racks == rack]} for rack in range(self.racks)]
        root = {"id": -1, "name": "default", "type": "root", "children": [bucket["id"] for bucket in racks or hosts]}
        osds = [{"id": number, "name": f"osd.{number}", "type": "osd", "device_class": "hdd", **osd} for number, osd in self.osds.items()]
        return {"nodes": [root, *racks, *hosts, *osds], "stray": []}

    def ask_osd_dump(self):
        return {"pools": self.pools, "erasure_code_profiles": {"archive": {"k": "2", "m": "1"}}}

    def ask_osd_crush_rule_dump(self):
        kind = "rack" if self.racks else "host"
        return [{"rule_id": number, "steps": [{"op": "take", "item": -1, "item_name": root},
                                              {"op": "chooseleaf_firstn", "num": 0, "type": each}, {"op": "emit"}]}
                for number, root, each in ((1, "default", kind), (2, "default~hdd", "osd"), (3, "default~ssd", "host"))]

    def ask_osd_df(self):
        return {"nodes": [{"id": number, "kb": 100, "kb_used": self.used} for number in self.osds]}

    def ask_status(self):
        return {"pgmap": {"pgs_by_state": [{"state_name": name, "count": count} for name, count in self.states.items()]}}


@pytest.fixture
def use(monkeypatch):
    monkeypatch.setattr(removal.wait, "__defaults__", (iter(range(1000)).__next__, lambda _seconds: None))

    def taken(ceph):
        monkeypatch.setattr(ceph_osd_state, "runner", lambda _module: ceph.run)
        return ceph
    return taken


def test_a_disk_is_replaced_where_a_host_is_to_spare(use, call_module):
    ceph = use(Ceph(hosts=4))
    ceph.busy = 3
    out = call_module(ceph_osd_state, osds=[3], state="out", timeout=60)
    assert out["commands"] == ["ceph osd out 3"] and out["elsewhere"] and out["verified"] and out["after"]["osd.3"]["in"] is False
    refused = call_module(ceph_osd_state, osds=[3], state="destroyed")
    assert "osd.3 still runs on store4: `systemctl disable --now ceph-osd@3`" in refused["msg"]
    ceph.osds[3]["status"] = "down"
    assert call_module(ceph_osd_state, osds=[3], state="destroyed")["after"]["osd.3"]["status"] == "destroyed"
    assert not call_module(ceph_osd_state, osds=[3], state="destroyed")["changed"]
    assert call_module(ceph_osd_state, osds=[3], state="in")["commands"] == ["ceph osd in 3"]


def test_data_that_does_not_get_elsewhere_ends_the_wait_and_says_why(use, call_module):
    ceph = use(Ceph(hosts=4))
    ceph.busy = 1000
    result = call_module(ceph_osd_state, osds=[3], state="out", timeout=5)
    assert "the data of osd.3 is not elsewhere after 5 s: Error EBUSY: OSD(s) 0 have 43 pgs" in result["msg"]
    ceph.osds[3]["status"] = "down"
    assert call_module(ceph_osd_state, osds=[3], state="destroyed", timeout=5)["failed"] and ceph.osds[3]["status"] == "down"


def test_where_no_host_is_to_spare_all_others_must_be_whole(use, call_module):
    ceph = use(Ceph(hosts=3))
    out = call_module(ceph_osd_state, osds=[2], state="out", timeout=5)
    assert not out["elsewhere"] and not out["changed"] and "3 copies need 3 failure domains, and 2 have OSDs" in out["why"][0]
    ceph.states = {CLEAN: 30, RECOVERING: 2}
    assert "cannot be spared after 20 s" in call_module(ceph_osd_state, check=True, osds=[2], state="out")["msg"]
    refused = call_module(ceph_osd_state, osds=[2], state="out", timeout=5)
    assert f"osd.2 cannot be spared after 5 s: placement groups are 2 {RECOVERING}" in refused["msg"]
    ceph.osds[2]["status"], ceph.states = "down", {LOST: 32}
    assert call_module(ceph_osd_state, osds=[2], state="out", timeout=5)["elsewhere"] is False
    ceph.stoppable = False
    assert "unsafe to stop" in call_module(ceph_osd_state, osds=[2], state="destroyed", timeout=5)["msg"]
    ceph.stoppable = True
    assert call_module(ceph_osd_state, osds=[2], state="destroyed", timeout=5)["commands"] == ["ceph osd destroy 2 --yes-i-really-mean-it"]


def test_degraded_data_elsewhere_keeps_an_osd_that_runs(use, call_module):
    ceph = use(Ceph(hosts=3))
    ceph.states = {CLEAN: 31, LOST: 1}
    assert f"placement groups are 1 {LOST}" in call_module(ceph_osd_state, osds=[2], state="out", timeout=0)["msg"]


def test_a_host_is_drained_and_purged(use, call_module):
    ceph = use(Ceph(hosts=5))
    assert call_module(ceph_osd_state, osds=[2, 3, 4], state="drained")["failed"], "3 copies on 2 hosts"
    drained = call_module(ceph_osd_state, osds=[4], state="drained")
    assert drained["commands"] == ["ceph osd crush reweight osd.4 0"] and drained["after"]["osd.4"]["weight"] == 0
    ceph.osds[4]["status"] = "down"
    assert call_module(ceph_osd_state, osds=[4], state="purged")["after"] == {}
    assert not call_module(ceph_osd_state, osds=[4], state="purged")["changed"]


def test_racks_are_counted_where_they_are_the_failure_domain(use, call_module):
    use(Ceph(hosts=4, racks=3))
    assert not call_module(ceph_osd_state, check=True, osds=[3], state="drained")["verified"], "the first rack has another host"
    refused = call_module(ceph_osd_state, check=True, osds=[2], state="drained")
    assert "osd.2 cannot go: pool data: 3 copies need 3 failure domains, and 2 have OSDs" in refused["msg"]


@pytest.mark.parametrize(("change", "reason"), [
    ({"used": 70}, "what is stored makes the other OSDs 93 % full, and nearfull is at 85 %"),
    ({"pools": [{"pool_name": "fast", "type": 1, "size": 2, "min_size": 2, "crush_rule": 3}]}, "pool fast: 2 copies need 2 failure"),
    ({"pools": [{"pool_name": "old", "type": 3, "size": 3, "min_size": 3, "crush_rule": 1, "erasure_code_profile": "archive"}]}, ""),
    ({"pools": [{"pool_name": "lab", "type": 1, "size": 3, "min_size": 2, "crush_rule": 2}]}, ""),
])
def test_what_does_not_fit(use, call_module, change, reason):
    ceph = use(Ceph(hosts=4))
    vars(ceph).update(change)
    result = call_module(ceph_osd_state, check=True, osds=[0], state="drained")
    assert (reason in result["msg"] and "nothing was changed" in result["msg"]) if reason else result["changed"]
    assert ceph.ran == []


def test_an_osd_that_is_not_there(use, call_module):
    use(Ceph())
    assert "there is no osd.9: look at `ceph osd tree`" in call_module(ceph_osd_state, osds=[9], state="out")["msg"]
