"""Whose a node is, the fewest commands, and the jobs that they concern."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import drain
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.nodes import OUT, NodeState

OURS = "kernel 6.12 (clusterwright)"


def node(states, reason="", by="root", comment=""):
    return NodeState(frozenset(states.split("+")), reason, by if reason else "", comment)


def planned(state, nodes, reason="kernel 6.12", **more):
    return drain.plan(drain.request(state, reason, **more), list(nodes), nodes)


def commands(plan):
    return [str(change) for change in plan.changes]


def test_one_command_for_all_that_change_alike():
    nodes = {f"cn{number:03}": node("IDLE") for number in range(1, 301)}
    assert commands(planned("drained", nodes)) == [f"scontrol update 'nodename=cn[001-300]' state=drain 'reason={OURS}'"]


def test_nobody_elses_node_is_touched():
    nodes = {
        "cn1": node("IDLE+DRAIN", OURS),
        "cn2": node("IDLE+DRAIN", "DIMM swap", "ada"),
        "cn3": node("DOWN+NOT_RESPONDING", "Not responding", "slurm"),
        "cn4": node("IDLE+DRAIN", "disk (clusterwright)"),
        "cn5": node("MIXED"),
    }
    resumed = planned("resumed", nodes)
    assert commands(resumed) == ["scontrol update nodename=cn1 state=resume 'reason=kernel 6.12: over'"]
    assert resumed.left_alone["cn2"] == "DRAIN+IDLE (DIMM swap), by ada"
    assert set(resumed.left_alone) == set(planned("drained", nodes).left_alone) == {"cn2", "cn3", "cn4"}
    assert [change.names for change in planned("drained", nodes).changes] == [["cn5"]]
    assert [change.names for change in planned("resumed", nodes, reason="").changes] == [["cn1"], ["cn4"]]


def test_a_reason_counts_only_on_a_node_that_is_out():
    """A resumed node keeps it until its next job; then Slurm may drain the node by itself and leave the Reason in place."""
    assert not drain.ours(node("IDLE", OURS))
    after = drain.predict(node("IDLE+DRAIN", OURS), planned("resumed", {"cn1": node("IDLE+DRAIN", OURS)}).changes[0])
    assert str(after) == "IDLE (kernel 6.12: over)"
    assert not drain.ours(after._replace(states=after.states | {"DRAIN"}))


@pytest.mark.parametrize(
    ("said", "asked", "mine"),
    [
        ("kernel (clusterwright)", "kernel", True),
        ("kernel: no such device (clusterwright)", "kernel", True),
        ("kernel (clusterwright)", "kernel: no such device", True),
        ("kernel (clusterwright) : Not responding", "kernel", True),    # as slurmctld adds to it
        ("kernels (clusterwright)", "kernel", False),
        ("kernel", "kernel", False),
        ("kernel (clusterwright)", "", True),
        ("Low RealMemory", "", False),
    ],
)
def test_whose_a_node_is(said, asked, mine):
    assert drain.ours(node("IDLE+DRAIN", said), asked) is mine


def test_once_through_a_maintenance():
    nodes = {"cn1": node("IDLE+DRAIN", OURS, comment="asset 12; firmware done (clusterwright)"), "cn2": node("IDLE+DRAIN", OURS)}
    changes = planned("resumed", nodes, once=True).changes
    assert [dict(change.keys)["comment"] for change in changes] == [
        "asset 12; kernel 6.12 done (clusterwright)", "kernel 6.12 done (clusterwright)"]
    after = {name: drain.predict(nodes[name], change) for change in changes for name in change.names}
    again = planned("drained", after, once=True)
    assert (again.changes, again.done) == ([], ["cn1", "cn2"])
    # One that has failed after all is not done.
    assert planned("drained", {"cn1": after["cn1"]._replace(states=frozenset({"DRAIN", "IDLE"}), reason=OURS)}, once=True).done == []


def test_an_unknown_node_changes_nothing():
    with pytest.raises(ClusterwrightError, match="slurmctld does not know cn9: nothing was changed"):
        drain.plan(drain.request("drained", "x"), ["cn1", "cn9"], {"cn1": node("IDLE")})


@pytest.mark.parametrize("reason", ["two\nlines", 'quo"te', "a; b", OURS])
def test_a_reason_that_slurm_would_not_give_back(reason):
    with pytest.raises(ClusterwrightError, match="must be one line"):
        drain.request("drained", reason)


@pytest.mark.parametrize(
    ("state", "states", "changes"),
    [
        ("powered_up", "IDLE+CLOUD+POWERED_DOWN", True),
        ("powered_up", "IDLE+CLOUD+POWERING_DOWN", False),      # Slurm would forget it: it is asked when the node is down
        ("powered_up", "IDLE+CLOUD+POWERING_UP", False),
        ("powered_up", "IDLE", False),
        ("powered_down", "IDLE", True),
        ("powered_down", "MIXED+POWER_DOWN", False),
        ("powered_down", "IDLE+POWERED_DOWN", False),
    ],
)
def test_power(state, states, changes):
    assert bool(planned(state, {"cn1": node(states)}).changes) is changes


@pytest.mark.parametrize(("states", "changes"), [("IDLE", True), ("MIXED+POWERING_UP", True), ("DOWN+POWER_DOWN+POWERING_UP", True),
                                                 ("IDLE+POWERING_DOWN", False), ("IDLE+POWERED_DOWN", False)])
def test_power_at_once(states, changes):
    request = drain.request("powered_down", "", end_jobs=True)
    nodes = {"cn1": node(states, OURS if "DOWN" in states.split("+") else "")}
    assert [change.keys for change in drain.plan(request, ["cn1"], nodes).changes] == [(("state", "power_down_force"),)] * changes
    assert drain.impact(request, [drain.Job("7", "ada", "CONFIGURING", None, "cn1")])[0]["kind"] == "job_ends"


@pytest.mark.parametrize(("states", "reason", "lost"), [
    ("DOWN", "Not responding", True),
    ("DOWN+POWERED_DOWN", "ResumeTimeout reached", True),
    ("DOWN", "Node unexpectedly rebooted", True),
    ("DOWN", "kernel: over : Not responding", True),
    ("DOWN", "kernel: over", True),
    ("DOWN+DRAIN", "Not responding", False),
    ("DOWN", "DIMM swap : Not responding", False),
    ("DOWN", "PDU", False),
    ("IDLE", "kernel: over", False),
])
def test_what_slurmctld_has_lost_sight_of(states, reason, lost):
    plan = drain.plan(drain.request("taken", "repair"), ["cn1"], {"cn1": node(states, reason)})
    assert bool(plan.changes) is lost and bool(plan.left_alone) is (not lost and states != "IDLE")


def test_hardware_that_slurm_refuses_is_not_resumed():
    nodes = {"cn1": node("IDLE+DRAIN+INVALID_REG", OURS)}
    plan = planned("resumed", nodes)
    assert (plan.changes, plan.work) == ([], ["cn1"])
    assert "slurmctld refuses it" in drain.missing(drain.request("resumed", ""), ["cn1"], nodes)["cn1"]


FLAGS = st.frozensets(st.sampled_from(["DRAIN", "COMPLETING", "NOT_RESPONDING", "INVALID_REG", "MAINTENANCE", "PLANNED"]))
BASE = st.sampled_from(["IDLE", "DOWN", "MIXED", "ALLOCATED", "UNKNOWN"])
REASONS = st.sampled_from(["", OURS, "DIMM swap", "kernel 6.12: flash failed (clusterwright)", "other (clusterwright)"])
STATES = st.builds(lambda base, flags, reason: NodeState(flags | {base}, reason, "root"), BASE, FLAGS, REASONS)


@given(st.dictionaries(st.from_regex("cn[0-9]{1,3}", fullmatch=True), STATES, max_size=20), st.sampled_from(["drained", "down", "resumed"]))
def test_what_was_done_is_not_done_again_and_others_nodes_never(nodes, state):
    plan = planned(state, nodes)
    touched = [name for change in plan.changes for name in change.names]
    assert len(touched) == len(set(touched)) and len(plan.changes) == len({change.keys for change in plan.changes})
    assert not [name for name in touched if nodes[name].states & OUT and not drain.ours(nodes[name], "kernel 6.12")]
    assert set(plan.work) | set(plan.left_alone) == set(nodes) and set(touched) <= set(plan.work)
    after = {**nodes, **{name: drain.predict(nodes[name], change) for change in plan.changes for name in change.names}}
    assert planned(state, after).changes == []


# --- jobs

def test_jobs_are_asked_for_without_anything_that_a_user_chose():
    asked = []

    def run(argv):
        asked.append(list(argv))
        return Result(0, "2_1|ada|RUNNING|1795250126|cn1\n3|ada|COMPLETING|N/A|cn[1-2]\n", "")

    found = drain.jobs(run, ["cn1", "cn2"])
    assert [job.id for job in found] == ["2_1", "3"] and found[1].ends_at is None
    assert "%j" not in str(asked) and "--nodelist=cn[1-2]" in asked[0]
    assert drain.jobs(run, []) == [] and len(asked) == 1


JOB = drain.Job("7", "ada", "RUNNING", None, "cn1")


def test_jobs_do_not_end_unasked():
    nodes = {"cn1": node("MIXED")}
    request = drain.request("down", "PSU")
    with pytest.raises(ClusterwrightError, match=r"ends job 7 of ada \(RUNNING\) on cn1: nothing was changed"):
        drain.refuse(request, drain.plan(request, ["cn1"], nodes), nodes, [JOB])
    drain.refuse(request._replace(end_jobs=True), drain.plan(request, ["cn1"], nodes), nodes, [JOB])
    assert drain.impact(request, [JOB])[0]["kind"] == "job_ends"
    # Slurm ends or requeues the job of a node that is drained while it boots for it.
    booting = {"cn1": node("ALLOCATED+CLOUD+POWERING_UP")}
    request = drain.request("drained", "PSU")
    with pytest.raises(ClusterwrightError, match="is being powered up for a job"):
        drain.refuse(request, drain.plan(request, ["cn1"], booting), booting, [JOB])
    drain.refuse(request, drain.plan(request, ["cn1"], nodes), nodes, [JOB])


def test_a_deadline_names_nodes_jobs_and_the_way_out():
    request = drain.request("drained", "x")
    said = drain.too_late(request, ["cn1", "cn2", "cn3"], {"cn1": "jobs run there", "cn2": drain.RESUMED}, [JOB], 60)
    assert said.startswith("2 of 3 nodes are not drained after 60 s: on cn1 runs job 7 of ada (RUNNING) on cn1; cn2: somebody has resumed")


# --- waiting

class Slurmctld:
    """Answers with these states in turn, and a clock that the pauses move."""

    def __init__(self, *states, jobs=""):
        self.states, self.jobs, self.now, self.updates = list(states), jobs, 0.0, []

    def run(self, argv):
        if "squeue" in argv:
            return Result(0, self.jobs, "")
        if "update" in argv:
            self.updates.append(argv)
            return Result(0, "", "")
        if "hostnames" in argv:
            return Result(0, "cn1\n", "")
        return Result(0, f"NodeName=cn1 State={self.states.pop(0) if len(self.states) > 1 else self.states[0]}\n", "")

    def wait(self, state, timeout=60):
        def pause(seconds):
            self.now += seconds

        return drain.wait(self.run, drain.request(state, "x"), ["cn1"], timeout, [], lambda: self.now, pause)[1]


def test_it_waits_for_the_last_job():
    slurmctld = Slurmctld("MIXED+DRAIN", "IDLE+COMPLETING+DRAIN", "IDLE+DRAIN")
    assert slurmctld.wait("drained") == {} and slurmctld.now == 2
    late = Slurmctld("MIXED+DRAIN")
    assert "jobs run there" in late.wait("drained", 30)["cn1"] and late.now == 30


def test_a_suspended_job_holds_a_node_that_looks_idle():
    assert "a suspended job holds it" in Slurmctld("IDLE+DRAIN", jobs="7|ada|SUSPENDED|1795250126|cn1\n").wait("drained", 5)["cn1"]


def test_a_node_that_somebody_resumes_meanwhile_is_not_drained():
    assert Slurmctld("MIXED+DRAIN", "IDLE").wait("drained", 5) == {"cn1": drain.RESUMED}


def test_what_waiting_does_not_mend_is_given_up_soon():
    refused, given_up = Slurmctld("IDLE+INVALID_REG"), Slurmctld("DOWN+POWERED_DOWN")
    assert "slurmctld refuses it" in refused.wait("resumed", 600)["cn1"] and refused.now < 10
    assert "Slurm has given it up" in given_up.wait("powered_up", 600)["cn1"] and given_up.now < 10


def test_a_node_on_its_way_down_is_powered_up_when_it_is_down():
    slurmctld = Slurmctld("IDLE+POWERING_DOWN", "IDLE+POWERED_DOWN", "IDLE+POWERING_UP", "IDLE")
    assert slurmctld.wait("powered_up") == {}
    assert [argv[-1] for argv in slurmctld.updates] == ["state=power_up"]


def test_where_power_saving_is_not_configured():
    config = "ResumeProgram           = (null)\nSuspendProgram          = /usr/sbin/off\n"
    with pytest.raises(ClusterwrightError, match="there is no ResumeProgram: nothing was changed"):
        drain.power_saving(lambda _argv: Result(0, config, ""))
    drain.power_saving(lambda _argv: Result(0, config.replace("(null)", "/usr/sbin/on"), ""))


def test_a_command_that_fails_says_what_was_done_before():
    changes = [drain.Change(["cn1"], (("state", "drain"),)), drain.Change(["cn2"], (("state", "drain"),))]
    answers = [Result(0, "", ""), Result(1, "", "slurm_update error: Access/permission denied\n")]
    with pytest.raises(ClusterwrightError, match=r"cn2: .*permission denied; done before: scontrol update nodename=cn1") as failure:
        drain.apply(lambda _argv: answers.pop(0), changes, [])
    assert failure.value.details["changed"]
