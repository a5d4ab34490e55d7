"""What goes wrong with a simulated switch when a test wants it to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .model import Config


class Dropped(Exception):
    """The session ends here, as if a cable were pulled."""


@dataclass
class _At:
    pattern: re.Pattern[str] | None
    after: int
    times: int

    def hits(self, line: str) -> bool:
        """Whether it is this line's turn. Counts down."""
        if self.times == 0 or (self.pattern and not self.pattern.search(line)):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


class Faults:
    """A switch's faults. They hold until `clear`; what is counted in `times` is used up."""

    def __init__(self) -> None:
        self.silent = False             # accepts the TCP connection and says nothing
        self.seconds = 0.0              # before each answer
        self.clear()

    def clear(self) -> None:
        """All is well again."""
        self.silent = False
        self.seconds = 0.0
        self._drops: list[tuple[_At, bool]] = []
        self._rejects: list[tuple[_At, str]] = []
        self._others: list[tuple[_At, Callable[[Config], object]]] = []
        self._slow: list[tuple[_At, float]] = []

    def drop_after(self, commands: int = 0, at: str = "", times: int = 1, done: bool = False) -> None:
        """Lose the session at the line that comes after so many (that match `at`). `done`: the line is obeyed first, its answer is lost."""
        self._drops.append((_At(re.compile(at) if at else None, commands, times), done))

    def delay(self, seconds: float, at: str = "") -> None:
        """Answer each line (each that matches) so much later."""
        if at:
            self._slow.append((_At(re.compile(at), 0, -1), seconds))
        else:
            self.seconds = seconds

    def reject(self, at: str, text: str, times: int = -1) -> None:
        """Refuse lines that match, with this text (a platform's own words, `\\n` between lines)."""
        self._rejects.append((_At(re.compile(at), 0, times), text))

    def interfere(self, at: str, change: Callable[[Config], object], times: int = 1) -> None:
        """Before a line that matches is obeyed, somebody else changes the running configuration."""
        self._others.append((_At(re.compile(at), 0, times), change))

    # What the server asks.

    def wait(self, line: str) -> float:
        return self.seconds + sum(seconds for at, seconds in self._slow if at.hits(line))

    def dropped(self, line: str) -> str:
        """`before` or `after` this line, or nothing."""
        for at, done in self._drops:
            if at.hits(line):
                return "after" if done else "before"
        return ""

    def refusal(self, line: str) -> str | None:
        return next((text for at, text in self._rejects if at.hits(line)), None)

    def others(self, line: str) -> list[Callable[[Config], object]]:
        return [change for at, change in self._others if at.hits(line)]
