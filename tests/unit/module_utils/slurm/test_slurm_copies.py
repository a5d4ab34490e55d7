"""Copies that lead back: whole or not there, and only where there is room."""

from __future__ import annotations

import gzip
import hashlib
import os
import subprocess

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import backup
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm.backup import Source


class TestSettings:
    def test_included_files_count_and_keys_have_no_case(self, tmp_path):
        (tmp_path / "slurmdbd.conf").write_text("# ours\nStorageUser=slurm   # who\nINCLUDE slurmdbd.pass\nSTORAGELOC=acct\n")
        (tmp_path / "slurmdbd.pass").write_text('StoragePass="a b"\n')
        keys = backup.settings(str(tmp_path / "slurmdbd.conf"))
        assert keys == {"storageuser": "slurm", "storagepass": "a b", "storageloc": "acct"}

    def test_a_file_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(ClusterwrightError, match=r"slurm.conf cannot be read \(No such file or directory\)"):
            backup.settings(str(tmp_path / "slurm.conf"))


class TestDatabase:
    def conf(self, tmp_path, text):
        (tmp_path / "slurmdbd.conf").write_text(text)
        return backup.database(str(tmp_path / "slurmdbd.conf"))

    def test_the_socket_knows_the_user_and_needs_no_password(self, tmp_path):
        db = self.conf(tmp_path, "SlurmUser=slurm\nStorageHost=localhost\nStorageUser=slurm\n")
        assert db == ("slurm_acct_db", "slurm", "localhost", '[client]\nuser="slurm"\n') and db.local

    def test_elsewhere_with_password_and_tls(self, tmp_path):
        tls = "StorageParameters=SSL_CA=/etc/ca.pem,SSL_CERT=/c.pem"
        db = self.conf(tmp_path, f'StorageHost=db9\nStoragePort=3307\nStorageUser=u\nStoragePass=a"b\n{tls}\nSlurmUser=slurm\n')
        assert not db.local
        wanted = ['user="u"', 'host="db9"', 'port="3307"', 'password="a\\"b"', 'ssl-ca="/etc/ca.pem"', 'ssl-cert="/c.pem"']
        assert db.options.splitlines()[1:] == wanted

    def test_the_password_is_in_a_file_for_one_user_and_on_no_command_line(self, tmp_path):
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        db = self.conf(tmp_path, f"SlurmUser={user}\nStoragePass=geheim\n")
        with backup.option_file(db) as path:
            assert "geheim" in open(path).read() and os.stat(path).st_mode & 0o777 == 0o600     # noqa: PTH123, PTH116, SIM115
            assert "geheim" not in str(backup.dump(db, path, (1, 1, "/")))
        assert not os.path.exists(path)     # noqa: PTH110

    def test_tables(self, tmp_path):
        db = self.conf(tmp_path, "SlurmUser=slurm\n")
        answer = Result(0, "1638400\t294912\t34\t/var/lib/mysql/\n", "")
        assert backup.tables(lambda _argv: answer, db, "/o") == (1638400, 294912, "/var/lib/mysql/")
        with pytest.raises(ClusterwrightError, match="has no tables"):
            backup.tables(lambda _argv: Result(0, "0\t0\t0\t/var/lib/mysql/\n", ""), db, "/o")
        with pytest.raises(ClusterwrightError, match="does not answer: ERROR 2002"):
            backup.tables(lambda _argv: Result(1, "", "ERROR 2002 (HY000): Can't connect\n"), db, "/o")


class TestSpace:
    DUMP = Source("database acct", (), 8 << 30, local=("/var/lib/mysql", 3 << 30))

    def free(self, **places):
        return lambda path: places["backups" if "backups" in path else "mysql"]

    def test_the_dump_and_the_largest_table_add_up_on_one_file_system(self):
        enough, short = (8 << 30), (7 << 30)
        assert backup.short_of_space(self.DUMP, "/var/backups", self.free(backups=(1, enough), mysql=(1, enough))) == ""
        said = backup.short_of_space(self.DUMP, "/var/backups", self.free(backups=(1, short), mysql=(1, short)))
        assert said == "database acct: /var/backups and /var/lib/mysql needs 7232.0 MiB and has 7168.0 MiB free: make room"

    def test_on_two_each_counts_for_itself(self):
        said = backup.short_of_space(self.DUMP, "/var/backups", self.free(backups=(1, 5 << 30), mysql=(2, 1 << 30)))
        assert said.startswith("database acct: /var/lib/mysql needs 3136.0 MiB")

    def test_a_directory_that_is_not_there_yet(self, tmp_path):
        assert backup.short_of_space(Source("state", (), 1), str(tmp_path / "a/b")) == ""


class TestWrite:
    def test_what_the_command_writes_compressed_with_its_checksum_for_root_alone(self, tmp_path):
        path = tmp_path / "backups/x.gz"
        digest = backup.write(Source("numbers", ("seq", "200000"), 0, end=b"200000"), str(path))
        assert gzip.decompress(path.read_bytes()).split()[-1] == b"200000"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest == backup.verify(str(path))
        assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
        assert subprocess.run(["sha256sum", "-c", "--quiet", "x.gz.sha256"], cwd=path.parent, check=False).returncode == 0

    @pytest.mark.parametrize(
        ("command", "said"),
        [("echo half; echo ERROR 2013: Lost connection >&2; exit 2", "ERROR 2013: Lost connection"), ("echo half", "ended before its end")],
    )
    def test_half_a_dump_is_none(self, tmp_path, command, said):
        path = tmp_path / "x.gz"
        with pytest.raises(ClusterwrightError, match=said):
            backup.write(Source("database acct", ("sh", "-c", command), 0, end=b"-- Dump completed"), str(path))
        assert os.listdir(tmp_path) == []   # noqa: PTH208

    def test_a_full_disk_is_said_and_leaves_nothing(self, tmp_path):
        (tmp_path / "x.gz.part").symlink_to("/dev/full")
        with pytest.raises(ClusterwrightError, match="No space left on device"):
            backup.write(Source("database acct", ("seq", "2000000"), 0), str(tmp_path / "x.gz"))
        assert os.listdir(tmp_path) == []   # noqa: PTH208

    def test_a_directory_that_cannot_be_made_is_said(self):
        with pytest.raises(ClusterwrightError, match="cannot be copied to /dev/null/x"):
            backup.write(Source("database acct", ("seq", "10"), 0), "/dev/null/x")

    def test_a_copy_that_has_changed_is_not_verified(self, tmp_path):
        path = tmp_path / "x.gz"
        backup.write(Source("numbers", ("seq", "3"), 0), str(path))
        path.write_bytes(path.read_bytes() + b"x")
        assert backup.verify(str(path)) == backup.verify(str(tmp_path / "none")) == ""


class TestState:
    def test_the_directory_of_slurm_conf_and_who_has_written_there(self, tmp_path):
        (tmp_path / "state").mkdir()
        (tmp_path / "state/last_config_lite").write_bytes((42 << 8).to_bytes(2, "big") + bytes(40))
        (tmp_path / "slurm.conf").write_text(f"StateSaveLocation={tmp_path}/state\n")
        source = backup.state(lambda _argv: Result(0, "4096\tx\n", ""), str(tmp_path / "slurm.conf"))
        assert (source.size, source.written_by, source.argv[-1]) == (4096, "24.11", "state")

    def test_a_directory_that_is_not_mounted(self, tmp_path):
        (tmp_path / "slurm.conf").write_text(f"StateSaveLocation={tmp_path}/none\n")
        with pytest.raises(ClusterwrightError, match="is a file system not mounted"):
            backup.state(lambda _argv: Result(0, "", ""), str(tmp_path / "slurm.conf"))
