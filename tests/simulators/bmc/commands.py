"""The IPMI commands that a simulated BMC knows. Each takes the request's data and returns the answer's, or raises Refused."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from .machine import Machine
from .records import sdr
from .wire import Message, Session

if TYPE_CHECKING:
    from .bmc import Bmc

USER, OPERATOR, ADMIN = 2, 3, 4
CHANNEL = 1
CONTROLS = {0: "off", 1: "on", 2: "cycle", 3: "reset", 5: "soft"}
BUSY, INVALID, NO_SUCH, TOO_LONG, OUT_OF_RANGE, BAD_DATA, NO_PRIVILEGE, NOT_NOW = 0xC0, 0xC1, 0xCB, 0xC7, 0xC9, 0xCC, 0xD4, 0xD5


class Refused(Exception):
    """A completion code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code:#04x}")
        self.code = code


class Known(NamedTuple):
    """A command: who may, and what it does."""

    privilege: int
    function: Callable[[Commands, bytes, Session], bytes]


KNOWN: dict[tuple[int, int], Known] = {}


def command(netfn: int, number: int, privilege: int = USER) -> Callable[[Callable[..., bytes]], Callable[..., bytes]]:
    """Makes a method a command."""
    def note(function: Callable[..., bytes]) -> Callable[..., bytes]:
        KNOWN[(netfn, number)] = Known(privilege, function)
        return function

    return note


class Commands:
    """The commands of one BMC."""

    def __init__(self, bmc: Bmc) -> None:
        self.bmc = bmc
        self.seen: list[tuple[int, int, bytes]] = []        # what came in sessions: (netfn, command, data)
        self.sdr = sdr(bmc.sensors)

    @property
    def machine(self) -> Machine:
        return self.bmc.machine

    def sessionless(self, request: Message) -> tuple[int, bytes]:
        """What may be asked before a login: (completion code, data)."""
        data = request.data
        if (request.netfn, request.command) == (6, 0x38):
            return 0, bytes((CHANNEL, 0x80, 0x04, 0x02, 0, 0, 0, 0))        # IPMI 2.0 only, user names, no null user
        if (request.netfn, request.command) == (6, 0x54):
            index = data[2] & 0x3F if len(data) > 2 else 0
            # Start of record, suite number, then its algorithms, integrity and confidentiality marked in their upper bits.
            records = b"".join(bytes((0xC0, suite.number, suite.algorithms[0], 0x40 | suite.algorithms[1], 0x80 | suite.algorithms[2]))
                               for suite in self.bmc.suites)
            return 0, bytes((CHANNEL,)) + records[index * 16:index * 16 + 16]
        if (request.netfn, request.command) == (6, 0x37):
            return 0, self.bmc.guid
        return NO_PRIVILEGE, b""

    def in_session(self, request: Message, session: Session) -> tuple[int, bytes] | None:
        """(completion code, data); None where no answer comes."""
        faults = self.bmc.faults
        self.seen.append((request.netfn, request.command, request.data))
        if faults.hang and (request.netfn, request.command) != (6, 0x3B):
            return None
        if faults.busy:
            faults.busy -= faults.busy > 0
            return BUSY, b""
        known = KNOWN.get((request.netfn, request.command))
        if not known:
            return INVALID, b""
        if session.privilege < known.privilege:
            return NO_PRIVILEGE, b""
        try:
            return 0, known.function(self, request.data, session)
        except Refused as refused:
            return refused.code, b""
        except (IndexError, struct.error):
            return TOO_LONG, b""

    # --- the controller itself

    @command(6, 0x01, 1)
    def device_id(self, _data: bytes, _session: Session) -> bytes:
        major, minor = self.bmc.firmware
        maker = self.bmc.manufacturer.to_bytes(3, "little")
        return bytes((0x20, 0x01, major, minor, 2, 0xBF)) + maker + struct.pack("<H", 0x1001) + bytes(4)

    @command(6, 0x02, ADMIN)
    def cold_reset(self, _data: bytes, _session: Session) -> bytes:
        self.bmc.resets += 1
        return b""

    @command(6, 0x04)
    def self_test(self, _data: bytes, _session: Session) -> bytes:
        return b"\x55\x00"

    @command(6, 0x37, 1)
    def system_guid(self, _data: bytes, _session: Session) -> bytes:
        return self.bmc.guid

    @command(6, 0x08, 1)
    def device_guid(self, _data: bytes, _session: Session) -> bytes:
        return self.bmc.guid

    @command(6, 0x38, 1)
    def capabilities(self, data: bytes, _session: Session) -> bytes:
        return self.sessionless(Message(6, 0x38, data, 0, 0, 0, 0))[1]

    @command(6, 0x54, 1)
    def suites(self, data: bytes, _session: Session) -> bytes:
        return self.sessionless(Message(6, 0x54, data, 0, 0, 0, 0))[1]

    @command(6, 0x3B, 1)
    def set_privilege(self, data: bytes, session: Session) -> bytes:
        if data[0] & 15:
            if data[0] & 15 > session.highest:
                raise Refused(0x81)
            session.privilege = data[0] & 15
        return bytes((session.privilege,))

    @command(6, 0x3C, 1)
    def close(self, data: bytes, _session: Session) -> bytes:
        if not self.bmc.wire.sessions.pop(struct.unpack_from("<I", data)[0], None):
            raise Refused(0x87)
        return b""

    @command(6, 0x42)
    def channel(self, data: bytes, _session: Session) -> bytes:
        if data[0] & 15 not in (CHANNEL, 14):
            raise Refused(BAD_DATA)
        return bytes((CHANNEL, 4, 1, 0x80 | len(self.bmc.wire.sessions))) + bytes((0xF2, 0x1B, 0, 0, 0))

    @command(6, 0x41)
    def channel_access(self, _data: bytes, _session: Session) -> bytes:
        return bytes((0x22, 4))

    # --- users

    def _place(self, number: int) -> int:
        if number not in self.bmc.users.places:
            raise Refused(BAD_DATA)
        return number

    @command(6, 0x43, ADMIN)
    def set_access(self, data: bytes, _session: Session) -> bytes:
        user = self.bmc.users.places[self._place(data[1] & 0x3F)]
        if data[0] & 0x80:
            user.messaging = bool(data[0] & 0x10)
        user.privilege = data[2] & 15
        return b""

    @command(6, 0x44, OPERATOR)
    def access(self, data: bytes, _session: Session) -> bytes:
        users = self.bmc.users.places
        user = users[self._place(data[1] & 0x3F)]
        enabled = sum(each.enabled for each in users.values())
        return bytes((len(users), (0x40 if user.enabled else 0x80) | enabled, 0, (0x10 if user.messaging else 0) | user.privilege))

    @command(6, 0x45, ADMIN)
    def set_name(self, data: bytes, _session: Session) -> bytes:
        number = self._place(data[0] & 0x3F)
        name = data[1:17].rstrip(b"\0")
        if number == 1 or (name and any(user.name == name for place, user in self.bmc.users.places.items() if place != number)):
            raise Refused(BAD_DATA)
        self.bmc.users.places[number].name = name
        return b""

    @command(6, 0x46, OPERATOR)
    def name(self, data: bytes, _session: Session) -> bytes:
        return self.bmc.users.places[self._place(data[0] & 0x3F)].name.ljust(16, b"\0")

    @command(6, 0x47, ADMIN)
    def set_password(self, data: bytes, _session: Session) -> bytes:
        user = self.bmc.users.places[self._place(data[0] & 0x3F)]
        what, password = data[1] & 3, data[2:].rstrip(b"\0")
        if what in (2, 3) and len(data) != (22 if data[0] & 0x80 else 18):
            raise Refused(TOO_LONG)
        if what < 2:
            user.enabled = bool(what)
        elif what == 2:
            if 0 < len(password) < self.bmc.shortest_password:
                raise Refused(BAD_DATA)
            user.password = password
        elif password != user.password:
            raise Refused(0x80)
        return b""

    # --- the machine

    @command(0, 0x00)
    def chassis_capabilities(self, _data: bytes, _session: Session) -> bytes:
        return bytes((0, 0x20, 0x20, 0x20, 0x20))

    @command(0, 0x01)
    def chassis(self, _data: bytes, _session: Session) -> bytes:
        return bytes((0x20 | self.bmc.restore << 5 & 0x60 | self.machine.power, 0, 0x40 | (0x10 if self.bmc.identify else 0)))

    @command(0, 0x02, OPERATOR)
    def control(self, data: bytes, _session: Session) -> bytes:
        action = CONTROLS.get(data[0] & 15)
        if self.bmc.faults.refuse:
            raise Refused(self.bmc.faults.refuse)
        if not action:
            raise Refused(BAD_DATA)
        if action in ("reset", "cycle") and not self.machine.power:
            raise Refused(NOT_NOW)
        self.machine.control(action)
        return b""

    @command(0, 0x04, OPERATOR)
    def light(self, data: bytes, _session: Session) -> bytes:
        self.bmc.identify = bool(data[1] & 1) if len(data) > 1 else bool(not data or data[0])
        return b""

    @command(0, 0x06, OPERATOR)
    def set_restore(self, data: bytes, _session: Session) -> bytes:
        if data[0] & 7 < 3:
            self.bmc.restore = data[0] & 3
        return b"\x07"

    @command(0, 0x07)
    def restart_cause(self, _data: bytes, _session: Session) -> bytes:
        return bytes((1, CHANNEL))

    @command(0, 0x08, OPERATOR)
    def set_boot(self, data: bytes, _session: Session) -> bytes:
        number = data[0] & 0x7F
        if number == 5:
            self.machine.set_flags(data[1:])
        elif number == 3:
            self.machine.flags_stay = bool(data[1] & 8)
        elif number not in (0, 4):
            raise Refused(0x80)
        return b""

    @command(0, 0x09, OPERATOR)
    def boot(self, data: bytes, _session: Session) -> bytes:
        number = data[0] & 0x7F
        values = {0: b"\0", 1: b"\0", 2: b"\0", 3: bytes((8 if self.machine.flags_stay else 0,)), 4: bytes(2), 5: self.machine.flags}
        if number not in values:
            raise Refused(0x80)
        return bytes((1, number)) + values[number]

    # --- sensors, parts, events

    def _sensor(self, number: int):
        for sensor in self.bmc.sensors:
            if sensor.number == number:
                return sensor
        raise Refused(NO_SUCH)

    @command(4, 0x2D)
    def reading(self, data: bytes, _session: Session) -> bytes:
        return self._sensor(data[0]).reading(self.machine.power)

    @command(4, 0x27)
    def thresholds(self, data: bytes, _session: Session) -> bytes:
        record = self._sensor(data[0]).record()
        if record[1] != 1:
            raise Refused(INVALID)
        unr, uc, unc, lnr, lc, lnc = record[34:40]
        return bytes((record[16], lnc, lc, lnr, unc, uc, unr))

    @command(10, 0x10)
    def fru_size(self, data: bytes, _session: Session) -> bytes:
        if data[0]:
            raise Refused(NO_SUCH)
        return struct.pack("<HB", len(self.bmc.fru), 0)

    @command(10, 0x11)
    def fru(self, data: bytes, _session: Session) -> bytes:
        number, offset, count = struct.unpack("<BHB", data)
        if number:
            raise Refused(NO_SUCH)
        if offset >= len(self.bmc.fru):
            raise Refused(OUT_OF_RANGE)
        part = self.bmc.fru[offset:offset + min(count, 128)]
        return bytes((len(part),)) + part

    @command(10, 0x20)
    def sdr_info(self, _data: bytes, _session: Session) -> bytes:
        return struct.pack("<BHHIIB", 0x51, len(self.sdr), 0xFFFF, 1, 1, 0x22)

    @command(10, 0x22)
    def reserve_sdr(self, _data: bytes, _session: Session) -> bytes:
        return b"\x01\x00"

    @command(10, 0x23)
    def get_sdr(self, data: bytes, _session: Session) -> bytes:
        _reservation, number, offset, count = struct.unpack("<HHBB", data)
        number = len(self.sdr) if number == 0xFFFF else number or 1
        if not 1 <= number <= len(self.sdr):
            raise Refused(NO_SUCH)
        follows = number + 1 if number < len(self.sdr) else 0xFFFF
        return struct.pack("<H", follows) + self.sdr[number - 1][offset:offset + count]

    @command(10, 0x40)
    def sel_info(self, _data: bytes, _session: Session) -> bytes:
        return struct.pack("<BHHIIB", 0x51, len(self.bmc.sel.entries), 0x4000, 1, 1, 0x02)

    @command(10, 0x42)
    def reserve_sel(self, _data: bytes, _session: Session) -> bytes:
        self.bmc.sel.reservation += 1
        return struct.pack("<H", self.bmc.sel.reservation)

    @command(10, 0x43)
    def get_sel(self, data: bytes, _session: Session) -> bytes:
        _reservation, number, offset, count = struct.unpack("<HHBB", data)
        entries = self.bmc.sel.entries
        numbers = sorted(entries)
        number = {0: min(numbers, default=0), 0xFFFF: max(numbers, default=0)}.get(number, number)
        if number not in entries:
            raise Refused(NO_SUCH)
        follows = next((each for each in numbers if each > number), 0xFFFF)
        return struct.pack("<H", follows) + entries[number][offset:][:count]

    @command(10, 0x47, OPERATOR)
    def clear_sel(self, data: bytes, _session: Session) -> bytes:
        reservation, word, what = struct.unpack("<H3sB", data)
        if word != b"CLR":
            raise Refused(BAD_DATA)
        if reservation != self.bmc.sel.reservation:
            raise Refused(0xC5)
        if what == 0xAA:
            self.bmc.sel.clear()
        return b"\x01"

    @command(10, 0x48)
    def sel_time(self, _data: bytes, _session: Session) -> bytes:
        return struct.pack("<I", self.bmc.sel.now())

    # --- the LAN

    def _lan(self) -> dict[int, bytes]:
        lan = self.bmc.lan
        packed = {number: ipaddress.IPv4Address(lan[key]).packed for number, key in ((3, "address"), (6, "netmask"), (12, "gateway"))}
        vlan = struct.pack("<H", lan["vlan"] | 0x8000 if lan["vlan"] else 0)
        mac = bytes.fromhex(self.machine.bmc_mac.replace(":", ""))
        suites = [suite.number for suite in self.bmc.suites]
        return {0: b"\0", 1: b"\0", 2: bytes(5), **packed, 4: bytes((lan["source"],)), 5: mac, 7: b"\x40\x40\x10", 13: bytes(6),
                14: bytes(4), 15: bytes(6), 16: b"public".ljust(18, b"\0"), 20: vlan, 21: b"\0",
                22: bytes((len(suites),)), 23: bytes((0, *suites)), 24: b"\x00\x44" + bytes(7)}

    @command(12, 0x02, OPERATOR)
    def lan(self, data: bytes, _session: Session) -> bytes:
        values = self._lan()
        if data[1] not in values:
            raise Refused(0x80)
        return b"\x11" + values[data[1]]

    @command(12, 0x01, ADMIN)
    def set_lan(self, data: bytes, _session: Session) -> bytes:
        number, value, lan = data[1], data[2:], self.bmc.lan
        if number in (3, 6, 12):
            if number == 3 and lan["source"] != 1:
                raise Refused(0x82)         # read only: it comes from DHCP
            lan[{3: "address", 6: "netmask", 12: "gateway"}[number]] = str(ipaddress.IPv4Address(value[:4]))
        elif number == 4:
            lan["source"] = value[0] & 15
        elif number == 20:
            enabled = struct.unpack("<H", value[:2])[0]
            lan["vlan"] = enabled & 0xFFF if enabled & 0x8000 else 0
        elif number:
            raise Refused(0x80)
        return b""
