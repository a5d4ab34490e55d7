"""What an edit makes of opafm.xml, and that it touches nothing else."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.omnipath import edit, xml

FILE = (Path(__file__).resolve().parents[3] / "fixtures" / "omnipath" / "opafm.xml").read_text(encoding="utf-8")
BLOCK = re.compile(rf"    <!-- {xml.BEGIN} -->\n.*?    <!-- {xml.END} -->\n".encode(), re.DOTALL)
QOS = """<QOSGroups>
    <QOSGroup><Name>Low</Name><Enable>1</Enable></QOSGroup>
    <QOSGroup><Name>Off</Name><Enable>0</Enable></QOSGroup>
  </QOSGroups>
  <VirtualFabrics>
    <!-- the"""


def changed(text, *replacements):
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def apply(intent, text, exact=True, instance=""):
    data = text if isinstance(text, bytes) else text.encode()
    result = edit.edit(intent, xml.read(data, "opafm.xml", instance), exact)
    after = xml.read(result.data, "opafm.xml", instance)
    assert edit.edit(intent, after, exact).data == result.data, "the second run changes nothing"
    return result, after


def test_what_is_written(intent, text):
    result, _after = apply(intent, text)
    start = text.index("<Fm>")
    assert result.data.decode()[start:] == f"""<Fm>
  <DeviceGroups>
    <!-- {xml.BEGIN} -->
    <DeviceGroup>
      <Name>physics</Name>
      <NodeDesc>knl[01-16] hfi1_0</NodeDesc>
    </DeviceGroup>
    <DeviceGroup>
      <Name>chem</Name>
      <PortGUID>0x00117501a0000380</PortGUID>
    </DeviceGroup>
    <!-- {xml.END} -->
  </DeviceGroups>
  <VirtualFabrics>
    <!-- {xml.BEGIN} -->
    <VirtualFabric>
      <Name>physics</Name>
      <Enable>1</Enable>
      <PKey>0x0010</PKey>
      <Security>1</Security>
      <Member>physics</Member>
      <LimitedMember>chem</LimitedMember>
      <Application>AllOthers</Application>
      <MaxMTU>8192</MaxMTU>
      <MaxRate>Unlimited</MaxRate>
    </VirtualFabric>
    <VirtualFabric>
      <Name>chem</Name>
      <Enable>1</Enable>
      <PKey>0x0011</PKey>
      <Security>1</Security>
      <Member>chem</Member>
      <Application>AllOthers</Application>
      <MaxMTU>8192</MaxMTU>
      <MaxRate>Unlimited</MaxRate>
    </VirtualFabric>
    <!-- {xml.END} -->
  </VirtualFabrics>
  <Shared><Name>fm0</Name></Shared>
</Fm>
<Fm><Shared><Name>fm1</Name></Shared></Fm>
</Config>
"""
    assert result.data.decode()[:start] == text[:start]
    assert BLOCK.sub(b"", result.data) == text.encode()


@pytest.mark.parametrize("replacement", [
    ("  <DeviceGroups>\n  </DeviceGroups>\n  <VirtualFabrics>\n  </VirtualFabrics>\n", ""),
    ("  <DeviceGroups>\n  </DeviceGroups>\n", ""),
    ("  <DeviceGroups>\n  </DeviceGroups>\n  <VirtualFabrics>\n  </VirtualFabrics>\n", "  <DeviceGroups/>\n  <VirtualFabrics />\n"),
    ("  <DeviceGroups>\n  </DeviceGroups>\n  <VirtualFabrics>\n  </VirtualFabrics>\n",
     "<DeviceGroups></DeviceGroups><VirtualFabrics></VirtualFabrics>"),
])
def test_sections_that_are_missing_or_empty(intent, text, replacement):
    _result, after = apply(intent, changed(text, replacement))
    assert [vfabric.name for vfabric in after.vfabrics if vfabric.ours] == ["physics", "chem"]
    assert after.instance.find("DeviceGroups").start < after.instance.find("VirtualFabrics").start, "which names device groups"


def test_another_instance(intent, text):
    result, after = apply(intent, text, instance="fm1")
    assert result.data.decode().startswith(text[:text.index("<Fm><Shared>")])
    assert after.named("physics").ours


def test_line_ends_are_kept(intent, text):
    windows = text.replace("\n", "\r\n")
    result, _after = apply(intent, windows)
    assert b"\n" not in result.data.replace(b"\r\n", b"")


def test_what_means_the_same_stays_as_it_is_written(intent, text):
    written = apply(intent, text)[0].data
    by_hand = written.replace(b"<PKey>0x0010</PKey>", b"<PKey>10</PKey>").replace(
        b"      <Name>physics</Name>\n      <Enable>", b"      <!-- ask Mary --> <Name>physics</Name>\n <Enable> ")
    assert by_hand != written
    assert edit.edit(intent, xml.read(by_hand, "opafm.xml"), True).data == by_hand
    intent["vfabrics"][1]["mtu"] = "4096"
    assert b"<!-- ask Mary -->" in edit.edit(intent, xml.read(by_hand, "opafm.xml"), True).data, "the other changes"


def test_present_removes_nothing_and_exact_what_is_ours(intent, text):
    written = apply(intent, text)[0].data
    less = copy.deepcopy(intent)
    del less["vfabrics"][1], less["groups"][1]
    less["vfabrics"][0]["limited_members"] = []
    less["groups"][0]["descriptions"] = ["knl[02-17] hfi1_0"]
    _result, after = apply(less, written, exact=False)
    assert [vfabric.name for vfabric in after.vfabrics if vfabric.ours] == ["physics", "chem"]
    assert after.named("physics").limited_members == ("chem",)
    assert after.groups["physics"].values("NodeDesc") == ["knl[01-17] hfi1_0"]
    _result, after = apply(less, written)
    assert [vfabric.name for vfabric in after.vfabrics if vfabric.ours] == ["physics"]
    assert after.named("physics").limited_members == () and "chem" not in after.groups
    assert after.groups["physics"].values("NodeDesc") == ["knl[02-17] hfi1_0"]


def test_nothing_declared_leaves_nothing_of_ours(intent, text):
    written = apply(intent, text)[0].data
    empty = {**intent, "vfabrics": [], "groups": []}
    assert apply(empty, text)[0].data == text.encode()
    assert [vfabric.name for vfabric in apply(empty, written)[1].vfabrics] == ["Default", "Admin"]
    assert apply(empty, written, exact=False)[0].data == written


FOREIGN = ("    <VirtualFabric>\n      <Name>Admin<", """    <VirtualFabric>
      <Name>{name}</Name><Enable>1</Enable><PKey>{pkey}</PKey><Security>1</Security>
      <Member>All</Member><Application>AllOthers</Application><QOS>1</QOS>
    </VirtualFabric>
    <VirtualFabric>
      <Name>Admin<""")


def foreign(text, name, pkey):
    return changed(text, (FOREIGN[0], FOREIGN[1].format(name=name, pkey=pkey)))


def test_somebodys_vfabric_with_our_key_is_refused_and_with_exact_removed(intent, text):
    with pytest.raises(ClusterwrightError, match=r"opafm.xml, line 31: Old \(0x0010\) has the P_Key of physics, and their members"):
        apply(intent, foreign(text, "Old", "10"), exact=False)
    result, after = apply(intent, foreign(text, "Old", "10"))
    assert [vfabric.name for vfabric in result.removed] == ["Old"] and after.named("Old") is None
    assert BLOCK.sub(b"", result.data) == text.encode()
    result, after = apply(intent, foreign(text, "Old", "0x0050"))
    assert after.named("Old") is None, "its key is ours to use"
    result, after = apply(intent, foreign(text, "Old", "0x0100"))
    assert after.named("Old"), "its key is not"


def test_a_declared_one_outside_our_marks_is_taken_over_unless_it_has_another_key(intent, text):
    result, after = apply(intent, foreign(text, "physics", "0x0010"))
    assert BLOCK.sub(b"", result.data) == text.encode()
    assert after.named("physics").members == ("physics",) and after.named("physics").explicit_qos == ()
    kept = apply(intent, foreign(text, "physics", "0x0010"), exact=False)[1].named("physics")
    assert kept.members == ("All", "physics")
    with pytest.raises(ClusterwrightError, match=r"there is a vFabric physics \(0x0200\) already, and it is not ours"):
        apply(intent, foreign(text, "physics", "0x0200"))


def test_each_vfabric_has_a_qos_group_where_the_file_has_some(intent, text):
    qos = changed(text, ("<VirtualFabrics>\n    <!-- the", QOS))
    assert {vfabric.qos_group for vfabric in apply(intent, qos)[1].vfabrics if vfabric.ours} == {"Low"}
    two = changed(qos, ("<Name>Off</Name><Enable>0<", "<Name>High</Name><Enable>1<"))
    with pytest.raises(ClusterwrightError, match=r"physics needs a QOSGroup, for opafm.xml has Low, High"):
        apply(intent, two)
    usual = changed(two, ("<Name>Low<", "<Name>Tenant_QOS<"))
    assert {vfabric.qos_group for vfabric in apply(intent, usual)[1].vfabrics if vfabric.ours} == {"Tenant_QOS"}
    intent["vfabrics"][0]["qos_group"] = "High"
    assert apply(intent, usual)[1].named("physics").qos_group == "High"
    intent["vfabrics"][0]["qos_group"] = "Off"
    with pytest.raises(ClusterwrightError, match=r"has no enabled QOSGroup Off; it has Low"):
        apply(intent, qos)


def test_default_is_made_limited_by_the_elements_that_open_it(intent, text):
    intent["default"] = "limited"
    result, after = apply(intent, text)
    assert result.limits_default
    assert """      <Name>Default</Name>
      <Member>AllMgmtAllowed</Member>
      <Enable>1</Enable>
      <PKey>0x0001</PKey> <!-- ours since 2019 -->
      <Security>1</Security>
      <LimitedMember>Everybody</LimitedMember>
      <Application>AllOthers</Application>
""" in result.data.decode()
    assert not xml.is_open(after, after.named("Default"))
    bare, _after = apply(intent, changed(text, ("      <Security>0</Security>\n", "")))
    assert b"<Name>Default</Name>\n      <Security>1</Security>\n" in bare.data
    off = changed(text, ("<Name>Default</Name>\n      <Enable>1<", "<Name>Default</Name>\n      <Enable>0<"))
    assert not apply(intent, off)[0].limits_default


def bad(intent, **vfabric):
    intent["vfabrics"][0].update(vfabric)
    return intent


@pytest.mark.parametrize(("vfabric", "message"), [
    ({"pkey": 0x100}, "vFabric physics has the P_Key 0x0100, and ours are 0x0010-0x00ff"),
    ({"pkey": 0x11}, "vFabric chem has the P_Key 0x0011 of physics, and their members could talk"),
    ({"name": "Admin"}, "there is a vFabric Admin (0x7fff) already"),
    ({"name": "Default"}, "there is a vFabric Default (0x0001) already"),
    ({"name": "x" * 65}, "is declared more than once, or is no name of 1 to 64 characters"),
    ({"name": "chem"}, "vFabric 'chem' is declared more than once"),
    ({"applications": ["Management"]}, "has the application Management, which belongs to the vFabric with P_Key 0x7fff alone"),
    ({"applications": ["MPI"]}, "opafm.xml has no application MPI; it has SA, Management, AllOthers"),
    ({"applications": []}, "opafm.xml has no application for it"),
    ({"members": ["biology"]}, "vFabric physics: there is no device group biology"),
    ({"members": [], "limited_members": []}, "vFabric physics has no members"),
    ({"mtu": "1500"}, "mtu is one of 2048, 4096, 8192, 10240, Unlimited"),
])
def test_what_must_not_be(intent, text, vfabric, message):
    with pytest.raises(ClusterwrightError) as raised:
        apply(bad(intent, **vfabric), text)
    assert message in str(raised.value)


def test_a_pattern_that_matches_nothing_is_refused(intent, text):
    intent["groups"][0]["descriptions"] = ["knl[16-01] hfi1_0"]
    with pytest.raises(ClusterwrightError, match=r"device group physics: 'knl\[16-01\] hfi1_0' matches no node: the range"):
        apply(intent, text)


tenants = st.lists(st.sampled_from(["a", "b", "c", "d", "e & f", "<g>"]), unique=True, max_size=5)


@st.composite
def intents(draw):
    names = draw(tenants)
    hosts = st.lists(st.integers(1, 12), unique=True, max_size=6)
    return {
        "fabric": "opa0", "managers": [], "by_description": [], "owned": [0x10, 0xFF],
        "default": draw(st.sampled_from(["full", "limited"])),
        "groups": [{"name": name, "guids": [f"{guid:#018x}" for guid in draw(hosts)],
                    "descriptions": edit.descriptions.fold([f"n{host:02d} hfi1_0" for host in draw(hosts)])} for name in names],
        "vfabrics": [{"name": name, "pkey": 0x10 + ord(name[0]) % 16, "security": True, "members": [name],
                      "limited_members": draw(st.lists(st.sampled_from(names), unique=True).map(lambda found, own=name: [
                          other for other in found if other != own])),
                      "mtu": draw(st.sampled_from(xml.MTUS)), "rate": draw(st.sampled_from(xml.RATES)), "qos_group": "",
                      "applications": ["AllOthers"]} for name in names],
    }


@settings(max_examples=40, deadline=None)
@given(intents(), intents())
def test_whatever_is_declared_is_read_back_and_nothing_else_changes(first, second):
    first["default"] = second["default"] = "full"
    once, _config = apply(first, FILE)
    twice, config = apply(second, once.data)
    assert BLOCK.sub(b"", twice.data) == FILE.encode()
    read = {vfabric.name: vfabric for vfabric in config.vfabrics if vfabric.ours}
    assert read.keys() == {wish["name"] for wish in second["vfabrics"]}
    for wish in second["vfabrics"]:
        has = read[wish["name"]]
        assert (has.pkey, has.security, [*has.members], [*has.limited_members]) == (
            wish["pkey"], True, wish["members"], wish["limited_members"])
        assert (has.mtu, has.rate.lower()) == (wish["mtu"], wish["rate"].lower())
    for wish in second["groups"]:
        assert config.groups[wish["name"]].values("PortGUID") == wish["guids"]
        assert config.groups[wish["name"]].values("NodeDesc") == wish["descriptions"]
    assert xml.mistakes(config) == []


@settings(max_examples=40, deadline=None)
@given(intents(), intents())
def test_present_only_adds(first, second):
    once, had = apply(first, FILE)
    _twice, has = apply(second, once.data, exact=False)
    for vfabric in had.vfabrics:
        assert has.named(vfabric.name)
        if not vfabric.ours:
            continue
        members = {*has.named(vfabric.name).members, *has.named(vfabric.name).limited_members}
        assert members >= {*vfabric.members, *vfabric.limited_members}
    for group in had.groups.values():
        def devices(found):
            return {text for _tag, value in found.devices for text in edit.descriptions.expand(value)}
        assert devices(has.groups[group.name]) >= devices(group)


@settings(max_examples=40, deadline=None)
@given(intents(), st.integers(0, len(FILE)), st.integers(0, 30), st.binary(max_size=20))
def test_a_damaged_file_is_edited_or_refused(intent, at, lost, damage):
    data = FILE.encode()[:at] + damage + FILE.encode()[at + lost:]
    try:
        result = edit.edit(intent, xml.read(data, "opafm.xml"), True)
        xml.read(result.data, "opafm.xml")
    except ClusterwrightError as error:
        assert str(error)
