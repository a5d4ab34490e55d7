#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make test`: every part, also after one has failed; a table of what came of them; and the counts, alone on the last line.

Two parts run at once, because those with labs mostly wait: one worker takes the cheap parts first, so that what is broken shows soon, the
other one takes the long ones. What a part prints is shown when it has ended. A part that runs pytest counts its tests, another one counts
as one check.

    tools/test_all.py                 all parts
    tools/test_all.py lint sanity     these
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

CHECKOUT = Path(__file__).resolve().parents[1]
RESULTS = CHECKOUT / ".build" / "results"

SCENARIOS = sorted(f"molecule-{path.parent.name}" for path in CHECKOUT.glob("molecule/*/molecule.yml"))
WITH_PYTEST = ("test-unit", "test-newest", "test-devices", "test-integration")
# One worker begins in front, the other one at the end. Devices and benchmarks share addresses, so that one worker must have both.
PARTS = ("types", "test-unit", "lint", "test-newest", "sanity", "test-devices", "bench", *SCENARIOS, "test-integration")
WORKERS = min(2, os.cpu_count() or 1)


class Counts(NamedTuple):
    """Tests or checks of one part."""

    passed: int
    failed: int
    skipped: int

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Row(NamedTuple):
    """What came of one part, and the seconds that it took."""

    part: str
    result: Counts
    seconds: float


def counts(part: str, status: int) -> Counts:
    """What came of a part, from its exit status and, where pytest ran, from what that wrote to RESULTS."""
    failed = int(status != 0)
    if part not in WITH_PYTEST:
        return Counts(1 - failed, failed, 0)
    report = RESULTS / f"{part}.xml"
    if not report.exists():         # it did not run: it broke before, or it said why it is left out
        return Counts(0, failed, 1 - failed)
    suites = list(ElementTree.parse(report).iter("testsuite"))
    keys = ("tests", "failures", "errors", "skipped")
    total, failures, errors, skipped = (sum(int(suite.get(key, 0)) for suite in suites) for key in keys)
    bad = failures + errors
    # pytest can end badly with no test to blame, for example when it finds none.
    return Counts(total - bad - skipped, max(bad, failed), skipped)


def run(part: str) -> tuple[int, str]:
    """`make part`: its exit status, and what it printed."""
    (RESULTS / f"{part}.xml").unlink(missing_ok=True)
    # The flags of the make that started us (-j, -n) are not for these.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    command = ["make", "--no-print-directory", "--keep-going", part]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False)
    return done.returncode, done.stdout


def run_all(parts: Iterable[str]) -> list[Row]:
    """What came of each part, in the order in which they ended."""
    waiting, rows, one_at_a_time = deque(parts), list[Row](), threading.Lock()

    def work(take: Callable[[], str]) -> None:
        while True:
            try:
                part = take()
            except IndexError:
                return
            print(f"==> {part}: begins\n", end="", flush=True)      # as one piece
            begun = time.monotonic()
            status, said = run(part)
            row = Row(part, counts(part, status), time.monotonic() - begun)
            with one_at_a_time:
                rows.append(row)
                print(f"\n==> {part}\n{said}", flush=True)

    with ThreadPoolExecutor(WORKERS) as pool:
        for done in [pool.submit(work, take) for take in (waiting.popleft, waiting.pop)[:WORKERS]]:
            done.result()
    return rows


def main() -> int:
    """Exit status 0 when nothing failed."""
    parts = sys.argv[1:] or PARTS
    if unknown := set(parts) - set(PARTS):
        print(f"test_all.py: no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    RESULTS.mkdir(parents=True, exist_ok=True)
    rows = run_all(parts)
    print()
    for part, result, seconds in rows:
        print(f"{'FAILED' if result.failed else 'ok':<8}{part:<18}{seconds:>6.0f} s   {result}")
    total = Counts(*(sum(column) for column in zip(*(result for _, result, _ in rows), strict=True)))
    print(f"\n{total}", flush=True)
    return int(total.failed > 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
