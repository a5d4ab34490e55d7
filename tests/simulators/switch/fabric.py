"""Simulated switches for a test: `with Fabric() as fabric: leaf = fabric.switch("leaf1", platform="eos")`."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import asyncssh

from .dialect import Dialect
from .dialects import DIALECTS
from .faults import Faults
from .model import Command, Config, Device, Learned, Neighbour
from .server import Door

T = TypeVar("T")


class Switch:
    """One simulated switch, as a test holds it."""

    def __init__(self, fabric: Fabric, name: str, dialect: type[Dialect], config: Config, number: int, address: str) -> None:
        self.name = name
        self.dialect = dialect
        self.platform = dialect.platform
        self.user = "admin"
        self.password = "simulated"
        self.host = address
        self.port = 0
        self.device = Device(dialect.identity(name, number), config)
        self.device.clock = fabric.clock
        self.faults = Faults()
        self.sessions = 0                       # logins so far
        self.open_sessions = 0
        self.max_sessions = 16                  # more are hung up on at once
        self.refused_logins = 0
        self.drops = 0                          # sessions that a fault ended
        self.commands: list[Command] = []       # every line that was sent, without empty ones
        self.crashes: list[str] = []            # faults of the simulation itself; closing the Fabric raises them
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.door: Door | None = None
        self._fabric = fabric
        dialect.prepare(self.device)

    def __repr__(self) -> str:
        return f"<simulated {self.platform} {self.name} at {self.host}:{self.port}>"

    @property
    def running(self) -> Config:
        return self.device.running

    @property
    def startup(self) -> Config:
        return self.device.startup

    @property
    def saves(self) -> int:
        return self.device.saves

    @property
    def neighbours(self) -> list[Neighbour]:
        return self.device.neighbours

    @neighbours.setter
    def neighbours(self, heard: Iterable[Neighbour]) -> None:
        self.device.neighbours = list(heard)

    @property
    def macs(self) -> list[Learned]:
        return self.device.macs

    @macs.setter
    def macs(self, learned: Iterable[Learned]) -> None:
        self.device.macs = list(learned)

    @property
    def lines(self) -> list[str]:
        """What was sent, without prompts."""
        return [command.line for command in self.commands]

    @property
    def rejected(self) -> list[str]:
        """The lines that were refused."""
        return [command.line for command in self.commands if command.rejected]

    def change(self, how: Callable[[Config], object], who: str = "the console") -> None:
        """Change the running configuration as somebody else would."""
        self.call(lambda: self.device.change(who, how))

    def reboot(self) -> None:
        """Start again with the startup configuration; sessions end."""
        def off_and_on() -> None:
            for connection in list(self.connections):
                connection.abort()
            self.device.reboot()

        self.call(off_and_on)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the thread of the switches."""
        return self._fabric.call(function)

    def netmiko(self) -> dict[str, Any]:
        """What netmiko's ConnectHandler wants to know."""
        return {"device_type": self.dialect.netmiko, "host": self.host, "port": self.port, "username": self.user,
                "password": self.password, "secret": self.password}


class Fabric:
    """Switches that one thread serves. `minute` is how many seconds a minute of their timers lasts."""

    # Addresses of one process; tests that run beside each other have different ports anyway.
    _numbers = itertools.count(1)

    def __init__(self, minute: float = 60.0) -> None:
        self.minute = minute
        self.switches: dict[str, Switch] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="switches", daemon=True)
        self._key = asyncssh.generate_private_key("ssh-ed25519")

    def __enter__(self) -> Fabric:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def switch(self, name: str, platform: str = "eos", ports: Iterable[str] | int = 8, lags: Mapping[str, Iterable[str]] | None = None,
               vlans: Mapping[int, str] | None = None, address: str = "", port: int = 0, **more: Any) -> Switch:
        """A new switch. `ports`: their names, or how many under the platform's own names; `lags`: name -> members; `more`: user, password.
        """
        if platform not in DIALECTS:
            raise ValueError(f"no dialect {platform!r}; there are {', '.join(sorted(DIALECTS))}")
        dialect = DIALECTS[platform]
        names = dialect.port_names(ports) if isinstance(ports, int) else [dialect.port_name(each) for each in ports]
        config = dialect.factory(names)
        for lag, members in (lags or {}).items():
            full = dialect.port_name(lag)
            config.ports[full] = dialect.new_port(full)
            for member in members:
                config.ports[dialect.port_name(member)].channel = full
        config.vlans.update(vlans or {})
        number = next(self._numbers)
        switch = Switch(self, name, dialect, config, number, address or f"127.{64 + os.getpid() % 128}.{number >> 8}.{number & 255 or 254}")
        switch.port = port
        for key, value in more.items():
            if key not in ("user", "password"):
                raise TypeError(f"a switch has no {key}")
            setattr(switch, key, value)
        self.switches[name] = switch
        self.call(lambda: self._open(switch))
        return switch

    def _open(self, switch: Switch) -> None:
        switch.door = Door(switch, self._key)
        switch.port = switch.door.port
        switch.door.open()

    @property
    def host_key(self) -> str:
        """All switches' public key, as known_hosts has it."""
        return " ".join(self._key.export_public_key().decode().split()[:2])

    def clock(self, seconds: float, function: Callable[[], None]) -> asyncio.TimerHandle:
        """Call it when so many of the switches' seconds are over."""
        return self._loop.call_later(seconds * self.minute / 60, function)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the thread of the switches."""
        if threading.current_thread() is self._thread:
            return function()
        result: Future[T] = Future()

        def run() -> None:
            try:
                result.set_result(function())
            except BaseException as error:
                result.set_exception(error)

        self._loop.call_soon_threadsafe(run)
        return result.result(timeout=60)

    def close(self) -> None:
        """End all sessions and timers."""
        async def end() -> None:
            for switch in self.switches.values():
                if switch.door:
                    await switch.door.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.wait(others, timeout=2) if others else None

        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(end(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        crashes = [crash for switch in self.switches.values() for crash in switch.crashes]
        if crashes:
            raise AssertionError("\n".join(crashes))
