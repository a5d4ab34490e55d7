# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An XML file whose bytes stay: each element knows where it stands, and edits replace spans.

The fabric manager reads its file with expat, and so does this.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError

_START_TAG = re.compile(rb"<[^\s/>]+(?:\s+[^\s=]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*/?>")


@dataclass
class Element:
    """An element: the bytes from `start` to `end`; its end tag begins at `close`, which is `start` where it has none."""

    tag: str
    line: int
    start: int
    close: int = 0
    end: int = 0
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, tag: str) -> Element | None:
        """The first child of this tag."""
        return next(self.all(tag), None)

    def all(self, tag: str) -> Iterator[Element]:
        """The children of this tag, in their order."""
        return (child for child in self.children if child.tag == tag)

    def texts(self, tag: str) -> list[str]:
        """What the children of this tag say, trimmed."""
        return [child.text.strip() for child in self.all(tag)]


@dataclass(frozen=True)
class Comment:
    """A comment: the bytes from `start` to `end`, and what stands in it."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Document:
    """A file: its bytes and its elements."""

    data: bytes
    root: Element
    comments: list[Comment]

    def source(self, element: Element) -> bytes:
        """The bytes of an element."""
        return self.data[element.start:element.end]

    def indent(self, at: int) -> bytes:
        """The blanks before a place, where nothing else stands before it on its line."""
        line = self.data[self.data.rfind(b"\n", 0, at) + 1:at]
        return line if not line.strip() else b""

    @property
    def newline(self) -> bytes:
        """How its lines end."""
        return b"\r\n" if b"\r\n" in self.data else b"\n"


def parse(data: bytes, path: str) -> Document:
    """Reads a file. Raises ClusterwrightError with line and column for one that is not well-formed."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    around: list[Element] = [Element("", 0, 0)]
    comments: list[Comment] = []

    def start(tag: str, _attributes: dict[str, str]) -> None:
        element = Element(tag, parser.CurrentLineNumber, parser.CurrentByteIndex)
        around[-1].children.append(element)
        around.append(element)

    def end(_tag: str) -> None:
        element = around.pop()
        found = _START_TAG.match(data, element.start)
        if found and found[0].endswith(b"/>"):      # expat says of its end where the next thing begins
            element.close, element.end = element.start, found.end()
        else:
            element.close = parser.CurrentByteIndex
            element.end = data.index(b">", element.close) + 1

    def text(content: str) -> None:
        around[-1].text += content

    def comment(content: str) -> None:
        at = parser.CurrentByteIndex
        comments.append(Comment(content.strip(), at, data.index(b"-->", at) + 3))

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.CommentHandler = text, comment
    try:
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise ValueError("it is UTF-16")
        parser.Parse(data, True)
    except expat.ExpatError as error:
        why = expat.errors.messages[error.code]
        raise ClusterwrightError(
            f"{path}, line {error.lineno}, column {error.offset + 1}: {why}: nothing was changed. The fabric manager cannot read this file "
            "either and would not start with it: mend the line, or take back one of the copies beside it (*~)", line=error.lineno,
        ) from None
    except ValueError as error:
        raise ClusterwrightError(f"{path} is no XML that the fabric manager reads ({error}): nothing was changed. Mend it") from None
    return Document(data, around[0].children[0], comments)


def replace(data: bytes, edits: Iterable[tuple[int, int, bytes]]) -> bytes:
    """The bytes with some spans replaced; spans that overlap are an error of the caller."""
    made, at = [], 0
    for start, end, text in sorted(edits):
        if start < at:
            raise ValueError(f"edits overlap at byte {start}")
        made += [data[at:start], text]
        at = end
    return b"".join([*made, data[at:]])
