# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trial start: slurmctld reads a copy of the new configuration where it can reach nobody and leaves nothing.

It starts in a network, process and mount namespace of its own, with its state, log and PID in a temporary directory, as the only
controller, and without accounting. Programs that it might call are replaced by one that does nothing. When it says that it runs, it is
asked for its configuration, nodes and partitions: what the new files mean to Slurm, with all defaults and in its own spelling.

Sources: slurm.conf(5), unshare(1); what slurmctld 22.05.8 and 24.11.5 print. getaddrinfo(3) with AI_ADDRCONFIG finds nothing on a host
with no address but the loopback's, and Slurm then tries for 10 s: so the namespace has one more, of those for documentation (RFC 5737).
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import conf, running

DIRECTORY = Path("/etc/slurm")
SCRATCH = "/run"
STAND_IN = "192.0.2.1"
PATIENCE = 120      # seconds; a cluster of 10,000 nodes takes two

# What is not tried as it stands.
MOVED = {"statesavelocation": "state", "slurmctldpidfile": "pid", "slurmctldlogfile": "log", "slurmschedlogfile": "schedlog"}
PROGRAMS = frozenset({"suspendprogram", "resumeprogram", "resumefailprogram", "slurmctldprimaryonprog", "slurmctldprimaryoffprog"})
DROPPED = frozenset({"jobcomptype", "maxdbdmsgs", "slurmctldsyslogdebug", "slurmctlddebug", "slurmctldhost"})
ACCOUNTING = "accountingstorage"
WEIGHTS = "priorityweighttres"      # may weigh what only slurmdbd counts

# What a slurmctld logs as an error that has neither state nor slurmdbd.
HARMLESS = re.compile(
    r"[Cc]ould not open .* state file|Trying backup state save file|No .* state file|MailProg is invalid|PriorityWeightFairshare can only"
    r"|Job accounting information gathered, but not stored|collecting accounting information you have asked for it not to be stored"
    r"|does not support glob parsing|\"Include\" failed in file \S*/plugstack\.conf"
    r"|High latency for \d+ calls to gettimeofday"     # the host is busy
)
COMPLAINT = re.compile(r"\b(?:error|fatal): +(.*)")
_NUMERIC = re.compile(r"[0-9.,:\[\]a-fA-F-]*[.:][0-9.,:\[\]a-fA-F-]*")
_SUMMARY = "Unable to process configuration file"
_ENDLESS = "retrying in 1sec"       # it looks for a file that is not there, for a minute

# $1: the directory, $2: tenths of a second. The client reads the file as declared, the daemon the copy.
_SCRIPT = f"""
cd "$1" || exit 1
ip link set lo up && ip addr add {STAND_IN}/32 dev lo || exit 1
SLURM_CONF="$1/declared.conf" scontrol show hostnames localhost >parsed 2>&1 || exit 2
slurmctld -D -f "$1/slurm.conf" >said 2>&1 &
left=$2
until grep -q 'Running as primary controller' said; do
    kill -0 $! 2>/dev/null || exit 3
    grep -q '{_ENDLESS}' said && exit 3
    left=$((left - 1)); [ $left -gt 0 ] || exit 4
    sleep 0.1
done
export SLURM_CONF="$1/slurm.conf"
scontrol show config >config 2>asked && scontrol --all --oneliner show node >node 2>asked &&
    scontrol --all --oneliner show partition >partition 2>asked || exit 5
"""


def start(run: Run, files: Mapping[str, str], host: str, may_come: bool = False) -> running.Slurm:
    """What the files of /etc/slurm, given by name, mean to the slurmctld of this host. may_come: programs that they name need not be there.

    Raises ClusterwrightError with what slurmctld says against them.
    """
    with _scratch() as scratch:
        found = _start(run, files, host, scratch, may_come)
        complaints = _complaints(scratch)
    if complaints:
        # What it says of any configuration comes from the host: a plugin without its library, for one.
        usual = _usual_complaints(run, files["slurm.conf"], host)
        complaints = [line for line in complaints if _form(line) not in usual]
    if complaints:
        raise ClusterwrightError(
            f"slurmctld takes the new configuration, but complains: {'; '.join(complaints[:3])}. Nothing was changed: correct it in the "
            "cluster file", log=complaints,
        )
    # What was altered for the trial is as the files have it.
    table = {key: value for key, value in found.places["slurm.conf"].items() if not as_written(key)}
    table.update({key: value for key, value in running.settings(files["slurm.conf"]).items() if as_written(key)})
    found.places["slurm.conf"] = table
    missing = missing_plugins(found)
    if missing:
        raise ClusterwrightError(
            f"Slurm has no plugin {' and no '.join(missing)} here, and slurmd would not start without it. Nothing was changed: correct it "
            "in the cluster file, or install the plugin"
        )
    return found


def as_written(key: str) -> bool:
    """Whether a trial start tells nothing of a key of slurm.conf, so that it has to be compared as it is written."""
    key = key.lower()
    return key in MOVED or key in PROGRAMS or key in DROPPED or key == WEIGHTS or key.startswith(ACCOUNTING)


def rehearsal(text: str, host: str, scratch: str, is_program: Callable[[str], bool]) -> str:
    """slurm.conf as it is tried, line for line, so that the numbers in messages are those of the real file."""
    ours = re.search(rf"(?im)^SlurmctldHost={re.escape(host)}(?:\(|\s*$)", text)    # otherwise slurmctld says that this host is none
    accounting = re.search(r"(?im)^AccountingStorageType=(?!accounting_storage/none)", text)
    lines = []
    for line in text.split("\n"):
        name, _equals, value = line.partition("=")
        key = name.strip().lower()
        if key in MOVED:
            lines.append(f"{name}={scratch}/{MOVED[key]}")
        elif key in PROGRAMS and is_program(value):
            lines.append(f"{name}=/bin/true")
        elif key == "slurmctldhost" and (not ours or value.split("(")[0].strip() == host):
            lines.append(f"{name}={host}({STAND_IN})" if ours else line)
        elif key in DROPPED or key.startswith(ACCOUNTING) or (accounting and key == WEIGHTS):
            lines.append("")
        elif key == "nodename":
            lines.append(_addressed(line))
        elif key == "partitionname" and accounting:
            lines.append(re.sub(r'\s+TRESBillingWeights=("[^"]*"|\S*)', "", line, flags=re.IGNORECASE))
        else:
            lines.append(line)
    # Keys that the file leaves out must not fall back to places of the running daemon.
    said = {line.split("=", 1)[0].strip().lower() for line in lines}
    lines += [f"{key}={scratch}/{MOVED[key]}" for key in ("statesavelocation", "slurmctldpidfile") if key not in said]
    return "\n".join([*lines, "SlurmctldDebug=info", ""])


def unaddressed(text: str) -> list[str]:
    """The names in the node lines of a slurm.conf that must resolve, folded: what has no address in numbers."""
    names = []
    for keys in conf.parse(text):
        lower = {key.lower(): value for key, value in keys.items()}
        name = lower.get("nodename", "DEFAULT")
        address = lower.get("nodeaddr", lower.get("nodehostname", name))
        if name != "DEFAULT" and not _NUMERIC.fullmatch(address):
            names.append(address)
    return names


def missing_plugins(found: running.Slurm) -> list[str]:
    """Plugins that slurmd loads and slurmctld does not, so that it takes any name for them."""
    config = found.places["slurm.conf"]
    folders = [Path(name) for name in config.get("PluginDir", "").split(":") if name]
    keys = ("ProctrackType", "TaskPlugin", "JobAcctGatherType", "JobContainerType")
    named = [name for key in keys for name in config.get(key, "").split(",") if "/" in name and not name.endswith("/none")]
    there = any(folder.is_dir() for folder in folders)
    return [name for name in named if there and not any((folder / f"{name.replace('/', '_')}.so").exists() for folder in folders)]


def _addressed(line: str) -> str:
    found = re.search(r"\sNodeAddr=(\S+)", line, re.IGNORECASE)
    if found and _NUMERIC.fullmatch(found[1]):
        return line
    return f"{line[:found.start()]}{line[found.end():]} NodeAddr={STAND_IN}" if found else f"{line} NodeAddr={STAND_IN}"


def _start(run: Run, files: Mapping[str, str], host: str, scratch: Path, may_come: bool = False) -> running.Slurm:
    _fill(files, host, scratch, may_come)
    alone = ["unshare", "--net", "--pid", "--mount-proc", "--fork", "--kill-child"]
    result = run([*alone, "sh", "-c", _SCRIPT, "sh", str(scratch), str(PATIENCE * 10)])
    texts = {name: _read(scratch / name) for name in ("parsed", "said", "asked", "config", "node", "partition")}
    if result.rc in (2, 3):
        state = running.settings(files["slurm.conf"]).get("statesavelocation", "")
        raise _refused(texts["parsed" if result.rc == 2 else "said"], scratch, state)
    if result.rc == 4:
        raise ClusterwrightError(f"a trial start of slurmctld with the new configuration was not done after {PATIENCE} s, its last words: "
                                 f"{_last(texts['said'])}. Nothing was changed: look for names that do not resolve")
    if result.rc:
        said = _last(texts["asked"]) or last_lines(result)
        raise ClusterwrightError(f"the new configuration cannot be tried here ({said}): nothing was changed. It takes root, a munge that "
                                 "runs, and the commands unshare, ip and scontrol")
    return running.parse(texts["config"], texts["node"], texts["partition"])


def _fill(files: Mapping[str, str], host: str, scratch: Path, may_come: bool) -> None:
    """The declared files, what else lies in /etc/slurm, and the cluster's name, which slurmctld compares with its own."""
    for entry in sorted(DIRECTORY.iterdir()) if DIRECTORY.is_dir() else ():
        if entry.name not in conf.ours(files) and entry.name != "slurmdbd.conf" and not entry.name.endswith("~"):
            (scratch / entry.name).symlink_to(entry)
    for name, text in files.items():
        (scratch / name).write_text(text)
    (scratch / "declared.conf").write_text(files["slurm.conf"])
    tried = rehearsal(files["slurm.conf"], host, str(scratch), lambda path: may_come or os.access(path.strip('"').split(" ")[0], os.X_OK))
    (scratch / "slurm.conf").write_text(tried)
    (scratch / "state").mkdir()
    settings = running.settings(files["slurm.conf"])
    named = Path(settings.get("statesavelocation", "")) / "clustername"
    if named.is_file():
        shutil.copy(named, scratch / "state" / "clustername")
    try:
        owner = pwd.getpwnam(settings.get("slurmuser", "root"))
    except KeyError:
        return      # slurmctld says so itself
    for path in (scratch, scratch / "state", *(scratch / "state").iterdir()):
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _usual_complaints(run: Run, text: str, host: str) -> list[str]:
    """What slurmctld says of a configuration with one node and nothing to object to."""
    kept = [line for line in text.split("\n") if re.match(r"(?i)(ClusterName|SlurmctldHost|SlurmUser|Auth\w+|CredType|PluginDir)=", line)]
    plain = "\n".join([*kept, f"NodeName=trial NodeAddr={STAND_IN}", "PartitionName=trial Nodes=trial", ""])
    with _scratch() as scratch:
        try:
            _start(run, {"slurm.conf": plain}, host, scratch)
        except ClusterwrightError:
            return []
        return [*map(_form, _complaints(scratch))]


def _form(line: str) -> str:
    return re.sub(r"\d+", "0", line)      # process ids and measured times differ


def _complaints(scratch: Path) -> list[str]:
    found = [_in_words(line, scratch) for name in ("parsed", "said") for line in COMPLAINT.findall(_read(scratch / name))]
    lines = list(dict.fromkeys(line for line in found if not HARMLESS.search(line)))
    return [line for line in lines if line != _SUMMARY] or lines


def _refused(said: str, scratch: Path, state: str) -> ClusterwrightError:
    complaints = _complaints(scratch) or [_last(said)]
    way_out = "correct it in the cluster file"
    if "CLUSTER NAME MISMATCH" in said:
        way_out = f"to rename a cluster, stop slurmctld when it has no jobs, remove {state}/clustername and run again"
    return ClusterwrightError(
        f"slurmctld refuses the new configuration: {'; '.join(complaints[-3:])}. Nothing was changed: {way_out}", log=complaints)


def _in_words(line: str, scratch: Path) -> str:
    """A complaint with the places of the real files, and without the name of Slurm's function."""
    line = line.replace(f"{scratch}/declared.conf", f"{DIRECTORY}/slurm.conf").replace(str(scratch), str(DIRECTORY))
    return re.sub(r"^_?[a-z0-9]+_[a-z0-9_]+: ", "", line).replace(f", {_ENDLESS} up to 60sec", "").strip().rstrip(".")


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""


def _last(text: str) -> str:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    return lines[-1] if lines else ""


@contextmanager
def _scratch() -> Iterator[Path]:
    scratch = tempfile.mkdtemp(prefix="slurm-trial-", dir=SCRATCH)
    try:
        yield Path(scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
