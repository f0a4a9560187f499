"""The `.dist-info` folders of an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nativewheel.errors import UnreadableError
from nativewheel.linkage import jsonfields
from nativewheel.linkage.distinfo import DistInfo, installed, installed_member, installed_on
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from pathlib import Path


def put(root: Path, folder: str, **files: str) -> DistInfo:
    (root / folder).mkdir(parents=True)
    for name, text in {"METADATA": "Name: a\n", **files}.items():
        (root / folder / name).write_text(text)
    return next(found for found in installed(root) if found.folder.name == folder)


def test_names_and_versions(tmp_path: Path) -> None:
    for name in ("Nt_Core-1.2.7", "a-1!2.0+cu12", "b-1.0_1"):
        put(tmp_path, f"{name}.dist-info")
    for name in ("~tcore-1.2.dist-info", "x-1.egg-info", "odd-one.dist-info", "nothing.dist-info", "c-d-1.dist-info", "bare-1.dist-info"):
        (tmp_path / name).mkdir()
    (tmp_path / "odd-one.dist-info" / "METADATA").touch()
    found = [(item.distribution, item.version) for item in installed(tmp_path)]
    assert found == [("nt-core", "1.2.7"), ("a", "1!2.0+cu12"), ("b", "1.0-1")]
    assert str(installed(tmp_path)[0]) == f"nt-core 1.2.7 in {tmp_path}"
    assert installed(tmp_path / "absent") == ()
    assert installed(tmp_path / "a-1!2.0+cu12.dist-info" / "METADATA") == ()


def test_a_folder_counts_once_at_its_first_place(tmp_path: Path) -> None:
    first, second = put(tmp_path / "1", "a-1.dist-info"), put(tmp_path / "2", "a-2.dist-info")
    (tmp_path / "link").symlink_to(tmp_path / "1")
    assert installed_on([tmp_path / "1", tmp_path / "2", tmp_path / "link", tmp_path / "1"]) == (first, second)
    assert installed_on([tmp_path / "2", tmp_path / "1"]) == (second, first)


def test_tags(tmp_path: Path) -> None:
    wheel = "Wheel-Version: 1.0\nTag: cp38-abi3-manylinux_2_17_x86_64\nTag: cp38-abi3-manylinux2014_x86_64\n"
    tags = put(tmp_path, "nt_core-1.dist-info", WHEEL=wheel).tags()
    assert str(tags) == "nt_core-1-cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"
    assert put(tmp_path, "b-1.dist-info", WHEEL="Wheel-Version: 1.0\n").tags() is None
    with pytest.raises(UnreadableError, match="more than a wheel has"):
        put(tmp_path, "d-1.dist-info", WHEEL="Wheel-Version: 1.0\n" + "".join(f"Tag: py{index}-none-any\n" for index in range(200))).tags()
    with pytest.raises(UnreadableError) as caught:
        put(tmp_path, "c-1.dist-info").tags()
    assert caught.value.where[0] == str(tmp_path / "c-1.dist-info")


def test_record(tmp_path: Path) -> None:
    found = put(tmp_path, "a-1.dist-info", RECORD="a/b.so,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\nRECORD,,\n")
    assert found.record()["a/b.so"].size == 0
    assert found.path(Member("a-1.data/platlib/a/b.so")) == tmp_path / "a" / "b.so"
    assert put(tmp_path, "b-1.dist-info").record() == {}
    with pytest.raises(UnreadableError) as caught:
        put(tmp_path, "c-1.dist-info", RECORD="a\n").record()
    assert caught.value.where[0] == str(tmp_path / "c-1.dist-info")


def test_manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert put(tmp_path, "a-1.dist-info").manifest() is None
    found = put(tmp_path, "b-1.dist-info", **{"nativewheel.json": "{}"})
    with pytest.raises(UnreadableError, match="missing") as caught:
        found.manifest()
    assert caught.value.where == (str(found.folder / "nativewheel.json"), "schema")
    monkeypatch.setattr(jsonfields, "LIMIT", 1)
    with pytest.raises(UnreadableError, match="too large"):
        found.manifest()


@pytest.mark.parametrize(
    ("member", "place"),
    [("a/b.so", "a/b.so"), ("a-1.data/platlib/b.so", "b.so"), ("a-1.data/purelib/b/c.so", "b/c.so"), ("a-1.data/data/b.so", "a-1.data/data/b.so")],
)
def test_places(member: str, place: str) -> None:
    assert installed_member(Member(member)) == place
