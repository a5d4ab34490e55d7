# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPMI 2.0 over the LAN, by pyghmi. Cipher suite 17, or 3 where a BMC has not that.

What pyghmi does and this works around, seen with 1.6.19:
- A packet that comes between its look at the queue and its wait is noticed only when the wait is over: logins stalled for 0.5 to 3 s.
- After a time-out or a login that failed its shared state is no good: the next session of the process fails though the BMC is back. So a
  process whose login failed ends (fleet.py). No call trusts the library's own timers: silence costs it 5 to 29 s, `wait=True` never ends.
- It does not repeat a command that the BMC was too busy for (0xC0).

Sources: IPMI 2.0 revision 1.1, chapters 20, 22, 23, 28; Platform Management FRU 1.0.
"""

# mypy: disable-error-code="import-untyped,import-not-found"
from __future__ import annotations

import socket
import struct
import time
import uuid
from collections.abc import Sequence
from typing import Any, Optional

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import verdict
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.driver import Boot, Identity, Network, Report, User
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.fleet import BUSY_PAUSE, BUSY_STAGE
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.intent import BmcIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import BmcError

MISSING: Optional[ImportError] = None      # noqa: UP045 - Python 3.9 evaluates this
try:
    from pyghmi import exceptions
    from pyghmi.ipmi import command, fru
    from pyghmi.ipmi.private import session as pyghmi_session
except ImportError as missing:
    MISSING = missing

PORT = 623
BUSY, NO_PRIVILEGE, NOT_NOW = 0xC0, 0xD4, 0xD5
SHORTEST_WAIT, LONGEST_WAIT = 0.02, 0.2
CONTROLS = {"off": 0, "on": 1, "reset": 3, "soft": 5}
DEVICES = {"none": 0, "pxe": 1, "disk": 2, "cdrom": 5, "bios": 6}
LEVELS = {"user": 2, "operator": 3, "administrator": 4, "none": 15}
SOURCES = {"static": 1, "dhcp": 2}
HEALTH = {0: "ok", 1: "warning", 2: "critical", 4: "failed"}


def _in_pieces(wait: Any) -> Any:
    """pyghmi's wait, in pieces: its callers look again after each. While a BMC is silent, they get longer."""
    piece = SHORTEST_WAIT

    def shortly(timeout: float, *more: Any) -> None:
        nonlocal piece
        begin, patience = time.monotonic(), min(timeout, piece)
        wait(patience, *more)
        piece = min(2 * piece, LONGEST_WAIT) if time.monotonic() - begin >= patience else SHORTEST_WAIT

    return shortly


if not MISSING:
    pyghmi_session._io_wait = _in_pieces(pyghmi_session._io_wait)
_Pyghmi: Any = object if MISSING else command.Command


class _Command(_Pyghmi):
    """pyghmi's, and a command that the BMC is too busy for is repeated until the call's deadline ends it."""

    report: Report

    def _patient(self, ask: Any, *args: Any, **keys: Any) -> Any:
        while True:
            answer = ask(*args, **keys)
            if not answer or answer.get("code") != BUSY:
                return answer
            self.report(BUSY_STAGE)
            time.sleep(BUSY_PAUSE)

    def raw_command(self, *args: Any, **keys: Any) -> Any:
        """As pyghmi's."""
        return self._patient(super().raw_command, *args, **keys)

    def xraw_command(self, *args: Any, **keys: Any) -> Any:
        """As pyghmi's, which raises on an error; data can be indexed."""
        answer = self.raw_command(*args, **keys)
        if "error" in answer:
            raise exceptions.IpmiException(answer["error"], answer["code"])
        return {**answer, "data": memoryview(answer["data"])}


def judge(error: Exception, during: str = "") -> BmcError:
    """What one of pyghmi's errors means."""
    said = str(error)
    code = getattr(error, "ipmicode", 0)
    if "ncorrect password" in said or "integrity check value" in said:
        return BmcError(verdict.WRONG_PASSWORD, verdict.LOGIN_REFUSED[verdict.WRONG_PASSWORD])
    if "nauthorized name" in said:
        return BmcError(verdict.WRONG_USER, verdict.LOGIN_REFUSED[verdict.WRONG_USER])
    if "nauthorized role" in said:
        return BmcError(verdict.NO_PRIVILEGE, "does not give the user even the privilege of an operator")
    if "ipher suite" in said or "algorithm" in said:
        return BmcError(verdict.REFUSED, f"offers neither cipher suite 17 nor 3 ({said})")
    if code == BUSY or "Node Busy" in said or "resources to create" in said:
        return BmcError(verdict.BUSY, f"is busy ({said}): try again")
    if code == NO_PRIVILEGE:
        return BmcError(verdict.NO_PRIVILEGE, f"does not let the user {during or 'do this'}")
    if (not code and said in ("", "None", "timeout", "Session no longer connected")) or "timeout" in said:
        return BmcError(verdict.TIMED_OUT, "does not answer: is it powered, is this its address, can it be reached from here?")
    return BmcError(verdict.REFUSED, f"refused to {during or 'do this'} ({said}{f', completion code {code:#04x}' if code else ''})")


def _doing(during: str) -> Any:
    """Makes pyghmi's errors in a method ours."""
    def around(method: Any) -> Any:
        def call(self: Any, *args: Any, **keys: Any) -> Any:
            try:
                return method(self, *args, **keys)
            except (OSError, exceptions.PyghmiException) as error:
                raise judge(error, during) from None

        call.__doc__ = method.__doc__
        return call

    return around


class Ipmi:
    """A session."""

    def __init__(self, target: BmcIntent, report: Report) -> None:
        try:
            self._bmc = _Command(target["address"], target["username"], target["password"], target.get("port") or PORT)
        except (OSError, exceptions.PyghmiException) as error:
            raise judge(error, "log in") from None
        self._bmc.report = report

    def close(self) -> None:
        """Log out: BMCs have few sessions, and forget them only after a minute."""
        try:
            self._bmc.ipmi_session.logout()
        except (OSError, exceptions.PyghmiException):
            return

    def _ask(self, netfn: int, number: int, *data: int) -> bytes:
        return bytes(self._bmc.xraw_command(netfn=netfn, command=number, data=data)["data"])

    @_doing("tell its power state")
    def power(self) -> str:
        """`on` or `off`."""
        return "on" if self._ask(0, 1)[0] & 1 else "off"

    @_doing("switch the power")
    def control(self, action: str) -> None:
        """One of driver.ACTIONS."""
        self._ask(0, 2, CONTROLS[action])

    @_doing("tell its boot device")
    def boot(self) -> Boot:
        """The boot flags, where they are valid."""
        answer = self._ask(0, 9, 5, 0, 0)[2:]
        if not answer[0] & 0x80:
            return Boot()
        number = answer[1] >> 2 & 15
        device = next((name for name, each in DEVICES.items() if each == number), f"device {number}")
        return Boot() if device == "none" else Boot(device, not answer[0] & 0x40, bool(answer[0] & 0x20))

    @_doing("set its boot device")
    def set_boot(self, boot: Boot) -> None:
        """The flags. By themselves they would be void after a minute without a power command, so that is switched off first."""
        if boot.device == "none":
            self._ask(0, 8, 5, 0, 0, 0, 0, 0)
            return
        try:
            self._ask(0, 8, 3, 8)
        except exceptions.IpmiException as error:
            if error.ipmicode not in (0x80, 0xC1, 0xC9, 0xCC):      # some do not know this parameter, and never forget
                raise
        self._ask(0, 8, 5, 0x80 | (0 if boot.once else 0x40) | (0x20 if boot.uefi else 0), DEVICES[boot.device] << 2, 0, 0, 0)

    @_doing("tell what it is")
    def facts(self, gather: list[str]) -> dict[str, Any]:
        """Firmware, parts, sensors, events."""
        found: dict[str, Any] = {}
        if "firmware" in gather:
            answer = self._ask(6, 1)
            found["firmware"] = {"version": f"{answer[2] & 0x7F}.{answer[3]:02x}", "manufacturer_id": int.from_bytes(answer[6:9], "little"),
                                 "product_id": int.from_bytes(answer[9:11], "little")}
        if "fru" in gather:
            found["fru"] = self._fru()
            found.update(uuid=self._uuid(), serial=found["fru"].get("serial"))
        if "sensors" in gather:
            found["sensors"] = [
                {"name": sensor.name, "value": None if sensor.unavailable else sensor.value, "unit": sensor.units or "",
                 "health": HEALTH.get(sensor.health, "failed"), "states": [str(state) for state in sensor.states]}
                for sensor in self._bmc.get_sensor_data()]
        if "sel" in gather:
            found["sel"] = [
                {"time": event.get("timestamp"), "sensor": event.get("component") or event.get("component_type") or "",
                 "text": str(event.get("event") or ""), "severity": HEALTH.get(event.get("severity", 0), "failed")}
                for event in self._bmc.get_event_log()]
        return found

    def _fru(self) -> dict[str, str]:
        """The built-in unit's fields, by short names."""
        info = fru.FRU(ipmicmd=self._bmc).info or {}
        names = {"manufacturer": "Manufacturer", "product": "Product name", "serial": "Serial Number", "part": "Model",
                 "board_serial": "Board serial number", "chassis_serial": "Chassis serial number"}
        return {key: str(info[name]).strip() for key, name in names.items() if info.get(name)}

    def _uuid(self) -> Optional[str]:      # noqa: UP045
        """The machine's, in SMBIOS's order, which nearly all BMCs use."""
        answer = self._ask(6, 0x37)
        return str(uuid.UUID(bytes_le=answer[:16])) if len(answer) >= 16 and any(answer[:16]) else None

    @_doing("tell whose it is")
    def identity(self, keys: list[str]) -> Identity:
        """By Get System GUID, the FRU and the LAN settings."""
        found = Identity()
        for key, ask in (("uuid", self._uuid), ("serial", lambda: self._fru().get("serial")), ("bmc_mac", self._bmc_mac)):
            if key in keys:
                try:
                    found = found._replace(**{key: ask()})
                except exceptions.IpmiException as error:
                    if not error.ipmicode:
                        raise           # silence; a code is a BMC that does not know
        return found

    # --- the LAN

    def _channel(self) -> int:
        channel = self._bmc.get_network_channel()
        if channel is None:
            raise BmcError(verdict.REFUSED, "names no channel that is a LAN")
        return int(channel)

    def _lan(self, parameter: int) -> bytes:
        return self._ask(12, 2, self._channel(), parameter, 0, 0)[1:]

    def _bmc_mac(self) -> str:
        return ":".join(f"{byte:02x}" for byte in self._lan(5))

    @_doing("tell its network settings")
    def network(self) -> Network:
        """LAN configuration parameters."""
        source = next((name for name, number in SOURCES.items() if number == self._lan(4)[0] & 15), "other")
        address, netmask, gateway = (socket.inet_ntoa(self._lan(number)[:4]) for number in (3, 6, 12))
        vlan = struct.unpack("<H", self._lan(20)[:2])[0]
        return Network(address, netmask, gateway, source, vlan & 0xFFF if vlan & 0x8000 else 0, self._bmc_mac())

    @_doing("change its network settings")
    def set_network(self, wanted: Network, present: Network) -> None:
        """The address comes last, for the session may end with it."""
        channel = self._channel()

        def put(parameter: int, value: Sequence[int]) -> None:
            self._ask(12, 1, channel, parameter, *value)

        if wanted.source != present.source:
            put(4, [SOURCES[wanted.source]])
        if wanted.source == "static":
            for parameter, key in ((6, "netmask"), (12, "gateway")):
                if getattr(wanted, key) != getattr(present, key):
                    put(parameter, socket.inet_aton(getattr(wanted, key)))
        if wanted.vlan != present.vlan:
            put(20, struct.pack("<H", wanted.vlan | 0x8000 if wanted.vlan else 0))
        if wanted.source == "static" and wanted.address != present.address:
            put(3, socket.inet_aton(wanted.address))

    # --- users

    @_doing("list its users")
    def users(self) -> list[User]:
        """Those that have a name. Whether one is enabled, older BMCs do not say: then they count as enabled."""
        channel, found, number, last = self._channel(), [], 1, 1
        while number <= last:
            access = self._ask(6, 0x44, channel, number)
            last = access[0] & 0x3F
            try:
                name = self._ask(6, 0x46, number).rstrip(b"\0").decode("utf-8", "replace")
            except exceptions.IpmiException as error:
                if not error.ipmicode:
                    raise
                name = ""       # an empty place, as some tell it
            if name:
                level = next((key for key, value in LEVELS.items() if value == access[3] & 15), "none")
                found.append(User(str(number), name, level if access[3] & 0x10 else "none", access[1] >> 6 != 2))
            number += 1
        return found

    @_doing("change its users")
    def set_user(self, name: str, level: str, password: Optional[str], present: Optional[User]) -> None:      # noqa: UP045
        """Into its place, or the first one free after the first, which is for the user without a name."""
        channel = self._channel()
        if present:
            number = int(present.id)
        else:
            taken = {int(user.id) for user in self.users()}
            last = self._ask(6, 0x44, channel, 1)[0] & 0x3F
            number = next((place for place in range(2, last + 1) if place not in taken), 0)
            if not number:
                raise BmcError(verdict.REFUSED, f"has no place left for a user: all {last} are taken")
            self._ask(6, 0x45, number, *name.encode().ljust(16, b"\0"))
        if password is not None:
            self._password(number, 2, password)
        self._ask(6, 0x43, 0x90 | channel, number, LEVELS[level], 0)
        try:
            self._password(number, 0 if level == "none" else 1, "")
        except exceptions.IpmiException as error:
            if error.ipmicode != 0xCC:      # some refuse to enable what is enabled
                raise

    def _password(self, number: int, what: int, password: str) -> None:
        """what: 0 disable, 1 enable, 2 set, 3 test. 16 bytes where that is enough: some know no longer ones."""
        text = password.encode()
        long = len(text) > 16
        self._ask(6, 0x47, number | (0x80 if long else 0), what, *(text.ljust(20 if long else 16, b"\0") if what > 1 else b""))

    @_doing("change its users")
    def remove_user(self, user: User) -> None:
        """IPMI knows no removal: no access, disabled, no name."""
        number = int(user.id)
        self._ask(6, 0x43, 0x80 | self._channel(), number, LEVELS["none"], 0)
        self._password(number, 0, "")
        self._ask(6, 0x45, number, *bytes(16))

    @_doing("test a password")
    def proves(self, name: str, password: str) -> bool:
        """By the command for that."""
        place = next((user.id for user in self.users() if user.name == name), None)
        if place is None:
            return False
        try:
            self._password(int(place), 3, password)
        except exceptions.IpmiException as error:
            if error.ipmicode in (0x80, 0x81):      # wrong; wrong length
                return False
            raise
        return True


DRIVER = Ipmi
