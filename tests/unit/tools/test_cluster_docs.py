from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

from ansible_collections.clusterwright.hpc.plugins.plugin_utils import model

CHECKOUT = Path(__file__).resolve().parents[3]
PROGRAM = CHECKOUT / "tools" / "cluster_docs.py"


def _program():
    spec = importlib.util.spec_from_file_location("cluster_docs", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date():
    checked = subprocess.run([sys.executable, str(PROGRAM), "--check"], text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_an_old_page_is_found(tmp_path, monkeypatch, capsys):
    program = _program()
    monkeypatch.setattr(program, "CHECKOUT", tmp_path)
    monkeypatch.setattr(program, "PAGE", tmp_path / "cluster-file.md")
    monkeypatch.setattr(sys, "argv", ["cluster_docs.py", "--check"])
    assert program.main() == 1
    assert capsys.readouterr().err == "cluster-file.md is out of date: run tools/cluster_docs.py\n"
    monkeypatch.setattr(sys, "argv", ["cluster_docs.py"])
    assert program.main() == 0
    monkeypatch.setattr(sys, "argv", ["cluster_docs.py", "--check"])
    assert program.main() == 0


def test_the_file_in_the_introduction_loads(tmp_path):
    introduction = (CHECKOUT / "docs" / "cluster-file.intro.md").read_text(encoding="utf-8")
    path = tmp_path / "cluster.yml"
    path.write_text(re.search(r"```yaml\n(.*?)```", introduction, re.DOTALL)[1], encoding="utf-8")
    assert model.load(str(path)).name == "small"
