# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that all modules for BMCs share, and the BMCs that they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import driver
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.fleet import LIMIT
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.intent import BmcIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError

LONGEST_NAME, LONGEST_PASSWORD = 16, 20     # of a user, by IPMI

BMC = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "protocol": {"type": "str", "choices": list(driver.LIBRARIES), "default": "ipmi"},
    "port": {"type": "int"},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "uuid": {"type": "str"},
    "serial": {"type": "str"},
    "mac": {"type": "str"},
    "bmc_mac": {"type": "str"},
}
CONNECTION = {
    "bmcs": {"type": "list", "elements": "dict", "options": BMC, "required": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 15.0},
    "side_by_side": {"type": "int", "default": LIMIT},
}


def targets(params: Mapping[str, Any]) -> list[BmcIntent]:
    """The BMCs of a module's options, with the libraries for them loaded. Raises ClusterwrightError, before any is spoken to."""
    found: list[BmcIntent] = []
    names: set[str] = set()
    places: dict[tuple[str, Any], str] = {}
    if params["timeout"] <= 0 or params["side_by_side"] < 1:
        raise ClusterwrightError("timeout has to be more than 0, and side_by_side at least 1")
    for entry in params["bmcs"]:
        name, place = entry["name"], (entry["address"], entry["port"])
        if name in names:
            raise ClusterwrightError(f"bmcs names {name} twice")
        if place in places:
            raise ClusterwrightError(f"{name} and {places[place]} have the same BMC, {entry['address']}: one of the addresses is wrong")
        names.add(name)
        places[place] = name
        login = {key: entry[key] or params[key] for key in ("username", "password")}
        missing = [key for key, value in login.items() if value is None]
        if missing:
            raise ClusterwrightError(f"{name}: no {' and no '.join(missing)} for its BMC, neither with it nor for all")
        if entry["protocol"] == "ipmi":
            fits_ipmi(name, **login)
        found.append(cast(BmcIntent, {**entry, **login, "verify_tls": params["validate_certs"]}))
    driver.load(target["protocol"] for target in found)
    return found


def fits_ipmi(name: str, username: str, password: str) -> None:
    """IPMI has little room for either. Raises ClusterwrightError."""
    for key, value, most in (("username", username, LONGEST_NAME), ("password", password, LONGEST_PASSWORD)):
        if len(value.encode()) > most:
            raise ClusterwrightError(f"{name}: IPMI has room for {most} bytes of {key}, and this one is longer")
