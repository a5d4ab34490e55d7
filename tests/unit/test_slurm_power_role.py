"""What the role slurm_power brings to controllers is complete: the modules import nothing that is not brought along."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import compile_power

CHECKOUT = Path(__file__).resolve().parents[2]
MODULE_UTILS = CHECKOUT / "plugins/module_utils"
VARS = yaml.safe_load((CHECKOUT / "roles/slurm_power/vars/main.yml").read_text())
PACKAGE = "ansible_collections.clusterwright.hpc.plugins.module_utils."


def imported(path):
    """Our own modules that a module imports when it runs."""
    tree = ast.parse(path.read_text())
    typing = {id(node) for block in ast.walk(tree) if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
              for node in ast.walk(block)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and id(node) not in typing and (node.module or "").startswith(PACKAGE):
            place = node.module.removeprefix(PACKAGE).replace(".", "/")
            if (MODULE_UTILS / f"{place}.py").exists():
                yield f"{place}.py"
            else:
                yield from (f"{place}/{alias.name}.py" for alias in node.names)


@pytest.mark.parametrize("module", VARS["__slurm_power_modules"])
def test_a_module_comes_with_what_it_imports(module):
    assert set(imported(MODULE_UTILS / module)) <= set(VARS["__slurm_power_modules"])


def test_every_module_has_its_folder():
    folders = {f"/{VARS['__slurm_power_package']}/{Path(module).parent}" for module in VARS["__slurm_power_modules"]}
    assert folders <= set(VARS["__slurm_power_folders"])


def test_slurm_conf_names_the_programs_that_the_role_brings():
    assert VARS["__slurm_power_programs"] == compile_power.PROGRAMS
    brought = {unit["path"] for unit in VARS["__slurm_power_units"]}
    assert {f"{{{{ __slurm_power_programs }}}}/power-{action}" for action in ("suspend", "resume", "resume-failed")} <= brought


def test_the_worker_runs_without_ansible(tmp_path):
    """With nothing but Python's own library: an empty queue ends it, and a missing library is one sentence."""
    for module in VARS["__slurm_power_modules"]:
        target = tmp_path / "lib" / VARS["__slurm_power_package"] / module
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text((MODULE_UTILS / module).read_text())
    (tmp_path / "spool/queue").mkdir(parents=True)
    config = tmp_path / "power.json"
    settings = '"username": "u", "password": "p", "validate_certs": true, "at_once": 1, "pause": 1'
    worker = [sys.executable, "-S", "-m", f"{PACKAGE}slurm.power_worker", config, tmp_path / "spool"]

    def run(bmcs):
        config.write_text(f'{{{settings}, "bmcs": {bmcs}}}')
        return subprocess.run(worker, env={"PYTHONPATH": str(tmp_path / "lib"), "PATH": "/usr/bin:/bin"}, cwd=tmp_path, capture_output=True,
                              text=True, check=False)

    assert (run("[]").returncode, run("[]").stderr) == (0, "")
    missing = run('[{"name": "cn1", "address": "192.0.2.1", "protocol": "ipmi"}]')
    assert missing.returncode == 1 and missing.stdout.startswith("<3>The Python library pyghmi") and not missing.stderr
