"""Many simulated BMCs that one thread serves: `with Fleet() as fleet: bmc = fleet.add("node001", "127.3.0.1")`."""

from __future__ import annotations

import asyncio
import contextlib
import random
import resource
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from .bmc import Bmc
from .machine import Hook, Machine
from .redfish import Redfish, context

T = TypeVar("T")
Target = tuple[Any, ...]


class Socket(asyncio.DatagramProtocol):
    """UDP of one BMC, through its faults."""

    def __init__(self, bmc: Bmc, fleet: Fleet) -> None:
        self.bmc = bmc
        self.fleet = fleet
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Target) -> None:
        bmc, faults = self.bmc, self.bmc.faults
        bmc.packets += 1
        if faults.drop or (faults.loss and self.fleet.dice.random() < faults.loss):
            return
        try:
            answer = bmc.wire.receive(data)
        except Exception:
            self.fleet._crashed()
            return
        if not answer or (faults.loss and self.fleet.dice.random() < faults.loss):
            return
        if faults.delay:
            self.fleet.clock(faults.delay, lambda: self.transport.is_closing() or self.transport.sendto(answer, addr))
        else:
            self.transport.sendto(answer, addr)


class Fleet:
    """BMCs by name. What a test changes of them while clients talk to them, it changes by `call`."""

    def __init__(self, user: str = "admin", password: str = "simulated", port: int = 623, hook: Hook | None = None, seed: int = 1) -> None:
        self.user = user
        self.password = password
        self.port = port
        self.hook = hook
        self.dice = random.Random(seed)
        self.bmcs: dict[str, Bmc] = {}
        self.machines: dict[str, Machine] = {}
        self.crashes: list[str] = []        # faults of the simulation itself; closing the fleet raises them
        self._transports: list[Any] = []
        self._servers: list[Any] = []
        self._tls: Any = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bmcs", daemon=True)

    def __enter__(self) -> Fleet:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __getitem__(self, name: str) -> Bmc:
        return self.bmcs[name]

    def add(self, name: str, address: str, power: bool = False, suites: tuple[int, ...] = (3, 17), **machine: Any) -> Bmc:
        """A BMC with a machine of its own. `machine`: boot_seconds, uuid, serial, mac, … of that."""
        return self.add_all([(name, address)], power, suites, **machine)[0]

    def add_all(self, members: Sequence[tuple[str, str]], power: bool = False, suites: tuple[int, ...] = (3, 17), https: int = 0,
                **machine: Any) -> list[Bmc]:
        """Many at once: (name, address). https: the port where they speak Redfish, too; 0: they do not."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = len(self.bmcs) + len(members) + 200
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * wanted, hard), hard))
        added = []
        for name, address in members:
            unit = Machine(name, len(self.machines) + 1, power, clock=self.clock, hook=self.hook, **machine)
            self.machines[name] = unit
            self.bmcs[name] = Bmc(name, address, unit, self.user, self.password, suites)
            added.append(self.bmcs[name])

        async def listen() -> None:
            for bmc in added:
                transport, _protocol = await self._loop.create_datagram_endpoint(
                    lambda bmc=bmc: Socket(bmc, self), local_addr=(bmc.address, self.port))     # type: ignore[misc]
                self._transports.append(transport)
                if https:
                    self._servers.append(await asyncio.start_server(
                        Redfish(bmc, self._crashed).serve, bmc.address, https, ssl=self._tls))

        if https and not self._tls:
            self._tls = context()
        self.run(listen())
        return added

    def _crashed(self) -> None:
        self.crashes.append(traceback.format_exc())

    def cross(self, one: str, other: str) -> None:
        """Two BMCs are wired to each other's machine, or their addresses were mixed up, which looks the same."""
        def swap() -> None:
            first, second = self.bmcs[one], self.bmcs[other]
            first.machine, second.machine = second.machine, first.machine

        self.call(swap)

    def clock(self, seconds: float, function: Callable[[], object]) -> None:
        """Call it later, in the thread of the BMCs."""
        self._loop.call_later(seconds, function)

    def start(self, work: Any) -> None:
        """Run a coroutine in the thread of the BMCs until the fleet is closed."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Any) -> Any:
        """The result of a coroutine that runs in the thread of the BMCs."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the thread of the BMCs."""
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
        """Close all sockets, end the thread."""
        def shut() -> None:
            for transport in self._transports:
                transport.close()
            for server in self._servers:
                server.close()

        async def rest() -> None:
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)

        with contextlib.suppress(TimeoutError):
            self.call(shut)
            self.run(rest())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()
        if self.crashes:
            raise AssertionError("\n".join(self.crashes))
