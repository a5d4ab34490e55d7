# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""slurm.conf: rendered from the intent, and read.

Sources: slurm.conf(5) of Slurm 24.11. The same keys mean the same from 22.05 on.
"""

from __future__ import annotations

import re

from .intent import Keys, SlurmIntent, Value

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


def render(intent: SlurmIntent) -> str:
    """The text of slurm.conf, the same bytes for the same intent."""
    # Slurm reads keys without regard to case: ours must not stand beside the user's.
    said = {key.lower(): key for key in intent["config"]}
    config: Keys = {said.get(key.lower(), key): value for key, value in DEFAULTS.items()}
    config = {key: value for key, value in {**config, **intent["config"]}.items() if value != "omit"}
    lines = ["# Rendered from the cluster file by clusterwright.hpc: change it there.", f"ClusterName={intent['cluster_name']}"]
    lines += [f"SlurmctldHost={host['name']}({host['address']})" for host in intent["controllers"]]
    lines += [f"{key}={_value(value)}" for key, value in config.items()]
    lines += [_line(node) for node in intent["nodes"]]
    lines += [_line(partition) for partition in intent["partitions"]]
    return "\n".join(lines) + "\n"


def parse(text: str) -> list[dict[str, str]]:
    """The lines of a slurm.conf as keys and values, comments and continuations resolved; keys as written."""
    joined = re.sub(r"\\\n", " ", text)
    lines = (line.split("#", 1)[0].strip() for line in joined.split("\n"))
    return [{key: quoted or plain for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|(\S*))', line)} for line in lines if line]


def _value(value: Value) -> str:
    if isinstance(value, bool):
        return "YES" if value else "NO"
    text = str(value)
    return f'"{text}"' if re.search(r"\s", text) else text


def _line(keys: Keys) -> str:
    return " ".join(f"{key}={_value(value)}" for key, value in keys.items())
