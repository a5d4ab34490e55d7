"""The key of a cluster: read where there is one, made where there is none, written never."""

from __future__ import annotations

import base64

from ansible_collections.clusterwright.hpc.plugins.modules import munge_key


def test_a_key_is_read_back(call_module, tmp_path):
    path = tmp_path / "munge.key"
    path.write_bytes(bytes(range(128)))
    result = call_module(munge_key, path=str(path))
    assert base64.b64decode(result["key"]) == bytes(range(128))
    assert (result["new"], result["changed"]) == (False, False)


def test_where_there_is_none_each_call_makes_another_and_writes_nothing(call_module, tmp_path):
    path = tmp_path / "munge.key"
    results = [call_module(munge_key, path=str(path), check=check) for check in (True, False)]
    assert all(result["new"] and not result["changed"] for result in results)
    assert len({result["key"] for result in results}) == 2
    assert not path.exists()


def test_what_is_no_key_is_refused_and_not_shown(call_module, tmp_path):
    path = tmp_path / "munge.key"
    path.write_bytes(b"hunter2")
    result = call_module(munge_key, path=str(path))
    assert result["failed"] and result["msg"].startswith(f"{path} is no key to rely on: 7 bytes")
    assert "hunter2" not in str(result)
