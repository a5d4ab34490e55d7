"""What slurmctld says of itself, as it was really said, and what follows from it."""

from __future__ import annotations

import pytest
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf, nodes, running

CONFIG = """\
Configuration data as of 2026-11-21T11:17:05
AccountingStorageEnforce = associations,limits,qos
AccountingStoragePass   = (null)
HASH_VAL                = Match
InteractiveStepOptions  = --interactive --preserve-env --pty $SHELL
SlurmctldHost[0]        = head1(10.68.0.11)
SlurmctldHost[1]        = head2(10.68.0.12)
SlurmctldTimeout        = 10 sec
TaskPluginParam         = (null type)
SLURM_VERSION           = 24.11.5

Cgroup Support Configuration:
AllowedRAMSpace         = 100.0%
ConstrainCores          = yes

MPI Plugins Configuration:
PMIxCliTmpDirBase       = (null)
PMIxDebug               = 0

Slurmctld(primary) at head1 is UP
Slurmctld(backup) at head2 is UP
"""
NODE = (
    "NodeName=cn1 Arch=x86_64 CoresPerSocket=2  CPUAlloc=1 CPUEfctv=2 CPUTot=2 CPULoad=4.95 AvailableFeatures=(null) ActiveFeatures=(null) "
    "Gres=(null) NodeAddr=10.68.0.21 NodeHostName=cn1 Version=24.11.5 OS=Linux 6.18.44 #1 SMP PREEMPT_DYNAMIC @0  RealMemory=1024 "
    "AllocMem=512 FreeMem=18771 Sockets=1 Boards=1 State=MIXED ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A MCS_label=N/A Partitions=all  "
    "AllocTRES=cpu=1,mem=512M CurrentWatts=0 AveWatts=0 \n"
)
PARTITION = "PartitionName=all AllowGroups=ALL Default=YES MaxTime=UNLIMITED Nodes=cn[1-2] OverSubscribe=NO State=UP TotalCPUs=4\n"
PAIR = "ClusterName=c\nSlurmctldHost=head1(10.0.0.1)\nSlurmctldHost=head2(10.0.0.2)\nNodeName=cn1\n"


def test_what_runs_is_read_by_file_node_and_partition():
    found = running.parse(CONFIG, NODE, PARTITION)
    assert found.places["slurm.conf"] == {
        "AccountingStorageEnforce": "associations,limits,qos", "HASH_VAL": "Match",
        "InteractiveStepOptions": "--interactive --preserve-env --pty $SHELL", "SlurmctldHost": "head1(10.68.0.11),head2(10.68.0.12)",
        "SlurmctldTimeout": "10 sec", "SLURM_VERSION": "24.11.5",
    }
    assert found.places["cgroup.conf"] == {"AllowedRAMSpace": "100.0%", "ConstrainCores": "yes"}
    assert found.nodes["cn1"]["CPUTot"] == "2" and "Gres" not in found.nodes["cn1"]
    assert found.partitions["all"]["Nodes"] == "cn[1-2]"
    assert running.loaded(found.places) and not running.loaded({})


def test_settings_are_those_of_slurm_conf_and_not_of_its_nodes():
    text = ('# KillWait=1\nkillwait = 30\nMailDomain="a b.example"\nSlurmctldHost=head1(10.0.0.1)\nSlurmctldHost=head2\n'
            "NodeName=cn1 Weight=3\nSchedulerParameters=bf_window=10,\\\ndefer\nPartitionName=all Nodes=cn1 State=UP\n")
    found = running.settings(text)
    assert (found["killwait"], found["maildomain"], found["slurmctldhost"]) == ("30", "a b.example", "head1(10.0.0.1),head2")
    assert found["schedulerparameters"].startswith("bf_window=10,")
    assert not found.keys() & {"weight", "state", "nodename", "nodes"}


def test_jobs_in_lines():
    jobs = running.parse_jobs("8|ada|PENDING|all,debug|\n7_[3-40]|bob|REQUEUED|all|\n7|ada|COMPLETING|all|cn1\n6|eve|COMPLETED|all|cn2\n"
                              "\nnonsense\n")
    assert [(job.id, job.runs) for job in jobs] == [("8", False), ("7_[3-40]", False), ("7", True), ("6", True)]
    assert [str(job) for job in running.unfinished(jobs)] == [
        "job 8 of ada (PENDING in all,debug)", "job 7_[3-40] of bob (REQUEUED in all)", "job 7 of ada (COMPLETING on cn1)"]


@pytest.mark.parametrize(("text", "names"), [
    ("", []),
    ("cn1", ["cn1"]),
    ("cn[1-3,07],gpu1", ["cn1", "cn2", "cn3", "cn07", "gpu1"]),
    ("cn[08-10]", ["cn08", "cn09", "cn10"]),
    ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
])
def test_folded_names_are_expanded(text, names):
    assert running.expand(text) == names


@given(st.lists(st.tuples(st.sampled_from(["cn", "gpu", "x1-"]), st.integers(0, 1200), st.sampled_from([0, 3, 4])), max_size=60))
def test_expanding_is_the_way_back_from_folding(parts):
    names = list(dict.fromkeys(f"{prefix}{number:0{width}}" for prefix, number, width in parts))
    folded = nodes.fold(names)
    assert sorted(running.expand(folded)) == sorted(names)
    assert sorted(NodeSet(folded, resolver=RESOLVER_NOGROUP)) == sorted(names)


@given(st.text())
def test_no_text_upsets_the_parsers(text):
    running.parse(text, text, text)
    running.settings(text)
    running.parse_jobs(text)


@pytest.mark.parametrize("line", ["KillWait=30", "KillWait =30", "KillWait = 30", 'KillWait= "30"', "  KillWait=30   # as ever"])
def test_a_line_is_read_as_slurm_reads_it(line):
    assert conf.parse(line) == [{"KillWait": "30"}]


# --- controllers

def answers(said):
    """scontrol where each controller alone says this, and `ping` calls UP those in it."""
    asked = []

    def run(argv):
        conf_file = next((word.split("=", 1)[1] for word in argv if word.startswith("SLURM_CONF=")), None)
        with open(conf_file, encoding="utf-8") as stream:       # noqa: PTH123 - it is gone with the scratch directory
            text = stream.read()
        if "ping" in argv:
            states = {name: "UP" if name in said else "DOWN" for name in ("head1", "head2")}
            return Result(0, "".join(f"Slurmctld(primary) at {name} is {state}\n" for name, state in states.items()), "")
        names = [host for host in ("head1", "head2") if f"SlurmctldHost={host}" in text]
        assert len(names) == 1 and "NodeName" not in text
        asked.append(names[0])
        return said[names[0]]
    run.asked = asked
    return run


ACTIVE = Result(0, CONFIG, "")
STANDBY = Result(1, "", "slurm_load_ctl_conf error: Unable to contact slurm controller (standby mode)\n")
HANGS = Result(124, "", "")


@pytest.mark.parametrize(("said", "found"), [
    ({"head1": ACTIVE, "head2": STANDBY}, {"head1": "active", "head2": "standby"}),
    ({"head2": ACTIVE}, {"head1": "down", "head2": "active"}),
    ({"head1": ACTIVE, "head2": ACTIVE}, {"head1": "active", "head2": "active"}),
    ({"head1": HANGS, "head2": STANDBY}, {"head1": "down", "head2": "standby"}),
])
def test_which_controller_is_active(tmp_path, said, found):
    run = answers(said)
    assert running.controllers(run, [PAIR], tmp_path) == found
    assert run.asked == [name for name in found if name in said]


def test_one_controller_is_no_pair(tmp_path):
    assert running.controllers(answers({}), ["SlurmctldHost=head1(10.0.0.1)\n"], tmp_path) == {}


def test_a_declared_controller_is_asked_too(tmp_path):
    """A backup is declared, and somebody runs a slurmctld there already."""
    alone = "ClusterName=c\nSlurmctldHost=head1(10.0.0.9)\n"
    both = {"head1": "active", "head2": "active"}
    assert running.controllers(answers(dict.fromkeys(both, ACTIVE)), [alone, PAIR], tmp_path) == both


def test_an_answer_that_stops_halfway_is_an_error():
    def run(argv):
        gone = Result(1, "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n")
        return gone if "squeue" in argv else Result(0, NODE, "")

    with pytest.raises(ClusterwrightError, match=r"slurmctld does not answer any more \(slurm_load_jobs error.*nothing was changed"):
        running.look(run, {})


def test_names_that_do_not_resolve(monkeypatch):
    def getaddrinfo(name, _port):
        if name.startswith("cn"):
            raise OSError("Temporary failure in name resolution")
        return [("an address",)]

    monkeypatch.setattr(running.socket, "getaddrinfo", getaddrinfo)
    assert running.unresolvable(["cn8", "head1", "cn9"]) == ["cn8", "cn9"]
    assert running.unresolvable([]) == []


def test_a_name_that_no_resolver_takes_does_not_resolve():
    assert running.unresolvable(["x" * 300]) == ["x" * 300]


def test_whether_something_listens():
    with running.socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert running.listens("127.0.0.1", port)
    assert not running.listens("127.0.0.1", port)
    assert not running.listens("x" * 300, 6819)
