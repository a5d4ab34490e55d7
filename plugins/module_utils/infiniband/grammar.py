# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""partitions.conf as OpenSM reads it, with all that it takes without a word.

OpenSM reads at most 4,094 bytes of a line into a buffer and cuts it by zero bytes where it finds delimiters. The same is done here, in the
same order, because what it makes of odd text follows from that: after a `;` at the start of a line, for one, it reads on behind the end of
that line, in what earlier lines have left in the buffer.

One error discards the whole file, and OpenSM then makes every port a full member of the default partition.

Sources: doc/partition-config.txt, opensm/osm_prtn_config.c and opensm/osm_prtn.c of OpenSM 3.3.23, and what that does.
"""

from __future__ import annotations

import socket
from typing import NoReturn

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.codes import (
    BYTES,
    DEFAULT_KEY,
    GIGABITS,
    USUAL_MTU,
    USUAL_RATE,
    word,
)
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.definition import (
    BOTH,
    EVERYBODY,
    FULL,
    LIMITED,
    NAME_BYTES,
    Definition,
    Finding,
    Member,
    Parsed,
)
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband.numbers import Number, show, strtoul

CHUNK = 4094                # bytes that OpenSM reads at once
_BLANKS = b" \t\n"
CHANCE = "it depends on what stands in memory"
_BEHIND = "OpenSM reads on behind the end of the line, in what earlier lines have left"
_GROUP_FLAGS = ("mtu", "rate", "scope", "Q_Key", "TClass", "sl", "FlowLabel")       # in the order in which OpenSM tries them


def parse(text: str | bytes) -> Parsed:
    """Reads a file as OpenSM does, and says what is odd about it."""
    return _Reader().read(text.encode(errors="surrogateescape") if isinstance(text, str) else text)


class _Discard(Exception):
    """OpenSM gives up on the file."""


class _Reader:
    """OpenSM's parser. A position is a place in its buffer, and a C string: that ends at the next zero byte."""

    def __init__(self) -> None:
        self.buffer = bytearray(3 * CHUNK)
        self.parsed = Parsed()
        self.line, self.offset, self.end = 1, 0, 0      # the line, where in it the buffer begins, and how much was read
        self.known = 0                                  # up to where anything was ever read
        self.current: Definition | None = None
        self.created = False                            # whether its header has been read
        self.membership = LIMITED                       # of ports that say nothing
        self.keys = {DEFAULT_KEY: "Default"}
        self.counter = 0

    # --- the file

    def read(self, data: bytes) -> Parsed:
        understood, position = False, 0
        try:
            while position < len(data):
                newline = data.find(b"\n", position, position + CHUNK)
                chunk = data[position:newline + 1 if newline >= 0 else position + CHUNK]
                position += len(chunk)
                self.buffer[:len(chunk) + 1] = chunk + b"\0"
                self.end = len(chunk)
                self.known = max(self.known, self.end)
                if newline < 0 and position < len(data):
                    self.note(0, f"the line is longer than {CHUNK} bytes, and OpenSM takes the rest for another line")
                if b"\0" in chunk:
                    self.note(chunk.find(b"\0"), "a zero byte: OpenSM does not see the rest of the line")
                understood = self.read_line() or understood
                self.offset += len(chunk)
                if newline >= 0:
                    self.line, self.offset = self.line + 1, 0
            if not understood:
                self.end = 0
                self.fatal(0, "there is no partition in the file")
            if self.current:
                self.end = 0
                self.note(0, f"partition {self.current.name} has no ; at its end: what is added behind it would be taken for its members")
        except _Discard:
            self.parsed.discarded = True
        return self.parsed

    def read_line(self) -> bool:
        """Takes what is in the buffer. Returns whether there was anything."""
        self.cut(b"#", 0)
        at, understood = 0, False
        while True:
            at = self.skip_blanks(at)
            if self.buffer[at] == 0:
                return understood
            if at > self.end:
                self.note(self.end, f"{_BEHIND}: '{show(self.text(at))}'")
            if self.current is None:
                self.current, self.created, self.membership = Definition("", 0, line=self.line), False, LIMITED
            more = self.cut(b";", at)
            at += self.read_part(at, self.current)
            understood = True
            if more < 0:
                return understood
            if at > self.end:
                self.note(more, "a ; at the start of a line: OpenSM reads on behind the line's end. Put it behind the last member")
            if at > self.known:
                self.fatal(more, f"{CHANCE}, what OpenSM makes of the file")
            self.current = None

    # --- C strings

    def text(self, at: int) -> bytes:
        return bytes(self.buffer[at:self.buffer.find(0, at)])

    def cut(self, byte: bytes, at: int) -> int:
        """Ends the string at the first such byte. Returns where that was, -1 if there is none."""
        found = self.buffer.find(byte, at, self.buffer.find(0, at))
        if found >= 0:
            self.buffer[found] = 0
        return found

    def skip_blanks(self, at: int) -> int:
        while self.buffer[at] and self.buffer[at] in _BLANKS:
            at += 1
        return at

    def strip(self, at: int) -> bytes:
        """The string without blanks at its end, which become zero bytes."""
        last = self.buffer.find(0, at)
        while last != at and self.buffer[last] in b"\0" + _BLANKS:
            self.buffer[last] = 0
            last -= 1
        return self.text(at)

    def token(self, at: int) -> tuple[bytes, bytes | None, int]:
        """`name` or `name=value`, and how many bytes that took with the zero byte behind it."""
        name = self.skip_blanks(at)
        equals = self.cut(b"=", name)
        taken = self.buffer.find(0, at) - at + 1
        found = self.strip(name)
        if equals < 0:
            return found, None, taken
        value = self.skip_blanks(equals + 1)
        taken += self.buffer.find(0, value) - equals
        return found, self.strip(value), taken

    def note(self, at: int, text: str, fatal: bool = False) -> None:
        """Something odd at the first letter from there on, or at the end of what was read."""
        column = self.offset + min(self.skip_blanks(at) if at < self.end else at, self.end) + 1
        self.parsed.findings.append(Finding(self.line, column, text, fatal))

    def fatal(self, at: int, text: str) -> NoReturn:
        self.note(at, text, fatal=True)
        raise _Discard

    # --- a definition, or the part of one that stands in this line

    def read_part(self, at: int, definition: Definition) -> int:
        """Returns how many bytes it took, which may be more than there are."""
        begin = at
        at += self.buffer[at] in b"\0\t\n"
        if not self.created:
            at = self.read_header(at, definition)
        while True:
            comma = self.cut(b",", at)
            name, value, taken = self.token(at)
            if name == b"mgid":
                return at + taken - begin + self.read_group(at, at + taken, value, definition)
            self.read_member(at, name, value, definition)
            at += taken
            if comma < 0:
                return at - begin

    def read_header(self, at: int, definition: Definition) -> int:
        if self.cut(b":", at) < 0:
            hint = " (a line of Windows ends in a carriage return, which OpenSM does not know)" if b"\r" in self.text(at) else ""
            self.fatal(at, f"a partition begins with 'name=P_Key:', all on one line, and not with '{show(self.text(at))[:60]}'{hint}")
        begin, comma = at, self.cut(b",", at)
        name, key, taken = self.token(at)
        at += taken
        while comma >= 0:
            comma = self.cut(b",", at)
            flag, value, taken = self.token(at)
            self.read_flag(at, flag, value, definition)
            at += taken
        self.create(begin, name, key, definition)
        return at

    def create(self, at: int, name: bytes, key: bytes | None, definition: Definition) -> None:
        if key is None and name[:1].isdigit():
            name, key = b"", name
        number = strtoul(key) if key is not None else None
        if key is not None and (number is None or not number.whole):
            self.fatal(at, f"'{show(key)}' is no P_Key")
        definition.pkey = number.value & 0x7FFF if number else 0
        if number:
            if number.value > 0xFFFF or number.strange:
                self.note(at, f"'{show(key or b'')}' is no P_Key of 16 bits: OpenSM takes {word(definition.pkey)} of it")
            elif number.octal:
                self.note(at, f"'{show(key or b'')}' begins with 0 and is read as octal: {word(definition.pkey)}")
            elif number.value & 0x8000 and number.value != 0xFFFF:
                self.note(at, f"the membership bit of {number.value:#06x} means nothing here: the P_Key is {word(definition.pkey)}")
        if len(name) > NAME_BYTES:
            self.note(at, f"the name '{show(name)}' is longer than {NAME_BYTES} bytes, where it is cut")
        shown = name[:NAME_BYTES].decode(errors="surrogateescape")
        if not definition.pkey:
            known = next((pkey for pkey, other in self.keys.items() if other == shown), 0) if name else 0
            definition.auto, definition.pkey = True, known or self.next_key(at)
            self.note(at, f"partition {show(name) or 'without a name'} has no P_Key, and OpenSM picks one")
        other = self.keys.setdefault(definition.pkey, shown or f"{definition.pkey:04x}")
        if shown and other != shown:
            self.note(at, f"{word(definition.pkey)} is '{other}' already: its members and those of '{show(name)}' become one partition")
        definition.name, self.created = shown or other, True
        self.parsed.definitions.append(definition)

    def next_key(self, at: int) -> int:
        self.counter += 1
        while self.counter in self.keys:
            self.counter += 1
        if self.counter >= DEFAULT_KEY:
            self.fatal(at, "OpenSM has no P_Key left to pick")
        return self.counter

    # --- flags

    def read_flag(self, at: int, flag: bytes, value: bytes | None, definition: Definition) -> None:
        if self.read_group_flag(at, flag, value, definition):
            return
        name = show(flag)
        if b"ipoib".startswith(flag):
            self.whole(at, name, "ipoib")
            definition.ipoib = True
            if value is not None:
                self.note(at, f"ipoib takes no value: '{show(value)}' means nothing")
        elif b"defmember".startswith(flag):
            self.whole(at, name, "defmember")
            chosen = next((word for word in (FULL, BOTH, LIMITED) if value is not None and word.encode().startswith(value)), None)
            if chosen is None:
                self.note(at, f"defmember={show(value or b'')} means nothing: it is full, limited or both")
            else:
                self.whole(at, show(value or b""), chosen)
                self.membership = chosen
        elif flag == b"indx0":
            definition.indx0 = True
        else:
            self.note(at, f"OpenSM knows no flag '{name}' and passes over it")

    def read_group_flag(self, at: int, flag: bytes, value: bytes | None, definition: Definition | None) -> bool:
        """A flag of multicast groups; without a definition it is only looked at. Returns whether it is one."""
        kind = next((name for name in _GROUP_FLAGS if name.encode().startswith(flag)), None)
        if kind is None:
            return False
        if not flag:
            if value is not None:
                self.note(at, f"'={show(value)}' is taken for mtu={show(value)}")
        else:
            self.whole(at, show(flag), kind)
        number = strtoul(value) if value is not None else None
        if flag and number is None:
            self.note(at, f"{kind} needs a number")
        if number is not None:
            self.take(at, kind, number, show(value or b""), definition)
        return True

    def take(self, at: int, kind: str, number: Number, written: str, definition: Definition | None) -> None:
        value = number.value & 0xFFFFFFFF
        if number.octal:
            self.note(at, f"{kind}={written} begins with 0 and is read as octal: {value}")
        elif not number.whole or number.strange:
            self.note(at, f"{kind}={written} is read as {value}")
        limits = {"scope": (1, 15), "sl": (0, 15), "FlowLabel": (0, 0xFFFFF)}.get(kind)
        if limits and not limits[0] <= value <= limits[1]:
            self.note(at, f"{kind}={written} is not within {limits[0]}-{limits[1]}, and means nothing")
            return
        if kind == "sl" and not number.whole:
            return
        codes = {"mtu": [*BYTES], "rate": [*GIGABITS]}.get(kind)
        if codes and value not in codes:
            self.note(at, f"{kind}={written} is no code of InfiniBand's, {min(codes)} to {max(codes)}: no group with it can be joined")
        if definition is None:
            return
        if kind == "mtu":
            definition.mtu = value & 0xFF or USUAL_MTU
        elif kind == "rate":
            definition.rate = value & 0xFF or USUAL_RATE
        elif kind == "sl":
            definition.sl = value
        elif kind == "scope":
            definition.scopes = tuple(sorted({*definition.scopes, value}))
        elif kind == "Q_Key":
            definition.q_key = value
        elif kind == "TClass":
            definition.tclass = value & 0xFF
        else:
            definition.flow_label = value

    def whole(self, at: int, written: str, meant: str) -> None:
        if written != meant:
            self.note(at, f"'{written}' is taken for {meant}")

    # --- members

    def read_member(self, at: int, name: bytes, flag: bytes | None, definition: Definition) -> None:
        shown = show(name)
        if not name:
            if flag is not None:
                self.note(at, f"'={show(flag)}' has no GUID before it and means nothing")
            return
        if b"NONE".startswith(name):
            self.whole(at, shown, "NONE")
            return
        target = next((everybody for everybody in EVERYBODY if everybody.encode().startswith(name)), None)
        if target is not None:
            self.whole(at, shown, target)
        else:
            target = self.guid(at, name)
        definition.members.append(Member(target, self.read_membership(at, shown, flag)))

    def guid(self, at: int, name: bytes) -> str:
        number = strtoul(name)
        if number is None or not number.whole or not number.value:
            hint = " (a line of Windows ends in a carriage return, which OpenSM does not know)" if b"\r" in name else ""
            self.fatal(at, f"'{show(name)[:60]}' is no port GUID{hint}")
        guid = f"{number.value:#018x}"
        if number.strange:
            self.note(at, f"'{show(name)}' is no GUID of 64 bits: OpenSM takes {guid}")
        elif number.octal or number.decimal:
            self.note(at, f"'{show(name)}' has no 0x before it and is read as {'octal' if number.octal else 'decimal'}: {guid}")
        return guid

    def read_membership(self, at: int, name: str, flag: bytes | None) -> str:
        if flag is None:
            found = self.membership
        else:
            found = next((word for word in (FULL, BOTH, LIMITED) if word.encode().startswith(flag)), LIMITED)
            if not flag:
                self.note(at, f"'{name}=' without a membership makes it a full member")
            elif flag != found.encode():
                self.note(at, f"'{show(flag)}' of {name} is taken for {found}")
        if found == BOTH:
            self.note(at, f"both makes {name} a full member, unless OpenSM runs with allow_both_pkeys")
        return found

    # --- multicast groups: the rest of the line

    def read_group(self, at: int, behind: int, mgid: bytes | None, definition: Definition) -> int:
        if mgid is None:
            self.fatal(at, "mgid without = and a group: OpenSM ends there")
        try:
            raw = socket.inet_pton(socket.AF_INET6, mgid.decode("ascii", "replace"))
        except OSError:
            raw = b"\0"
        if raw[0] != 0xFF:
            self.note(at, f"'{show(mgid)}' is no multicast group, and OpenSM makes none")
            return 0
        words, begin = [show(mgid)], behind
        while True:
            stale = behind > self.end
            comma = self.cut(b",", behind)
            flag, value, taken = self.token(behind)
            if stale and flag:
                self.note(self.end, f"{_BEHIND}: '{show(flag)}'")
            known = self.read_group_flag(behind, flag, value, None)
            if flag and not known and not stale:
                self.note(behind, f"OpenSM knows no flag '{show(flag)}' of a group and passes over it")
            elif flag and not stale and value is not None:
                words.append(f"{show(flag)}={show(value)}")
            behind += taken
            if comma < 0:
                break
        definition.groups.append(",".join(words))
        return behind - begin
