"""What our file of exports becomes, and what of the kernel's table counts as the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.filesystems import exports
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import files

RW = ["rw", "sync", "no_subtree_check", "root_squash"]
# As exportfs of nfs-utils 2.8 prints it.
LIVE = """\
/srv/apps  10.60.0.21(async,wdelay,hide,no_subtree_check,sec=sys,ro,secure,root_squash,no_all_squash)
/srv/home  10.60.0.0/24(sync,wdelay,hide,no_subtree_check,sec=sys,rw,secure,root_squash,no_all_squash)
"""


def export(path="/srv/home", state="present", **clients):
    who = clients or {"10.60.0.0/24": RW}
    return {"path": path, "state": state, "clients": [{"to": to, "options": options} for to, options in who.items()]}


def seen(text=None, live="", missing=(), connected=()):
    kind = files.FileState("absent") if text is None else files.FileState("file", "root", "root", "0644", text.encode())
    return exports.State(files.FilesState({exports.FILE: kind}), exports.parse_live(live), [*missing], [*connected])


HOME = "/srv/home 10.60.0.0/24(rw,sync,no_subtree_check,root_squash)\n"


def test_a_first_export():
    plan = exports.plan([export()], seen())
    assert plan.commands == [f"write {exports.FILE} (0644 root:root)", "exportfs -r"]
    assert plan.changes[0].intent["content"].decode() == exports.HEAD + HOME


def test_what_is_exported_already_needs_nothing():
    assert exports.plan([export()], seen(exports.HEAD + HOME, LIVE)).commands == []


@pytest.mark.parametrize("live", ["", LIVE.replace("rw,", "ro,"), LIVE + "/srv/home 10.0.0.1(ro,sync,root_squash)\n"])
def test_a_table_that_somebody_changed_is_read_anew(live):
    assert exports.plan([export()], seen(exports.HEAD + HOME, live)).commands == ["exportfs -r"]


def test_what_is_not_declared_stays_and_is_named():
    state = seen(exports.HEAD + "/srv/old 10.0.0.1(ro)\n" + HOME, LIVE + "/srv/old 10.0.0.1(ro,sync)\n")
    plan = exports.plan([export()], state)
    assert plan.commands == [] and [entry["kind"] for entry in exports.impact(state, plan, [export()])] == ["undeclared"]


def test_absent_ends_it_and_says_who_is_connected():
    state = seen(exports.HEAD + HOME, LIVE, connected=["10.60.0.21"])
    wish = [export(state="absent")]
    plan = exports.plan(wish, state)
    assert plan.commands == [f"write {exports.FILE} (0644 root:root)", "exportfs -r"] and plan.lines == {}
    (told,) = exports.impact(state, plan, wish)
    assert told["kind"] == "export_ends" and "10.60.0.21" in told["text"]
    assert exports.plan(wish, seen(exports.HEAD)).commands == []
    assert exports.plan(wish, seen()).commands == []


def test_who_loses_is_told():
    state = seen(exports.HEAD + "/srv/home 10.60.0.0/24(rw) 10.0.0.1(rw)\n")
    wish = [export(**{"10.60.0.0/24": ["ro"]})]
    assert [entry["kind"] for entry in exports.impact(state, exports.plan(wish, state), wish)] == ["client_loses", "read_only"]


def test_a_directory_that_is_not_there_is_refused():
    with pytest.raises(ClusterwrightError, match="/srv/home: there is no such directory on this server"):
        exports.plan([export()], seen(missing=["/srv/home"]))


_WORD = st.from_regex(r"[a-z0-9_./-]{1,12}", fullmatch=True)


_CLIENT = st.tuples(_WORD, _WORD).map(lambda pair: f"{pair[0]}({pair[1]})")


@given(st.dictionaries(_WORD.map(lambda word: f"/{word}"), st.lists(_CLIENT, min_size=1)))
def test_what_is_rendered_is_read(lines):
    assert exports.parse(exports.render(lines)) == lines


@given(st.text(alphabet=st.sampled_from("/a10.(),# \n="), max_size=60))
def test_no_text_breaks_the_reading(text):
    exports.parse(text)
    exports.parse_live(text)
