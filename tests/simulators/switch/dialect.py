"""What the command lines of all platforms share; a platform is a subclass in `dialects/`."""

from __future__ import annotations

import inspect
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from .grammar import READERS, BadLine, Call, Node, NoMatch, Reader, Token, alternatives, following, match
from .model import Config, Device, Identity, Port
from .vlans import expand

if TYPE_CHECKING:
    from .fabric import Switch


class Refused(Exception):
    """A command that the grammar knows and the switch refuses, in the platform's words."""


class Ask(NamedTuple):
    """A question on the terminal: the next line is its answer. `hidden`: it is not echoed."""

    prompt: str
    then: Callable[[str], Answer]
    hidden: bool = False


Answer = Any     # str, dict (JSON), Ask, None, or an awaitable of these
Handler = Callable[..., Answer]


def command(*patterns: str, at: str = "exec") -> Callable[[Handler], Handler]:
    """Marks a method as what these patterns do, in these contexts (`at`: names apart by spaces).

    Its parameters are the patterns' arguments; `no`, if it has one, tells whether the pattern starts with a negation, `pattern` which
    pattern it was.
    """

    def mark(method: Handler) -> Handler:
        method.__dict__.setdefault("grammar", []).append((patterns, at.split()))
        return method

    return mark


class Dialect:
    """One session at one switch. Subclasses add the commands, the prompts and the words of refusal."""

    platform: ClassVar[str] = ""
    netmiko: ClassVar[str] = ""                         # the device_type that people use
    model: ClassVar[str] = ""
    version: ClassVar[str] = ""
    negations: ClassVar[tuple[str, ...]] = ("no", "default")
    parents: ClassVar[dict[str, str]] = {}              # a context -> the one where its commands are looked up too
    readers: ClassVar[dict[str, Reader]] = {}
    abbreviate: ClassVar[bool] = True
    page: ClassVar[int] = 24                            # lines; 0 for no paging
    more: ClassVar[str] = "--More--"
    helps: ClassVar[bool] = True                        # `?` lists what may come next
    brackets: ClassVar[bool] = False                    # brackets what is typed, as bash 5.1 does
    comment: ClassVar[str] = "!"                        # a line that starts so is passed over
    grammars: ClassVar[dict[str, Node]] = {}
    low: ClassVar[int] = 1
    high: ClassVar[int] = 4094

    def __init_subclass__(cls) -> None:
        cls.grammars = {}
        for name, method in inspect.getmembers(cls, inspect.isfunction):
            wants = inspect.signature(method).parameters.keys() & {"no", "pattern"}
            for patterns, contexts in getattr(method, "grammar", ()):
                for pattern in (each for written in patterns for each in alternatives(written)):
                    knows = {"no": pattern.split()[0] in cls.negations, "pattern": pattern}
                    for context in contexts:
                        cls.grammars.setdefault(context, Node()).add(pattern, Call(name, {key: knows[key] for key in wants}))

    def __init__(self, switch: Switch, number: int) -> None:
        self.switch = switch
        self.device: Device = switch.device
        self.number = number                # of the session
        self.context = "exec"
        self.page_length = self.page
        self.json = False
        self.closed = False
        self.user = switch.user
        self.last_rejected = False
        self.selected: list[str] = []       # what the context is about: ports, or VLANs as text
        self.start()

    # What a platform says of itself.

    def start(self) -> None:
        """For subclasses: what a session has besides."""

    @classmethod
    def identity(cls, name: str, number: int) -> Identity:
        return Identity(name, cls.model, cls.version, f"SIM{number:08d}", f"02:53:49:4d:{number >> 8:02x}:{number & 255:02x}")

    @classmethod
    def factory(cls, ports: list[str]) -> Config:
        """A switch as it comes: VLAN 1, all ports in it."""
        return Config({1: "default"}, {name: cls.new_port(name) for name in ports})

    @classmethod
    def new_port(cls, name: str) -> Port:
        return Port(name)

    @classmethod
    def port_name(cls, text: str) -> str:
        """The full name of a port; ValueError if no port is called like that on this platform."""
        return text

    @classmethod
    def port_names(cls, count: int) -> list[str]:
        """The names of a switch's first ports."""
        raise NotImplementedError

    @classmethod
    def prepare(cls, device: Device) -> None:
        """What a new device has besides its configuration (files)."""

    def banner(self) -> str:
        """What is said after the login, before the first prompt."""
        return ""

    def prompt(self) -> str:
        raise NotImplementedError

    def empty(self) -> str:
        """What an empty line brings about."""
        return ""

    def status(self) -> int:
        """Exit status of the last line, for commands given to ssh itself."""
        return int(self.last_rejected)

    def hung_up(self) -> None:
        """The session is over, in order or not."""

    def bad_line(self, line: str, error: BadLine) -> str:
        """How the platform says that it does not know a line."""
        raise NotImplementedError

    # A line.

    def execute(self, line: str) -> Answer:
        """Obey a line; the answer's text. Sets last_rejected."""
        self.last_rejected = False
        text = line.strip()
        if not text or (self.comment and text.startswith(self.comment)):
            return ""
        try:
            return self.obey(text)
        except Refused as refused:
            self.last_rejected = True
            return str(refused)
        except BadLine as error:
            self.last_rejected = True
            return self.bad_line(text, error)

    def obey(self, line: str) -> Answer:
        head, *filters = [part.strip() for part in line.split(" | ")]
        self.json = False
        words = [self.check_filter(line, text) for text in filters]
        method, values = self.find(head)
        answer = method(**values)
        for text in words:
            answer = self.filter(answer, text)
        return answer

    def find(self, line: str) -> tuple[Handler, dict[str, Any]]:
        """The method for a line: in this context, or in the one that it lies in, which is then the context."""
        first: BadLine | None = None
        context: str | None = self.context
        while context:
            try:
                call, values = match(self.grammars[context], line, self.all_readers(), self, self.abbreviate)
            except BadLine as error:
                if first is None or error.column > first.column:
                    first = error
                context = self.parents.get(context)
                continue
            if context != self.context:
                self.outwards(context)
            return getattr(self, call.function), {**values, **call.fixed}
        assert first
        raise first

    def outwards(self, context: str) -> None:
        """A command of an outer context was given in this one."""
        if context != "exec":
            self.context = context

    def help(self, line: str) -> list[str]:
        found: list[str] = []
        context: str | None = self.context
        while context:
            found += following(self.grammars[context], line, self.all_readers(), self)
            context = self.parents.get(context)
        return list(dict.fromkeys(found))

    @classmethod
    def all_readers(cls) -> dict[str, Reader]:
        return {**READERS, "vlan": read_vlan, "vlans": read_vlans, "port": read_port, "ports": read_ports, **cls.readers}

    # `| include x` and its like.

    def check_filter(self, line: str, _text: str) -> str:
        """A filter that the platform has; sets self.json for a switch to JSON."""
        raise BadLine("invalid", line.index("|"), "|")

    def filter(self, answer: Answer, text: str) -> Answer:
        """Pass the answer's lines through a filter."""
        word, _space, pattern = text.partition(" ")
        if not isinstance(answer, str) or word not in ("include", "exclude", "begin", "grep", "section"):
            return answer
        lines = answer.split("\n")
        hit = re.compile(pattern.strip().strip('"'))
        if word == "begin":
            start = next((at for at, each in enumerate(lines) if hit.search(each)), len(lines))
            return "\n".join(lines[start:])
        if word == "section":
            kept, on = [], False
            for each in lines:
                on = bool(hit.search(each)) or (on and each.startswith(" "))
                kept += [each] if on else []
            return "\n".join(kept)
        return "\n".join(each for each in lines if bool(hit.search(each)) == (word != "exclude"))

    # What handlers use.

    @property
    def config(self) -> Config:
        """The configuration that commands change: running, or a candidate."""
        return self.device.running

    @property
    def who(self) -> str:
        return f"session {self.number}"

    def changed(self, what: str) -> None:
        """To be called after the running configuration was changed."""
        if self.config is self.device.running:
            self.device.note(self.who, what)

    def ports(self) -> list[Port]:
        """The ports that the context is about."""
        return [self.config.ports[name] for name in self.selected]

    def uptime(self) -> int:
        return int(time.time() - self.device.started) + 86400


def read_vlan(owner: Dialect, words: list[Token], at: int, _line: str) -> tuple[int, int]:
    text = words[at].text
    if not text.isdigit() or not owner.low <= int(text) <= owner.high:
        raise NoMatch
    return int(text), at + 1


def read_vlans(owner: Dialect, words: list[Token], at: int, _line: str) -> tuple[frozenset[int], int]:
    try:
        return expand(words[at].text, owner.low, owner.high), at + 1
    except ValueError:
        raise NoMatch from None


def read_port(owner: Dialect, words: list[Token], at: int, _line: str) -> tuple[str, int]:
    """A port's name, in one word or two (`Ethernet 1/1`)."""
    for count in (2, 1):
        text = "".join(word.text for word in words[at:at + count])
        if len(words) >= at + count:
            try:
                return owner.port_name(text), at + count
            except ValueError:
                continue
    raise NoMatch


def read_ports(owner: Dialect, words: list[Token], at: int, _line: str) -> tuple[list[str], int]:
    """Ports with commas and ranges (`Ethernet1-4,7`), in one word or two."""
    for count in (2, 1):
        if len(words) < at + count:
            continue
        text = "".join(word.text for word in words[at:at + count])
        try:
            return [owner.port_name(name) for name in spread(text)], at + count
        except ValueError:
            continue
    raise NoMatch


def spread(text: str) -> list[str]:
    """`Ethernet1/1-3,Ethernet1/7` and `Ethernet1-3,7` as single names."""
    names: list[str] = []
    stem = ""
    for part in text.split(","):
        first, _dash, last = part.partition("-") if re.search(r"\d-", part) else (part, "", "")
        found = re.fullmatch(r"(.*?)(\d+)", first)
        if not found:
            raise ValueError(text)
        stem = found[1] or stem
        end = re.fullmatch(r".*?(\d+)", last or first)
        if not end or int(end[1]) < int(found[2]):
            raise ValueError(text)
        names += [f"{stem}{number}" for number in range(int(found[2]), int(end[1]) + 1)]
    return names

