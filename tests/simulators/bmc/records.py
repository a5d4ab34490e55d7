"""What a BMC stores: sensors (SDR), what it is made of (FRU), what happened (SEL). IPMI 2.0, chapters 31, 33, 43; FRU 1.0."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field

CELSIUS, RPM, WATTS, VOLTS = 1, 18, 6, 4
TEMPERATURE, VOLTAGE, FAN, OTHER_UNITS, POWER_SUPPLY = 1, 2, 4, 0x0B, 8


@dataclass
class Sensor:
    """A threshold sensor: reading = raw × factor × 10^exponent. `warm` is the value while the machine has power, None without one."""

    number: int
    name: str
    kind: int
    unit: int
    warm: float
    cold: float | None = None
    factor: int = 1
    exponent: int = 0
    warning: float = 0.0        # upper, or lower where it is below the value
    critical: float = 0.0

    def raw(self, value: float) -> int:
        return max(0, min(255, round(value / self.factor / 10 ** self.exponent)))

    def value(self, power: bool) -> float | None:
        """What it reads now."""
        return self.warm if power else self.cold

    @property
    def upper(self) -> bool:
        return self.critical > self.warm

    def reading(self, power: bool) -> bytes:
        """The answer to Get Sensor Reading."""
        value = self.value(power)
        if value is None:
            return bytes((0, 0xE0, 0xC0))
        state = 0xC0
        if self.critical:
            if self.upper:
                state |= (8 if value >= self.warning else 0) | (16 if value >= self.critical else 0)
            else:
                state |= (1 if value <= self.warning else 0) | (2 if value <= self.critical else 0)
        return bytes((self.raw(value), 0xC0, state))

    def record(self) -> bytes:
        """A full sensor record, without its id."""
        mask = (0x18 if self.upper else 0x03) if self.critical else 0
        name = self.name.encode()
        limits = (self.raw(self.critical), self.raw(self.warning))
        thresholds = (0, *limits, 0, 0, 0) if self.upper else (0, 0, 0, 0, *limits)
        body = bytes((0x20, 0, self.number, 3, self.number, 0x7F, 0x68, self.kind, 1))
        body += bytes((0, 0, 0, 0, mask, mask, 0, self.unit, 0))
        body += bytes((0, self.factor, 0, 0, 0, 0, (self.exponent & 15) << 4, 0, 0, 0, 0, 255, 0))
        body += bytes(thresholds) + bytes((2, 2, 0, 0, 0)) + bytes((0xC0 | len(name),)) + name
        return bytes((0x51, 1, len(body))) + body


@dataclass
class Presence:
    """A discrete sensor of a power supply: present, and failed or not."""

    number: int
    name: str
    failed: bool = False

    def reading(self, _power: bool) -> bytes:
        return bytes((0, 0xC0, 3 if self.failed else 1, 0x80))

    def value(self, _power: bool) -> str:
        return "failed" if self.failed else "present"

    def record(self) -> bytes:
        """A compact sensor record, without its id."""
        name = self.name.encode()
        body = bytes((0x20, 0, self.number, 10, self.number, 0x67, 0x40, POWER_SUPPLY, 0x6F, 3, 0, 3, 0, 3, 0, 0xC0, 0, 0, 1)) + bytes(7)
        return bytes((0x51, 2, len(body) + 1 + len(name))) + body + bytes((0xC0 | len(name),)) + name


def sensors() -> list[Sensor | Presence]:
    """What a node has."""
    return [
        Sensor(1, "CPU Temp", TEMPERATURE, CELSIUS, 48, warning=85, critical=95),
        Sensor(2, "Inlet Temp", TEMPERATURE, CELSIUS, 23, 22, warning=38, critical=45),
        Sensor(3, "FAN1", FAN, RPM, 8400, factor=70, warning=700, critical=490),
        Sensor(4, "FAN2", FAN, RPM, 8260, factor=70, warning=700, critical=490),
        Sensor(5, "12V", VOLTAGE, VOLTS, 12.1, exponent=-1, warning=11, critical=10.5),
        Sensor(6, "Pwr Consumption", OTHER_UNITS, WATTS, 284, 8, factor=2),
        Presence(7, "PSU1 Status"),
    ]


def sdr(all_sensors: list[Sensor | Presence]) -> list[bytes]:
    """The repository: whole records, whose ids are their places from 1."""
    return [struct.pack("<H", number) + sensor.record() for number, sensor in enumerate(all_sensors, 1)]


def _area(fields: list[str], head: bytes) -> bytes:
    body = head + b"".join(bytes((0xC0 | len(text.encode()),)) + text.encode() for text in fields) + b"\xC1"
    size = (len(body) + 2 + 1 + 7) // 8
    body = bytes((1, size)) + body
    body += bytes(size * 8 - 1 - len(body))
    return body + bytes((-sum(body) & 0xFF,))


def fru(serial: str, maker: str = "Simulated", product: str = "Node 1U", part: str = "SN-1000") -> bytes:
    """Chassis, board and product, the serial number in each."""
    chassis = _area([part, f"C{serial}"], bytes((23,)))
    board = _area([maker, "Board", f"B{serial}", "SB-1", ""], bytes((0, 0x10, 0x20, 0xC0)))
    goods = _area([maker, product, part, "1.0", serial, "", ""], bytes((0,)))
    first = 1
    second = first + len(chassis) // 8
    third = second + len(board) // 8
    header = bytes((1, 0, first, second, third, 0, 0))
    return header + bytes((-sum(header) & 0xFF,)) + chassis + board + goods


@dataclass
class Log:
    """The SEL."""

    entries: dict[int, bytes] = field(default_factory=dict)
    cleared: int = 0
    shift: int = 0          # what this clock is ahead of the host's
    reservation: int = 0

    def now(self) -> int:
        return int(time.time()) + self.shift

    def add(self, kind: int, sensor: int, offset: int, event: int = 0x6F, at: int | None = None,
            data: tuple[int, int] = (0xFF, 0xFF)) -> int:
        """An event of a sensor; its record id."""
        number = max(self.entries, default=0) + 1
        when = self.now() if at is None else at
        self.entries[number] = struct.pack("<HBIHBBBBBBB", number, 2, when, 0x20, 4, kind, sensor, event, offset, *data)
        return number

    def clear(self) -> None:
        self.entries.clear()
        self.cleared += 1
