# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what the ports of a fabric hold, through libibmad. A program of its own: `python reader.py /var/cache/opensm/guid2lid`.

It needs nothing but Python and the libraries of infiniband-diags, asks one port after the other (0.1 ms each, where a `smpquery` takes
10 ms), and prints JSON: {"local": GUID, "sm": {...} or null, "ports": {GUID: {...}}, "silent": [GUIDs], "error": ""}.

Sources: infiniband/mad.h of rdma-core; NodeInfo, PortInfo, SMInfo and P_KeyTable in the InfiniBand Architecture Specification, volume 1.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys
from typing import Any

NODE_INFO, PORT_INFO, PKEY_TABLE, SM_INFO = 0x11, 0x15, 0x16, 0x20
SMI, SMI_DIRECT = 0x01, 0x81        # management classes
KINDS = {1: "ca", 2: "switch", 3: "router"}
BLOCK = 32          # P_Keys that one answer holds
TIMEOUT = 200       # ms for an answer; libibmad asks three times
PORTID = 256        # bytes; more than ib_portid_t has


class Fabric:
    """Sends subnet management packets through the first port of this host."""

    def __init__(self) -> None:
        umad = ctypes.CDLL("libibumad.so.3")
        self.mad = ctypes.CDLL("libibmad.so.5")
        self.mad.mad_rpc_open_port.restype = self.mad.smp_query_via.restype = ctypes.c_void_p
        if umad.umad_init() < 0:
            raise OSError("the kernel has no InfiniBand management datagrams (ib_umad)")
        classes = (ctypes.c_int * 2)(SMI, SMI_DIRECT)
        self.port = self.mad.mad_rpc_open_port(None, 0, classes, 2)
        if not self.port:
            raise OSError("there is no active InfiniBand port on this host")
        self.target, self.answer = ctypes.create_string_buffer(PORTID), ctypes.create_string_buffer(64)

    def ask(self, lid: int, attribute: int, modifier: int = 0) -> bytes | None:
        """One answer of 64 bytes; None when there is none. LID 0 is this host's own port."""
        ctypes.memmove(self.target, lid.to_bytes(4, sys.byteorder), 4)
        said = self.mad.smp_query_via(self.answer, self.target, attribute, modifier, TIMEOUT, ctypes.c_void_p(self.port))
        return self.answer.raw if said else None

    def close(self) -> None:
        """Lets go of the port."""
        self.mad.mad_rpc_close_port(ctypes.c_void_p(self.port))


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


def port(fabric: Fabric, wanted: str, lid: int) -> dict[str, Any] | None:
    """A port's kind, table size and P_Keys; None when another or nobody answers at its LID."""
    node = fabric.ask(lid, NODE_INFO)
    if node is None or guid(node, 20) != wanted:
        return None
    size = number(node, 28, 2)
    keys: list[int] = []
    for block in range((size + BLOCK - 1) // BLOCK):
        table = fabric.ask(lid, PKEY_TABLE, block)
        if table is None:
            return None
        keys += [key for at in range(0, 2 * min(BLOCK, size - block * BLOCK), 2) if (key := number(table, at, 2))]
    return {"lid": lid, "kind": KINDS.get(node[2], "ca"), "size": size, "keys": keys}


def main(path: str) -> dict[str, Any]:
    """Everything that is asked for."""
    fabric = Fabric()
    try:
        node, info = fabric.ask(0, NODE_INFO), fabric.ask(0, PORT_INFO)
        if node is None or info is None:
            raise OSError("this host's own InfiniBand port does not answer")
        master = fabric.ask(number(info, 18, 2), SM_INFO) if number(info, 18, 2) else None
        sm = {"guid": guid(master, 0), "priority": master[20] >> 4, "state": master[20] & 15} if master else None
        known = lids(path)
        ports = {name: port(fabric, name, lid) for name, lid in known.items()}
    finally:
        fabric.close()
    return {"local": guid(node, 20), "sm": sm, "ports": {name: found for name, found in ports.items() if found},
            "silent": [name for name, found in ports.items() if not found], "error": ""}


if __name__ == "__main__":
    try:
        print(json.dumps(main(sys.argv[1])))
    except OSError as error:
        print(json.dumps({"local": "", "sm": None, "ports": {}, "silent": [], "error": str(error)}))
