"""The SSH side of a simulated switch: logins, the terminal with its echo and pages, and the faults."""

from __future__ import annotations

import asyncio
import inspect
import socket
import traceback
from typing import TYPE_CHECKING, Any

import asyncssh

from .dialect import Answer, Ask, Dialect
from .faults import Dropped
from .model import Command

if TYPE_CHECKING:
    from .fabric import Switch

Process = asyncssh.SSHServerProcess[str]


class Login(asyncssh.SSHServer):
    """Passwords of one switch."""

    def __init__(self, switch: Switch) -> None:
        self._switch = switch

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._switch.connections.add(conn)

    def connection_lost(self, _exc: Exception | None) -> None:
        self._switch.connections.discard(self._connection)

    def begin_auth(self, _username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        good = (username, password) == (self._switch.user, self._switch.password)
        self._switch.refused_logins += not good
        return good


class Door:
    """The listening socket of one switch."""

    def __init__(self, switch: Switch, key: asyncssh.SSHKey) -> None:
        self._switch = switch
        self._mute: list[socket.socket] = []
        self._tasks: set[asyncio.Task[Any]] = set()
        self._options = asyncssh.SSHServerConnectionOptions(
            server_factory=lambda: Login(switch), server_host_keys=[key], process_factory=self._session,
            line_editor=False, encoding="utf-8", compression_algs=None, gss_host=None, server_version="simulated",
        )
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((switch.host, switch.port))
        self._listener.listen(64)
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]

    def open(self) -> None:
        self._keep(self._accept())

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for each in (self._listener, *self._mute):
            each.close()
        for connection in list(self._switch.connections):
            connection.abort()

    def _keep(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            channel, _address = await loop.sock_accept(self._listener)
            channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._switch.faults.silent:
                self._mute.append(channel)
            elif len(self._switch.connections) >= self._switch.max_sessions:
                channel.close()
            else:
                self._keep(self._greet(channel))

    async def _greet(self, channel: socket.socket) -> None:
        try:
            await asyncssh.run_server(channel, options=self._options)
        except (OSError, asyncssh.Error):
            channel.close()

    async def _session(self, process: Process) -> None:
        switch = self._switch
        switch.sessions += 1
        switch.open_sessions += 1
        terminal = Terminal(switch, process)
        try:
            await (terminal.once(process.command) if process.command else terminal.run())
        except (Dropped, OSError, asyncssh.Error):
            process.get_extra_info("connection").abort()
        except Exception:
            switch.crashes.append(traceback.format_exc())
            process.get_extra_info("connection").abort()
        finally:
            switch.open_sessions -= 1
            terminal.dialect.hung_up()


class Terminal:
    """One session: lines in, answers out."""

    def __init__(self, switch: Switch, process: Process) -> None:
        self.switch = switch
        self.process = process
        self.dialect: Dialect = switch.dialect(switch, switch.sessions)
        self._typed = ""            # what has come and is not read yet
        self._after_return = False

    async def once(self, line: str) -> None:
        """A command given to ssh itself: no prompt, no echo, no pages."""
        self.dialect.page_length = 0
        answer = await self._obey(line)
        self._write(answer if isinstance(answer, str) else "")
        self.process.exit(self.dialect.status())

    async def run(self) -> None:
        """The interactive session."""
        self._write(self.dialect.banner())
        while not self.dialect.closed:
            line = await self._line(("\x1b[?2004h" if self.dialect.brackets else "") + self.dialect.prompt())
            if line is None:
                break
            self.process.stdout.write("\x1b[?2004l\r" if self.dialect.brackets else "")
            answer = await self._obey(line) if line.strip() else self.dialect.empty()
            while isinstance(answer, Ask):
                reply = await self._line(answer.prompt, answer.hidden)
                answer = await self._settle(answer.then(reply or ""))
            await self._show(answer or "")
        self.process.exit(0)

    async def _obey(self, line: str) -> Answer:
        """Send a line through the faults to the dialect."""
        faults = self.switch.faults
        prompt = self.dialect.prompt()
        drop = faults.dropped(line)
        if drop != "before":
            if seconds := faults.wait(line):
                await asyncio.sleep(seconds)
            for change in faults.others(line):
                self.switch.device.change("somebody else", change)
            refusal = faults.refusal(line)
            answer: Answer = refusal
            if refusal is None:
                answer = await self._settle(self._executed(line))
            self.switch.commands.append(Command(self.dialect.number, prompt, line, refusal is not None or self.dialect.last_rejected))
        if drop:
            self.switch.drops += 1
            raise Dropped
        return answer

    def _executed(self, line: str) -> Answer:
        try:
            return self.dialect.execute(line)
        except Exception as error:
            raise RuntimeError(f"the simulated {self.switch.platform} stumbled over {line!r}") from error

    @staticmethod
    async def _settle(answer: Answer) -> Answer:
        return await answer if inspect.isawaitable(answer) else answer

    def _write(self, text: str) -> None:
        if text:
            self.process.stdout.write(text.replace("\n", "\r\n") + ("" if text.endswith("\n") else "\r\n"))

    async def _show(self, text: str) -> None:
        """Print an answer, in pages unless they are switched off."""
        page = self.dialect.page_length
        lines = text[:-1].split("\n") if text.endswith("\n") else text.split("\n")
        if not page or len(lines) < page:
            self._write(text)
            return
        room = page - 1
        while lines:
            self._write("\n".join(lines[:room]) + "\n")
            lines = lines[room:]
            if not lines:
                return
            self.process.stdout.write(self.dialect.more)
            key = await self._key()
            self.process.stdout.write("\r" + " " * len(self.dialect.more) + "\r")
            if key in ("q", "Q", "\x03", None):
                return
            room = 1 if key in ("\r", "\n") else page - 1

    async def _key(self) -> str | None:
        """The next key; None at the end."""
        while not self._typed:
            try:
                self._typed = await self.process.stdin.read(4096)
            except (asyncssh.TerminalSizeChanged, asyncssh.SignalReceived):
                continue
            except asyncssh.BreakReceived:
                return "\x03"
            if not self._typed:
                return None
        key, self._typed = self._typed[0], self._typed[1:]
        if key == "\n" and self._after_return:      # the second half of CR LF
            self._after_return = False
            return await self._key()
        self._after_return = key == "\r"
        return key

    async def _line(self, prompt: str, hidden: bool = False) -> str | None:
        """Read a line with an echo of each character, as a terminal does."""
        out = self.process.stdout
        out.write(prompt)
        line, echo = "", ""
        while True:
            if not self._typed and echo:
                out.write(echo)
                echo = ""
            key = await self._key()
            if key is None:
                return None
            if key in ("\r", "\n"):
                out.write(echo + "\r\n")
                return line
            if key in ("\x7f", "\b"):
                echo += "\b \b" if line and not hidden else ""
                line = line[:-1]
            elif key == "\x15":
                echo += "\b \b" * (0 if hidden else len(line))
                line = ""
            elif key == "\x03":
                out.write(echo + "^C\r\n" + prompt)
                line, echo = "", ""
            elif key == "\x04" and not line:
                return None
            elif key == "\x1a":
                out.write(echo + "^Z\r\n")
                return "end"
            elif key == "?" and self.dialect.helps and not hidden:
                out.write(echo + "?\r\n" + "".join(f"  {each}\r\n" for each in self.dialect.help(line)) + prompt + line)
                echo = ""
            elif key.isprintable():
                line += key
                echo += "" if hidden else key
