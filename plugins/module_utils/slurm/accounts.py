# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""QOS, accounts and their users in slurmdbd: what is declared, what is there, and how it is changed. `accounts_plan` finds the difference.

Sources: sacctmgr(1) and squeue(1) of Slurm 22.05 and 24.11, and what they printed.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import limits
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.limits import Settings

ROOT, NORMAL = "root", "normal"     # what slurmdbd makes by itself, and what is never removed
PAUSE = 1.0     # seconds between two looks
LONG = 400      # characters of a command that anybody reads in a message

_NAME = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\"'|=]")      # ends a value, or stands between two where sacctmgr prints them


class NoAnswer(ClusterwrightError):
    """slurmdbd does not answer, or does not know the cluster yet."""


@dataclass(frozen=True)
class Declared:
    """One cluster's accounts as declared. `users` has only the accounts that say whose they are."""

    cluster: str
    exact: bool
    qos: dict[str, Settings]
    accounts: dict[str, Settings]
    users: dict[str, list[str]]


@dataclass(frozen=True)
class State:
    """What slurmdbd knows: all QOS, and one cluster's accounts.

    users: of each account. default_accounts: of each user. qos_elsewhere: what associations of other clusters may use.
    resources: what a limit can be set on, such as gres/gpu.
    """

    registered: bool = False
    qos: dict[str, Settings] = field(default_factory=dict)
    accounts: dict[str, Settings] = field(default_factory=dict)
    users: dict[str, list[str]] = field(default_factory=dict)
    default_accounts: dict[str, str] = field(default_factory=dict)
    qos_elsewhere: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()


class Command(NamedTuple):
    """One command, what it is about, and the commands that take it back."""

    argv: list[str]
    item: str
    undo: list[list[str]]

    def __str__(self) -> str:
        return shlex.join(self.argv)


class Job(NamedTuple):
    """A job that has not ended."""

    number: str
    account: str
    user: str
    qos: str


def declared(params: Mapping[str, Any]) -> Declared:
    """Turns the module's options into what is declared. Raises ClusterwrightError for what no slurmdbd would take."""
    accounts = _by_name("account", params["accounts"])
    if ROOT in accounts:
        raise ClusterwrightError("account root is Slurm's own and cannot be declared: declare accounts below it")
    return Declared(
        cluster=params["cluster"],
        exact=params["state"] == "exact",
        qos={name: _settings(f"QOS {name}", limits.QOS, _qos(entry), entry) for name, entry in _by_name("QOS", params["qos"]).items()},
        accounts={
            name: _settings(f"account {name}", limits.ACCOUNT, _account(name, entry), entry) for name, entry in accounts.items()
        },
        users={name: _users(name, entry["users"]) for name, entry in accounts.items() if entry.get("users") is not None},
    )


def _by_name(kind: str, entries: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        name = entry["name"]
        if name != name.lower():
            raise ClusterwrightError(f"{kind} {name}: Slurm keeps this name in lower case: write {name.lower()}")
        if not _NAME.fullmatch(name):
            raise ClusterwrightError(f"{kind} {name}: a name has lower-case letters, digits, and - _ . inside")
        if name in found:
            raise ClusterwrightError(f"{kind} {name} is declared twice: keep one of the two")
        found[name] = entry
    return found


def _qos(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Description": entry.get("description"), "Priority": entry.get("priority"),
        "Flags": entry.get("flags"), "Preempt": entry.get("preempt"),
    }


def _account(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    if entry.get("parent") == name:
        raise ClusterwrightError(f"account {name} is its own parent: name the account above it, or leave parent out")
    return {
        "Description": entry.get("description"), "Organization": entry.get("organization"), "Parent": entry.get("parent") or ROOT,
        "Fairshare": entry.get("shares"), "QOS": entry.get("qos"), "DefaultQOS": entry.get("default_qos"),
    }


def _settings(item: str, kinds: Mapping[str, str], own: Mapping[str, Any], entry: Mapping[str, Any]) -> Settings:
    result: Settings = {}
    known = limits.QOS_LIMITS if kinds is limits.QOS else limits.ACCOUNT_LIMITS
    try:
        for name, value in own.items():
            if value is not None:
                text = ",".join(value) if isinstance(value, list) else str(value)
                if kinds[name] == limits.TEXT and _UNPRINTABLE.search(text):
                    raise ClusterwrightError(f"{name.lower()}: sacctmgr takes no quotes, line breaks, = or | in it")
                result[name] = limits.canonical(name, kinds[name], text)
        for written, value in (entry.get("limits") or {}).items():
            name = limits.canonical_name(written, known)
            if name in result:
                raise ClusterwrightError(f"{name} is said twice: keep one of the two")
            result[name] = limits.canonical(name, kinds[name], value)
    except ClusterwrightError as error:
        raise ClusterwrightError(f"{item}: {error}") from None
    return result


def _users(account: str, names: Sequence[str]) -> list[str]:
    for name in names:
        if not _USER.fullmatch(name):
            raise ClusterwrightError(f"account {account}: {name} is no user's name")
    return list(dict.fromkeys(names))


# --- observe


def observe(run: Run, cluster: str) -> State:
    """What slurmdbd knows. Raises NoAnswer when it does not answer."""
    if not any(row[0] == cluster for row in _show(run, ["cluster"], ["Cluster"])):
        return State()
    qos = {
        row["Name"]: limits.observed(limits.QOS, {name: row[_shown(name)] for name in limits.QOS})
        for row in _rows(run, ["qos"], ["Name", *(_shown(name) for name in limits.QOS if name != "Description"), "Description"])
    }
    texts = {row["Account"]: row for row in _rows(run, ["account"], ["Account", "Organization", "Description"])}
    accounts: dict[str, Settings] = {}
    users: dict[str, list[str]] = {}
    elsewhere: set[str] = set()
    own = [name for name in limits.ACCOUNT if name not in ("Description", "Organization")]
    # What an association has by itself, and not by those above it.
    for row in _rows(run, ["assoc", "WOPLimits"], ["Cluster", "Account", "User", *map(_shown, own)]):
        if row["Cluster"] != cluster:
            elsewhere |= {word.lstrip("+-") for word in f"{row['QOS']},{row['DefaultQOS']}".split(",")}
        elif row["User"]:
            if row["User"] not in users.setdefault(row["Account"], []):     # once for each partition
                users[row["Account"]].append(row["User"])
        else:
            values = {name: row[_shown(name)] for name in own}
            values.update({name: texts.get(row["Account"], {}).get(name, "") for name in ("Description", "Organization")})
            accounts[row["Account"]] = limits.observed(limits.ACCOUNT, values)
    defaults = dict(_show(run, ["assoc", f"cluster={cluster}", "onlydefaults"], ["User", "Account"]))
    resources = frozenset("/".join(filter(None, row)).lower() for row in _show(run, ["tres"], ["Type", "Name"]))
    return State(True, qos, accounts, users, defaults, frozenset(elsewhere - {""}), resources)


def wait_registered(
    run: Run, cluster: str, timeout: float, clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep
) -> State:
    """Look until slurmdbd answers and slurmctld has registered the cluster with it, or `timeout` seconds are over."""
    begin = clock()
    while True:
        try:
            state = observe(run, cluster)
            error = NoAnswer(
                f"slurmdbd does not know the cluster {cluster}, because slurmctld has not told it yet: "
                "look at `systemctl status slurmctld` on the controller, and for AccountingStorageHost in its slurm.conf"
            )
        except NoAnswer as no_answer:
            state, error = State(), no_answer
        if state.registered:
            return state
        if clock() - begin >= timeout:
            raise error
        pause(PAUSE)


def jobs(run: Run, cluster: str) -> list[Job]:
    """The jobs of the cluster that have not ended. Raises ClusterwrightError when it cannot be said.

    slurmdbd holds on to a job whose end it has never heard of, and slurmctld may know of one that slurmdbd has not heard of yet.
    """
    found = {}
    for argv in (
        ["sacct", "--noheader", "--parsable2", "--allusers", "--allocations", "--state=PENDING,RUNNING,SUSPENDED",
         "--format=JobID,Account,User,QOS", f"--clusters={cluster}"],
        ["squeue", "--noheader", "--all", "--format=%i|%a|%u|%q", f"--clusters={cluster}"],
    ):
        result = run(argv)
        if result.rc:
            raise ClusterwrightError(
                f"nothing was changed: something is to be removed, and {argv[0]} does not say which jobs use it ({last_lines(result)})"
            )
        jobs_of = [Job(*line.split("|")) for line in result.out.splitlines() if line.count("|") == 3]
        found.update({job.number: job for job in jobs_of})
    return list(found.values())


def _shown(name: str) -> str:
    # The one name that `set` and `format` spell differently.
    return {"MinPrioThresh": "MinPrioThreshold", "Parent": "ParentName"}.get(name, name)


def _rows(run: Run, what: Sequence[str], columns: Sequence[str]) -> list[dict[str, str]]:
    return [dict(zip(columns, row)) for row in _show(run, what, columns)]


def _show(run: Run, what: Sequence[str], columns: Sequence[str]) -> list[list[str]]:
    result = run(["sacctmgr", "--noheader", "--parsable2", "show", *what, f"format={','.join(columns)}"])
    if result.rc:
        raise NoAnswer(
            f"slurmdbd does not answer ({last_lines(result)}): look at `systemctl status slurmdbd` and its database on the accounting host"
        )
    return parse(result.out, len(columns))


def parse(output: str, columns: int) -> list[list[str]]:
    """Lines of --parsable2; the last column is a text that may have anything in it."""
    rows = [line.split("|", columns - 1) for line in output.splitlines()]
    return [row for row in rows if len(row) == columns]


# --- apply


def apply(run: Run, commands: Sequence[Command]) -> None:
    """Runs the commands. On failure, the ClusterwrightError says which ran and which undo them."""
    for done, command in enumerate(commands):
        result = run(command.argv)
        # Another run may have been first with the same; reading back tells.
        if result.rc and "lready exist" not in result.out + result.err:
            undo = [shlex.join(argv) for earlier in reversed(commands[:done]) for argv in earlier.undo]
            words = " && ".join(undo)
            words = words if len(words) < LONG else "the commands in rollback_commands"
            way_back = f". What stays done is undone by: {words}" if undo else ""
            raise ClusterwrightError(
                f"{command.item}: '{_short(command)}' failed: {last_lines(result)}{way_back}",
                changed=done > 0, verified=False, commands=[str(earlier) for earlier in commands[:done]], rollback_commands=undo,
            )


def _short(command: Command) -> str:
    text = str(command)
    return text if len(text) < LONG else f"{text[:LONG]} …"
