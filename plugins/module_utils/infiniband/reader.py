# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what the ports of a fabric hold, through libibumad. A program of its own: `python reader.py /var/cache/opensm/guid2lid`.

It needs nothing but Python and the libraries of infiniband-diags. Several ports are asked at once, each for one thing at a time, and one
that is off holds up nobody. With a second argument, which is what `wait` takes, in JSON, it waits first. It prints JSON: {"local": GUID,
"sm": {...} or null, "ports": {GUID: {...}}, "silent": [GUIDs], "come": whether what it has waited for has come, "error": ""}.

Sources: mad.h and umad.h of rdma-core; NodeInfo, PortInfo, SMInfo and P_KeyTable in the InfiniBand Architecture Specification, volume 1.
"""

from __future__ import annotations

import ctypes
import json
import re
import struct
import sys
import time
from collections import deque
from collections.abc import Generator, Mapping
from typing import Any, NamedTuple

NODE_INFO, PORT_INFO, PKEY_TABLE, SM_INFO = 0x11, 0x15, 0x16, 0x20
GET = 1
SMI, SMI_DIRECT = 0x01, 0x81        # management classes
KINDS = {1: "ca", 2: "switch", 3: "router"}
BLOCK = 32          # P_Keys that one answer holds
TIMEOUT = 300       # ms for an answer
TRIES = 3
AT_ONCE = 8         # ports that are asked at once; a simulated fabric drops what is more than ten
SILENT = 64         # the same, while nobody answers
LATE = 0.05         # seconds by which a later question is answered earlier when an answer is lost
PAUSE = 0.01        # seconds between two looks at ports that do not hold yet what they should; it grows
PORTID = 256        # bytes; more than ib_portid_t has
MAD, DATA = 256, 64     # bytes of a packet, and where its attribute begins

PACKET = struct.Struct(">4B4xQHxxI")    # version, class, its version, method, status, number, attribute, modifier
ANSWER = struct.Struct(">4xH6xI")       # status, number
TABLE = struct.Struct(f">{BLOCK}H")

Question = tuple[int, int, int]     # LID, attribute, modifier
Talk = Generator[Question, "bytes | None", "dict[str, Any] | None"]     # asks, is sent the answer or None, and ends with what it has found


class Open(NamedTuple):
    """A question without an answer yet."""

    name: str
    talk: Talk
    question: Question
    tries: int
    since: float


class Fabric:
    """Sends subnet management packets through the first port of this host."""

    def __init__(self) -> None:
        self.umad, self.mad = ctypes.CDLL("libibumad.so.3"), ctypes.CDLL("libibmad.so.5")
        self.mad.mad_rpc_open_port.restype = self.mad.smp_query_via.restype = ctypes.c_void_p
        if self.umad.umad_init() < 0:
            raise OSError("the kernel has no InfiniBand management datagrams (ib_umad)")
        self.port = ctypes.c_void_p(self.mad.mad_rpc_open_port(None, 0, (ctypes.c_int * 2)(SMI, SMI_DIRECT), 2))
        if not self.port:
            raise OSError("there is no active InfiniBand port on this host")
        self.target, self.answer = ctypes.create_string_buffer(PORTID), ctypes.create_string_buffer(DATA)
        self.number, self.agent = self.mad.mad_rpc_portid(self.port), self.mad.mad_rpc_class_agent(self.port, SMI)
        self.head = self.umad.umad_size()
        self.out, self.back = (ctypes.create_string_buffer(self.head + MAD) for _way in range(2))
        self.asked = 0

    def ask(self, lid: int, attribute: int) -> bytes | None:
        """One answer of 64 bytes; None when there is none. LID 0 is this host's own port."""
        ctypes.memmove(self.target, lid.to_bytes(4, sys.byteorder), 4)
        return self.answer.raw if self.mad.smp_query_via(self.answer, self.target, attribute, 0, TIMEOUT, self.port) else None

    def converse(self, talks: Mapping[str, Talk]) -> dict[str, dict[str, Any] | None]:
        """Lets all talks come to their ends, several at once.

        An answer that was overtaken by a later one, or does not come in time, holds up no other; it is asked for again in its turn.
        """
        found: dict[str, dict[str, Any] | None] = {}
        ahead, again = iter(talks.items()), deque[Open]()
        fresh: dict[int, Open] = {}         # by number, the oldest first
        late: dict[int, Open] = {}
        room = AT_ONCE

        def go_on(name: str, talk: Talk, answer: bytes | None) -> None:
            try:
                question = talk.send(answer)
                fresh[self._send(*question)] = Open(name, talk, question, TRIES, time.monotonic())
            except StopIteration as end:
                found[name] = end.value

        def give_up(open_: Open) -> None:
            if open_.tries > 1:
                again.append(open_._replace(tries=open_.tries - 1))
            else:
                go_on(open_.name, open_.talk, None)

        while True:
            while len(fresh) < room:
                if again:
                    lost = again.popleft()
                    fresh[self._send(*lost.question)] = lost._replace(since=time.monotonic())
                elif begun := next(ahead, None):
                    go_on(*begun, None)
                else:
                    break
            if not fresh and not late:
                return found
            number_, answer = self._receive()
            open_ = (fresh if number_ in fresh else late).pop(number_, None)
            if open_ and answer:
                room = AT_ONCE
                go_on(open_.name, open_.talk, answer)
                while fresh and (oldest := next(iter(fresh.items())))[1].since < open_.since - LATE:
                    late[oldest[0]] = fresh.pop(oldest[0])
            elif open_:
                give_up(open_)
            before = time.monotonic() - TIMEOUT / 1000
            for waiting in (fresh, late):
                while waiting and (oldest := next(iter(waiting.items())))[1].since < before:
                    room = min(room + 1, SILENT)
                    give_up(waiting.pop(oldest[0]))

    def _send(self, lid: int, attribute: int, modifier: int) -> int:
        self.asked += 1
        PACKET.pack_into(self.out, self.head, 1, SMI, 1, GET, self.asked, attribute, modifier)
        self.umad.umad_set_addr(self.out, lid, 0, 0, 0)
        self.umad.umad_send(self.number, self.agent, self.out, MAD, TIMEOUT, 0)
        return self.asked

    def _receive(self) -> tuple[int, bytes]:
        """The number of a question and its answer: empty when it has none; 0 when nothing has come for a while."""
        if self.umad.umad_recv(self.number, self.back, ctypes.byref(ctypes.c_int(MAD)), int(LATE * 1000)) < 0:
            return 0, b""
        status, asked = ANSWER.unpack_from(self.back, self.head)
        failed = self.umad.umad_status(self.back) or status & 0x7FFF
        return asked, b"" if failed else self.back.raw[self.head + DATA:self.head + 2 * DATA]

    def close(self) -> None:
        """Lets go of the port."""
        self.mad.mad_rpc_close_port(self.port)


def number(data: bytes, at: int, size: int) -> int:
    """A field in network order."""
    return int.from_bytes(data[at:at + size], "big")


def guid(data: bytes, at: int) -> str:
    """A GUID in the one form that we use."""
    return f"{number(data, at, 8):#018x}"


def lids(path: str) -> dict[str, int]:
    """The LID of each port GUID, as the subnet manager remembers it; nothing where there is no such file."""
    try:
        with open(path, encoding="ascii", errors="replace") as stream:      # noqa: PTH123 (one import less)
            return {f"{int(found[1], 16):#018x}": int(found[2], 16)
                    for found in re.finditer(r"^(0x[0-9a-fA-F]+) (0x[0-9a-fA-F]+) ", stream.read(), re.MULTILINE)}
    except OSError:
        return {}


def port(wanted: str, lid: int) -> Talk:
    """A port's kind, table size and P_Keys; None when another or nobody answers at its LID."""
    node = yield lid, NODE_INFO, 0
    if node is None or guid(node, 20) != wanted:
        return None
    size = number(node, 28, 2)
    keys: list[int] = []
    for block in range((size + BLOCK - 1) // BLOCK):
        table = yield lid, PKEY_TABLE, block
        if table is None:
            return None
        keys += filter(None, TABLE.unpack(table)[:size - block * BLOCK])
    return {"lid": lid, "kind": KINDS.get(node[2], "ca"), "size": size, "keys": keys}


def manager(fabric: Fabric) -> dict[str, Any] | None:
    """The subnet manager of this host's port: None when it does not answer."""
    info = fabric.ask(0, PORT_INFO)
    if info is None:
        raise OSError("this host's own InfiniBand port does not answer")
    master = fabric.ask(number(info, 18, 2), SM_INFO) if number(info, 18, 2) else None
    if master is None:
        return None
    return {"guid": guid(master, 0), "activity": number(master, 16, 4), "priority": master[20] >> 4, "state": master[20] & 15}


def wait(fabric: Fabric, path: str, seconds: float, ports: Mapping[str, list[int]], before: int = 0, least: int = 0) -> bool:
    """Waits until these ports hold these P_Keys; or where there are none, until a sweep of the subnet manager is over: it has sent so many
    packets since `before`, and sends no more. Returns whether that has come.
    """
    end, pause, last = time.monotonic() + seconds, PAUSE, -1
    while True:
        if ports:
            known = lids(path)
            found = fabric.converse({name: port(name, known[name]) for name in ports if name in known})
            come = all(entry is None or sorted(entry["keys"]) == sorted(ports[name]) for name, entry in found.items())
        else:
            before += 1         # its answer to this question is one of them
            sent = (((manager(fabric) or {"activity": before})["activity"] - before + 2**31) % 2**32) - 2**31
            come, last = least <= sent == last, sent
        if come or time.monotonic() > end:
            return come
        time.sleep(pause)
        pause = min(1.5 * pause, 0.1)


def main(path: str, until: str = "") -> dict[str, Any]:
    """Everything that is asked for."""
    fabric = Fabric()
    try:
        come = wait(fabric, path, **json.loads(until)) if until else True
        node, sm = fabric.ask(0, NODE_INFO), manager(fabric)
        if node is None:
            raise OSError("this host's own InfiniBand port does not answer")
        known = lids(path)
        ports = fabric.converse({name: port(name, lid) for name, lid in known.items()})
    finally:
        fabric.close()
    return {"local": guid(node, 20), "sm": sm, "ports": {name: found for name in known if (found := ports[name])},
            "silent": [name for name in known if not ports[name]], "come": come, "error": ""}


if __name__ == "__main__":
    try:
        print(json.dumps(main(*sys.argv[1:])))
    except OSError as error:
        print(json.dumps({"local": "", "sm": None, "ports": {}, "silent": [], "error": str(error)}))
