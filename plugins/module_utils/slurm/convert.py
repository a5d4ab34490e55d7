# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new slurmdbd rewrites the tables of the old one when it first starts: here in the foreground, watched, until it is done.

It runs as a transient unit, so that it outlives a lost connection (a conversion that is broken off may lose data) and a later run finds it.

Sources: https://slurm.schedmd.com/upgrades.html ("slurmdbd"), systemd-run(1). slurmdbd says "slurmdbd version ... started" after the last
table, and listens only then.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines

CONFIG = "/etc/slurm/slurmdbd.conf"
UNIT = "clusterwright-slurmdbd.service"
SERVICE = "slurmdbd.service"
READY = re.compile(r"slurmdbd version (\S+) started")
PAUSE = 0.5     # seconds between two looks


class State(NamedTuple):
    """The foreground slurmdbd. service: whether the ordinary one runs. lines: what the foreground one has said."""

    service: bool
    active: bool
    failed: bool
    lines: list[str]

    @property
    def version(self) -> str:
        """The version of a slurmdbd that is through with its tables."""
        return next((found[1] for line in self.lines if (found := READY.search(line))), "")


def observe(run: Run) -> State:
    """Looks at both units and at what the foreground one has said."""
    service = run(("systemctl", "is-active", "--quiet", SERVICE)).rc == 0
    keys = dict(re.findall(r"^(\w+)=(.*)$", run(("systemctl", "show", "-p", "ActiveState,InvocationID", "--", UNIT)).out, re.MULTILINE))
    active, invocation = keys.get("ActiveState", ""), keys.get("InvocationID", "")
    said = run(("journalctl", "-q", "--no-pager", "-o", "cat", f"_SYSTEMD_INVOCATION_ID={invocation}")).out if invocation else ""
    return State(service, active in ("active", "activating", "deactivating"), active == "failed", tidy(said))


def tidy(journal: str) -> list[str]:
    """Its lines without their times and their prefix."""
    lines = (re.sub(r"^(?:slurmdbd: |\[[\dT:.-]+\] )*", "", line).strip() for line in journal.splitlines())
    return [line for line in lines if line]


def command(user: str) -> tuple[str, ...]:
    """Starts it, as the user that the service has."""
    properties = (f"User={user}", "RuntimeDirectory=slurmdbd", "LimitNOFILE=65536", "TimeoutStopSec=infinity")
    words = (word for wanted in properties for word in ("-p", wanted))
    return ("systemd-run", "--quiet", f"--unit={UNIT}", "--description=slurmdbd converts its tables", *words, "slurmdbd", "-D", "-v")


def start(run: Run, user: str) -> None:
    """Starts it. Raises ClusterwrightError when systemd does not."""
    run(("systemctl", "reset-failed", UNIT))    # one that failed in a former run keeps the name
    result = run(command(user))
    if result.rc:
        raise ClusterwrightError(f"slurmdbd cannot be started in the foreground: {last_lines(result)}")


def wait(run: Run, seconds: float, clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep) -> State:
    """Waits until it is through, or the seconds are over. Raises ClusterwrightError when it ends before."""
    end = clock() + seconds
    while True:
        state = observe(run)
        if state.version or (state.active and clock() >= end):
            return state
        if not state.active:
            raise ClusterwrightError(
                f"slurmdbd ends before it has converted its tables: {last_words(state.lines)}. Mend that and start the upgrade again, or "
                "go back: restore the dump under the old packages (docs/runbooks/slurm-upgrade.md)",
                lines=state.lines[-15:],
            )
        pause(PAUSE)


def last_words(lines: list[str]) -> str:
    """The last error, or else the last line."""
    told = [line for line in lines if line.startswith(("fatal", "error"))] or lines or ["it left no word"]
    return told[-1].rstrip(".")


def stop(run: Run) -> None:
    """Ends it, once it is through, and waits for that; then the service may start."""
    result = run(("systemctl", "stop", UNIT))
    if result.rc:
        raise ClusterwrightError(f"the slurmdbd in the foreground does not stop: {last_lines(result)}; see `systemctl status {UNIT}`")
