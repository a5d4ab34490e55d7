"""opafm.xml as the fabric manager understands it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import document, xml

FILE = (Path(__file__).resolve().parents[3] / "fixtures" / "omnipath" / "opafm.xml").read_text(encoding="utf-8")


def changed(text, *replacements):
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_a_disabled_vfabric_is_none(text, read):
    config = read(text)
    assert [str(vfabric) for vfabric in config.vfabrics] == ["Default (0x0001)", "Admin (0x7fff)"]
    assert [vfabric.name for vfabric in xml.admins(config)] == ["Admin"], "SA comes with an included application"
    assert config.vfabrics[1].meaning[3:6] == (True, {"AllMgmtAllowed"}, {"All"})


@pytest.mark.parametrize(("written", "key"), [("0x0010", 16), ("10", 16), (" 0X1f ", 31), ("", None), ("sixteen", None)])
def test_a_key_is_always_hexadecimal(text, read, written, key):
    assert read(changed(text, ("0x0001", written))).vfabrics[0].pkey == key


@pytest.mark.parametrize(("written", "enabled"), [("1", True), (" 0x1 ", True), ("0", False), ("", False), ("yes", False)])
def test_enabled_is_a_number(text, read, written, enabled):
    config = read(changed(text, ("<Name>Default</Name>\n      <Enable>1<", f"<Name>Default</Name>\n      <Enable>{written}<")))
    assert (config.named("Default") is not None) == enabled


def test_a_name_keeps_its_blanks_and_what_refers_to_it_loses_them(text, read):
    config = read(changed(text, ("<Name>Everybody<", "<Name> Everybody <"), ("<Member>Everybody<", "<Member> Everybody <")))
    assert " Everybody " in config.groups and config.vfabrics[0].members == ("Everybody",)
    assert xml.mistakes(config) == [(11, "the name of DeviceGroup ' Everybody ' has blanks at an end, and nothing else can name it")]


def test_security_off_makes_limited_members_full(text, read):
    limited = changed(text, ("<Member>Everybody</Member>", "<LimitedMember>Everybody</LimitedMember>"))
    config = read(limited)
    assert config.vfabrics[0].membership("Everybody") == "full" and xml.is_open(config, config.vfabrics[0])
    assert xml.findings(config) == [
        (16, "Default (0x0001) has full members on all nodes: whoever can use it reaches every other, tenant or not"),
        (16, "Default (0x0001) has limited members, which Security 0 makes full ones")]
    config = read(changed(limited, ("<Security>0<", "<Security>1<")))
    assert config.vfabrics[0].membership("Everybody") == "limited" and xml.findings(config) == []


MISTAKES = [
    ([("<Select>all</Select>", "<NodeDesc>knl[16-01] hfi1_0</NodeDesc>")],
     [(10, "NodeDesc knl[16-01] hfi1_0 of DeviceGroup All matches no node: the range [16-01] runs backwards")]),
    ([("<Name>Default<", f"<Name>{'D' * 65}<")], [(16, f"the name {'D' * 65} has more than 64 characters, and is cut there")]),
]


@pytest.mark.parametrize(("replacements", "found"), MISTAKES)
def test_what_config_check_passes(text, read, replacements, found):
    assert xml.mistakes(read(changed(text, *replacements))) == found


def test_a_shared_key_is_a_mistake_where_it_is_ours_and_a_finding_where_it_is_not(text, read):
    config = read(changed(text, ("<Enable>0<", "<Enable>1<"), ("0x0010", "0x0001")))
    assert xml.mistakes(config) == []
    assert (24, "Storage (0x0001) has the P_Key of Default (line 16)") in xml.findings(config)
    ours = f"""<VirtualFabrics><!-- {xml.BEGIN} -->
      <VirtualFabric><Name>a</Name><Enable>1</Enable><PKey>0x1</PKey><Member>All</Member></VirtualFabric> <!-- {xml.END} -->"""
    config = read(changed(text, ("<Fm>\n  <DeviceGroups>\n  </DeviceGroups>\n  <VirtualFabrics>", f"<Fm>{ours}")))
    assert xml.mistakes(config) == [(38, "a (0x0001) has the P_Key of Default (line 16): their members can talk")]


def test_an_instance_is_chosen_by_its_name(text, read):
    assert read(text).instance.line == 37
    assert read(text, "fm1").instance.line == 44
    with pytest.raises(ClusterwrightError, match="has no instance fm7: it has fm0, fm1"):
        read(text, "fm7")


@pytest.mark.parametrize(("broken", "message"), [
    (FILE.replace("</Common>", ""), "opafm.xml, line 45, column 3: mismatched tag: nothing was changed. The fabric manager cannot read"),
    (FILE.replace("</Config>", ""), "opafm.xml, line 46, column 1: no element found"),
    (FILE + "<x/>", "opafm.xml, line 46, column 1: junk after document element"),
    (FILE.replace("all</", "<all</"), "opafm.xml, line 10, column 46: not well-formed (invalid token)"),
    ("", "opafm.xml, line 1, column 1: no element found"),
    ("<Partitions/>", "opafm.xml: it begins with <Partitions> and not with <Config>"),
    ("<Config/>", "opafm.xml has no <Fm>"),
    (FILE.replace("<Name>Everybody<", "<Name>All<"), "opafm.xml, line 11: a second DeviceGroup All, the first is in line 10"),
    (FILE.replace("<Fm>\n  <DeviceGroups>", f"<Fm>\n  <DeviceGroups><!-- {xml.BEGIN} -->"),
     "opafm.xml: the marks of clusterwright.hpc in <DeviceGroups> are not one pair any more"),
    ("\ufeff".encode("utf-16") + FILE.encode("utf-16-le"), "opafm.xml is no XML that the fabric manager reads (it is UTF-16)"),
])
def test_a_broken_file_is_one_clear_error(read, broken, message):
    with pytest.raises(ClusterwrightError) as raised:
        read(broken)
    assert str(raised.value).startswith(message)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(FILE)), st.integers(0, 40))
@example(b"<!-- BEGIN", 900, 0)
def test_any_damage_is_read_or_refused(damage, at, lost):
    data = FILE.encode()[:at] + damage + FILE.encode()[at + lost:]
    try:
        config = xml.read(data, "opafm.xml")
    except ClusterwrightError as error:
        assert str(error).startswith("opafm.xml")
        return
    for vfabric in config.vfabrics:
        assert data[vfabric.element.start:vfabric.element.end].startswith(b"<VirtualFabric")
        assert data[vfabric.element.start:vfabric.element.end].rstrip().endswith(b">")
    xml.mistakes(config)
    xml.findings(config)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_spans_of_elements_are_the_elements(data):
    """Each element that is cut out and parsed alone is the same element."""
    whole = document.parse(FILE.encode(), "x")
    element, depth = whole.root, data.draw(st.integers(0, 4))
    for _level in range(depth):
        if element.children:
            element = data.draw(st.sampled_from(element.children))
    alone = document.parse(whole.source(element), "x").root
    assert (alone.tag, alone.text, [child.tag for child in alone.children]) == (
        element.tag, element.text, [child.tag for child in element.children])
