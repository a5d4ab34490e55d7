# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four verbs over a whole node: packages, users, files and services as one state, changed by one plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from dataclasses import replace as altered
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files, packages, replace, services, users
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import NodeIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Command, Session


@dataclass(frozen=True)
class State:
    """What was seen on the node, room by room."""

    packages: packages.PackagesState
    accounts: users.AccountsState
    files: files.FilesState
    services: services.ServicesState


@dataclass(frozen=True)
class Plan:
    """What has to happen, in this order: users before packages, so that a package finds the declared uid."""

    accounts: list[Command] = field(default_factory=list)
    accounts_after: dict[str, dict[str, Any]] = field(default_factory=dict)
    packages: list[Command] = field(default_factory=list)
    installs: list[str] = field(default_factory=list)
    files: list[files.Change] = field(default_factory=list)
    services: services.ServicesPlan = field(default_factory=lambda: services.ServicesPlan([], [], [], [], []))

    @property
    def commands(self) -> list[str]:
        """All commands as a person would type them."""
        written = [command for change in self.files for command in change.commands]
        return [*map(str, self.accounts), *map(str, self.packages), *written, *map(str, self.services.commands)]

    @property
    def changed_files(self) -> list[str]:
        """The paths that are written, removed or given another owner or mode."""
        return [change.intent["path"] for change in self.files]

    @property
    def open_items(self) -> list[str]:
        """What the plan still has to do, in words; empty when the node is as declared."""
        commands = [*self.accounts, *self.packages, *self.services.commands]
        return [command.item for command in commands] + [f"file {path}" for path in self.changed_files]


def observe(run: Run, intent: NodeIntent) -> State:
    """Looks at everything that the intent names and at nothing else. Raises ClusterwrightError where it cannot."""
    return State(
        packages=packages.observe(run, intent["packages"]),
        accounts=users.observe(intent["groups"], intent["users"]),
        files=files.observe(intent["files"]),
        services=services.observe(run, intent["services"], intent["conflicts"]),
    )


def plan(intent: NodeIntent, state: State) -> Plan:
    """Compares intent and state. Pure. Raises ClusterwrightError for what must not or cannot be done.

    While a package is missing, what it may bring (users, directories, programs, units) is taken as coming.
    """
    services.refuse_conflicts(intent["conflicts"], state.services)
    awaits_packages = bool(packages.missing(state.packages))
    accounts, accounts_after = users.plan(intent["groups"], intent["users"], state.accounts, awaits_packages)
    new_users = {user["name"] for user in intent["users"]}
    changes = files.plan(
        intent["files"],
        state.files,
        new_users,
        new_users | {group["name"] for group in intent["groups"]},
        awaits_packages,
    )
    changed = [change.intent["path"] for change in changes]
    return Plan(
        accounts,
        accounts_after,
        packages.plan(state.packages),
        packages.missing(state.packages),
        changes,
        services.plan(intent["services"], state.services, changed, awaits_packages),
    )


def apply(run: Run, intent: NodeIntent, state: State, planned: Plan) -> tuple[list[str], Plan]:
    """Carries a plan out. Returns the commands that ran, and the plan as it was made once the packages were there.

    On failure the files are put back, and the ClusterwrightError tells what was done and which commands undo the rest.
    """
    session = Session(run)
    try:
        for command in planned.accounts:
            session.do(command)
        packages.apply(session, state.packages, planned.packages)
        if planned.packages:
            # Only now is it known what the packages brought.
            second = plan(intent, observe(run, intent))
            for command in second.accounts:
                session.do(command)
            planned = altered(second, packages=planned.packages, installs=planned.installs)
        replace.apply(session, planned.files)
        services.apply(session, planned.services)
        session.commit()
    except BaseException as error:
        restored, lost = session.roll_back()
        if isinstance(error, OSError):
            error = ClusterwrightError(f"{error.filename}: {error.strerror}: see the system's log.")
        if isinstance(error, ClusterwrightError):
            _reload_after(session, restored)
            raise _half_done(error, session, restored, lost) from None
        raise
    return session.commands, planned


def compare(intent: NodeIntent, state: State, commands: Sequence[str]) -> Plan:
    """Verifies a node after the change: a new plan must have nothing left to do. Returns it, with what is stale now."""
    left = plan(intent, state)
    if left.open_items:
        raise ClusterwrightError(
            f"Applied, but read back the node still differs: {', '.join(left.open_items)}: something else on the node "
            "changes it back, find out what.",
            changed=True,
            verified=False,
            commands=list(commands),
            mismatch=left.open_items,
            mismatch_commands=left.commands,
        )
    return left


def _reload_after(session: Session, restored: Sequence[str]) -> None:
    if any(path.startswith(services.UNIT_FILES) for path in restored):
        session.run(("systemctl", "daemon-reload"))


def _half_done(error: ClusterwrightError, session: Session, restored: list[str], lost: list[str]) -> ClusterwrightError:
    sentences = [str(error)]
    if restored:
        sentences.append(f"Put back as before: {', '.join(restored)}.")
    sentences += [f"{trouble}." for trouble in lost]
    if session.rollback_commands:
        sentences.append(f"What stays done is undone by: {' && '.join(session.rollback_commands)}")
    return ClusterwrightError(
        " ".join(sentences),
        changed=bool(session.rollback_commands or lost),
        verified=False,
        commands=session.commands,
        rollback_commands=session.rollback_commands,
        restored_files=restored,
        **error.details,
    )
