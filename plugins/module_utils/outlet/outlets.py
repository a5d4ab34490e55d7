# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlets that are switched over the network, for what has no BMC: a socket with Tasmota, a PDU by SNMP or by its web pages.

A driver is how to read (`True` is on) and how to switch. Sources: Tasmota's command reference; PowerNet-MIB (rPDUOutletControl).
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable
from typing import Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import quote

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.outlet import snmp
from ansible_collections.clusterwright.hpc.plugins.module_utils.outlet.intent import OutletIntent

# rPDUOutletControlOutletCommand of APC's PDUs, which others copy: 1 immediateOn, 2 immediateOff.
OUTLET_OID = "1.3.6.1.4.1.318.1.1.12.3.3.1.1.4"
LOOK = 0.2      # seconds between two looks

Open = Callable[..., object]


class OutletError(Exception):
    """What is wrong, in words that name no URL: a password may stand in it."""


class Driver(Protocol):
    """One outlet."""

    def read(self) -> bool:
        """Whether it is on."""
        ...

    def switch(self, on: bool) -> None:
        """Tell it."""
        ...


class Web:
    """What the drivers over HTTP share."""

    def __init__(self, outlet: OutletIntent, timeout: float, open_url: Open) -> None:
        self.outlet = outlet
        self._timeout = timeout
        self._open = open_url
        self.base = f"http://{outlet['address']}{f':{port}' if (port := outlet.get('port')) else ''}"

    def call(self, url: str, basic: bool = True) -> str:
        """The page."""
        login = {"url_username": self.outlet.get("username"), "url_password": self.outlet.get("password"), "force_basic_auth": True}
        try:
            answer = self._open(url, timeout=self._timeout, **(login if basic and self.outlet.get("username") else {}))
            return str(answer.read().decode("utf-8", "replace"))       # type: ignore[attr-defined]
        except HTTPError as error:
            refused = error.code in (401, 403)
            raise OutletError("it does not take this user and password" if refused else f"HTTP status {error.code}") from None
        except (URLError, OSError, ValueError) as error:
            late = isinstance(getattr(error, "reason", error), socket.timeout)
            raise OutletError(f"no answer within {self._timeout:g} s" if late else "it cannot be reached") from None


class Tasmota(Web):
    """A socket with the Tasmota firmware."""

    def _command(self, word: str = "") -> bool:
        number = self.outlet["number"]
        login = f"user={quote(self.outlet.get('username') or 'admin')}&password={quote(self.outlet['password'] or '')}&" \
            if self.outlet.get("password") else ""
        text = self.call(f"{self.base}/cm?{login}cmnd={quote(f'Power{number} {word}'.strip())}", basic=False)
        try:
            said = json.loads(text)
        except ValueError:
            raise OutletError("what answers is no Tasmota") from None
        if "WARNING" in said:
            raise OutletError("it does not take this user and password")
        state = said.get(f"POWER{number}", said.get("POWER") if number == 1 else None)
        if state not in ("ON", "OFF"):
            raise OutletError(f"it has no outlet {number}")
        return bool(state == "ON")

    def read(self) -> bool:
        """Power without a word tells."""
        return self._command()

    def switch(self, on: bool) -> None:
        """Power On, Power Off."""
        self._command("On" if on else "Off")


class Http(Web):
    """A PDU by three URLs of its own. In them {number} is the outlet's."""

    def _url(self, key: str) -> str:
        path = str(self.outlet[key]).replace("{number}", str(self.outlet["number"]))        # type: ignore[literal-required]
        return path if path.startswith(("http://", "https://")) else f"{self.base}/{path.lstrip('/')}"

    def read(self) -> bool:
        """Whether the pattern is in the status."""
        pattern = str(self.outlet["on_pattern"]).replace("{number}", str(self.outlet["number"]))
        return bool(re.search(pattern, self.call(self._url("status_url"))))

    def switch(self, on: bool) -> None:
        """Call the URL."""
        self.call(self._url("on_url" if on else "off_url"))


class Snmp:
    """A PDU by SNMP v2c: an integer for each outlet, which is read and set."""

    def __init__(self, outlet: OutletIntent, timeout: float, _open: Open) -> None:
        self.outlet = outlet
        self._timeout = timeout

    def _ask(self, value: int | None = None) -> int:
        outlet = self.outlet
        try:
            return snmp.ask(outlet["address"], outlet.get("port") or 161, outlet.get("community") or "",
                            f"{outlet['oid']}.{outlet['number']}", value, self._timeout)
        except snmp.SnmpError as error:
            raise OutletError(str(error)) from None
        except OSError:
            raise OutletError("it cannot be reached") from None

    def read(self) -> bool:
        """The integer."""
        value = self._ask()
        if value not in (self.outlet["on_value"], self.outlet["off_value"]):
            raise OutletError(f"it says {value}, which is neither on ({self.outlet['on_value']}) nor off ({self.outlet['off_value']})")
        return value == self.outlet["on_value"]

    def switch(self, on: bool) -> None:
        """Set it."""
        self._ask(self.outlet["on_value"] if on else self.outlet["off_value"])


DRIVERS: dict[str, Callable[[OutletIntent, float, Open], Driver]] = {"tasmota": Tasmota, "http": Http, "snmp": Snmp}
NEEDS = {"http": ("on_url", "off_url", "status_url", "on_pattern"), "snmp": ("community",), "tasmota": ()}


def check(outlet: OutletIntent) -> None:
    """What its driver needs is there and makes sense. Raises ClusterwrightError."""
    name, kind = outlet["name"], outlet["driver"]
    missing = [key for key in NEEDS[kind] if not outlet.get(key)]
    if missing:
        raise ClusterwrightError(f"{name}: an outlet by {kind} needs {' and '.join(missing)}")
    if outlet["number"] < 1:
        raise ClusterwrightError(f"{name}: outlets are counted from 1")
    try:
        snmp.oid(outlet["oid"])
        re.compile(outlet.get("on_pattern") or "")
    except (ValueError, re.error):
        what = "oid" if kind == "snmp" else "on_pattern"
        raise ClusterwrightError(f"{name}: '{outlet.get(what)}' is no {what}") from None


def steps(state: str, is_on: bool) -> list[bool]:
    """What an outlet is told: True is on."""
    if state == "cycle":
        return [False, True] if is_on else [True]
    return [] if state == "status" or is_on == (state == "on") else [state == "on"]


def switch(driver: Driver, told: list[bool], rest: float, wait: float, sleep: Callable[[float], None] = time.sleep,
           clock: Callable[[], float] = time.monotonic) -> None:
    """All steps, each read back; `rest` seconds without power in a cycle. Raises OutletError."""
    for number, on in enumerate(told):
        if number:
            sleep(rest)
        driver.switch(on)
        end = clock() + wait
        while driver.read() is not on:
            if clock() >= end:
                raise OutletError(f"it took the command and is still {'off' if on else 'on'} after {wait:g} s")
            sleep(LOOK)
