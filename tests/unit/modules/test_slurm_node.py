"""What a run is told of its nodes, and what it does to them."""

from __future__ import annotations

import re

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.modules import slurm_node
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import nodeset


@pytest.fixture
def slurmctld(monkeypatch):
    """Takes the lines that slurmctld answers with, the same each time."""

    def answers(*lines, rc=0):
        text = "".join(f"{line}\n" for line in lines)
        monkeypatch.setattr(slurm_node, "runner", lambda _module: lambda _argv: Result(rc, text, text if rc else ""))

    return answers


def test_nodes_that_respond(call_module, slurmctld):
    drained = "NodeName=cn2 State=IDLE+DRAIN Reason=DIMM swap [root@2026-11-21T05:00:00]"
    slurmctld("NodeName=cn1 State=IDLE SlurmdStartTime=1795248291", drained, "NodeName=cn3 State=UNKNOWN")
    result = call_module(slurm_node, nodes=["cn1", "cn2"])
    assert result["states"] == {"cn1": "IDLE", "cn2": "DRAIN+IDLE (DIMM swap)"}
    assert result["slurmd_started"] == {"cn1": 1795248291, "cn2": None}
    assert (result["verified"], result["not_responding"], result["changed"]) == (True, {}, False)
    assert result["warnings"] == []     # who has drained a node knows it


def test_a_node_that_slurmctld_took_out_is_a_warning(call_module, slurmctld):
    slurmctld("NodeName=cn1 State=DOWN Reason=Not responding [slurm@2026-11-21T05:00:00]")
    assert "state=resume" in str(call_module(slurm_node, nodes=["cn1"])["warnings"])


@pytest.mark.parametrize("check", [False, True])
def test_nodes_that_do_not_respond_fail_the_run_and_only_warn_in_check_mode(call_module, slurmctld, check):
    slurmctld(*(f"NodeName=cn{number} State=UNKNOWN" for number in range(1, 8)))
    names = [f"cn{number}" for number in range(1, 9)]
    result = call_module(slurm_node, nodes=names, timeout=0, check=check)
    assert result.get("failed", False) is not check and result["verified"] is False
    assert sorted(result["not_responding"]) == names
    said = str(result["warnings"]) if check else result["msg"]
    assert "8 of 8 nodes do not respond" in said and said.count("journalctl") == 5 and "and 3 more" in said


def test_a_slurmctld_that_does_not_answer_is_named(call_module, slurmctld):
    slurmctld("slurm_load_node error: Unable to contact slurm controller", rc=1)
    assert "slurmctld does not answer (slurm_load_node error" in call_module(slurm_node, nodes=["cn1"])["msg"]


class Slurm:
    """Nodes that scontrol shows and updates; `jobs` are squeue's lines."""

    def __init__(self, **states):
        self.nodes = {name: {"State": state} for name, state in states.items()}
        self.jobs = ""
        self.updates = []

    def run(self, argv):
        words = [word for word in argv if word != "env" and not word.startswith("SLURM_TIME_FORMAT")]
        if words[0] == "squeue":
            return Result(0, self.jobs, "")
        if words[1:3] == ["show", "hostnames"]:
            return Result(0, "\n".join(nodeset.expand(words[3])), "")
        if words[1] == "update":
            self.update(dict(word.split("=", 1) for word in words[2:]))
            return Result(0, "", "")
        names = nodeset.expand(words[4]) if len(words) > 4 else list(self.nodes)
        return Result(0, "".join(f"NodeName={name} {self.line(self.nodes[name])}\n" for name in names), "")

    @staticmethod
    def line(keys):
        reason = f" Reason={keys['reason']} [root@1795248329]" if "reason" in keys else ""
        return f"State={keys['State']}{reason}" + (f" Comment={keys['comment']}" if "comment" in keys else "")

    def update(self, keys):
        self.updates.append(keys)
        for name in nodeset.expand(keys["nodename"]):
            node = self.nodes[name]
            node.update({key: keys[key] for key in ("reason", "comment") if key in keys})
            if keys["state"] == "drain":
                node["State"] += "+DRAIN"
            elif keys["state"] == "resume":
                node["State"] = re.sub(r"\+DRAIN|DOWN", "", node["State"]) or "IDLE"
            else:
                node["State"] = "DOWN"


@pytest.fixture
def slurm(monkeypatch):
    """Four nodes, cn3 drained by an administrator."""
    fake = Slurm(cn1="IDLE", cn2="IDLE", cn3="IDLE+DRAIN", cn4="IDLE")
    fake.nodes["cn3"]["reason"] = "DIMM swap"
    monkeypatch.setattr(slurm_node, "runner", lambda _module: fake.run)
    return fake


def test_drain_and_resume(call_module, slurm):
    drain = {"nodes": ["cn[1-3]", "cn4"], "state": "drained", "reason": "kernel"}
    predicted = call_module(slurm_node, check=True, **drain)
    assert slurm.updates == [] and predicted["verified"] is False
    result = call_module(slurm_node, **drain)
    assert result["commands"] == predicted["commands"]
    assert result["commands"] == ["scontrol update 'nodename=cn[1-2,4]' state=drain 'reason=kernel (clusterwright)'"]
    assert result["after"] == predicted["after"] == dict.fromkeys(("cn1", "cn2", "cn4"), "DRAIN+IDLE (kernel (clusterwright))")
    assert result["diff"]["before"] == "cn1: IDLE\ncn2: IDLE\ncn4: IDLE\n"
    assert (result["changed"], result["verified"], result["left_alone"]) == (True, True, {"cn3": "DRAIN+IDLE (DIMM swap), by root"})
    assert "cn3: DRAIN+IDLE (DIMM swap), by root" in str(result["warnings"])
    assert call_module(slurm_node, **drain)["changed"] is False

    resumed = call_module(slurm_node, nodes=["cn[1-4]"], state="resumed", reason="kernel", once=True)
    assert (resumed["changed"], resumed["verified"], set(resumed["after"])) == (True, True, {"cn1", "cn2", "cn4"})
    assert slurm.nodes["cn3"] == {"State": "IDLE+DRAIN", "reason": "DIMM swap"}
    again = call_module(slurm_node, once=True, **drain)
    assert (again["changed"], again["done"]) == (False, ["cn1", "cn2", "cn4"])


def test_a_deadline_is_an_error_with_all_that_was_seen(call_module, slurm):
    slurm.nodes["cn1"]["State"] = "MIXED"
    slurm.jobs = "7|ada|RUNNING|N/A|cn1\n"
    result = call_module(slurm_node, nodes=["cn[1-2]"], state="drained", reason="kernel", timeout=0)
    assert result["failed"] and "1 of 2 nodes are not drained after 0 s: on cn1 runs job 7 of ada (RUNNING) on cn1" in result["msg"]
    assert (result["changed"], set(result["not_reached"]), result["impact"][0]["kind"]) == (True, {"cn1"}, "job_waits")


def test_down_is_refused_while_jobs_run(call_module, slurm):
    slurm.jobs = "7|ada|RUNNING|N/A|cn1\n"
    result = call_module(slurm_node, nodes=["cn1"], state="down", reason="PSU")
    assert result["failed"] and "nothing was changed" in result["msg"] and slurm.updates == []
    slurm.jobs = ""
    down = call_module(slurm_node, nodes=["cn1"], state="down", reason="PSU", end_jobs=True)
    assert down["after"] == {"cn1": "DOWN (PSU (clusterwright))"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nodes": ["cn[1-9]"], "state": "drained", "reason": "x"}, "slurmctld does not know cn[5-9]: nothing was changed"),
        ({"nodes": ["cn[1-"], "state": "drained", "reason": "x"}, "'cn[1-' is no NodeSet"),
        ({"nodes": ["cn1"], "state": "drained"}, "missing: reason"),
        ({"nodes": ["cn1"], "state": "resumed", "once": True}, "missing: reason"),
        ({"nodes": ["cn1"], "state": "powered_up"}, "power saving is not configured here"),
    ],
)
def test_what_cannot_be_done_changes_nothing(call_module, slurm, options, said):
    result = call_module(slurm_node, **options)
    assert result["failed"] and said in result["msg"] and slurm.updates == []


def test_what_slurmctld_has_lost_is_taken_and_then_resumed(call_module, slurm):
    slurm.nodes["cn1"] = {"State": "DOWN", "reason": "repair: over : Not responding"}
    slurm.nodes["cn4"] = {"State": "DOWN", "reason": "ResumeTimeout reached"}
    assert call_module(slurm_node, nodes=["cn[1-4]"], state="resumed")["commands"] == []
    taken = call_module(slurm_node, nodes=["cn[1-4]"], state="taken", reason="repair")
    assert taken["commands"] == ["scontrol update 'nodename=cn[1,4]' state=down 'reason=repair (clusterwright)'"]
    assert set(taken["left_alone"]) == {"cn3"} and taken["verified"]
    assert call_module(slurm_node, nodes=["cn[1-4]"], state="taken", reason="repair")["changed"] is False
    resumed = call_module(slurm_node, nodes=["cn[1-4]"], state="resumed")
    assert resumed["commands"] == ["scontrol update 'nodename=cn[1,4]' state=resume 'reason=repair: over'"]
