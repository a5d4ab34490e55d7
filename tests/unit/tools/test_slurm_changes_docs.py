from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import policy

CHECKOUT = Path(__file__).resolve().parents[3]
PROGRAM = CHECKOUT / "tools" / "slurm_changes_docs.py"


def _program():
    spec = importlib.util.spec_from_file_location("slurm_changes_docs", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date():
    checked = subprocess.run([sys.executable, str(PROGRAM), "--check"], text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_an_old_page_is_found(tmp_path, monkeypatch, capsys):
    program = _program()
    monkeypatch.setattr(program, "CHECKOUT", tmp_path)
    monkeypatch.setattr(program, "PAGE", tmp_path / "slurm-changes.md")
    monkeypatch.setattr(sys, "argv", ["slurm_changes_docs.py", "--check"])
    assert program.main() == 1
    assert capsys.readouterr().err == "slurm-changes.md is out of date: run tools/slurm_changes_docs.py\n"
    monkeypatch.setattr(sys, "argv", ["slurm_changes_docs.py"])
    assert program.main() == 0
    monkeypatch.setattr(sys, "argv", ["slurm_changes_docs.py", "--check"])
    assert program.main() == 0


def test_every_rule_is_a_row_with_four_columns_filled():
    rows = [line for line in _program().page().splitlines() if re.match(r"\| (slurm\.conf|\w+\.conf)", line)]
    assert len(rows) == len(policy.RULES)
    assert all(all(cell.strip() for cell in row.strip("|").split("|")) and row.count("|") == 6 for row in rows)


def test_the_introduction_says_what_each_need_is():
    introduction = (CHECKOUT / "docs" / "slurm-changes.intro.md").read_text(encoding="utf-8")
    for need in policy.Needs:
        assert need == policy.Needs.NOTHING or f"- **{need.words}**: " in introduction
