"""Whether Slurm loads Pyxis: the words of a Slurm that does and of those that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.enroot import pyxis
from ansible_collections.clusterwright.hpc.plugins.modules import pyxis_check

HELP = "      --container-image=[USER@][REGISTRY#]IMAGE[:TAG]|PATH\n                              [pyxis] the image\n"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """A plugin's path, and srun with these answers."""
    plugin = tmp_path / "spank_pyxis.so"
    plugin.write_text("")
    monkeypatch.setattr(pyxis.tempfile, "mkdtemp", lambda **_where: str(scratch.mkdir() or scratch))
    scratch, answers = tmp_path / "scratch", {"version": Result(0, "slurm-wlm 24.11.5\n", ""), "help": Result(0, HELP, "")}

    def run(argv):
        if "--help" not in argv:
            return answers["version"]
        assert (scratch / "plugstack.conf").read_text() == f"required {plugin}\n"
        return answers["help"]

    monkeypatch.setattr(pyxis_check, "runner", lambda _module: run)
    return str(plugin), answers, scratch


def test_it_is_loaded_and_nothing_is_left(call_module, slurm):
    plugin, _answers, scratch = slurm
    result = call_module(pyxis_check, plugin=plugin)
    assert (result["verified"], result["slurm"], result["options"]) == (True, "24.11.5", ["--container-image"])
    assert not scratch.exists()


def test_another_slurm_is_named(call_module, slurm):
    plugin, answers, scratch = slurm
    said = f"plugin_load_from_file: Incompatible Slurm plugin {plugin} version (22.05.8)"
    answers["help"] = Result(1, "", f"srun: error: {said}\nsrun: error: no\n")
    result = call_module(pyxis_check, plugin=plugin)
    assert result["failed"]
    assert f"Slurm 24.11.5 does not load {plugin} ({said})" in result["msg"]
    assert "enroot.pyxis.source" in result["msg"] and not scratch.exists()


@pytest.mark.usefixtures("slurm")
def test_in_check_mode_it_is_a_warning(call_module):
    result = call_module(pyxis_check, check=True, plugin="/nowhere/spank_pyxis.so")
    assert not result.get("failed") and "there is no /nowhere/spank_pyxis.so" in result["warnings"][0] and not result["verified"]


def test_no_slurm_and_no_file(call_module, slurm):
    plugin, answers, _scratch = slurm
    assert "there is no /nowhere/spank_pyxis.so" in call_module(pyxis_check, plugin="/nowhere/spank_pyxis.so")["msg"]
    answers["version"] = Result(127, "", "srun: No such file or directory")
    assert "Slurm's commands are not installed here" in call_module(pyxis_check, plugin=plugin)["msg"]
    assert Path(plugin).exists()
