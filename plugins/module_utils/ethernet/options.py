# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that the modules for switches share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet import terminal
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Driver
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.session import Session

CONNECTION: dict[str, Any] = {
    "host": {"type": "str"},
    "port": {"type": "int", "default": 22},
    "user": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "enable_password": {"type": "str", "no_log": True},
    "known_hosts": {"type": "path"},
    "timeout": {"type": "int", "default": 60},
}


@contextmanager
def session(name: str, driver: Driver, params: dict[str, Any]) -> Iterator[Session]:
    """A session with the switch that the options name. Raises ClusterwrightError."""
    missing = [option for option in ("host", "user") if not params[option]]
    if missing:
        raise ClusterwrightError(f"{name}: {' and '.join(missing)} must be said to log in to a switch")
    access = terminal.Access(name, params["host"], params["port"], params["user"], params["password"], params["enable_password"],
                             params["known_hosts"], params["timeout"])
    opened = terminal.connect(access, driver)
    try:
        yield Session(name, opened, driver)
    finally:
        opened.close()
