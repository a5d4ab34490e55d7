# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health: what is ill and not accepted, and the wait for it to be well."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph.change import ask
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run

PAUSE = 2.0     # seconds between two looks
ERROR = "HEALTH_ERR"


class Health(NamedTuple):
    """The word of the cluster, and each check that fails: severity and summary."""

    status: str
    checks: dict[str, tuple[str, str]]


def parse(answer: Mapping[str, Any]) -> Health:
    """`ceph health --format json`. What is muted is not among the checks."""
    return Health(answer["status"], {name: (check["severity"], check["summary"]["message"]) for name, check in answer["checks"].items()
                                     if not check.get("muted")})


def ill(health: Health, accepted: Collection[str]) -> dict[str, str]:
    """What is not accepted. An error never is."""
    return {name: text for name, (severity, text) in health.checks.items() if severity == ERROR or name not in accepted}


def wait(
    run: Run, accepted: Collection[str], timeout: float,
    clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep,
) -> tuple[Health, Health]:
    """The first and the last look. Raises ClusterwrightError when after `timeout` seconds something still is ill."""
    begin = clock()
    first = health = parse(ask(run, "health"))
    while ill(health, accepted):
        if clock() - begin >= timeout:
            found = ill(health, accepted)
            listed = "; ".join(f"{name} ({text})" for name, text in found.items())
            raise ClusterwrightError(
                f"Ceph is ill after {timeout:.0f} s: {listed}: look at `ceph health detail`; a warning that this site lives with is named "
                "in accept of the cluster file's ceph",
                status=health.status, checks={name: text for name, (_severity, text) in health.checks.items()}, verified=False)
        pause(PAUSE)
        health = parse(ask(run, "health"))
    return first, health
