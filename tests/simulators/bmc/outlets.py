"""Simulated outlets: a Tasmota socket and an HTTP PDU by one small web server, and a PDU by SNMP v2c."""

from __future__ import annotations

import base64
import http.server
import json
import socket
import threading
from urllib.parse import parse_qs, urlsplit


class Outlets:
    """Outlets from 1. `stuck` ones take commands and stay as they are."""

    def __init__(self, count: int = 4) -> None:
        self.on = dict.fromkeys(range(1, count + 1), False)
        self.stuck: set[int] = set()
        self.history: list[tuple[int, bool]] = []

    def switch(self, number: int, on: bool) -> None:
        self.history.append((number, on))
        if number not in self.stuck:
            self.on[number] = on


class Web:
    """`/cm?cmnd=Power1 On` as Tasmota has it; `/outlet/1/on`, `/outlet/1/off` and `/status` as a PDU has its own pages."""

    def __init__(self, outlets: Outlets, address: str, password: str = "") -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, text = answer(self.path, self.headers.get("Authorization", ""))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_words: object) -> None:
                pass

        def answer(path: str, login: str) -> tuple[int, str]:
            parts = urlsplit(path)
            if parts.path == "/cm":
                query = parse_qs(parts.query)
                if password and query.get("password") != [password]:
                    return 401, json.dumps({"WARNING": "Need user=<username>&password=<password>"})
                name, _space, word = query["cmnd"][0].partition(" ")
                number = int(name.removeprefix("Power") or 1)
                if number not in outlets.on:
                    return 200, json.dumps({"Command": "Unknown"})
                if word:
                    outlets.switch(number, word.lower() in ("on", "1"))
                return 200, json.dumps({"POWER" if len(outlets.on) == 1 else f"POWER{number}": "ON" if outlets.on[number] else "OFF"})
            if password and base64.b64decode(login.partition(" ")[2]).decode().partition(":")[2] != password:
                return 401, ""
            if parts.path == "/status":
                return 200, "".join(f"outlet{number}={'ON' if on else 'OFF'};" for number, on in outlets.on.items())
            words = parts.path.strip("/").split("/")
            if len(words) == 3 and words[0] == "outlet" and int(words[1]) in outlets.on:
                outlets.switch(int(words[1]), words[2] == "on")
                return 200, "done"
            return 404, ""

        self._server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Snmp:
    """An integer for each outlet below `column`: 1 is on, 2 is off. Knows one variable a request, as PDUs are asked."""

    def __init__(self, outlets: Outlets, address: str, community: str = "private",
                 column: str = "1.3.6.1.4.1.318.1.1.12.3.3.1.1.4") -> None:
        self._outlets, self._community, self._column = outlets, community.encode(), [int(word) for word in column.split(".")]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self.lose = 0       # so many requests are not heard
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> Snmp:
        return self

    def __exit__(self, *_exception: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
            bell.sendto(b"", self._socket.getsockname())
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, client = self._socket.recvfrom(4096)
            if not data:
                return
            if self.lose:
                self.lose -= 1
            elif answer := self._answer(data):
                self._socket.sendto(answer, client)

    @staticmethod
    def _parts(data: bytes) -> list[tuple[int, bytes]]:
        found = []
        place = 0
        while place < len(data):
            tag, size, place = data[place], data[place + 1], place + 2
            if size > 127:
                count = size - 128
                size, place = int.from_bytes(data[place:place + count], "big"), place + count
            found.append((tag, data[place:place + size]))
            place += size
        return found

    @staticmethod
    def _put(tag: int, *contents: bytes) -> bytes:
        content = b"".join(contents)
        assert len(content) < 128
        return bytes((tag, len(content))) + content

    def _answer(self, data: bytes) -> bytes | None:
        version, community, (kind, body) = self._parts(self._parts(data)[0][1])
        if community[1] != self._community:
            return None         # as agents do
        number, _status, _index, variables = self._parts(body)
        (name, value), = (self._parts(variable) for _tag, variable in self._parts(variables[1]))
        numbers, rest = [name[1][0] // 40, name[1][0] % 40], 0
        for byte in name[1][1:]:
            rest = rest << 7 | byte & 127
            if not byte & 128:
                numbers.append(rest)
                rest = 0
        outlet = numbers[-1] if numbers[:-1] == self._column and numbers[-1] in self._outlets.on else 0
        status, result = 0, self._put(0x80)         # noSuchObject
        if outlet and kind == 0xA3:
            wanted = int.from_bytes(value[1], "big")
            status = 0 if wanted in (1, 2) else 10
            if not status:
                self._outlets.switch(outlet, wanted == 1)
            result = self._put(2, value[1])
        elif outlet:
            result = self._put(2, bytes((1 if self._outlets.on[outlet] else 2,)))
        elif kind == 0xA3:
            status, result = 17, self._put(5)
        body = self._put(2, number[1]) + self._put(2, bytes((status,))) + self._put(2, b"\x00")
        body += self._put(0x30, self._put(0x30, self._put(6, name[1]), result))
        return self._put(0x30, self._put(2, version[1]), self._put(4, community[1]), self._put(0xA2, body))
