# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough SNMP v2c to read and to set one integer: no library is needed for that.

Sources: RFC 3416 (operations), RFC 1901 (community), X.690 (the basic encoding).
"""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterator

GET, SET, RESPONSE = 0xA0, 0xA3, 0xA2
INTEGER, OCTETS, NULL, OID, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
ERRORS = {2: "it knows no such outlet", 3: "it takes no such value", 6: "the community may not switch", 16: "the community may not do that",
          17: "the community may not write"}


class SnmpError(Exception):
    """In words."""


def pack(tag: int, content: bytes) -> bytes:
    """A value with its tag and length."""
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(digits))) + digits + content


def integer(number: int) -> bytes:
    """An INTEGER."""
    return pack(INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


def oid(text: str) -> bytes:
    """An OBJECT IDENTIFIER. ValueError for what is none."""
    numbers = [int(word) for word in text.strip(".").split(".")]
    if len(numbers) < 2 or numbers[0] > 2 or min(numbers) < 0:
        raise ValueError(text)
    content = b""
    for number in (40 * numbers[0] + numbers[1], *numbers[2:]):
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(0x80 | number & 0x7F)
        content += bytes(reversed(septets))
    return pack(OID, content)


def unpack(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The values that stand one after the other. ValueError where the data ends too early."""
    while data:
        if len(data) < 2:
            raise ValueError("short")
        size, start = data[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[2:start], "big")
        if len(data) < start + size:
            raise ValueError("short")
        yield data[0], data[start:start + size]
        data = data[start + size:]


def message(kind: int, community: str, number: int, name: bytes, value: bytes) -> bytes:
    """A request with one variable."""
    variables = pack(SEQUENCE, pack(SEQUENCE, name + value))
    return pack(SEQUENCE, integer(1) + pack(OCTETS, community.encode()) + pack(kind, integer(number) + integer(0) + integer(0) + variables))


def answer(data: bytes, number: int) -> int | None:
    """The integer that a response to request `number` has; None for what is no such response. Raises SnmpError."""
    try:
        (_tag, whole), = unpack(data)
        _version, _community, (kind, inner) = unpack(whole)
        (_t1, request), (_t2, status), (_t3, _index), (_t4, variables) = unpack(inner)
        if kind != RESPONSE or int.from_bytes(request, "big", signed=True) != number:
            return None
        if code := int.from_bytes(status, "big"):
            raise SnmpError(ERRORS.get(code, f"SNMP error {code}"))
        (_t5, variable), = unpack(variables)
        _name, (tag, value) = unpack(variable)
    except ValueError:
        return None
    if tag != INTEGER:
        raise SnmpError("it knows no such outlet")
    return int.from_bytes(value, "big", signed=True)


def ask(address: str, port: int, community: str, name: str, value: int | None, timeout: float) -> int:
    """Get an integer, or set it. Sent again each second, as UDP is lost now and then. Raises SnmpError, OSError."""
    number = random.randrange(1, 1 << 31)
    packet = message(GET if value is None else SET, community, number, oid(name), pack(NULL, b"") if value is None else integer(value))
    end = time.monotonic() + timeout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.connect((address, port))
        while (left := end - time.monotonic()) > 0:
            channel.send(packet)
            channel.settimeout(min(left, 1.0))
            try:
                found = answer(channel.recv(65536), number)
            except socket.timeout:
                continue
            if found is not None:
                return found
    raise SnmpError(f"no answer within {timeout:g} s; is it the right community?")
