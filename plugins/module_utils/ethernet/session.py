# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One session with a switch: read, change, read back, save. What goes wrong in the middle is undone, or said to be half done.

`observe`, `apply` and `save` are the functions of this domain that touch a switch, and those that read more of it than its state.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import plan as planning
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import saved
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import About, Driver, Learned, Neighbour
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.plan import Plan
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.state import State
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.terminal import LostError, Terminal

MINUTES = 3     # until an unconfirmed change goes back by itself: reading back takes seconds

T = TypeVar("T")


class _RejectedError(Exception):
    """A command that the switch refused, and in which words."""

    def __init__(self, command: str, answer: str) -> None:
        words = " / ".join(line.strip() for line in answer.splitlines() if line.strip())
        super().__init__(f"`{command}` was refused ({words[:300]})")


class _UnlikeError(Exception):
    """The switch is not what the plan expects, before or after it."""


@dataclass
class Session:
    """A terminal, the platform behind it, and what was typed to change something."""

    name: str
    terminal: Terminal
    driver: Driver
    typed: list[str] = field(default_factory=list)

    def ask(self, commands: Mapping[str, str]) -> dict[str, str]:
        """The answers to show commands, by the same keys. Raises LostError."""
        return {key: self.terminal.send(command) for key, command in commands.items()}

    def tell(self, commands: Iterable[str]) -> None:
        """Type commands that change something; the first that is refused ends it. Raises LostError, _RejectedError."""
        for command in commands:
            self.typed.append(command)
            answer = self.terminal.send(command)
            if self._rejected(answer):
                raise _RejectedError(command, answer)

    def read(self) -> tuple[State, dict[str, str]]:
        """The state, and the answers that it was read from. Raises LostError, ClusterwrightError."""
        answers = self.ask(self.driver.reads)
        for key, answer in answers.items():     # a parser may take a refusal for "there is none"
            if self.refused(answer):
                raise ClusterwrightError(f"{self.name}: {_RejectedError(self.driver.reads[key], answer)}: is its platform really "
                                         f"{self.driver.platform}, and may this user see that?")
        return self.understood(lambda: self.driver.parse(answers)), answers

    def _rejected(self, answer: str) -> bool:
        return any(re.search(pattern, answer) for pattern in self.driver.rejections)

    def refused(self, answer: str) -> bool:
        """Whether a reading was rejected. A refusal is short; in more lines than that, its words are a description's or a counter's."""
        return len([line for line in answer.splitlines() if line.strip()]) <= 4 and self._rejected(answer)

    def understood(self, parse: Callable[[], T]) -> T:
        """What a parser makes of answers. Raises ClusterwrightError for what it does not understand."""
        try:
            return parse()
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            why = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ClusterwrightError(f"{self.name}: what it says is not understood ({why[:300]}): is its platform really "
                                     f"{self.driver.platform}?") from None


def observe(session: Session) -> tuple[State, dict[str, str]]:
    """The state of a switch, and the answers that it was read from."""
    try:
        return session.read()
    except LostError as error:
        raise ClusterwrightError(f"{session.name}: {error}; nothing was changed") from None


def about(session: Session) -> About:
    """Model, version, serial number."""
    return _heard(session, session.driver.about_reads, session.driver.about)


def neighbours(session: Session) -> list[Neighbour]:
    """What LLDP has heard."""
    return _heard(session, session.driver.lldp_reads, session.driver.lldp)


def macs(session: Session) -> list[Learned]:
    """The MAC table."""
    return _heard(session, session.driver.mac_reads, session.driver.macs)


def _heard(session: Session, reads: Mapping[str, str], parse: Callable[[Mapping[str, str]], T]) -> T:
    try:
        answers = session.ask(reads)
    except LostError as error:
        raise ClusterwrightError(f"{session.name}: {error}") from None
    return session.understood(lambda: parse(answers))


def unsaved(session: Session, declared: Collection[str]) -> list[str]:
    """What of `declared` (`VLAN 301`, names of ports) runs and is not saved, as a session leaves it that was lost before it could save.

    Nothing where the platform does not tell.
    """
    commands = session.driver.saved
    try:
        answers = session.ask(commands) if commands else {}
    except LostError as error:
        raise ClusterwrightError(f"{session.name}: {error}; nothing was changed") from None
    if not answers or any(session.refused(answer) for answer in answers.values()):
        return []
    found = saved.differences(answers["running"], answers["saved"]) or set()
    return [name for name in declared if name in found]


def save(session: Session, declared: Collection[str]) -> None:
    """Save what runs, and look whether it is saved."""
    try:
        session.tell(session.driver.save)
    except (LostError, _RejectedError) as error:
        raise ClusterwrightError(f"{session.name}: {error}. All is as declared, but it is not saved, and a restart would lose it: type "
                                 f"{_typed(session.driver.save)}", commands=session.typed) from None
    left = unsaved(session, declared)
    if left:
        raise ClusterwrightError(f"{session.name}: {_typed(session.driver.save)} was accepted, but what is saved still differs in "
                                 f"{_some(left)}: look at its flash, and whether it starts with another file", commands=session.typed)


def change_commands(driver: Driver, plan: Plan, answers: Mapping[str, str], name: str = "clusterwright") -> list[str]:
    """All that `apply` would type, in order."""
    steps = driver.commands(plan.steps, plan.before, answers)
    safety = driver.safety
    after = [*driver.leave, *safety.activate, *safety.confirm, *driver.save]
    return _named([*safety.begin, *driver.enter], name) + steps + _named(after, name)


def apply(session: Session, plan: Plan, answers: Mapping[str, str]) -> State:
    """Bring the steps about, read back, confirm, save. Returns what was read back.

    Raises ClusterwrightError: with `rollback_commands` when something is half done, else the switch is as it was, or goes back by itself.
    """
    return _Change(session, plan, answers, f"cw{time.time_ns() // 1_000_000:x}").run()


def _named(commands: Iterable[str], name: str) -> list[str]:
    return [command.format(name=name, minutes=MINUTES) for command in commands]


class _Change:
    """One change, which knows how far it has come."""

    def __init__(self, session: Session, plan: Plan, answers: Mapping[str, str], name: str) -> None:
        self.session = session
        self.driver = session.driver
        self.plan = plan
        self.answers = answers
        self.name = name
        self.candidate = bool(self.driver.safety.activate)
        self.acting = False         # whether something that was typed can act by now
        self.confirmed = False      # whether it stays
        self.saving = False
        self.inside = False         # in configuration mode

    def run(self) -> State:
        """All of it."""
        safety = self.driver.safety
        try:
            steps = self.driver.commands(self.plan.steps, self.plan.before, self.answers)
            self._tell(safety.begin)
            if self.candidate:
                self._configure(steps)
                self._nobody_else()
                self.acting = True
            else:
                self._configure(steps, act=True)
            self._tell(safety.activate)
            seen = self._read_back()
            self._tell(safety.confirm)
            self.confirmed = True
            self.saving = True
            self._tell(self.driver.save)
        except (_RejectedError, _UnlikeError) as error:
            raise self._undone(str(error)) from None
        except ClusterwrightError as error:     # an answer that was not understood
            raise self._undone(str(error).removeprefix(f"{self.session.name}: ")) from None
        except LostError as error:
            raise self._lost(str(error)) from None
        return seen

    def _tell(self, commands: Sequence[str]) -> None:
        self.session.tell(_named(commands, self.name))

    def _configure(self, steps: Sequence[str], *, act: bool = False) -> None:
        """Into configuration mode, what is to be done there, and out of it. `act`: it acts at once, and the last look comes before it."""
        self.inside = True
        self._tell(self.driver.enter)
        if act:
            self._nobody_else()
            self.acting = True
        self.session.tell(steps)
        self._tell(self.driver.leave)
        self.inside = False

    def _nobody_else(self) -> None:
        """The switch is still what the plan was made for."""
        now, _answers = self.session.read()
        changed = planning.changed_since(self.plan.before, now)
        if changed:
            raise _UnlikeError(f"somebody else has changed it since the plan was made ({', '.join(changed[:8])}"
                               + (f" and {len(changed) - 8} more)" if len(changed) > 8 else ")"))

    def _read_back(self) -> State:
        seen, _answers = self.session.read()
        wrong = planning.differences(self.plan.after, seen, self.plan.vlans, self.plan.ports)
        if wrong:
            raise _UnlikeError("read back, it is not as declared: " + _some(wrong))
        return seen

    def _error(self, text: str, **details: Any) -> ClusterwrightError:
        return ClusterwrightError(f"{self.session.name}: {text}", commands=self.session.typed, **details)

    # --- undoing

    def _undone(self, why: str) -> ClusterwrightError:
        """Take back what was done, and say what is so now."""
        if self.saving:
            save = _named(self.driver.save, self.name)
            return self._error(f"{why}. All is as declared and was read back, but it is not saved, and a restart would lose it: "
                               f"type {_typed(save)}", changed=True)
        if not self.acting:
            return self._error(f"{why}; nothing was changed{self._cleaned()}", changed=False)
        try:
            if self.inside:
                self._quietly(self.driver.leave)
            self._take_back()
            now, _answers = self.session.read()
            wrong = planning.differences(self.plan.before, now, self.plan.vlans, self.plan.ports)
        except (_RejectedError, LostError, ClusterwrightError) as error:
            return self._half_done(f"{why}. Taking it back did not work either: {str(error).removeprefix(f'{self.session.name}: ')}")
        if wrong:
            return self._half_done(f"{why}. It was taken back, but {_some(wrong)}")
        return self._error(f"{why}; what was done before was taken back, and the switch is as it was", changed=False)

    def _cleaned(self) -> str:
        """Remove what was prepared and never acted; in words, what may be left of it."""
        safety = self.driver.safety
        # Of a checkpoint nothing was used yet: going back to it would take back what somebody else has done.
        last = safety.abandon if self.candidate else safety.confirm
        try:
            if self.inside:
                self._quietly(self.driver.leave)
            self._quietly(last)
        except LostError:
            return f" (what {_typed(_named(last, self.name))} removes may be left)"
        return ""

    def _take_back(self) -> None:
        """As the platform does it; what it cannot, step by step."""
        safety = self.driver.safety
        self._quietly(safety.abandon)
        now, answers = self.session.read()
        steps = planning.steps_back(self.plan, now)
        if steps:
            self._tell(safety.begin if self.candidate else ())
            self._configure(self.driver.commands(steps, now, answers))
            self._tell(safety.activate)
        if steps or not safety.abandon:
            self._tell(safety.confirm)      # so that no timer goes on

    def _quietly(self, commands: Sequence[str]) -> None:
        """Type commands whose refusal says nothing: what was committed for good has nothing to abandon. Reading shows what came of it."""
        for command in _named(commands, self.name):
            self.session.typed.append(command)
            self.session.terminal.send(command)

    def _rollback(self) -> list[str]:
        """What a person types to take it back: as the platform does it, where that works after the change acts; else step by step."""
        safety = self.driver.safety
        abandon = _named(safety.abandon, self.name)
        if abandon and (safety.confirm or not self.candidate):
            return abandon
        back = self.driver.commands(planning.steps_back(self.plan, self.plan.after), self.plan.after, self.answers)
        after = _named([*self.driver.leave, *safety.activate], self.name)
        return abandon + _named([*(safety.begin if abandon else ()), *self.driver.enter], self.name) + back + after

    def _half_done(self, why: str) -> ClusterwrightError:
        rollback = self._rollback()
        itself = f" It goes back by itself within {MINUTES} minutes." if self._by_itself() else ""
        text = f"{why}. It is half done and not saved.{itself} Look at the diff, and type the rollback_commands: {_typed(rollback)}"
        return self._error(text, rollback_commands=rollback, changed=True)

    # --- the session is lost

    def _by_itself(self) -> bool:
        return self.driver.safety.timer and not self.confirmed

    def _lost(self, why: str) -> ClusterwrightError:
        if self.saving:
            save = _named(self.driver.save, self.name)
            again = "run this again, which saves it, or " if self.driver.saved else ""
            return self._error(f"{why}. All is as declared and was read back, but it may not be saved: {again}log in and type "
                               f"{_typed(save)}", changed=True)
        if not self.acting:
            left = _named(self.driver.safety.abandon, self.name) if self.candidate else []
            rest = f"; a candidate without effect may be left, which {_typed(left)} removes" if left else ""
            return self._error(f"{why}; nothing was changed{rest}", changed=False)
        if self._by_itself():
            rollback = _named(self.driver.safety.abandon, self.name)
            return self._error(f"{why}, in the middle of the change. It is not confirmed: within {MINUTES} minutes the switch goes back "
                               "by itself to what it was. Then look at it and run this again", rollback_commands=rollback, changed=True)
        return self._half_done(f"{why}, in the middle of the change")


def _some(items: Sequence[str]) -> str:
    return "; ".join(items[:4]) + (f" and {len(items) - 4} more" if len(items) > 4 else "")


def _typed(commands: Sequence[str]) -> str:
    shown = ", ".join(f"`{command}`" for command in commands[:6])
    return shown + (f" and {len(commands) - 6} more" if len(commands) > 6 else "")
