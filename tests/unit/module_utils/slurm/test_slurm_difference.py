"""What differs between the Slurm that runs and the one that is declared, and what each change would do to jobs."""

from __future__ import annotations

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import consequences, difference
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.policy import Needs
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.running import Job, Slurm

BOOKWORM, TRIXIE = (22, 5), (24, 11)
RUNNING, WAITING = Job("7", "ada", "RUNNING", "all", "cn1"), Job("8", "bob", "PENDING", "all,debug", "")


def node(name, **keys):
    return {"NodeName": name, "NodeAddr": f"10.0.0.{name[2:]}", "CPUTot": "2", "RealMemory": "1024", "State": "IDLE", **keys}


def slurm(config=(), cgroup=(), nodes=("cn1", "cn2"), partitions=("all",), **of_nodes):
    """What a slurmctld has loaded; of_nodes: other keys of single nodes."""
    return Slurm(
        {"slurm.conf": {"KillWait": "30 sec", "SLURM_VERSION": "24.11.5", "StateSaveLocation": "/s", **dict(config)},
         "cgroup.conf": {"ConstrainCores": "yes", **dict(cgroup)}},
        {name: node(name, **of_nodes.get(name, {})) for name in nodes},
        {name: {"PartitionName": name, "Nodes": "cn[1-2]", "State": "UP", "TotalNodes": "2"} for name in partitions},
    )


TEXTS = {"slurm.conf": "StateSaveLocation=/s\n", "cgroup.conf": ""}


def changes(before, after, old=TEXTS, new=TEXTS, version=TRIXIE):
    return difference.changes(before, after, old, new, version)


def brief(found):
    return [(change.key, change.where, change.old, change.new) for change in found]


# --- differences

def test_nothing_differs():
    assert changes(slurm(), slurm()) == []
    assert difference.same(slurm(), slurm()) == []


def test_how_things_are_is_no_configuration():
    before = slurm({"BOOT_TIME": "now", "NEXT_JOB_ID": "77", "HASH_VAL": "Match"}, cn1={"State": "DOWN+DRAIN", "CPULoad": "4.9"})
    assert changes(before, slurm({"BOOT_TIME": "then", "HASH_VAL": "Different"})) == []


def test_a_key_of_slurm_conf_and_one_of_cgroup_conf():
    (one,) = changes(slurm(), slurm({"KillWait": "45 sec"}))
    assert (*one[:4], one.cost.needs, one.nodes) == ("KillWait", "slurm.conf", "30 sec", "45 sec", Needs.RECONFIGURE, None)
    assert brief(changes(slurm(), slurm(cgroup={"ConstrainCores": "no"}))) == [("ConstrainCores", "cgroup.conf", "yes", "no")]


def test_a_key_that_is_dropped_goes_back_to_what_slurm_says_then():
    assert brief(changes(slurm({"Prolog[0]": "/p"}), slurm())) == [("Prolog[0]", "slurm.conf", "/p", "")]


def test_what_the_trial_alters_is_compared_as_it_is_written():
    def declared(place):
        return {"slurm.conf": f"StateSaveLocation={place}\n", "cgroup.conf": ""}

    before = slurm({"StateSaveLocation": "/s"})
    after = Slurm({**before.places, "slurm.conf": {"KillWait": "30 sec", "SLURM_VERSION": "24.11.5", "statesavelocation": "/t"}},
                  before.nodes, before.partitions)
    (one,) = changes(before, after, declared("/s"), declared("/t"))
    assert (*one[:4], one.cost.needs) == ("StateSaveLocation", "slurm.conf", "/s", "/t", Needs.EMPTY_CLUSTER)


@pytest.mark.parametrize(("runs", "declares", "differs"), [
    ("accounting_storage/none", "", False),         # 22.05 says so, 24.11 says nothing
    ("", "accounting_storage/slurmdbd", True),
    ("accounting_storage/slurmdbd", "accounting_storage/slurmdbd", False),
])
def test_no_accounting_has_two_names(runs, declares, differs):
    before, after = slurm({"AccountingStorageType": runs} if runs else {}), slurm()
    after.places["slurm.conf"].pop("StateSaveLocation")
    after.places["slurm.conf"].update({"statesavelocation": "/s"}, **({"accountingstoragetype": declares} if declares else {}))
    assert bool(changes(before, after)) == differs


def test_another_version_shows_other_keys():
    before = slurm({"SLURM_VERSION": "22.05.8", "LaunchType": "launch/slurm"})
    assert changes(before, slurm({"CertmgrType": "none"})) == []
    assert brief(changes(before, slurm({"KillWait": "9 sec"}))) == [("KillWait", "slurm.conf", "30 sec", "9 sec")]


def test_a_spank_plugin_comes_changes_and_goes_and_only_an_old_slurmd_restarts():
    new = {**TEXTS, "plugstack.conf": "# ours\nrequired /l/spank_pyxis.so runtime_path=/run/p\noptional x.so\n"}
    old = {**TEXTS, "plugstack.conf": "include /etc/slurm/plugstack.conf.d/*.conf\nrequired /l/spank_pyxis.so\n"}
    found = changes(slurm(), slurm(), old, new)
    assert [(change.key, change.new) for change in found] == [
        ("/etc/slurm/plugstack.conf.d/*.conf", ""), ("/l/spank_pyxis.so", "required /l/spank_pyxis.so runtime_path=/run/p"),
        ("x.so", "optional x.so")]
    assert {change.cost.needs for change in found} == {Needs.RECONFIGURE}
    assert {change.cost.needs for change in changes(slurm(), slurm(), old, new, BOOKWORM)} == {Needs.RESTART_SLURMD}
    assert consequences.hits(found, [RUNNING, WAITING]) == []


def test_nodes_come_go_and_change_together():
    before = slurm(nodes=("cn1", "cn2", "cn3", "cn4"))
    after = slurm(nodes=("cn1", "cn2", "cn5", "cn6"), cn1={"Weight": "5"}, cn2={"Weight": "5"})
    assert brief(changes(before, after)) == [
        ("NodeName", "cn[5-6]", "", "declared"), ("NodeName", "cn[3-4]", "declared", ""), ("Weight", "cn[1-2]", "", "5")]


def test_a_node_that_is_in_no_file_is_nobodys_to_remove():
    before = slurm(nodes=("cn1", "cn2", "dyn1"), dyn1={"State": "IDLE+DYNAMIC_NORM"})
    assert changes(before, slurm()) == []
    assert difference.same(before, slurm()) == []


def test_an_address_that_the_trial_has_put_there_is_no_change():
    assert changes(slurm(), slurm(cn1={"NodeAddr": "192.0.2.1"})) == []
    assert brief(changes(slurm(), slurm(cn1={"NodeAddr": "10.0.9.9"}))) == [("NodeAddr", "cn1", "10.0.0.1", "10.0.9.9")]


def test_gres_hit_only_nodes_where_a_job_holds_some():
    before = slurm(cn1={"Gres": "gpu:2(S:0-1)", "AllocTRES": "cpu=1,gres/gpu=1"}, cn2={"Gres": "gpu:2(S:0)"})
    same = slurm(cn1={"Gres": "gpu:2"}, cn2={"Gres": "gpu:2"})
    assert changes(before, same) == []
    (one,) = changes(before, slurm(cn1={"Gres": "gpu:3"}, cn2={"Gres": "gpu:3"}))
    assert (one.key, one.where, one.nodes, one.cost.needs) == ("Gres", "cn[1-2]", ("cn1",), Needs.DRAINED_NODES)


def test_partitions_come_and_go_and_their_nodes_may_be_written_otherwise():
    before, after = slurm(partitions=("all", "old")), slurm(partitions=("all", "new"))
    assert brief(changes(before, after)) == [("PartitionName", "old", "declared", ""), ("PartitionName", "new", "", "declared")]
    after = slurm()
    after.partitions["all"]["Nodes"] = "cn2,cn1"
    assert changes(slurm(), after) == []


def test_an_administrators_partition_state_is_kept_where_slurm_keeps_it():
    before, keeping = slurm(), slurm({"ReconfigFlags": "KeepPartState"})
    for state in (before, keeping):
        state.partitions["all"]["State"] = "DRAIN"
    assert brief(changes(before, slurm())) == [("State", "PartitionName=all", "DRAIN", "UP")]
    assert changes(keeping, slurm({"ReconfigFlags": "KeepPartState"})) == []


def test_lines_of_the_other_files():
    old = {**TEXTS, "gres.conf": "NodeName=cn[1-2] Name=gpu File=/dev/nvidia[0-1]\n", "topology.conf": "SwitchName=s1 Nodes=cn[1-2]\n"}
    new = {**TEXTS, "gres.conf": "NodeName=cn[1-2] Name=gpu File=/dev/nvidia[0-2]\n", "job_container.conf": "AutoBasePath=true\n"}
    before = slurm(cn2={"AllocTRES": "cpu=1,gres/gpu=1"})
    found = changes(before, slurm(cn2={"AllocTRES": "cpu=1,gres/gpu=1"}), old, new)
    assert [(change.key, change.where, change.nodes) for change in found] == [
        ("Name", "gres.conf", ("cn2",)), ("SwitchName", "topology.conf", None), ("AutoBasePath", "job_container.conf", None)]


def test_a_line_of_gres_conf_that_goes_is_no_node_that_goes():
    old = {**TEXTS, "gres.conf": "NodeName=cn[1-2] Name=gpu File=/dev/nvidia0\n"}
    before = slurm(cn1={"AllocTRES": "cpu=1,gres/gpu=1"})
    (gone,) = changes(before, before, old)
    assert (gone.new, consequences.goes(gone), gone.nodes) == ("", False, ("cn1",))
    said, _details = refusal([gone], [RUNNING], before)
    assert "Name in gres.conf (NodeName=cn[1-2] Name=gpu File=/dev/nvidia0 to unset) needs cn1 drained" in said


def test_what_a_slurmctld_has_read_otherwise_than_the_trial():
    said = difference.same(slurm({"KillWait": "9 sec"}, nodes=("cn1", "cn2", "cn9"), partitions=()), slurm())
    assert said == ["KillWait=9 sec and not 30 sec", "node cn9 is still there", "partition all is missing"]


# --- consequences

def test_jobs_that_a_change_would_end():
    jobs = [RUNNING, WAITING, Job("6", "ada", "COMPLETED", "all", "cn1")]
    found = changes(slurm(nodes=("cn1", "cn2", "cn3")), slurm(), version=BOOKWORM)
    assert consequences.hits(found, jobs) == []                                     # cn3 has none
    (gone,) = changes(slurm(), slurm(nodes=("cn2",)))
    assert consequences.hits([gone], jobs) == [(gone, [RUNNING])]
    (port,) = changes(slurm({"SlurmdPort": "6818"}), slurm({"SlurmdPort": "6918"}))
    assert consequences.hits([port], jobs) == [(port, [RUNNING])]
    (auth,) = changes(slurm({"AuthType": "auth/munge"}), slurm({"AuthType": "auth/slurm"}))
    assert consequences.hits([auth], jobs) == [(auth, [RUNNING, WAITING])]
    (debug,) = changes(slurm(partitions=("all", "debug")), slurm())
    assert consequences.hits([debug], jobs) == [(debug, [WAITING])]
    assert consequences.hits(changes(slurm(), slurm({"KillWait": "9 sec"})), jobs) == []


def refusal(found, jobs=(), before=None, blind=False):
    with pytest.raises(ClusterwrightError) as caught:
        consequences.refuse(found, consequences.hits(found, jobs), before or slurm(), blind)
    assert (caught.value.details["changed"], caught.value.details["verified"]) == (False, False)
    return str(caught.value), caught.value.details


def test_the_refusal_names_every_reason_at_once():
    before = slurm({"SlurmdPort": "6818"}, nodes=("cn1", "cn2", "cn3"), partitions=("all", "debug"))
    found = changes(before, slurm({"SlurmdPort": "6918"}, nodes=("cn1", "cn2")))
    said, details = refusal(found, [RUNNING, WAITING], before)
    assert "SlurmdPort in slurm.conf (6818 to 6918) needs cn[1-3] drained and would hit job 7 of ada (RUNNING on cn1)" in said
    assert "cn3 is removed while it is in service: drain it first, `scontrol update nodename=cn3 state=drain reason=slurm.conf`" in said
    assert "partition debug goes and would take its jobs with it, job 8 of bob (PENDING in all,debug)" in said
    assert "slurm_controller_end_jobs=true" in said
    assert details["needs"] == "drained nodes"
    assert [entry["id"] for entry in details["impact"]] == ["7", "8"]


@pytest.mark.parametrize("state", ["IDLE+DRAIN", "DOWN", "DOWN*", "IDLE+POWERED_DOWN", "IDLE+NOT_RESPONDING", "UNKNOWN"])
def test_a_node_that_does_not_serve_may_go(state):
    before = slurm(nodes=("cn1", "cn2", "cn3"), cn3={"State": state})
    consequences.refuse(changes(before, slurm()), [], before, blind=False)


@pytest.mark.parametrize("state", ["IDLE", "MIXED", "ALLOCATED", "IDLE+RESERVED", "IDLE+PLANNED"])
def test_a_node_that_serves_may_not(state):
    before = slurm(nodes=("cn1", "cn2", "cn3"), cn3={"State": state})
    assert "cn3 is removed while it is in service" in refusal(changes(before, slurm()), before=before)[0]


def test_a_drained_node_with_a_job_may_not_go_either():
    before = slurm(cn1={"State": "MIXED+DRAIN"})
    said, _details = refusal(changes(before, slurm(nodes=("cn2",))), [RUNNING], before)
    assert "cn1 is removed while it has job 7 of ada" in said


def test_what_nobody_can_see_is_not_risked():
    """slurmctld does not run, and may have jobs."""
    found = changes(slurm({"SlurmdPort": "6818"}), slurm({"SlurmdPort": "6918"}))
    assert "nobody knows which jobs SlurmdPort in slurm.conf would end: start it" in refusal(found, blind=True)[0]
    consequences.refuse(changes(slurm(), slurm({"KillWait": "9 sec"})), [], slurm(), blind=True)


def test_many_jobs_are_counted_and_a_job_is_told_once():
    jobs = [Job(str(number), "ada", "RUNNING", "all", "cn1") for number in range(9)]
    found = changes(slurm({"SlurmdPort": "1", "HashPlugin": "a"}), slurm({"SlurmdPort": "2", "HashPlugin": "b"}))
    said, details = refusal(found, jobs)
    assert "job 4 of ada (RUNNING on cn1) and 4 more" in said
    assert len(details["impact"]) == 9


def test_where_the_state_moves_the_way_out_is_to_take_it_along():
    def at(place):
        return Slurm({"slurm.conf": {"statesavelocation": place}, "cgroup.conf": {}})

    found = difference.changes(Slurm({"slurm.conf": {"StateSaveLocation": "/s"}, "cgroup.conf": {}}), at("/t"), {}, {}, TRIXIE)
    assert "would lose job 7 of ada (RUNNING on cn1): stop slurmctld, copy its state, `cp -a /s/. /t/`" in refusal(found, [RUNNING])[0]


def test_what_else_is_told():
    before = slurm()
    before.partitions["all"]["State"] = "DRAIN"
    found = changes(before, slurm({"AuthInfo": "ttl=60", "FancyNewKey": "1"}))
    told = consequences.impact(found, "restart", standby=False)
    assert [entry["kind"] for entry in told] == ["slurmctld_restart", "slurmd_restart_pending", "unknown_key", "partition_reset"]
    assert told[1]["text"] == "every slurmd must restart: AuthInfo, FancyNewKey"
    assert (told[3]["name"], told[3]["text"]) == ("all", "State in PartitionName=all goes back from DRAIN to UP, as declared")
    assert consequences.impact([], "", standby=False) == []
    assert "disturbs nothing" in consequences.impact([], "restart", standby=True)[0]["text"]
