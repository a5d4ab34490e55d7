"""Command grammars: which words may follow which, with abbreviations, arguments, and where a line goes wrong.

A pattern is words and arguments: `switchport access vlan <vlan>`. `<text>` takes the rest of the line as it stands; words apart by `|` are
as many patterns.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Token(NamedTuple):
    """A word of a line, and the column where it starts."""

    text: str
    column: int


class BadLine(Exception):
    """A line that the grammar does not know: kind is invalid, incomplete or ambiguous."""

    def __init__(self, kind: str, column: int, word: str = "") -> None:
        super().__init__(f"{kind} at {column}: {word}")
        self.kind, self.column, self.word = kind, column, word


class NoMatch(Exception):
    """This word is not such an argument."""


# An argument reads tokens from an index on, and returns its value and the index after it.
Reader = Callable[[Any, "list[Token]", int, str], "tuple[Any, int]"]


@dataclass
class Node:
    """What may come next."""

    words: dict[str, Node] = field(default_factory=dict)
    arguments: list[tuple[str, str, Node]] = field(default_factory=list)    # name, type
    call: Call | None = None

    def add(self, pattern: str, call: Call) -> None:
        node = self
        for word in pattern.split():
            node = node.follow(word)
        if node.call:
            raise TypeError(f"{pattern!r} is there twice")
        node.call = call

    def follow(self, word: str) -> Node:
        if not word.startswith("<"):
            return self.words.setdefault(word, Node())
        name, _colon, kind = word.strip("<>").partition(":")
        for known_name, known_kind, node in self.arguments:
            if (known_name, known_kind) == (name, kind or name):
                return node
        self.arguments.append((name, kind or name, Node()))
        return self.arguments[-1][2]

    def lines(self) -> Iterator[str]:
        """What may come next, as a person who typed `?` reads it."""
        yield from sorted(self.words)
        yield from (f"<{name}>" for name, _kind, _node in self.arguments)
        if self.call:
            yield "<cr>"


class Call(NamedTuple):
    """A pattern's function, and what it is called with besides the arguments."""

    function: str
    fixed: dict[str, Any]


def alternatives(pattern: str) -> Iterator[str]:
    """`mode access|trunk` as two patterns."""
    for words in itertools.product(*(word.split("|") for word in pattern.split())):
        yield " ".join(words)


def tokens(line: str) -> list[Token]:
    """The words of a line; quotes hold a word together and stay in it."""
    return [Token(match.group(), match.start()) for match in re.finditer(r'(?:[^\s"]|"[^"]*"?)+', line)]


def match(root: Node, line: str, readers: dict[str, Reader], owner: Any, abbreviate: bool = True) -> tuple[Call, dict[str, Any]]:
    """The call that a line asks for, with its arguments. BadLine says where it goes wrong."""
    words = tokens(line)
    node, at, values = root, 0, {}
    while at < len(words):
        word = words[at]
        found = _literal(node, word, abbreviate)
        if found:
            node, at = found, at + 1
            continue
        for name, kind, after in node.arguments:
            try:
                values[name], at = readers[kind](owner, words, at, line)
            except NoMatch:
                continue
            node = after
            break
        else:
            raise BadLine("invalid", word.column, word.text)
    if node.call is None:
        raise BadLine("incomplete", len(line.rstrip()))
    return node.call, values


def _literal(node: Node, word: Token, abbreviate: bool) -> Node | None:
    text = word.text.lower()
    if text in node.words:
        return node.words[text]
    if not abbreviate or not text:
        return None
    found = [name for name in node.words if name.startswith(text)]
    if len(found) > 1:
        if any(kind == "text" for _name, kind, _node in node.arguments):
            return None
        raise BadLine("ambiguous", word.column, word.text)
    return node.words[found[0]] if found else None


def following(root: Node, line: str, readers: dict[str, Reader], owner: Any) -> list[str]:
    """What may come after the words typed so far (for `?`); what is half typed is completed."""
    words = tokens(line)
    half = words.pop() if words and not line.endswith(" ") else None
    node, at = root, 0
    while at < len(words):
        try:
            found = _literal(node, words[at], True)
        except BadLine:
            return []
        if found:
            node, at = found, at + 1
            continue
        for _name, kind, after in node.arguments:
            try:
                _value, at = readers[kind](owner, words, at, line)
            except NoMatch:
                continue
            node = after
            break
        else:
            return []
    return [name for name in node.lines() if not half or name.startswith(half.text.lower())]


# Arguments that all dialects have.

def read_word(_owner: Any, words: list[Token], at: int, _line: str) -> tuple[str, int]:
    return words[at].text.strip('"'), at + 1


def read_text(_owner: Any, words: list[Token], at: int, line: str) -> tuple[str, int]:
    return line[words[at].column:].strip(), len(words)


def read_number(_owner: Any, words: list[Token], at: int, _line: str) -> tuple[int, int]:
    if not words[at].text.isdigit():
        raise NoMatch
    return int(words[at].text), at + 1


READERS: dict[str, Reader] = {"word": read_word, "text": read_text, "number": read_number}
