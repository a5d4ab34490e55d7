# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many BMCs side by side, in processes of their own: each call has its deadline, and none can hold up another.

A process serves one BMC after the other while all goes well. One whose call has run out of time, or went wrong in a way that its library
does not recover from, is killed and another takes its place. Where calls hang, more processes come, up to the limit.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing import connection
from typing import Any, Deque, Optional  # noqa: UP035 - Python 3.9

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import driver
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.driver import LOGIN_STAGE, Driver, Report
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.intent import BmcIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import (
    BUSY,
    OK,
    TIMED_OUT,
    UNKNOWN,
    WRONG_PASSWORD,
    BmcError,
    Outcome,
)

Work = Callable[[Driver, BmcIntent, Report], Any]
Connect = Callable[[BmcIntent, Report], Driver]

FEW = 8             # processes to begin with: they keep two processors busy
LIMIT = 64
SLOW = 0.3          # seconds after which a call counts as one that waits, so that another process is worth its cost
ORPHAN = 1.0        # seconds after which a process notices that its parent is gone
BUSY_STAGE = "is busy"
BUSY_PAUSE = 0.25
FREE = -1
_STAGES = {         # what is said of a call that ran out of time at this stage
    LOGIN_STAGE: "does not answer: is it powered, is {address} its address, can it be reached from here?",
    "asks": "answered the login and then nothing more: try again, and if it stays so, reset the BMC itself (ipmitool mc reset cold)",
}


class _Worker:
    """A process, and what it does right now."""

    def __init__(self, work: Work, connect: Connect, deadline: float) -> None:
        context = multiprocessing.get_context("fork")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(other, work, connect, deadline, os.getpid()), daemon=True)
        self.process.start()
        other.close()
        self.place = FREE       # in the list of targets
        self.since = 0.0
        self.stage = ""

    def begin(self, place: int, target: BmcIntent, since: float) -> None:
        """Give it a BMC. since: when its time began."""
        self.place, self.since, self.stage = place, since, ""
        self.pipe.send(target)

    def end(self) -> None:
        """It has nothing to lose."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def call(targets: Sequence[BmcIntent], work: Work, deadline: float, limit: int = LIMIT,
         connect: Optional[Connect] = None) -> dict[str, Outcome]:     # noqa: UP045
    """`work` on each BMC, at most `limit` at once; what came of it, in the order of `targets`.

    `deadline`: seconds for each BMC, login and all; a login that takes half of it is begun anew. Nothing that a BMC does or fails to do
    makes this raise or last longer.
    """
    connect = connect or driver.connect
    outcomes: dict[int, Outcome] = {}
    began: dict[int, float] = {}
    # Whose login was begun anew: a lost or late packet spoils one beyond what its library recovers from, and an answer that was repeated
    # looks as if the password were wrong.
    again: set[int] = set()
    waiting: Deque[int] = deque(range(len(targets)))  # noqa: UP006
    workers: list[_Worker] = []

    def end(worker: _Worker) -> float:
        anew = worker.stage == LOGIN_STAGE and worker.place not in again
        return worker.since + (deadline / 2 if anew else deadline)

    try:
        while len(outcomes) < len(targets):
            now = time.monotonic()
            slow = sum(worker.place != FREE and now - worker.since > SLOW for worker in workers)
            while waiting:
                free = next((worker for worker in workers if worker.place == FREE), None)
                if free is None:
                    if len(workers) >= min(limit, FEW + slow):
                        break
                    free = _Worker(work, connect, deadline)
                    workers.append(free)
                place = waiting.popleft()
                free.begin(place, targets[place], began.setdefault(place, time.monotonic()))
            busy = {worker.pipe: worker for worker in workers if worker.place != FREE}
            next_end = min(end(worker) for worker in busy.values())
            pause = min(next_end - now, SLOW / 2) if waiting else next_end - now
            for pipe in connection.wait(list(busy), max(pause, 0.0)):
                worker = busy[pipe]     # type: ignore[index]
                place, outcome, retire = _heard(worker)
                if outcome:
                    worker.place = FREE
                    if outcome.verdict == BUSY and time.monotonic() - began[place] < deadline - 1:
                        waiting.append(place)       # the whole call again, in another process
                    elif outcome.verdict in (TIMED_OUT, WRONG_PASSWORD) and worker.stage == LOGIN_STAGE and place not in again:
                        again.add(place)
                        waiting.appendleft(place)
                    elif outcome.verdict == TIMED_OUT:      # by the library's own clock
                        outcomes[place] = _too_late(worker.stage, targets[place], round(time.monotonic() - began[place], 1))
                    else:
                        outcomes[place] = outcome
                if retire:
                    workers.remove(worker)
                    worker.end()
            now = time.monotonic()
            for worker in [worker for worker in workers if worker.place != FREE and now >= end(worker)]:
                if worker.pipe.poll():
                    continue        # it came in time, and is heard next
                if now >= worker.since + deadline:
                    outcomes[worker.place] = _too_late(worker.stage, targets[worker.place], deadline)
                else:
                    again.add(worker.place)
                    waiting.appendleft(worker.place)
                workers.remove(worker)
                worker.end()
    finally:
        for worker in workers:
            worker.end()
    return {target["name"]: outcomes[place] for place, target in enumerate(targets)}


def _heard(worker: _Worker) -> tuple[int, Optional[Outcome], bool]:      # noqa: UP045
    """(whose, what came of it or None, whether the process is of no more use)."""
    try:
        kind, value, text, retire = worker.pipe.recv()
    except (EOFError, OSError):
        return worker.place, Outcome(UNKNOWN, text="ended the process that spoke to it"), True
    if kind == "stage":
        worker.stage = text
        return worker.place, None, False
    return worker.place, Outcome(kind, value, text), retire


def _too_late(stage: str, target: BmcIntent, seconds: float) -> Outcome:
    if stage == BUSY_STAGE:
        return Outcome(BUSY, text=f"was busy (0xC0) for {seconds:g} s: try again")
    why = _STAGES.get(stage, stage and f"{stage}, and then nothing more was heard: its state is not known")
    return Outcome(TIMED_OUT, text=f"{(why or _STAGES[LOGIN_STAGE]).format(address=target.get('address'))} ({seconds:g} s)")


def _serve(pipe: Any, work: Work, connect: Connect, deadline: float, parent: int) -> None:
    """The process: one BMC after the other, until it is killed or its parent is gone."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(each, signal.SIG_DFL)
    silence = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):        # a library that prints would spoil the module's answer
        os.dup2(silence, number)
    while True:
        while not pipe.poll(ORPHAN):
            if os.getppid() != parent:
                return
        target = pipe.recv()
        signal.setitimer(signal.ITIMER_REAL, deadline + 5)      # when the parent is gone in the middle of a call
        pipe.send(_one(pipe, work, connect, target))
        signal.setitimer(signal.ITIMER_REAL, 0)


def _one(pipe: Any, work: Work, connect: Connect, target: BmcIntent) -> tuple[str, Any, str, bool]:
    """One call: (verdict, value, text, whether this process is of no more use)."""
    def report(stage: str) -> None:
        pipe.send(("stage", None, stage, False))

    try:
        session = connect(target, report)
        try:
            report("asks")
            value = work(session, target, report)
        except BmcError as error:
            if error.verdict != TIMED_OUT:
                session.close()
            raise
        session.close()
    except BmcError as error:
        if error.verdict == BUSY:
            time.sleep(BUSY_PAUSE)
        return error.verdict, None, error.text, True
    except Exception as error:
        # What a BMC says that nobody foresaw must not end the others' calls. Only the kind: its text could be anything.
        return UNKNOWN, None, f"said something that is not understood ({type(error).__name__})", True
    return OK, value, "", False
