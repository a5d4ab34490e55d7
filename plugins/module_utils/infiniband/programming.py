# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries a planned change of partitions out: the file, a hang-up, and the tables of the live fabric, or all of it back."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import observe as seen
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import partitions
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.change import Plan, State, different
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import Parsed
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.observe import Daemon, Fabric
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.partitions import Tables
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import replace
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Session

WITHIN = 10         # seconds until the tables must be as declared; with 2,000 ports OpenSM takes less than one
LOOK = 2            # seconds after which it is looked whether opensm still runs
WATCHED = 20        # ports that are looked at until they are as declared; then all are read
SWEEP = 2           # packets a port that a sweep of OpenSM takes at least; it takes seven
PAUSE = 0.2         # seconds between two looks where the fabric cannot be read
SHOWN = 3           # ports in a sentence


def apply(run: Run, state: State, planned: Plan) -> tuple[list[str], Fabric]:
    """Writes the file, lets opensm read it, and waits for the tables. Returns the commands that ran, and what the ports hold now.

    When the tables do not become as declared, the old file comes back, opensm reads that, and ClusterwrightError names the ports.
    """
    session = Session(run)
    hung_up = False
    try:
        replace.apply(session, planned.files)
        if planned.hang_up:
            hung_up = True
            hang_up(session, state)
        fabric = _prove(run, state, planned) if state.role == "master" else state.fabric
        session.commit()
    except BaseException as error:
        restored, lost = session.roll_back()
        if isinstance(error, OSError):
            error = ClusterwrightError(f"{error.filename}: {error.strerror}")
        if not isinstance(error, ClusterwrightError):
            raise
        raise _undone(run, state, session, error, restored, lost, hung_up) from None
    return session.commands, fabric


def hang_up(session: Session, state: State) -> None:
    """Lets each opensm that reads this file read it again."""
    for daemon in state.daemons:
        argv = ("sh", "-c", 'kill -HUP "$1"', "sh", str(daemon.pid))
        if not seen.runs(daemon) or session.run(argv).rc:
            raise ClusterwrightError(_ended(daemon))
        session.did(f"kill -HUP {daemon.pid}")


def _ended(daemon: Daemon) -> str:
    return f"opensm (process {daemon.pid}) has ended meanwhile: see its log, and start it"


def wanted(parsed: Parsed, fabric: Fabric) -> Tables:
    """What each port that answers should hold."""
    return partitions.tables(parsed, fabric.kinds, fabric.master)


def _prove(run: Run, state: State, planned: Plan) -> Fabric:
    """What the ports hold, all of them read after OpenSM has read the file. Raises ClusterwrightError when it is not what the file says."""
    fabric = _wait(run, state, planned.parsed)
    for daemon in state.daemons:
        if not seen.runs(daemon):
            raise ClusterwrightError(_ended(daemon))
    if fabric.error or fabric.master != state.fabric.master:
        why = fabric.error or f"the master subnet manager is now {fabric.master or 'nobody'}, and was {state.fabric.master}"
        raise ClusterwrightError(f"the fabric cannot be read back: {why}")
    ports = different(fabric.tables, wanted(planned.parsed, fabric), planned.known)
    if ports:
        some = "; ".join(f"{port['name'] or port['guid']} has {port['has']} of {port['pkey']} and should have {port['should']}"
                         for port in ports[:SHOWN])
        more = f" (and {len(ports) - SHOWN} more)" if len(ports) > SHOWN else ""
        raise ClusterwrightError(f"after {WITHIN} s the ports do not hold what the new file says: {some}{more}", ports=ports)
    if not fabric.come:
        raise ClusterwrightError(f"opensm (process {state.daemons[0].pid}) has not read the new file within {WITHIN} s: does it hang?")
    return fabric


def _wait(run: Run, state: State, parsed: Parsed) -> Fabric:
    """What the ports hold as soon as it is what the file says, or in the end.

    Some of the ports that differ are watched; when these are right, all are read. Where none differ, OpenSM's sweep is waited for, lest
    they be read before it has looked at the file.
    """
    end, fabric = time.monotonic() + WITHIN, state.fabric
    while True:
        should = wanted(parsed, fabric)
        watched = [*dict.fromkeys(change.guid for change in partitions.changes(fabric.tables, should))][:WATCHED]
        until: dict[str, Any] = {"seconds": LOOK, "ports": {guid: seen.words(should[guid]) for guid in watched}}
        if not watched:
            until.update(before=state.fabric.activity, least=SWEEP * len(state.fabric.ports))
        fabric = seen.fabric(run, state.daemons[0].guid2lid, until)
        right = fabric.ports and fabric.come and not partitions.changes(fabric.tables, wanted(parsed, fabric))
        over = time.monotonic() >= end or fabric.master not in ("", state.fabric.master) or not all(map(seen.runs, state.daemons))
        if right or over:
            return fabric
        if fabric.error:
            time.sleep(PAUSE)


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
            if fabric and fabric.master != state.fabric.master:
                wrong = (f"The master is {fabric.master or 'nobody'} now, and sets the tables: see `sminfo`, switch off what is not ours, "
                         "and run again")
            elif fabric and (fabric.error or not fabric.come or partitions.changes(fabric.tables, wanted(state.parsed, fabric))):
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
