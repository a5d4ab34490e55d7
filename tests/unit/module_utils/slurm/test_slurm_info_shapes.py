"""One shape for what slurmctld knows, from JSON (24.11) and from lines (22.05). Both as a real slurmctld gave them, shortened."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import info


def number(value, infinite=False):
    return {"set": value is not None, "infinite": infinite, "number": value or 0}


NODE = {
    "name": "cn3", "state": ["IDLE", "DRAIN"], "reason": "DIMM swap", "reason_changed_at": number(1795248329), "reason_set_by_user": "root",
    "comment": "asset 12 State=UP", "cpus": 2, "alloc_cpus": 0, "real_memory": 1024, "alloc_memory": 0, "free_mem": number(18122),
    "sockets": 1, "cores": 2, "threads": 1, "gres": "", "features": [], "partitions": ["all"], "address": "10.62.0.23",
    "version": "24.11.5", "boot_time": number(1795232615), "slurmd_start_time": number(1795248291),
}
NODE_LINE = (
    "NodeName=cn3 Arch=x86_64 CoresPerSocket=2  CPUAlloc=0 CPUEfctv=2 CPUTot=2 CPULoad=12.68 AvailableFeatures=(null) Gres=(null) "
    "NodeAddr=10.62.0.23 NodeHostName=cn3 Version=24.11.5 OS=Linux 6.12.57 #1 SMP PREEMPT_DYNAMIC @0  RealMemory=1024 AllocMem=0 "
    "FreeMem=18122 Sockets=1 Boards=1 State=IDLE+DRAIN ThreadsPerCore=1 Partitions=all  BootTime=1795232615 SlurmdStartTime=1795248291 "
    "AllocTRES= CurrentWatts=0 AveWatts=0  Reason=DIMM swap [root@1795248329] Comment=asset 12 State=UP\n"
)
EVIL = "evil JobState=DONE NodeList=cn9 | x"
JOB = {
    "job_id": 1, "array_job_id": number(0), "array_task_id": number(None), "array_task_string": "", "het_job_id": number(0), "name": EVIL,
    "user_name": "ada", "account": "", "partition": "all", "qos": "", "job_state": ["RUNNING"], "state_reason": "None", "nodes": "cn2",
    "node_count": number(1), "cpus": number(1), "priority": number(1), "time_limit": number(60), "submit_time": number(1795248325),
    "start_time": number(1795248326), "end_time": number(1795251926),
}
JOB_LINE = f"1|1|ada|(null)|all|(null)|RUNNING|None|cn2|1|1|1|1:00:00|1795248325|1795248326|1795251926|{EVIL}\n"
PARTITION_LINE = (
    "PartitionName=debug AllowGroups=ALL AllowAccounts=physics,chem AllowQos=ALL AllocNodes=ALL Default=NO QoS=N/A DefaultTime=00:05:00 "
    "MaxTime=1-00:10:00 Nodes=cn[1-2] State=UP TotalCPUs=4 TotalNodes=2 TRES=cpu=4,mem=2G,node=2,billing=4\n"
    "PartitionName=all AllowAccounts=ALL Default=YES QoS=high DefaultTime=NONE MaxTime=UNLIMITED Nodes=cn[1-4] State=DRAIN TotalNodes=4\n"
)
RESERVATION_LINE = (
    "ReservationName=m1 StartTime=1795248929 EndTime=1795252529 Duration=01:00:00 Nodes=cn[3-4] NodeCnt=2 CoreCnt=4 Features=(null) "
    "PartitionName=(null) Flags=MAINT,SPEC_NODES TRES=cpu=4 Users=root Groups=(null) Accounts=(null) Licenses=(null) State=INACTIVE "
    "BurstBuffer=(null) MaxStartDelay=(null) Comment=hello a=b\n"
)


def test_a_node_is_the_same_from_both():
    seen = info.node_from_json(NODE)
    assert seen == info.nodes_from_lines(NODE_LINE)["cn3"]
    assert (seen["states"], seen["reason_by"], seen["reason_at"], seen["memory_free"]) == (["DRAIN", "IDLE"], "root", 1795248329, 18122)
    assert set(seen) == set(info.Node.__annotations__)


def test_a_job_is_the_same_from_both():
    seen = info.job_from_json(JOB)
    assert seen == info.jobs_from_lines(f"feed|{JOB_LINE}", "feed")[0]
    assert (seen["id"], seen["name"], seen["time_limit"], seen["account"]) == ("1", EVIL, 3600, "")
    assert set(seen) == set(info.Job.__annotations__)


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({"array_job_id": number(2), "array_task_id": number(0) | {"set": True}}, "2_0"),
        ({"array_job_id": number(2), "array_task_string": "2-3%1"}, "2_[2-3%1]"),
        ({"het_job_id": number(12), "het_job_offset": number(1)}, "12+1"),
    ],
)
def test_a_job_is_called_what_scancel_takes(more, shown):
    assert info.job_from_json({**JOB, **more})["id"] == shown


def test_a_state_as_squeue_shows_it():
    assert info.job_from_json({**JOB, "job_state": ["RUNNING", "CONFIGURING"]})["state"] == "CONFIGURING"
    assert info.job_from_json({**JOB, "job_state": ["CANCELLED", "COMPLETING"]})["state"] == "COMPLETING"


@given(st.lists(st.text(max_size=30), max_size=8))
def test_no_name_of_a_job_makes_up_another(names):
    """A user may put line breaks and whole lines of ours into it; the mark at the begin of a line is made anew for each call."""
    names = [name.replace("feedbeef", "") for name in names]
    output = "".join(f"feedbeef|{JOB_LINE.replace(EVIL, name)}" for name in names)
    found = info.jobs_from_lines(output, "feedbeef")
    assert [(job["job_id"], job["user"], job["nodes"], job["name"]) for job in found] == [
        (1, "ada", "cn2", name.rstrip("\n")) for name in names]


def test_partitions_and_reservations():
    found = info.partitions_from_lines(PARTITION_LINE)
    assert found["debug"] == {
        "state": "UP", "default": False, "nodes": "cn[1-2]", "node_count": 2, "cpus": 4, "max_time": 87000, "default_time": 300, "qos": "",
        "accounts": ["physics", "chem"]}
    assert (found["all"]["max_time"], found["all"]["default"], found["all"]["accounts"], found["all"]["qos"]) == (None, True, [], "high")
    assert info.reservations_from_lines(RESERVATION_LINE) == {"m1": {
        "state": "INACTIVE", "nodes": "cn[3-4]", "node_count": 2, "partition": "", "starts_at": 1795248929, "ends_at": 1795252529,
        "users": ["root"], "accounts": [], "flags": ["MAINT", "SPEC_NODES"]}}
    assert info.reservations_from_lines("No reservations in the system\n") == {}


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_times_of_slurm(days, hours, minutes, seconds):
    whole = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    assert info.seconds(f"{days}-{hours:02}:{minutes:02}:{seconds:02}") == whole
    assert info.seconds(f"{hours:02}:{minutes:02}:{seconds:02}") == whole - days * 86400
    assert info.seconds(f"{minutes}:{seconds:02}") == minutes * 60 + seconds


@pytest.mark.parametrize("text", ["UNLIMITED", "NONE", "", None, "NOT_SET", "5"])
def test_what_is_no_time(text):
    assert info.seconds(text) is None


def test_json_only_where_it_is_complete():
    versions = ("22.05.8", "23.11.4", "24.05.1", "24.11.5", "26.05.5")
    assert [info.has_json(version) for version in versions] == [False, False, False, True, True]
    assert info.version(lambda _argv: Result(0, "slurm-wlm 24.11.5\n", "")) == "24.11.5"
    with pytest.raises(ClusterwrightError, match="are Slurm's commands installed here"):
        info.version(lambda _argv: Result(127, "", "scontrol: No such file or directory"))


def test_jobs_that_have_ended_are_left_out():
    jobs = [JOB, {**JOB, "job_id": 2, "job_state": ["COMPLETED"]}, {**JOB, "job_id": 3, "job_state": ["CANCELLED", "COMPLETING"]}]
    assert [job["job_id"] for job in info.jobs(lambda _argv: Result(0, json.dumps({"jobs": jobs}), ""), True)] == [1, 3]


def test_what_is_no_json_is_one_sentence():
    with pytest.raises(ClusterwrightError, match="does not give the JSON of Slurm"):
        info.nodes(lambda _argv: Result(0, "error", ""), True)
