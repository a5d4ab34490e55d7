# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walks a whole fabric from this host, along direct routes. A program of its own: `python survey.py '{"keys": true}'`.

It prints JSON with the answers as the ports have given them, in hexadecimal; `attributes` reads them. A direct route needs no LIDs, so
the fabric is seen also while no subnet manager works.

What it may be told: `keys` (the P_Key tables), `counters` (the error counters), `interval` (seconds until they are read again), and
`paths` ({"guids": [...], "pairs": [[0, 1], ...] or null for all}): then nothing is walked, and the subnet manager is asked for a path
between the ports of each pair. The answers are P_Keys, 0 where there is no path, and null where it gave no answer.

Sources: infiniband/mad.h of rdma-core; NodeInfo, PortInfo and PortCounters in the InfiniBand Architecture Specification, volume 1;
Mellanox's ExtendedPortInfo, which tells FDR10 from QDR, as in libibmad's fields.c.
"""

from __future__ import annotations

import ctypes
import errno
import json
import sys
import time
from typing import Any

NODE_DESC, NODE_INFO, PORT_INFO, PKEY_TABLE, SM_INFO = 0x10, 0x11, 0x15, 0x16, 0x20
MELLANOX_PORT_INFO = 0xFF90
PORT_COUNTERS = 0x12
SMI, SA, PERFORMANCE, SMI_DIRECT = 0x01, 0x03, 0x04, 0x81       # management classes
SWITCH, LINK_UP, QDR = 2, 5, 4
MELLANOX = (0x02C9, 0x119F)         # vendors whose ports answer MELLANOX_PORT_INFO
IS_MANAGER = 0x2                    # in the capabilities of a port
BLOCK, HOPS, TIMEOUT, PORTID = 32, 62, 200, 256


class Walker:
    """Sends management packets through the first port of this host."""

    def __init__(self) -> None:
        if ctypes.CDLL("libibumad.so.3").umad_init() < 0:
            raise OSError("the kernel has no InfiniBand management datagrams (ib_umad)")
        self.mad = ctypes.CDLL("libibmad.so.5", use_errno=True)
        for name in ("mad_rpc_open_port", "smp_query_via", "pma_query_via"):
            getattr(self.mad, name).restype = ctypes.c_void_p
        classes = (ctypes.c_int * 4)(SMI, SMI_DIRECT, SA, PERFORMANCE)
        self.port = ctypes.c_void_p(self.mad.mad_rpc_open_port(None, 0, classes, 4))
        if not self.port:
            raise OSError("there is no active InfiniBand port on this host")
        self.target, self.answer = ctypes.create_string_buffer(PORTID), ctypes.create_string_buffer(256)
        self.asked = 0

    def ask(self, route: bytes, attribute: int, modifier: int = 0) -> bytes | None:
        """One answer of 64 bytes from the end of a direct route; None when there is none."""
        self.asked += 1
        start = (0).to_bytes(4, sys.byteorder) + len(route).to_bytes(4, sys.byteorder) + b"\0" + route
        ctypes.memmove(self.target, start.ljust(PORTID, b"\0"), PORTID)
        said = self.mad.smp_query_via(self.answer, self.target, attribute, modifier, TIMEOUT, self.port)
        return self.answer.raw[:64] if said else None

    def count(self, lid: int, port: int) -> bytes | None:
        """The counters of a port."""
        self.asked += 1
        self._to(lid)
        said = self.mad.pma_query_via(self.answer, self.target, port, TIMEOUT, PORT_COUNTERS, self.port)
        return self.answer.raw[:44] if said else None

    def path(self, lid: int, source: bytes, destination: bytes) -> int | None:
        """The P_Key of a path that the subnet manager at this LID grants; 0: it grants none; None: it gave no answer."""
        self.asked += 1
        self._to(lid)
        ctypes.set_errno(0)
        granted = self.mad.ib_path_query_via(self.port, source, destination, self.target, self.answer)
        if granted > 0:
            return int.from_bytes(self.answer.raw[50:52], "big")
        return None if ctypes.get_errno() == errno.ETIMEDOUT else 0

    def _to(self, lid: int) -> None:
        ctypes.memmove(self.target, lid.to_bytes(4, sys.byteorder).ljust(PORTID, b"\0"), PORTID)

    def close(self) -> None:
        """Lets go of the port."""
        self.mad.mad_rpc_close_port(self.port)


def number(data: bytes, at: int, size: int) -> int:
    """A field in network order."""
    return int.from_bytes(data[at:at + size], "big")


class Survey:
    """What has been found so far."""

    def __init__(self, walker: Walker, told: dict[str, Any]) -> None:
        self.walker, self.told = walker, told
        self.nodes: dict[str, dict[str, Any]] = {}
        self.ports: dict[tuple[str, int], dict[str, Any]] = {}
        self.links: dict[tuple[str, int, str, int], None] = {}
        self.silent: list[tuple[str, int]] = []
        self.lids: dict[tuple[str, int], int] = {}

    def walk(self) -> str:
        """Everything that can be reached; the GUID of this host's node."""
        info = self.walker.ask(b"", NODE_INFO)
        if info is None:
            raise OSError("this host's own InfiniBand port does not answer")
        self._meet(b"", info)
        ahead = [(b"", info)]
        while ahead:
            following = []
            for route, here in ahead:
                following += self._beyond(route, here)
            ahead = following
        return here_guid(info)

    def _beyond(self, route: bytes, info: bytes) -> list[tuple[bytes, bytes]]:
        """The nodes behind the ports of this one that nobody has met yet."""
        node, found = here_guid(info), []
        for port in range(1, info[3] + 1) if info[2] == SWITCH else (info[36],) if not route else ():
            if (node, port) not in self.ports:
                self._port(route, info, port)
            if self.ports[node, port].get("up") is not True or len(route) >= HOPS:
                continue
            there = self.walker.ask(route + bytes([port]), NODE_INFO)
            if there is None:
                self.silent.append((node, port))
                continue
            ends = (node, port, here_guid(there), there[36])
            if (*ends[2:], *ends[:2]) not in self.links:
                self.links[ends] = None
            if (here_guid(there), there[36] if there[2] != SWITCH else 0) not in self.ports:
                self._meet(route + bytes([port]), there)
                found.append((route + bytes([port]), there))
        return found

    def _meet(self, route: bytes, info: bytes) -> None:
        node = here_guid(info)
        if node not in self.nodes:
            desc = self.walker.ask(route, NODE_DESC) or b""
            self.nodes[node] = {"info": info[:40].hex(), "desc": desc.hex()}
        self._port(route, info, 0 if info[2] == SWITCH else info[36])

    def _port(self, route: bytes, info: bytes, port: int) -> None:
        ask, node = self.walker.ask, here_guid(info)
        found: dict[str, Any] = {"node": node, "port": port, "guid": f"{number(info, 20, 8):#018x}"}
        self.ports[node, port] = found
        answer = ask(route, PORT_INFO, port)
        if answer is None:
            return
        managed = port == 0 or info[2] != SWITCH
        found["info"], found["up"] = answer.hex(), answer[33] >> 4 == LINK_UP
        if managed:
            self.lids[node, port] = number(answer, 16, 2)
            if number(answer, 20, 4) & IS_MANAGER:
                found["manager"] = (ask(route, SM_INFO) or b"")[:24].hex()
            if self.told.get("keys"):
                found["keys"] = self._keys(route, number(info, 28, 2))
        if found["up"] and answer[35] >> 4 == QDR and not answer[62] >> 4 and number(info, 37, 3) in MELLANOX:
            found["mellanox"] = (ask(route, MELLANOX_PORT_INFO, port) or b"")[:16].hex()

    def _keys(self, route: bytes, size: int) -> list[int] | None:
        keys: list[int] = []
        for block in range((size + BLOCK - 1) // BLOCK):
            table = self.walker.ask(route, PKEY_TABLE, block)
            if table is None:
                return None
            keys += [key for at in range(0, 2 * min(BLOCK, size - block * BLOCK), 2) if (key := number(table, at, 2))]
        return keys

    def count(self, name: str) -> None:
        """Reads the counters of each port that is up."""
        for (node, port), found in self.ports.items():
            lid = self.lids.get((node, port)) or self.lids.get((node, 0))
            if found.get("up") and port and lid:
                found[name] = (self.walker.count(lid, port) or b"").hex()


def here_guid(info: bytes) -> str:
    """The node's GUID in a NodeInfo."""
    return f"{number(info, 12, 8):#018x}"


def paths(walker: Walker, guids: list[str], pairs: list[list[int]] | None) -> list[int | None]:
    """What the subnet manager grants to each pair. It is not asked again once it has not answered."""
    info = walker.ask(b"", PORT_INFO)
    if info is None:
        raise OSError("this host's own InfiniBand port does not answer")
    gids = [info[8:16] + int(guid, 16).to_bytes(8, "big") for guid in guids]
    granted: list[int | None] = []
    for one, other in pairs if pairs is not None else every(len(gids)):
        silent = bool(granted) and granted[-1] is None
        granted.append(None if silent else walker.path(number(info, 18, 2), gids[one], gids[other]))
    return granted


def every(count: int) -> list[tuple[int, int]]:
    """Each pair once."""
    return [(one, other) for one in range(count) for other in range(one + 1, count)]


def main(told: dict[str, Any]) -> dict[str, Any]:
    """What was found, or what the subnet manager grants."""
    walker = Walker()
    try:
        if told.get("paths"):
            return {"granted": paths(walker, told["paths"]["guids"], told["paths"]["pairs"]), "asked": walker.asked, "error": ""}
        survey = Survey(walker, told)
        local = survey.walk()
        if told.get("counters"):
            survey.count("counters")
            if told.get("interval"):
                time.sleep(told["interval"])
                survey.count("later")
    finally:
        walker.close()
    return {"local": local, "nodes": survey.nodes, "ports": [*survey.ports.values()], "links": [*survey.links], "silent": survey.silent,
            "asked": walker.asked, "error": ""}


if __name__ == "__main__":
    try:
        print(json.dumps(main(json.loads(sys.argv[1])), separators=(",", ":")))
    except OSError as error:
        print(json.dumps({"error": str(error)}))
