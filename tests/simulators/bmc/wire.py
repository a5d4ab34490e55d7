"""RMCP, IPMI 1.5 before a session and RMCP+ in one: packets in, packets out. IPMI 2.0, chapter 13.

Cipher suites 3 (SHA-1, AES) and 17 (SHA-256, AES). Sessions end when they are closed, and the oldest goes when there are too many.
"""

from __future__ import annotations

import hmac
import itertools
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

if TYPE_CHECKING:
    from .bmc import Bmc

RMCP = b"\x06\x00\xff\x07"
MOST_SESSIONS = 8


class Suite(NamedTuple):
    """A cipher suite: its numbers for authentication, integrity and confidentiality, its hash, and how much of it is sent."""

    number: int
    algorithms: tuple[int, int, int]
    hash: str
    length: int


SUITES = {3: Suite(3, (1, 1, 1), "sha1", 12), 17: Suite(17, (3, 4, 1), "sha256", 16)}


@dataclass
class Session:
    """One console, from its open session request on."""

    number: int             # the BMC's
    console: int            # the console's own
    suite: Suite
    privilege: int = 0      # what it has
    highest: int = 4        # what it may ask for
    user: int = 0
    name: bytes = b""
    role: int = 0
    console_random: bytes = b""
    random: bytes = b""
    k1: bytes = b""
    key: bytes = b""
    sik: bytes = b""
    sequence: int = 0
    open: bool = False


class Message(NamedTuple):
    """An IPMI request."""

    netfn: int
    command: int
    data: bytes
    target: int
    source: int
    sequence: int           # with the LUN below
    lun: int


def checksum(data: bytes) -> int:
    """Sums with the data to zero."""
    return -sum(data) & 0xFF


def parse_message(payload: bytes) -> Message | None:
    """A request (its network function is even), if its checksums are right."""
    if len(payload) < 7 or payload[1] & 4 or checksum(payload[:3]) or checksum(payload[3:]):
        return None
    return Message(payload[1] >> 2, payload[5], payload[6:-1], payload[0], payload[3], payload[4], payload[1] & 3)


def answer_message(request: Message, code: int, data: bytes) -> bytes:
    """The answer to it."""
    head = bytes((request.source, (request.netfn + 1) << 2 | request.sequence & 3))
    body = bytes((request.target, request.sequence & 0xFC | request.lun, request.command, code)) + data
    return head + bytes((checksum(head),)) + body + bytes((checksum(body),))


class Wire:
    """Sessions of one BMC. `receive` returns the packets to send back."""

    def __init__(self, bmc: Bmc) -> None:
        self.bmc = bmc
        self.sessions: dict[int, Session] = {}
        self._numbers = itertools.count(0x1000)
        self.logins = 0             # that came to their end

    def receive(self, packet: bytes) -> bytes | None:
        """The answer to a packet; None when there is none."""
        if len(packet) < 12 or packet[0] != 6:
            return None
        if packet[3] == 6:
            return self._pong(packet)
        if packet[3] & 0x1F != 7 or len(packet) < 16:
            return None
        if packet[4] == 0:
            return self._plain(packet)
        return self._plus(packet) if packet[4] == 6 else None

    @staticmethod
    def _pong(packet: bytes) -> bytes | None:
        if packet[4:8] != b"\x00\x00\x11\xbe" or packet[8] != 0x80:
            return None
        return packet[:4] + struct.pack(">IBBBBIIBB6x", 4542, 0x40, packet[9], 0, 16, 4542, 0, 0x81, 0)

    def _plain(self, packet: bytes) -> bytes | None:
        request = parse_message(packet[14:14 + packet[13]])
        if not request:
            return None
        code, data = self.bmc.commands.sessionless(request)
        payload = answer_message(request, code, data)
        return RMCP + bytes(9) + bytes((len(payload),)) + payload

    def _plus(self, packet: bytes) -> bytes | None:
        kind, number, _sequence, size = struct.unpack_from("<BIIH", packet, 5)
        payload = packet[16:16 + size]
        if kind in (0x10, 0x12, 0x14):
            step = {0x10: self._open, 0x12: self._rakp1, 0x14: self._rakp3}[kind]
            answer = step(payload)
            return answer and RMCP + struct.pack("<BBIIH", 6, kind + 1, 0, 0, len(answer)) + answer
        if kind == 0 and number == 0:       # ipmitool asks for the cipher suites so
            request = parse_message(payload)
            if not request:
                return None
            plain = answer_message(request, *self.bmc.commands.sessionless(request))
            return RMCP + struct.pack("<BBIIH", 6, 0, 0, 0, len(plain)) + plain
        session = self.sessions.get(number)
        if not session or not session.open or kind != 0xC0:
            return None
        length = session.suite.length
        if not hmac.compare_digest(hmac.digest(session.k1, packet[4:-length], session.suite.hash)[:length], packet[-length:]):
            return None
        decryptor = Cipher(algorithms.AES(session.key), modes.CBC(payload[:16])).decryptor()
        plain = decryptor.update(payload[16:]) + decryptor.finalize()
        request = parse_message(plain[:len(plain) - plain[-1] - 1])
        if not request:
            return None
        done = self.bmc.commands.in_session(request, session)
        return self._sealed(session, answer_message(request, *done)) if done else None

    @staticmethod
    def _sealed(session: Session, payload: bytes) -> bytes:
        session.sequence += 1
        pad = -(len(payload) + 1) % 16
        plain = payload + bytes(range(1, pad + 1)) + bytes((pad,))
        start = os.urandom(16)
        encryptor = Cipher(algorithms.AES(session.key), modes.CBC(start)).encryptor()
        sealed = start + encryptor.update(plain) + encryptor.finalize()
        packet = struct.pack("<BBIIH", 6, 0xC0, session.console, session.sequence, len(sealed)) + sealed
        pad = -(len(packet) + 2) % 4
        packet += b"\xff" * pad + bytes((pad, 7))
        return RMCP + packet + hmac.digest(session.k1, packet, session.suite.hash)[:session.suite.length]

    # --- the login

    def _open(self, data: bytes) -> bytes | None:
        if len(data) < 32:
            return None
        tag, wanted, console = data[0], data[1] & 15, data[4:8]
        asked = (data[12], data[20], data[28])
        suite = next((suite for suite in self.bmc.suites if suite.algorithms == asked), None)
        if not suite:
            return bytes((tag, 0x11, wanted, 0)) + console     # no cipher suite match
        if len(self.sessions) >= MOST_SESSIONS:
            del self.sessions[next(iter(self.sessions))]
        number = next(self._numbers)
        self.sessions[number] = Session(number, struct.unpack("<I", console)[0], suite)
        proposal = b"".join(bytes((kind, 0, 0, 8, algorithm, 0, 0, 0)) for kind, algorithm in enumerate(asked))
        return bytes((tag, 0, wanted or 4, 0)) + console + struct.pack("<I", number) + proposal

    def _rakp1(self, data: bytes) -> bytes | None:
        if len(data) < 28:
            return None
        tag, session = data[0], self.sessions.get(struct.unpack_from("<I", data, 4)[0])
        if not session:
            return bytes((tag, 2, 0, 0)) + bytes(4)
        session.console_random, session.role, session.name = data[8:24], data[24], data[28:28 + data[27]]
        console = struct.pack("<I", session.console)
        user, highest = self.bmc.users.find(session.name, session.role)
        if not user:
            return bytes((tag, 0x0D, 0, 0)) + console           # unauthorized name
        if session.role & 15 > highest:
            return bytes((tag, 0x09, 0, 0)) + console           # unauthorized role
        session.user, session.highest, session.random = user, min(highest, session.role & 15 or 4), os.urandom(16)
        signed = console + struct.pack("<I", session.number) + session.console_random + session.random + self.bmc.guid + self._who(session)
        return bytes((tag, 0, 0, 0)) + console + session.random + self.bmc.guid + self._mac(session, signed)

    def _rakp3(self, data: bytes) -> bytes | None:
        if len(data) < 8:
            return None
        tag, session = data[0], self.sessions.get(struct.unpack_from("<I", data, 4)[0])
        if not session or not session.random:
            return bytes((tag, 2, 0, 0)) + bytes(4)
        console = struct.pack("<I", session.console)
        if data[1]:
            self.sessions.pop(session.number, None)
            return None
        if data[8:] != self._mac(session, session.random + console + self._who(session)):
            self.sessions.pop(session.number, None)
            return bytes((tag, 0x0F, 0, 0)) + console           # invalid integrity check value
        name = session.suite.hash
        session.sik = hmac.digest(self.bmc.users.password(session.user), session.console_random + session.random + self._who(session), name)
        session.k1 = hmac.digest(session.sik, b"\x01" * 20, name)
        session.key = hmac.digest(session.sik, b"\x02" * 20, name)[:16]
        session.open = True
        session.privilege = min(2, session.highest)
        self.logins += 1
        proof = hmac.digest(session.sik, session.console_random + struct.pack("<I", session.number) + self.bmc.guid, name)
        return bytes((tag, 0, 0, 0)) + console + proof[:session.suite.length]

    @staticmethod
    def _who(session: Session) -> bytes:
        return bytes((session.role, len(session.name))) + session.name

    def _mac(self, session: Session, data: bytes) -> bytes:
        return hmac.digest(self.bmc.users.password(session.user), data, session.suite.hash)
