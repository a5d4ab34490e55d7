"""Files: real ones. Old or new, never half, and put back when something later fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files, intent, replace
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.session import Session


def declare(*options):
    """What the module's argument spec makes of options: what is left out is None."""
    return [intent._file({"content": None, "secret": None, "validate": None, **option}) for option in options]


def planned(declared, awaits_packages=False):
    return files.plan(declared, files.observe(declared), set(), set(), awaits_packages)


def applied(node, *options):
    declared = declare(*options)
    session = Session(node.run)
    replace.apply(session, planned(declared))
    assert planned(declared) == []
    return session


def names(node):
    return sorted(path.name for path in node.path.iterdir())


def test_directories_first_then_files_then_removals(node):
    (node.path / "old").write_text("old")
    session = applied(
        node,
        node.file("old", state="absent", content=None),
        node.file("d/e/f", "text", mode="0640"),
        node.file("d/e", state="directory", content=None, mode="0750"),
        node.file("d", state="directory", content=None, mode="0755"),
    )
    session.commit()
    assert names(node) == ["d"]
    assert (node.path / "d/e/f").read_text() == "text"
    assert (node.path / "d/e/f").stat().st_mode & 0o7777 == 0o640
    assert [line.split()[0] for line in session.commands] == ["install", "install", "write", "rm"]


def test_a_replaced_file_is_put_back_as_the_very_same_file(node):
    old = node.path / "a"
    old.write_text("old")
    old.chmod(0o604)
    before = old.stat()
    session = applied(
        node, node.file("a", "new"), node.file("b", "new"), node.file("c", state="directory", content=None, mode="0755")
    )
    assert old.read_text() == "new"
    restored, lost = session.roll_back()
    assert (len(restored), lost) == (3, [])
    assert names(node) == ["a"]
    assert (old.read_text(), old.stat().st_ino, old.stat().st_mode) == ("old", before.st_ino, before.st_mode)


def test_a_changed_mode_and_a_removal_are_put_back(node):
    (node.path / "a").write_text("x\n")
    (node.path / "a").chmod(0o600)
    (node.path / "b").write_text("b")
    session = applied(node, node.file("a"), node.file("b", state="absent", content=None))
    assert session.commands[0] == f"chmod 0644 {node.path / 'a'}"
    session.roll_back()
    assert (node.path / "a").stat().st_mode & 0o777 == 0o600
    assert (node.path / "b").read_text() == "b"


def test_backup_keeps_the_replaced_file(node):
    (node.path / "a").write_text("old")
    applied(node, node.file("a", "new", backup=True)).commit()
    kept = [name for name in names(node) if name.startswith("a.") and name.endswith("~")]
    assert [(node.path / name).read_text() for name in kept] == ["old"]
    assert len(names(node)) == 2


def test_a_refused_content_leaves_everything_as_it_was(node):
    (node.path / "a").write_text("old")
    seen = []

    def visudo(argv):
        seen.append(str(Path(argv[-1]).parent))
        return Result(1, "", "syntax error near line 1")

    node._visudo = visudo
    declared = declare(node.file("a", "new"), node.file("b", "bad", validate="visudo -cf %s"))
    state = files.observe(declared)
    state.exists["program", "visudo"] = True
    session = Session(node.run)
    with pytest.raises(ClusterwrightError, match=r"b: 'visudo -cf %s' refuses the new content: syntax error"):
        replace.apply(session, files.plan(declared, state, set(), set(), False))
    assert seen == [str(node.path)]
    assert session.commands == []
    assert names(node) == ["a"]
    assert (node.path / "a").read_text() == "old"


def test_what_a_validator_says_about_a_secret_is_not_repeated(node):
    node._check = lambda _argv: Result(1, "", "line 1: hunter2 is no key")
    declared = declare(node.file("k", None, secret="aHVudGVyMg==", validate="check %s"))
    state = files.observe(declared)
    state.exists["program", "check"] = True
    with pytest.raises(ClusterwrightError) as error:
        replace.apply(Session(node.run), files.plan(declared, state, set(), set(), False))
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda path: path.symlink_to("/etc/passwd"), "it is a symlink and is not made a file"),
        (lambda path: path.mkdir(), "it is a directory and is not made a file"),
        (os.mkfifo, "it is a device, socket or pipe and is not made a file"),
    ],
)
def test_only_files_are_replaced(node, prepare, words):
    prepare(node.path / "a")
    with pytest.raises(ClusterwrightError, match=words):
        planned(declare(node.file("a")))


def test_a_directory_is_not_removed(node):
    (node.path / "a").mkdir()
    with pytest.raises(ClusterwrightError, match="is a directory and is not removed"):
        planned(declare(node.file("a", state="absent", content=None)))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"name": "nodir/a"}, "directory .*nodir does not exist: declare it"),
        ({"name": "a", "owner": "nosuchuser"}, "owner nosuchuser does not exist"),
        ({"name": "a", "group": "nosuchgroup"}, "group nosuchgroup does not exist"),
        ({"name": "a", "validate": "nosuchprogram %s"}, "program nosuchprogram does not exist"),
    ],
)
def test_what_is_missing_is_an_error_unless_a_package_may_bring_it(node, option, words):
    declared = declare(node.file(**option))
    with pytest.raises(ClusterwrightError, match=words):
        planned(declared)
    assert len(planned(declared, awaits_packages=True)) == 1


def test_contents_that_are_no_text_are_not_shown(node):
    (node.path / "a").write_bytes(b"\xff\xfe\x00")
    (node.path / "b").write_bytes(b"\xff\xfe")
    shown = [files.diff(change) for change in planned(declare(node.file("a"), node.file("b")))]
    assert [entry["before"] for entry in shown] == ["(3 bytes, not shown)\n", "(2 bytes, not UTF-8, not shown)\n"]
    applied(node, node.file("a"), node.file("b")).commit()


def test_diff_of_a_mode_shows_the_mode(node):
    (node.path / "a").write_text("x\n")
    (node.path / "a").chmod(0o600)
    entry = files.diff(planned(declare(node.file("a")))[0])
    assert entry["before"].startswith("file 0600")
    assert entry["after"].startswith("file 0644")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"mode": "420"}, "mode 420 is not four octal digits"),
        ({"content": None}, "state file needs content, template or secret"),
        ({"state": "directory"}, "takes no content"),
        ({"content": None, "secret": "not base64!"}, "secret is not base64"),
        ({"validate": "visudo -c"}, "validate needs %s"),
        ({"path": "etc/a"}, "write the path absolute"),
        ({"path": "/etc/../a"}, "write the path absolute"),
    ],
)
def test_bad_declarations(node, option, words):
    with pytest.raises(ClusterwrightError, match=words) as error:
        declare({**node.file("a"), **option})
    assert "not base64!" not in str(error.value)


def test_a_mount_point_is_named(node, monkeypatch):
    (node.path / "hosts").write_text("old")

    def busy(*_args, **_options):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", busy)
    with pytest.raises(ClusterwrightError, match=r"hosts: .*mount point of its own.*--no-hosts"):
        replace.apply(Session(node.run), planned(declare(node.file("hosts", "new"))))
    assert names(node) == ["hosts"]


def test_a_block_leaves_what_stands_around_it(node):
    hosts = node.path / "hosts"
    hosts.write_text("127.0.0.1 localhost\n10.0.0.9 mirror\n")
    applied(node, node.file("hosts", "10.0.0.1 cn1\n", block=True)).commit()
    assert hosts.read_text() == (
        "# BEGIN clusterwright.hpc\n10.0.0.1 cn1\n# END clusterwright.hpc\n127.0.0.1 localhost\n10.0.0.9 mirror\n"
    )
    hosts.write_text("10.0.0.8 first\n" + hosts.read_text())
    applied(node, node.file("hosts", "10.0.0.2 cn2", block=True)).commit()
    assert hosts.read_text() == (
        "10.0.0.8 first\n# BEGIN clusterwright.hpc\n10.0.0.2 cn2\n# END clusterwright.hpc\n127.0.0.1 localhost\n10.0.0.9 mirror\n"
    )


def test_a_block_makes_the_file_and_a_half_block_is_not_taken_for_one(node):
    applied(node, node.file("hosts", "10.0.0.1 cn1", block=True)).commit()
    assert (node.path / "hosts").read_text() == "# BEGIN clusterwright.hpc\n10.0.0.1 cn1\n# END clusterwright.hpc\n"
    (node.path / "hosts").write_text("# BEGIN clusterwright.hpc\n10.0.0.1 cn1\n")
    applied(node, node.file("hosts", "10.0.0.1 cn1", block=True)).commit()
    assert (node.path / "hosts").read_text().endswith("# END clusterwright.hpc\n# BEGIN clusterwright.hpc\n10.0.0.1 cn1\n")


def test_a_block_takes_no_secret():
    with pytest.raises(ClusterwrightError, match="block needs content"):
        who = {"owner": "root", "group": "root", "mode": None}
        declare({"path": "/x", "state": "file", "secret": "aGVsbG8=", **who, "backup": False, "block": True})
