"""How slurm.conf is tried, and what slurmctld has against it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import trial

# What slurmctld says of any configuration when it has no state: none of it is a complaint.
USUAL = """\
slurmctld: error: Configured MailProg is invalid
slurmctld: slurmctld version 24.11.5 started on cluster c(0)
slurmctld: error: Could not open node state file /run/t/state/node_state: No such file or directory
slurmctld: error: NOTE: Trying backup state save file. Information may be lost!
slurmctld: No node state file (/run/t/state/node_state.old) to recover
slurmctld: error: Slurm does not support glob parsing. /etc/slurm/plugstack.conf.d/*.conf from plugstack.conf will be skipped over.
slurmctld: error: "Include" failed in file /etc/slurm/plugstack.conf line 1
slurmctld: error: High latency for 1000 calls to gettimeofday(): 2594 microseconds
slurmctld: Running as primary controller
"""
CONFIG = "KillWait                = 30 sec\nStateSaveLocation       = /run/t/state\nPluginDir               = /nowhere\n"
TEXT = """\
# Rendered
ClusterName=c
SlurmctldHost=head1(10.0.0.1)
SlurmctldHost=head2(10.0.0.2)
StateSaveLocation=/srv/state
SlurmctldPidFile=/run/slurmctld.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=10.0.0.3
PriorityWeightTRES=CPU=1,GRES/gpu=5
SuspendProgram=/usr/local/sbin/sleep-node
ResumeProgram=/nonexistent/wake
NodeName=cn[1-2] NodeAddr=10.0.0.[21-22] Sockets=1
NodeName=cn3 NodeAddr=cn3.example Sockets=1
NodeName=cn4 Sockets=1
PartitionName=all Nodes=cn[1-4] TRESBillingWeights="CPU=1.0,Mem=0.25G" Default=YES
"""


def tried(text=TEXT, host="head1"):
    return trial.rehearsal(text, host, "/scratch", lambda path: path.startswith("/usr"))


def test_the_lines_stay_where_they_are():
    lines = tried().split("\n")
    for number, line in enumerate(TEXT.split("\n")):
        assert lines[number].partition("=")[0] in (line.partition("=")[0], "")


def test_nothing_of_the_running_slurmctld_is_touched():
    lines = dict(line.partition("=")[::2] for line in tried().split("\n"))
    assert (lines["StateSaveLocation"], lines["SlurmctldPidFile"], lines["SlurmctldLogFile"]) == (
        "/scratch/state", "/scratch/pid", "/scratch/log")
    assert not [key for key in lines if key.startswith("Accounting")]
    assert "PriorityWeightTRES" not in lines            # it may weigh what only slurmdbd counts
    assert lines["SuspendProgram"] == "/bin/true"
    assert lines["ResumeProgram"] == "/nonexistent/wake"     # slurmctld shall say that it is not there


def test_it_is_the_only_controller_and_reaches_nobody():
    text = tried()
    assert "SlurmctldHost=head1(192.0.2.1)" in text and "head2" not in text
    assert "SlurmctldHost=head2(192.0.2.1)" in tried(host="head2")
    assert "NodeName=cn[1-2] NodeAddr=10.0.0.[21-22] Sockets=1" in text
    assert "NodeName=cn3 Sockets=1 NodeAddr=192.0.2.1" in text
    assert "NodeName=cn4 Sockets=1 NodeAddr=192.0.2.1" in text
    assert "TRESBillingWeights" not in text and "Nodes=cn[1-4] Default=YES" in text


def test_keys_that_the_file_leaves_out_do_not_fall_back_to_places_in_use():
    lines = tried("ClusterName=c\nSlurmctldHost=head1\n").split("\n")
    assert "statesavelocation=/scratch/state" in lines and "slurmctldpidfile=/scratch/pid" in lines


def test_a_host_that_is_no_controller_hears_it_from_slurmctld():
    assert "SlurmctldHost=head1(10.0.0.1)" in tried(host="other")


@pytest.mark.parametrize(("line", "names"), [
    ("NodeName=cn[1-2] NodeAddr=10.0.0.[1-2]", []),
    ("NodeName=cn[1-2] NodeAddr=fd00::[1-2]", []),
    ("NodeName=cn[1-2]", ["cn[1-2]"]),
    ("nodename=cn1 nodehostname=box1", ["box1"]),
    ("NodeName=cn1 NodeAddr=cn1-ib.example", ["cn1-ib.example"]),
    ("NodeName=DEFAULT Sockets=2", []),
    ("PartitionName=all Nodes=cn1", []),
])
def test_names_that_must_resolve(line, names):
    assert trial.unaddressed(f"{line}\n") == names


# --- a start, with slurmctld's answers as they were

class Host:
    """Where slurmctld says these words and ends so, when it is tried with the declared files and with a plain one."""

    def __init__(self, rc=0, said=USUAL, usual=USUAL, parsed=""):
        self.rc, self.said, self.usual, self.parsed, self.starts = rc, said, usual, parsed, 0

    def __call__(self, argv):
        assert argv[0] == "unshare"
        scratch = Path(argv[-2])
        plain = "NodeName=trial" in (scratch / "declared.conf").read_text()
        self.starts += 1
        texts = {"said": (self.usual if plain else self.said).replace("/run/t", str(scratch)), "parsed": self.parsed, "config": CONFIG,
                 "node": "NodeName=cn1 CPUTot=2\n", "partition": "PartitionName=all Nodes=cn1\n", "asked": ""}
        for name, text in texts.items():
            (scratch / name).write_text(text)
        return Result(0 if plain else self.rc, "", "unshare failed: Operation not permitted\n" if self.rc == 1 else "")


@pytest.fixture(autouse=True)
def places(monkeypatch, tmp_path):
    monkeypatch.setattr(trial, "SCRATCH", str(tmp_path))
    monkeypatch.setattr(trial, "DIRECTORY", tmp_path / "etc")


FILES = {"slurm.conf": "SlurmUser=nobodyhere\nStateSaveLocation=/srv/state\nKillWait=30\n"}


def test_what_was_altered_is_told_as_the_file_has_it(tmp_path):
    host = Host()
    found = trial.start(host, FILES, "head1")
    assert found.places["slurm.conf"]["KillWait"] == "30 sec"
    assert found.places["slurm.conf"]["statesavelocation"] == "/srv/state" and "StateSaveLocation" not in found.places["slurm.conf"]
    assert (found.nodes["cn1"]["CPUTot"], host.starts, list(tmp_path.iterdir())) == ("2", 1, [])


def refused(host):
    with pytest.raises(ClusterwrightError, match="othing was changed") as caught:
        trial.start(host, FILES, "head1")
    return str(caught.value), caught.value.details


def test_a_complaint_is_a_refusal():
    said, details = refused(Host(said=f"{USUAL}slurmctld: error: _build_part: PartitionName=all: no such node zz9\n"))
    assert "slurmctld takes the new configuration, but complains: PartitionName=all: no such node zz9." in said
    assert details["log"] == ["PartitionName=all: no such node zz9"]


def test_what_slurmctld_says_on_this_host_of_every_configuration_is_none():
    library = "slurmctld: error: MPI: Cannot create context for mpi/pmix_v4, process {}\n"
    host = Host(said=USUAL + library.format(4711), usual=USUAL + library.format(12))
    trial.start(host, FILES, "head1")
    assert host.starts == 2
    assert "complains: no such thing" in refused(Host(said=f"{USUAL}{library.format(1)}slurmctld: error: no such thing\n",
                                                      usual=USUAL + library.format(2)))[0]


def test_a_slurmctld_that_ends_says_why():
    ends = "slurmctld: error: Invalid SlurmctldTimeout\nslurmctld: fatal: Unable to process configuration file\n"
    said, _details = refused(Host(rc=3, said=ends))
    assert "slurmctld refuses the new configuration: Invalid SlurmctldTimeout. Nothing was changed: correct it in the cluster file" in said


def test_a_file_that_does_not_parse_is_named_by_its_real_place(tmp_path):
    host = Host(rc=2, parsed="scontrol: error: _parse_next_key: Parsing error at unrecognized key: RetrunToService\n")
    assert "Parsing error at unrecognized key: RetrunToService" in refused(host)[0]
    host = Host(rc=3, said="slurmctld: fatal: No such file /run/t/slurm.conf\n")
    assert f"No such file {tmp_path}/etc/slurm.conf" in refused(host)[0]


def test_another_clusters_state_has_a_way_out():
    said, _details = refused(Host(rc=3, said="slurmctld: fatal: CLUSTER NAME MISMATCH.\n"))
    assert "remove /srv/state/clustername and run again" in said


def test_a_host_that_cannot_try_says_what_it_takes():
    assert "the new configuration cannot be tried here (unshare failed: Operation not permitted)" in refused(Host(rc=1))[0]
    assert "was not done after 120 s, its last words: slurmctld: Running as primary controller" in refused(Host(rc=4))[0]


@pytest.mark.parametrize(("folders", "missing"), [
    ("{0}/a", ["proctrack/foo"]),
    ("{0}/b:{0}/a", ["proctrack/foo"]),     # it lies in the second
    ("{0}/a:{0}/c", []),
    ("{0}/nowhere", []),                    # nobody knows
    ("(null)", []),
])
def test_a_plugin_that_only_slurmd_would_miss(tmp_path, folders, missing):
    for path in ("a/task_cgroup.so", "b/other.so", "c/proctrack_foo.so"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).touch()
    text = f"PluginDir = {folders.format(tmp_path)}\nTaskPlugin = task/cgroup,task/none\nProctrackType = proctrack/foo\n"
    assert trial.missing_plugins(trial.running.parse(text)) == missing
