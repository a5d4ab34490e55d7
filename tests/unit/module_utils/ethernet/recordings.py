"""What switches answered, from tests/fixtures/ethernet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "ethernet"


def of(platform: str) -> Callable[[str], str]:
    """`of("nxos")("show_version.txt")` is the text."""
    return lambda name: (FIXTURES / platform / name).read_text(encoding="utf-8")
