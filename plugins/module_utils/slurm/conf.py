# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm.conf and the files beside it: rendered from the intent, and read.

Sources: slurm.conf(5), cgroup.conf(5), gres.conf(5), topology.conf(5), job_container.conf(5), spank(7) of Slurm 24.11. The same keys
mean the same from 22.05 on.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from .intent import Keys, SlurmIntent, Value

HEADER = "# Rendered from the cluster file by clusterwright.hpc: change it there."
NAMES = ("slurm.conf", "cgroup.conf", "gres.conf", "topology.conf", "job_container.conf", "plugstack.conf")
KEPT = ("plugstack.conf",)      # packages bring one, and sites have their own: where nothing is declared it stays as it is
JWT_KEY = "/etc/slurm/jwt_hs256.key"

# What a careful administrator would choose. Each can be set or dropped (`omit`) in the cluster file.
DEFAULTS: Keys = {
    "SlurmUser": "slurm",
    "AuthType": "auth/munge",
    "CredType": "cred/munge",
    "StateSaveLocation": "/var/lib/slurm/slurmctld",
    "SlurmdSpoolDir": "/var/lib/slurm/slurmd",
    "SlurmctldPidFile": "/run/slurmctld.pid",
    "SlurmdPidFile": "/run/slurmd.pid",
    "SlurmctldLogFile": "/var/log/slurm/slurmctld.log",
    "SlurmdLogFile": "/var/log/slurm/slurmd.log",
    "SlurmctldParameters": "enable_configless",
    "ReturnToService": 1,               # a node that was lost and is back serves again; one that we set down does not
    "ProctrackType": "proctrack/cgroup",
    "TaskPlugin": "task/cgroup,task/affinity",
    "SelectType": "select/cons_tres",
    "SelectTypeParameters": "CR_Core_Memory",
    "SchedulerType": "sched/backfill",
    "MpiDefault": "none",
    "KillOnBadExit": 1,
    "PropagateResourceLimitsExcept": "MEMLOCK",     # the node's limit counts: MPI pins memory there, not where the job was submitted
    "SlurmctldTimeout": 120,
    "SlurmdTimeout": 300,
}

CGROUP_DEFAULTS: Keys = {
    "CgroupPlugin": "autodetect",
    "ConstrainCores": True,
    "ConstrainRAMSpace": True,
    "ConstrainDevices": True,
}
JOB_CONTAINER_DEFAULTS: Keys = {"AutoBasePath": True}


def files(intent: SlurmIntent) -> dict[str, str]:
    """Every file of /etc/slurm that follows from the intent, by name; the same bytes for the same intent.

    Nodes fetch all of them from slurmctld. slurm.conf and cgroup.conf are always there, the others when they have content.
    """
    found = {"slurm.conf": render(intent), "cgroup.conf": _text(_pairs(_merged(CGROUP_DEFAULTS, intent["cgroup"])))}
    if intent["gres"]:
        found["gres.conf"] = _text(map(_line, intent["gres"]))
    if intent["topology"]:
        found["topology.conf"] = _text(map(_line, intent["topology"]))
    if intent["job_container"]:
        found["job_container.conf"] = _text(_pairs(_merged(JOB_CONTAINER_DEFAULTS, intent["job_container"])))
    if intent["plugstack"]:
        found["plugstack.conf"] = _text(intent["plugstack"])
    return found


def ours(declared: Container[str]) -> list[str]:
    """The names that are written or removed where these are declared."""
    return [name for name in NAMES if name in declared or name not in KEPT]


def render(intent: SlurmIntent) -> str:
    """The text of slurm.conf."""
    lines = [f"ClusterName={intent['cluster_name']}"]
    lines += [f"SlurmctldHost={host['name']}({host['address']})" for host in intent["controllers"]]
    lines += _pairs(_merged({**DEFAULTS, **_implied(intent)}, intent["config"]))
    lines += [_line(node) for node in intent["nodes"]]
    lines += [_line(partition) for partition in intent["partitions"]]
    return _text(lines)


def _implied(intent: SlurmIntent) -> Keys:
    """What other parts of the cluster file ask of slurm.conf."""
    keys: Keys = {}
    shares = [share for node in intent["nodes"] if (share := _memory_per_cpu(node))]
    if shares:
        # Without it a job that asks for no memory gets all of its node's, and no second job fits beside it.
        keys["DefMemPerCPU"] = min(shares)
    if intent["dbds"]:
        keys |= {"AccountingStorageType": "accounting_storage/slurmdbd", "JobAcctGatherType": "jobacct_gather/cgroup"}
        keys |= dict(zip(("AccountingStorageHost", "AccountingStorageBackupHost"), (host["address"] for host in intent["dbds"])))
    if intent["enforce"]:
        keys["AccountingStorageEnforce"] = "associations,limits,qos"
    if intent["jwt"]:
        keys |= {"AuthAltTypes": "auth/jwt", "AuthAltParameters": f"jwt_key={JWT_KEY}"}
    if intent["gres"]:
        keys["GresTypes"] = ",".join(dict.fromkeys(str(line["Name"]) for line in intent["gres"]))
        if intent["dbds"]:
            keys["AccountingStorageTRES"] = ",".join(dict.fromkeys(f"gres/{line['Name']}" for line in intent["gres"]))
    if intent["topology"]:
        keys["TopologyPlugin"] = "topology/tree"
    if intent["job_container"]:
        keys |= {"JobContainerType": "job_container/tmpfs", "PrologFlags": "Contain"}
    return keys


def _memory_per_cpu(node: Keys) -> int:
    """MiB of each hardware thread of a line of nodes; 0 where its memory is not declared."""
    threads = [int(node.get(key, 1)) for key in ("Sockets", "CoresPerSocket", "ThreadsPerCore")]
    return int(node.get("RealMemory", 0)) // (threads[0] * threads[1] * threads[2])


def _merged(ours: Keys, said: Keys) -> Keys:
    """Our choices with what the file says put over them, less what it drops."""
    # Slurm reads keys without regard to case: ours must not stand beside the user's.
    spelling = {key.lower(): key for key in said}
    both = {**{spelling.get(key.lower(), key): value for key, value in ours.items()}, **said}
    return {key: value for key, value in both.items() if value != "omit"}


def parse(text: str) -> list[dict[str, str]]:
    """The lines of a slurm.conf as keys and values, comments and continuations resolved; keys as written."""
    joined = re.sub(r"\\\n", " ", text)
    lines = (line.split("#", 1)[0].strip() for line in joined.split("\n"))
    return [{key: quoted or plain for key, quoted, plain in re.findall(r'(\w+)\s*=\s*(?:"([^"]*)"|(\S*))', line)} for line in lines if line]


def _text(lines: Iterable[str]) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


def _pairs(keys: Keys) -> list[str]:
    return [f"{key}={_value(value)}" for key, value in keys.items()]


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "YES" if value else "NO"
    text = str(value)
    return f'"{text}"' if re.search(r"\s", text) else text


def _line(keys: Keys) -> str:
    return " ".join(_pairs(keys))
