"""`make test` counts what its parts did, and goes on after a failure."""

from __future__ import annotations

import importlib.util
import sys
import threading
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "tools" / "test_all.py"


@pytest.fixture
def program(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("test_all", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return module


def report(folder, part, **suite):
    values = " ".join(f'{key}="{number}"' for key, number in {"tests": 0, "failures": 0, "errors": 0, "skipped": 0, **suite}.items())
    (folder / f"{part}.xml").write_text(f"<testsuites><testsuite {values}/></testsuites>")


@pytest.mark.parametrize(("part", "status", "suite", "expected"), [
    ("lint", 0, None, (1, 0, 0)),
    ("molecule-default", 2, None, (0, 1, 0)),
    ("test-unit", 0, {"tests": 10, "skipped": 2}, (8, 0, 2)),
    ("test-unit", 2, {"tests": 10, "failures": 1, "errors": 2, "skipped": 1}, (6, 3, 1)),
    ("test-unit", 2, {}, (0, 1, 0)),            # pytest found no test
    ("test-unit", 2, None, (0, 1, 0)),          # pytest never ran
    ("test-newest", 0, None, (0, 0, 1)),        # no newer Python here
])
def test_counts_of_a_part(program, part, status, suite, expected):
    if suite is not None:
        report(program.RESULTS, part, **suite)
    assert program.counts(part, status) == expected


def test_all_parts_run_and_the_last_line_has_the_sum(program, monkeypatch, capsys):
    ran = []

    def run(part):
        ran.append(part)
        if part in program.WITH_PYTEST:
            report(program.RESULTS, part, tests=5)
        return 2 if part == "types" else 0, f"said by {part}"

    monkeypatch.setattr(program, "run", run)
    monkeypatch.setattr(sys, "argv", ["test_all.py"])
    assert program.main() == 1
    assert sorted(ran) == sorted(program.PARTS) and {"molecule-default", "molecule-bare"} < set(ran)
    others = len(ran) - len(program.WITH_PYTEST)
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == f"{5 * len(program.WITH_PYTEST) + others - 1} passed, 1 failed, 0 skipped"
    assert all(f"==> {part}\nsaid by {part}\n" in said for part in ran)


def test_two_parts_run_at_once_from_both_ends(program, monkeypatch):
    both = threading.Barrier(2, timeout=10)
    ran = []

    def run(part):
        ran.append(part)
        both.wait()
        return 0, ""

    monkeypatch.setattr(program, "run", run)
    monkeypatch.setattr(program, "WORKERS", 2)
    rows = program.run_all(["types", "lint", "sanity", "bench"])
    assert [{*ran[:2]}, {*ran[2:]}] == [{"types", "bench"}, {"lint", "sanity"}]
    assert sorted(row.part for row in rows) == sorted(ran)


def test_an_unknown_part_is_named_before_anything_runs(program, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["test_all.py", "lint", "lintt"])
    monkeypatch.setattr(program, "run", lambda _part: pytest.fail("ran"))
    assert program.main() == 2
    assert "no such part: lintt" in capsys.readouterr().err
