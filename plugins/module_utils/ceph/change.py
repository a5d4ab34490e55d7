# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How mons are asked and told, and how one change of any kind is carried out: planned, applied, read back, compared."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result, Run, last_lines

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

PATIENCE = 30       # seconds in which the mons must answer

View = Mapping[str, Mapping[str, Any]]      # settings by item: {"pool data": {"size": 3}}


class NoAnswer(ClusterwrightError):
    """The mons do not answer, or there are none yet."""


class Command(NamedTuple):
    """What `ceph` is told, what it is about, and what takes it back."""

    words: Sequence[str]
    item: str
    undo: Sequence[Sequence[str]] = ()

    def __str__(self) -> str:
        return shlex.join(["ceph", *self.words])


class Plan(NamedTuple):
    """What is to be done, what will be there afterwards, and whom it disturbs."""

    commands: Sequence[Command]
    after: View
    impact: Sequence[Mapping[str, Any]] = ()


def ceph(run: Run, words: Sequence[str]) -> Result:
    """One call of `ceph`."""
    return run(["ceph", "--connect-timeout", str(PATIENCE), *words])


def ask(run: Run, *words: str) -> Any:
    """What the mons answer, as data. Raises NoAnswer when they do not."""
    result = ceph(run, [*words, "--format", "json"])
    if result.rc:
        raise NoAnswer(
            f"'ceph {shlex.join(words)}' failed: {last_lines(result)}: look at `ceph -s` and, where that hangs, at "
            "`systemctl status 'ceph-mon@*'` on the mons, more than half of which must run"
        )
    try:
        return json.loads(result.out)
    except ValueError:
        raise ClusterwrightError(f"'ceph {shlex.join(words)}' did not answer in JSON: is there a ceph of a release before 18?") from None


def apply(run: Run, commands: Sequence[Command]) -> None:
    """Tells the mons. On failure the error says what stays done, and what undoes it."""
    for done, command in enumerate(commands):
        result = ceph(run, command.words)
        if result.rc:
            undo = [shlex.join(["ceph", *words]) for earlier in reversed(commands[:done]) for words in earlier.undo]
            way_back = f". What stays done is undone by: {' && '.join(undo)}" if undo else ""
            raise ClusterwrightError(
                f"{command.item}: '{command}' failed: {last_lines(result)}{way_back}",
                changed=done > 0, verified=False, commands=[str(earlier) for earlier in commands[:done]], rollback_commands=undo,
            )


def carry_out(
    module: AnsibleModule, run: Run, observe: Callable[[], View], plan: Callable[[View], Plan], empty: View | None = None,
    settle: Callable[[], None] | None = None,
) -> None:
    """The one way of the modules: observe, plan, apply, observe again, compare, and end the module.

    `empty`: what check mode takes for seen where no mon answers yet. `settle` waits for what takes its time, changed or not.
    """
    try:
        try:
            before = observe()
        except NoAnswer as error:
            if not module.check_mode:
                raise
            module.warn(f"{error}. Predicted as for an empty one.")
            before = empty or {}
        planned = plan(before)
        after = planned.after
        if planned.commands and not module.check_mode:
            apply(run, planned.commands)
        if settle and not module.check_mode:
            settle()
        if planned.commands and not module.check_mode:
            after = observe()
            left = plan(after).commands
            if left:
                items = list(dict.fromkeys(command.item for command in left))
                raise ClusterwrightError(
                    f"{items[0]} is not as declared after everything was applied: somebody else may be changing it; run again, or look at "
                    f"what `{left[0]}` says",
                    changed=True, verified=False, mismatch=items, mismatch_commands=[str(command) for command in left])
    except ClusterwrightError as error:
        fail(module, error)
    module.exit_json(
        changed=bool(planned.commands), before=before, after=after, diff=diff(before, after),
        commands=[str(command) for command in planned.commands], impact=list(planned.impact), verified=not module.check_mode,
    )


def diff(before: View, after: View) -> list[dict[str, str]]:
    """One entry for each item that differs."""
    return [
        {"before_header": item, "before": _text(before.get(item)), "after_header": item, "after": _text(after.get(item))}
        for item in dict.fromkeys([*before, *after]) if before.get(item) != after.get(item)]


def _text(settings: Mapping[str, Any] | None) -> str:
    def word(value: Any) -> Any:
        return json.dumps(value) if isinstance(value, (list, dict, bool)) else value
    return "".join(f"{name}={word(value)}\n" for name, value in (settings or {}).items())
