# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries a planned change of partitions out: the file, a hang-up, and the tables of the live fabric, or all of it back."""

from __future__ import annotations

import time

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import observe as seen
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import partitions
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.change import Plan, State, different
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import Parsed
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.observe import Fabric
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.partitions import Tables
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import replace
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Session

WITHIN = 10         # seconds until the tables must be as declared; with 2,000 ports OpenSM takes less than one
PAUSE = 0.05        # seconds between two looks; it grows
SHOWN = 3           # ports in a sentence


def apply(run: Run, state: State, planned: Plan) -> list[str]:
    """Writes the file, lets opensm read it, and waits for the tables. Returns the commands that ran.

    When the tables do not become as declared, the old file comes back, opensm reads that, and ClusterwrightError names the ports.
    """
    session = Session(run)
    hung_up = False
    try:
        replace.apply(session, planned.files)
        if planned.hang_up:
            hung_up = True
            hang_up(session, state)
        if state.role == "master":
            _prove(run, state, planned)
        session.commit()
    except BaseException as error:
        restored, lost = session.roll_back()
        if isinstance(error, OSError):
            error = ClusterwrightError(f"{error.filename}: {error.strerror}")
        if not isinstance(error, ClusterwrightError):
            raise
        raise _undone(run, state, session, error, restored, lost, hung_up) from None
    return session.commands


def hang_up(session: Session, state: State) -> None:
    """Lets each opensm that reads this file read it again."""
    for daemon in state.daemons:
        argv = ("sh", "-c", 'kill -HUP "$1"', "sh", str(daemon.pid))
        result = session.run(argv)
        if result.rc:
            raise ClusterwrightError(f"opensm (process {daemon.pid}) has ended meanwhile: {last_lines(result)}")
        session.did(f"kill -HUP {daemon.pid}")


def wanted(parsed: Parsed, fabric: Fabric) -> Tables:
    """What each port that answers should hold."""
    return partitions.tables(parsed, fabric.kinds, fabric.master)


def _prove(run: Run, state: State, planned: Plan) -> None:
    fabric = _wait(run, state, planned.parsed)
    if fabric.error or fabric.master != state.fabric.master:
        why = fabric.error or f"the master subnet manager is now {fabric.master or 'nobody'}, and was {state.fabric.master}"
        raise ClusterwrightError(f"the fabric cannot be read back: {why}")
    ports = different(fabric.tables, wanted(planned.parsed, fabric), planned.known)
    if ports:
        some = "; ".join(f"{port['name'] or port['guid']} has {port['has']} of {port['pkey']} and should have {port['should']}"
                         for port in ports[:SHOWN])
        more = f" (and {len(ports) - SHOWN} more)" if len(ports) > SHOWN else ""
        raise ClusterwrightError(f"after {WITHIN} s the ports do not hold what the new file says: {some}{more}", ports=ports)


def _wait(run: Run, state: State, parsed: Parsed) -> Fabric:
    """What the ports hold as soon as it is what the file says, or in the end."""
    end, pause = time.monotonic() + WITHIN, PAUSE
    while True:
        fabric = seen.fabric(run, state.daemons[0].guid2lid)
        if fabric.ports and not partitions.changes(fabric.tables, wanted(parsed, fabric)):
            return fabric
        if time.monotonic() >= end:
            return fabric
        time.sleep(pause)
        pause = min(2 * pause, 1)


def _undone(
    run: Run, state: State, session: Session, error: ClusterwrightError, restored: list[str], lost: list[str], hung_up: bool
) -> ClusterwrightError:
    sentences = [f"{str(error).rstrip('.')}.", *(f"{trouble}." for trouble in lost)]
    wrong = ""
    if restored:
        sentences.append(f"Put back as before: {', '.join(restored)}.")
    if hung_up and restored:
        try:
            hang_up(session, state)
            fabric = _wait(run, state, state.parsed) if state.role == "master" else None
            if fabric and (fabric.error or partitions.changes(fabric.tables, wanted(state.parsed, fabric))):
                wrong = "The ports do not hold what the old file says either: look at the log of opensm, and whether it hangs"
        except ClusterwrightError as trouble:
            wrong = str(trouble)
        sentences.append(f"{wrong}." if wrong else "OpenSM has read it, and the ports hold what they held.")
    told = {"changed": bool(lost or wrong), "verified": False, "commands": session.commands, "restored_files": restored}
    return ClusterwrightError(" ".join(sentences), **{**told, **error.details})


def compare(state: State, planned: Plan, commands: list[str]) -> None:
    """Verifies what was read back. Raises ClusterwrightError when the file or a port is not as it was left."""
    if state.text != planned.text:
        raise ClusterwrightError(f"Applied, but {state.path} was read back different: something else on this host writes it, find out what",
                                 changed=True, verified=False, commands=commands)
    ports = different(state.fabric.tables, wanted(planned.parsed, state.fabric), planned.known) if state.role == "master" else []
    if ports:
        raise ClusterwrightError(f"Applied, but {ports[0]['name'] or ports[0]['guid']} was read back with {ports[0]['has']} of "
                                 f"{ports[0]['pkey']}: look for a second subnet manager (`sminfo`)", changed=True, verified=False,
                                 commands=commands, ports=ports)
