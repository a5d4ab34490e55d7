"""The language of a small Linux shell over a simulated file system; linux.py has its commands.

It knows pipes, `;`, `&&`, `||`, redirections, quotes and `$?`. A command is a method `run_NAME`, or a text tool of this machine, which runs
on copies of the simulated files. All else is `command not found`.
"""

from __future__ import annotations

import inspect
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, NamedTuple

from .dialect import Answer, Ask, Dialect
from .grammar import BadLine

TOOLS = ("sed", "grep", "head", "tail", "sort", "wc", "diff", "cut", "tr", "base64", "cmp")
REDIRECTIONS = (">", ">>", "<")


class Done(NamedTuple):
    """What a command left: exit status, and what it wrote to both streams."""

    status: int = 0
    out: str = ""
    error: str = ""


class Failed(Exception):
    """A command ended badly with these words."""

    def __init__(self, error: str, status: int = 1) -> None:
        super().__init__(error)
        self.error, self.status = error, status


class Asking(Exception):
    """A command needs an answer from the terminal before it goes on."""

    def __init__(self, prompt: str, then: Callable[[str], Answer], hidden: bool = False) -> None:
        super().__init__(prompt)
        self.ask = Ask(prompt, then, hidden)


class Language(Dialect):
    """A login shell. `device.files` is its file system; only root writes there, but for /home and /tmp."""

    netmiko = "linux"
    page: ClassVar[int] = 0
    helps: ClassVar[bool] = False
    brackets: ClassVar[bool] = True
    comment: ClassVar[str] = "#"
    home: ClassVar[str] = "~"
    greeting: ClassVar[str] = "A simulated switch."

    def start(self) -> None:
        self.root = False               # whether `sudo -s` made this shell root's
        self.as_root = False            # whether the command that runs now is root's
        self.last = 0

    def banner(self) -> str:
        return f"{self.greeting}\n"

    def prompt(self) -> str:
        name = self.device.identity.name
        return f"root@{name}:/home/{self.user}# " if self.root else f"{self.user}@{name}:{self.home}$ "

    def bad_line(self, _line: str, error: BadLine) -> str:
        return f"-bash: {error.word}: command not found"

    def status(self) -> int:
        return self.last

    def execute(self, line: str) -> Answer:
        text = line.strip()
        self.last_rejected = False
        if not text or text.startswith("#"):
            return ""
        if text in ("exit", "logout"):
            self.closed, self.root = not self.root, False
            return "" if self.closed else "exit"
        self.as_root = self.root
        try:
            done = self.script(text)
        except Asking as asking:
            return asking.ask
        self.last, self.last_rejected = done.status, done.status != 0
        return (done.out + done.error).rstrip("\n")

    # The language.

    def script(self, line: str, stdin: str = "") -> Done:
        """Run a line of commands."""
        try:
            lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
            lexer.whitespace_split = True
            lexer.commenters = ""
            words = list(lexer)
        except ValueError:
            return Done(2, "", "-bash: unexpected EOF while looking for matching quote\n")
        out, error, status, before = "", "", 0, ";"
        for operator, command in _commands(words):
            if (before == "&&" and status) or (before == "||" and not status):
                before = operator
                continue
            if command:
                done = self._pipeline([word.replace("$?", str(self.last)) for word in command], stdin)
                status, out, error = done.status, out + done.out, error + done.error
                self.last = status
            before = operator
        return Done(status, out, error)

    def _pipeline(self, words: list[str], stdin: str) -> Done:
        parts: list[list[str]] = [[]]
        for word in words:
            if word == "|":
                parts.append([])
            else:
                parts[-1].append(word)
        error, done = "", Done(0, stdin)
        for part in parts:
            done = self._redirected(part, done.out)
            error += done.error
        return Done(done.status, done.out, error)

    def _redirected(self, words: list[str], stdin: str) -> Done:
        words, into, merge, quiet = list(words), [], False, False
        while any(word in REDIRECTIONS or word == ">&" for word in words):
            at = next(at for at, word in enumerate(words) if word in (*REDIRECTIONS, ">&"))
            stream = words[at - 1] if at and words[at - 1] in ("1", "2") else ""
            target = words[at + 1] if at + 1 < len(words) else ""
            if words[at] == ">&":
                merge = True
            elif words[at] == "<":
                stdin = self.read(target)
            elif stream == "2":
                quiet = True
            else:
                into.append((words[at], target))
            del words[at - (1 if stream else 0):at + 2]
        done = self._command(words, stdin)
        if merge:
            done = Done(done.status, done.out + done.error)
        if quiet:
            done = Done(done.status, done.out)
        try:
            for operator, path in into:
                kept = self.device.files.get(path, "") if operator == ">>" else ""
                if path != "/dev/null":
                    self.write(path, kept + done.out)
                done = Done(done.status, "", done.error)
        except Failed as failed:
            return Done(failed.status, "", f"-bash: {failed.error}\n")
        return done

    def _command(self, words: list[str], stdin: str) -> Done:
        if not words:
            return Done()
        name, *arguments = words
        name = name.rpartition("/")[2]
        try:
            method = getattr(self, f"run_{name.replace('-', '_')}", None)
            if method:
                said = method(arguments, stdin) if len(inspect.signature(method).parameters) == 2 else method(arguments)
                return said if isinstance(said, Done) else Done(0, said or "")
            if name in TOOLS:
                return self._tool(name, arguments, stdin)
        except Failed as failed:
            return Done(failed.status, "", f"{failed.error}\n")
        return Done(127, "", f"-bash: {name}: command not found\n")

    # Files.

    def read(self, path: str) -> str:
        if path not in self.device.files:
            raise Failed(f"{path}: No such file or directory")
        return self.device.files[path]

    def write(self, path: str, text: str) -> None:
        if not self.as_root and not path.startswith(("/tmp/", "/home/")):
            raise Failed(f"{path}: Permission denied")
        self.device.files[path] = text
        self.written(path)

    def written(self, path: str) -> None:
        """For platforms whose configuration is a file."""

    def _tool(self, name: str, arguments: list[str], stdin: str) -> Done:
        """A text tool of this machine, on copies of the simulated files."""
        with tempfile.TemporaryDirectory() as place:
            copies: dict[str, Path] = {}
            words = []
            for word in arguments:
                if word in self.device.files:
                    copies[word] = Path(place) / str(len(copies))
                    copies[word].write_text(self.device.files[word])
                    words.append(str(copies[word]))
                elif word.startswith("/") and not word.startswith("/dev/") and name != "sed":
                    raise Failed(f"{name}: {word}: No such file or directory", 2)
                else:
                    words.append(word)
            sandbox = ["--sandbox"] if name == "sed" else []
            ran = subprocess.run([name, *sandbox, *words], input=stdin, capture_output=True, text=True, timeout=10, check=False, cwd=place)
            said, wrong = ran.stdout, ran.stderr
            for path, copied in copies.items():
                said, wrong = said.replace(str(copied), path), wrong.replace(str(copied), path)
                if copied.read_text() != self.device.files[path]:
                    self.write(path, copied.read_text())
        return Done(ran.returncode, said, wrong)


def _commands(words: list[str]) -> list[tuple[str, list[str]]]:
    """(the operator that ends it, its words) for each command between `;`, `&&`, `||`."""
    found: list[tuple[str, list[str]]] = []
    command: list[str] = []
    for word in words:
        if word in ("&&", "||", ";", "&"):
            found.append((";" if word == "&" else word, command))
            command = []
        else:
            command.append(word)
    return [*found, (";", command)]
