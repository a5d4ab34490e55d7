"""A secret of the cluster: read where there is one, made once where there is none."""

from __future__ import annotations

import base64

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.node import secret as util
from ansible_collections.clusterwright.hpc.plugins.modules import node_secret


def test_a_secret_is_read_back(call_module, tmp_path):
    path = tmp_path / "munge.key"
    path.write_bytes(bytes(range(128)))
    result = call_module(node_secret, path=str(path))
    assert base64.b64decode(result["secret"]) == bytes(range(128))
    assert (result["changed"], result["verified"], result["commands"]) == (False, True, [])


def test_where_there_is_none_it_is_made_once_for_root_alone(call_module, tmp_path):
    path = tmp_path / "slurm" / "jwt_hs256.key"
    first, second = (call_module(node_secret, path=str(path), bytes=32) for _ in range(2))
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["secret"] == second["secret"] == base64.b64encode(path.read_bytes()).decode()
    assert len(path.read_bytes()) == 32
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o400, 0o700)
    assert list(path.parent.iterdir()) == [path]


def test_check_mode_makes_one_up_and_writes_nothing(call_module, tmp_path):
    path = tmp_path / "munge.key"
    results = [call_module(node_secret, path=str(path), check=True) for _ in range(2)]
    assert all(result["changed"] and not result["verified"] for result in results)
    assert len({result["secret"] for result in results}) == 2
    assert not path.exists()


def test_a_run_that_comes_second_takes_what_the_first_has_kept(tmp_path):
    path = tmp_path / "munge.key"
    mine, others = util.make(128), util.make(128)
    path.write_bytes(others)
    assert util.keep(str(path), mine) == others == path.read_bytes()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("bad", [b"", b"hunter2", b"a" * 128, bytes(range(256)) * 5])
def test_what_is_no_secret_is_refused_and_not_shown(call_module, tmp_path, bad):
    path = tmp_path / "munge.key"
    path.write_bytes(bad)
    result = call_module(node_secret, path=str(path))
    assert result["failed"] and result["msg"].startswith(f"{path} is no key to rely on: {len(bad)} bytes")
    assert "hunter2" not in str(result)


def test_a_symlink_is_refused(call_module, tmp_path):
    path = tmp_path / "munge.key"
    path.symlink_to(tmp_path / "elsewhere")
    assert "not a regular file" in call_module(node_secret, path=str(path))["msg"]


def test_a_key_in_hexadecimal_is_a_key(call_module, tmp_path):
    path = tmp_path / "jwt.key"
    path.write_text("3f9a0c71d2b84e65" * 4)
    assert call_module(node_secret, path=str(path))["changed"] is False


@pytest.mark.parametrize("count", [31, 1025])
def test_a_length_that_no_daemon_takes_is_refused(call_module, tmp_path, count):
    result = call_module(node_secret, path=str(tmp_path / "munge.key"), bytes=count)
    assert result["msg"] == f"a key of {count} bytes: it needs 32 to 1024"
    assert not (tmp_path / "munge.key").exists()


def test_a_directory_that_cannot_be_made_is_named(call_module, tmp_path):
    result = call_module(node_secret, path=str(tmp_path / "no" / "such" / "munge.key"))
    assert "munge.key cannot be written: No such file or directory" in result["msg"]
