# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few sacctmgr commands that make what is there into what is declared. Pure.

Equal changes go together: sacctmgr takes a list of names, and each call of it costs a connection and a transaction.
Order: QOS, accounts from the top, users, changes, default accounts, and removals last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import limits
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.accounts import NORMAL, ROOT, Command, Declared, Job, State
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.limits import Settings

TOGETHER = 1000     # names in one command: below the kernel's limit for an argument
# Limits that slurmctld also holds against jobs that run.
ENDS_JOBS = ("GrpTRESMins", "GrpWall", "MaxTRESMinsPerJob")


@dataclass(frozen=True)
class Plan:
    """commands in order, what is there after them, the users that slurmdbd does not know yet, and what is removed."""

    commands: list[Command]
    after: State
    new_users: list[str] = field(default_factory=list)
    removed_qos: list[str] = field(default_factory=list)
    removed_accounts: list[str] = field(default_factory=list)
    removed_users: dict[str, list[str]] = field(default_factory=dict)     # of each account

    @property
    def removes(self) -> bool:
        """Whether something is removed."""
        return bool(self.removed_qos or self.removed_accounts or self.removed_users)


def plan(declared: Declared, state: State) -> Plan:
    """Compares what is declared with what is there. Raises ClusterwrightError for names that nothing stands behind."""
    _refuse_unknown(declared, state)
    gone_qos, gone_accounts, gone_users = _surplus(declared, state)
    users = {
        name: [user for user in _joined(state.users.get(name, []), declared.users.get(name, [])) if user not in gone_users.get(name, [])]
        for name in {**state.users, **declared.users} if name not in gone_accounts
    }
    defaults = _defaults(declared, state, users)
    after = State(
        registered=True,
        qos={name: entry for name, entry in _after(declared.qos, state.qos).items() if name not in gone_qos},
        accounts={name: entry for name, entry in _after(declared.accounts, state.accounts).items() if name not in gone_accounts},
        users={name: names for name, names in users.items() if names},
        default_accounts=defaults,
        qos_elsewhere=state.qos_elsewhere,
        resources=state.resources,
    )
    _refuse_withdrawal(after, gone_qos)
    # From the top of the new tree: what is moved below another never is above it.
    accounts = dict(sorted(declared.accounts.items(), key=lambda item: len(_above(item[0], after.accounts))))
    leaving = {**gone_users, **{name: state.users[name] for name in gone_accounts if name in state.users}}
    cluster = f"cluster={declared.cluster}"
    commands = [
        *_add_qos(declared, state),
        *_modify("qos", limits.QOS, declared.qos, state.qos),
        *_add_accounts(accounts, state, cluster),
        *_modify("account", limits.ACCOUNT, accounts, state.accounts, cluster),
        *_add_users(declared, state, cluster),
        *_change_defaults(state, after, cluster),
        *_delete_users(state, leaving, set(state.default_accounts) - set(after.default_accounts), cluster),
        *_delete_accounts(state, gone_accounts, cluster),
        *_delete_qos(state, gone_qos),
    ]
    return Plan(commands, after, [user for user in defaults if user not in state.default_accounts], gone_qos, gone_accounts, gone_users)


def compare(declared: Declared, state: State, commands: Sequence[Command]) -> None:
    """Verifies what was read back: a new plan must have nothing left to do. Raises ClusterwrightError with what it has."""
    left = plan(declared, state).commands
    if left:
        items = [command.item for command in left]
        raise ClusterwrightError(
            f"applied, but read back slurmdbd still differs: {'; '.join(items[:5])}: another run or person changes it back, find out who",
            changed=True, verified=False, commands=[str(command) for command in commands], mismatch=items,
            mismatch_commands=[str(command) for command in left],
        )


def refuse_in_use(planned: Plan, jobs: Sequence[Job]) -> None:
    """Raises ClusterwrightError, with all of them, when something that is to be removed has jobs that have not ended."""
    found: dict[str, list[str]] = {}
    for job in jobs:
        if job.account in planned.removed_accounts:
            found.setdefault(f"account {job.account}", []).append(job.number)
        elif job.user in planned.removed_users.get(job.account, ()):
            found.setdefault(f"user {job.user} of account {job.account}", []).append(job.number)
        if job.qos in planned.removed_qos:
            found.setdefault(f"QOS {job.qos}", []).append(job.number)
    if found:
        named = "; ".join(f"{item} has jobs {', '.join(numbers[:5])}{' …' if len(numbers) > 5 else ''}" for item, numbers in found.items())
        raise ClusterwrightError(
            f"nothing was changed: {named}. Declare it again, or remove it when its jobs have ended: "
            "`scancel` ends them, and `sacctmgr show runawayjobs` those that only slurmdbd knows", jobs=found,
        )


def impact(declared: Declared, state: State, planned: Plan) -> list[dict[str, Any]]:
    """What the plan can disturb, as data and in words."""
    told: list[dict[str, Any]] = [{"kind": "qos_removed", "name": name, "text": f"QOS {name} is removed"} for name in planned.removed_qos]
    for name in planned.removed_accounts:
        users = state.users.get(name, [])
        text = _listed(f"account {name} is removed, and with it", users)
        told.append({"kind": "account_removed", "name": name, "users": users, "text": text})
    told += [
        {"kind": "users_removed", "name": account, "users": names, "text": _listed(f"account {account} loses", names)}
        for account, names in planned.removed_users.items()
    ]
    for name, wanted in declared.accounts.items():
        before, after = (_names(settings.get("QOS", "")) for settings in (state.accounts.get(name, {}), wanted))
        lost = sorted(before - after) if "QOS" in wanted else []
        if lost:
            text = f"account {name} loses QOS {', '.join(lost)}: its jobs that wait with it go on waiting"
            told.append({"kind": "qos_withdrawn", "name": name, "qos": lost, "text": text})
    for kind, kinds, entries, found in (
        ("QOS", limits.QOS, declared.qos, state.qos), ("account", limits.ACCOUNT, declared.accounts, state.accounts),
    ):
        for name, wanted in entries.items():
            hard = {limit: value for limit, value in wanted.items() if limit in ENDS_JOBS}
            for argument in limits.difference(kinds, hard, found.get(name, {})) if name in found else ():
                if not argument.endswith("=-1"):
                    text = f"{kind} {name} gets {argument}: jobs that run and are beyond it end"
                    told.append({"kind": "limit_ends_jobs", "name": name, "limit": argument, "text": text})
    return told


def view(declared: Declared, state: State, planned: Plan) -> dict[str, Any]:
    """A state as plain data: what is declared or removed of it."""
    accounts = [name for name in _joined(declared.accounts, [*planned.removed_accounts, *planned.removed_users]) if name in state.accounts]
    return {
        "qos": {name: _printed(state.qos[name]) for name in _joined(declared.qos, planned.removed_qos) if name in state.qos},
        "accounts": {name: {**_printed(state.accounts[name]), "users": sorted(state.users.get(name, []))} for name in accounts},
    }


def diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    """One entry of Ansible's list of diffs for each QOS and account that changes."""
    entries = []
    for room, kind in (("qos", "QOS"), ("accounts", "account")):
        for name in _joined(before[room], after[room]):
            old, new = before[room].get(name, {}), after[room].get(name, {})
            if old != new:
                header = f"{kind} {name}"
                entries.append({"before_header": header, "before": _lines(old), "after_header": header, "after": _lines(new)})
    return entries


def _lines(entry: Mapping[str, Any]) -> str:
    lines = [f"{key}={value}" for key, value in entry.items() if key != "users"] + [f"user {user}" for user in entry.get("users", ())]
    return "".join(f"{line}\n" for line in lines)


def _printed(entry: Settings) -> dict[str, str]:
    return {name: limits.printed(value) for name, value in sorted(entry.items())}


def _joined(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))


def _names(value: Any) -> set[str]:
    return {name for name in str(value).split(",") if name}


# --- what is wanted


def _refuse_unknown(declared: Declared, state: State) -> None:
    for kind, entries in (("QOS", declared.qos), ("account", declared.accounts)):
        for name, entry in entries.items():
            used = {resource for value in entry.values() if isinstance(value, dict) for resource in value}
            for resource in sorted(used - state.resources) if state.registered else ():
                raise ClusterwrightError(
                    f"{kind} {name} limits {resource}, which slurmdbd does not count: correct the name, or add it to "
                    f"AccountingStorageTRES in slurm.conf; it counts {', '.join(sorted(state.resources))}"
                )
    qos, accounts = {*declared.qos, *state.qos, NORMAL}, {*declared.accounts, *state.accounts, ROOT}
    for name, entry in declared.qos.items():
        for other in sorted(_names(entry.get("Preempt", "")) - qos):
            raise ClusterwrightError(f"QOS {name} preempts {other}, and there is no such QOS: declare it, or correct the name")
    everyone = _after(declared.accounts, state.accounts)
    for name, entry in declared.accounts.items():
        _above(name, everyone)
        parent = str(entry["Parent"])
        if parent not in accounts:
            raise ClusterwrightError(f"account {name} is below {parent}, and there is no such account: declare it, or correct the name")
        for other in sorted(_names(entry.get("QOS", "")) - qos):
            raise ClusterwrightError(f"account {name} uses QOS {other}, and there is no such QOS: declare it, or correct the name")
        default = str(entry.get("DefaultQOS", state.accounts.get(name, {}).get("DefaultQOS", "")))
        usable = _names(entry.get("QOS", state.accounts.get(name, {}).get("QOS", "")))
        usable = usable or qos
        if default and default not in usable & qos:
            raise ClusterwrightError(
                f"account {name} has the default QOS {default}, which is none of {', '.join(sorted(usable))}: "
                "set default_qos to one of them"
            )


def _refuse_withdrawal(after: State, gone_qos: Sequence[str]) -> None:
    """Removing a QOS takes it silently from what still names it, where nobody has said so."""
    for kind, entries, names in (("account", after.accounts, ("QOS", "DefaultQOS")), ("QOS", after.qos, ("Preempt",))):
        for name, entry in entries.items():
            for other in sorted({other for key in names for other in _names(entry.get(key, ""))} & {*gone_qos}):
                say = "its preempt" if kind == "QOS" else "its qos and default_qos"
                raise ClusterwrightError(
                    f"QOS {other} is not declared and would be removed, but {kind} {name} names it: "
                    f"declare the QOS, or say {say} without it"
                )


def _surplus(declared: Declared, state: State) -> tuple[list[str], list[str], dict[str, list[str]]]:
    """What is there and not declared: QOS, accounts from the bottom, and users of declared accounts."""
    if not declared.exact:
        return [], [], {}
    qos = [name for name in state.qos if name not in declared.qos and name != NORMAL and name not in state.qos_elsewhere]
    surplus = [name for name in state.accounts if name not in declared.accounts and name != ROOT]
    accounts = sorted(surplus, key=lambda name: -len(_above(name, state.accounts)))
    users = {
        name: [user for user in state.users.get(name, []) if user not in wanted and user != ROOT] for name, wanted in declared.users.items()
    }
    return qos, accounts, {name: names for name, names in users.items() if names}


def _above(name: str, accounts: Mapping[str, Settings]) -> list[str]:
    """The accounts above one, the nearest first."""
    found: list[str] = []
    while name in accounts and name not in found:
        found.append(name)
        name = str(accounts[name].get("Parent", ""))
    if name in found:
        raise ClusterwrightError(f"account {name} is below itself ({' < '.join(found)}): name another parent for one of them")
    return found


def _after(declared: Mapping[str, Settings], found: Mapping[str, Settings]) -> dict[str, Settings]:
    return {**found, **{name: limits.merged(entry, found.get(name, {})) for name, entry in declared.items()}}


def _defaults(declared: Declared, state: State, users: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The default account of each user: as it is, and where that is lost or there is none, the first of those declared."""
    result: dict[str, str] = {}
    for account in _joined(declared.accounts, users):
        for user in users.get(account, ()):
            old = state.default_accounts.get(user, "")
            result.setdefault(user, old if user in users.get(old, ()) else account)
    return result


# --- commands


def _sacctmgr(*words: str) -> list[str]:
    return ["sacctmgr", "--immediate", *words]


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), TOGETHER):
        yield names[start:start + TOGETHER]


def _grouped(changes: Mapping[str, Sequence[str]]) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Names with equal arguments, in the order of the first of each group."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, arguments in changes.items():
        groups.setdefault(tuple(arguments), []).append(name)
    for key, names in groups.items():
        for chunk in _chunks(names):
            yield chunk, key


def _listed(kind: str, names: Sequence[str]) -> str:
    return f"{kind} {', '.join(names[:3]) or 'nobody'}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"


def _add_qos(declared: Declared, state: State) -> Iterator[Command]:
    new = {name: entry for name, entry in declared.qos.items() if name not in state.qos}
    # One may preempt another that comes later.
    plain = {name: {key: value for key, value in entry.items() if key != "Preempt"} for name, entry in new.items()}
    for names, arguments in _grouped({name: limits.difference(limits.QOS, entry, {}) for name, entry in plain.items()}):
        joined = f"name={','.join(names)}"
        yield Command(_sacctmgr("add", "qos", joined, *arguments), _listed("QOS", names), [_sacctmgr("delete", "qos", "where", joined)])
    for name, entry in new.items():
        if entry.get("Preempt"):
            argv = _sacctmgr("modify", "qos", "where", f"name={name}", "set", f"Preempt={entry['Preempt']}")
            yield Command(argv, f"QOS {name}", [])


def _modify(
    kind: str, kinds: Mapping[str, str], wanted: Mapping[str, Settings], found: Mapping[str, Settings], *where: str
) -> Iterator[Command]:
    changes = {name: limits.difference(kinds, entry, found[name]) for name, entry in wanted.items() if name in found}
    for names, arguments in _grouped({name: change for name, change in changes.items() if change}):
        undo = []
        for name in names:
            back = limits.difference(kinds, limits.reverted(wanted[name], found[name]), limits.merged(wanted[name], found[name]))
            undo.append(_sacctmgr("modify", kind, "where", f"name={name}", *where, "set", *back))
        argv = _sacctmgr("modify", kind, "where", f"name={','.join(names)}", *where, "set", *arguments)
        yield Command(argv, _listed("QOS" if kind == "qos" else kind, names), undo)


def _add_accounts(wanted: Mapping[str, Settings], state: State, cluster: str) -> Iterator[Command]:
    new = {name: limits.difference(limits.ACCOUNT, entry, {}) for name, entry in wanted.items() if name not in state.accounts}
    for names, arguments in _grouped(new):
        joined = f"name={','.join(names)}"
        undo = [_sacctmgr("delete", "account", "where", joined, cluster)]
        yield Command(_sacctmgr("add", "account", joined, cluster, *arguments), _listed("account", names), undo)


def _add_users(declared: Declared, state: State, cluster: str) -> Iterator[Command]:
    for account, wanted in declared.users.items():
        present = set(state.users.get(account, []))
        for names in _chunks([user for user in wanted if user not in present]):
            where = (f"name={','.join(names)}", f"account={account}", cluster)
            undo = [_sacctmgr("delete", "user", "where", *where)]
            yield Command(_sacctmgr("add", "user", *where), f"account {account}: {_listed('user', names)}", undo)


def _change_defaults(state: State, after: State, cluster: str) -> Iterator[Command]:
    changes = {
        user: (f"DefaultAccount={account}",) for user, account in after.default_accounts.items()
        if user in state.default_accounts and state.default_accounts[user] != account
    }
    for names, arguments in _grouped(changes):
        undo = [
            _sacctmgr("modify", "user", "where", f"name={name}", cluster, "set", f"DefaultAccount={state.default_accounts[name]}")
            for name in names
        ]
        argv = _sacctmgr("modify", "user", "where", f"name={','.join(names)}", cluster, "set", *arguments)
        yield Command(argv, _listed("user", names), undo)


def _delete_users(state: State, leaving: Mapping[str, Sequence[str]], departed: Set[str], cluster: str) -> Iterator[Command]:
    """Whom the default account is not at stake for, account by account; then those who leave the last one, which is their default.

    Slurm 22.05 refuses to remove both at once.
    """
    for account, users in leaving.items():
        for names in _chunks([user for user in users if user not in departed or state.default_accounts[user] != account]):
            where = (f"name={','.join(names)}", f"account={account}", cluster)
            undo = [_sacctmgr("add", "user", *where)]
            yield Command(_sacctmgr("delete", "user", "where", *where), f"account {account}: {_listed('user', names)}", undo)
    for names in _chunks([user for user in state.default_accounts if user in departed]):
        undo = [
            _sacctmgr("add", "user", f"name={','.join(back)}", f"account={account}", cluster)
            for account in dict.fromkeys(state.default_accounts[user] for user in names)
            if (back := [user for user in names if state.default_accounts[user] == account])
        ]
        yield Command(_sacctmgr("delete", "user", "where", f"name={','.join(names)}", cluster), _listed("user", names), undo)


def _delete_accounts(state: State, gone: Sequence[str], cluster: str) -> Iterator[Command]:
    # sacctmgr leaves what is below a removed account without one above it: from the bottom, a level at a time.
    levels = {name: (str(len(_above(name, state.accounts))),) for name in gone}
    for names, _level in _grouped(levels):
        undo = [
            _sacctmgr("add", "account", f"name={name}", cluster, *limits.difference(limits.ACCOUNT, state.accounts[name], {}))
            for name in names
        ]
        yield Command(_sacctmgr("delete", "account", "where", f"name={','.join(names)}", cluster), _listed("account", names), undo)


def _delete_qos(state: State, gone: Sequence[str]) -> Iterator[Command]:
    for names in _chunks(gone):
        undo = [_sacctmgr("add", "qos", f"name={name}", *limits.difference(limits.QOS, state.qos[name], {})) for name in names]
        yield Command(_sacctmgr("delete", "qos", "where", f"name={','.join(names)}"), _listed("QOS", names), undo)
