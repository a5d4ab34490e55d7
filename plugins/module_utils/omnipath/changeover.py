# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries a planned change of vFabrics out, waits until the fabric says the same, and puts the old file back when it does not.

A reload cannot say that it was refused: the fabric manager logs "reconfiguration request being ignored", and goes on as before.
"""

from __future__ import annotations

import time

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import replace, services
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Session
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import running
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.change import Plan, State
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath.xml import Config

PAUSE = 1       # seconds between two looks
SHOWN = 3       # differences in a sentence


def apply(run: Run, state: State, planned: Plan, timeout: int) -> list[str]:
    """Writes the file, lets the fabric manager take it, and waits for the fabric. Returns the commands that ran.

    When the fabric does not become as declared, the old file comes back, the fabric manager takes that, and ClusterwrightError says so.
    One that did not run before is left with the new file: nobody had the old one.
    """
    session = Session(run)
    acted = False
    try:
        replace.apply(session, planned.files)
        services.apply(session, planned.services)
        if planned.action in ("reload", "restart"):
            acted = True
            _act(session, planned.action, state.unit)
        if planned.action:
            _prove(run, planned.config, timeout, keeps=not state.runs)
        session.commit()
    except _Unproven as error:
        session.commit()
        told = {"changed": True, "verified": False, "commands": session.commands}
        raise ClusterwrightError(f"{state.path} is written and {state.unit} started, but {error}", **told) from None
    except BaseException as error:
        restored, lost = session.roll_back()
        if isinstance(error, OSError):
            error = ClusterwrightError(f"{error.filename}: {error.strerror}")
        if not isinstance(error, ClusterwrightError):
            raise
        raise _undone(run, state, planned, session, error, restored, lost, acted, timeout) from None
    return session.commands


class _Unproven(ClusterwrightError):
    """The fabric was not seen, and there was none before either."""


def _act(session: Session, action: str, unit: str) -> None:
    result = session.run(("systemctl", action, unit))
    if result.rc:
        raise ClusterwrightError(f"'systemctl {action} {unit}' failed: {last_lines(result)}")
    session.did(f"systemctl {action} {unit}")


def _prove(run: Run, config: Config, timeout: int, keeps: bool = False) -> None:
    """Waits until the fabric says what the file says."""
    end = time.monotonic() + timeout
    while True:
        fabric = running.observe(run)
        wrong = [f"the fabric manager does not answer ({fabric.silent})"] if fabric.silent else running.differences(config, fabric)
        if not wrong:
            return
        if time.monotonic() >= end:
            break
        time.sleep(PAUSE)
    more = f" (and {len(wrong) - SHOWN} more)" if len(wrong) > SHOWN else ""
    text = f"after {timeout} s {'; '.join(wrong[:SHOWN])}{more}"
    raise (_Unproven if keeps else ClusterwrightError)(text, mismatch=wrong)


def _undone(
    run: Run, state: State, planned: Plan, session: Session, error: ClusterwrightError, restored: list[str], lost: list[str], acted: bool,
    timeout: int,
) -> ClusterwrightError:
    sentences = [f"{str(error).rstrip('.')}.", *(f"{trouble}." for trouble in lost)]
    wrong = ""
    if restored:
        sentences.append(f"Put back as before: {', '.join(restored)}.")
    if acted and restored:
        try:
            _act(session, planned.action, state.unit)
            _prove(run, state.config, timeout)
        except ClusterwrightError as trouble:
            wrong = f"The fabric is not as the old file says either: {trouble}"
        sentences.append(f"{wrong}." if wrong else "The fabric is as it was.")
    if acted:
        sentences.append(f"The fabric manager says why in its log: `journalctl -u {state.unit}`, or /var/log/messages.")
    told = {"changed": bool(lost or wrong), "verified": False, "commands": session.commands, "restored_files": restored}
    return ClusterwrightError(" ".join(sentences), **{**error.details, **told})


def compare(state: State, planned: Plan, commands: list[str]) -> None:
    """Verifies what was read back. Raises ClusterwrightError when the file or the fabric is not as it was left."""
    wrong = []
    if state.data != planned.config.document.data:
        wrong.append(f"{state.path} differs")
    if not state.runs:
        wrong.append(f"{state.unit} has ended")
    wrong += [state.fabric.silent] if state.runs and state.fabric.silent else state.stale
    if wrong:
        begin, end = ("Applied", "something else changes it, find out what") if commands else ("Nothing had to change", "see `opainfo`")
        raise ClusterwrightError(f"{begin}, but read back: {'; '.join(wrong[:SHOWN])}: {end}",
                                 changed=bool(commands), verified=False, commands=commands, mismatch=wrong)
