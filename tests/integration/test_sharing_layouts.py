"""Consumers of every layout find their providers wherever both are installed, in every CPython that is found."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from typing import TYPE_CHECKING

import pytest
from command import nativewheel
from cpythons import cpythons, good, run
from sharedwheels import ALL, NEEDS, SET_CONFIG, VALUES, config, needs_linux, pip, repaired

if TYPE_CHECKING:
    from pathlib import Path

    from sharedwheels import SharedSet

pytestmark = needs_linux
# A loader as editable installs of setuptools and scikit-build-core bring it: modules come from folders that are not on sys.path.
FINDER = """
import sys
from importlib.machinery import PathFinder
class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, {folders!r}) if path is None else None
sys.meta_path.append(Finder)
"""


def test_two_interpreters_are_found() -> None:
    assert len(cpythons()) >= (2 if os.environ.get("NATIVEWHEEL_REQUIRE_ALL") == "1" else 1)


def test_one_environment(cpython: Path, shared: SharedSet, tmp_path: Path) -> None:
    wheels = shared.outputs["ntuser"].parent
    pip("install", "-q", "--find-links", wheels, "--target", tmp_path / "site", *(name.replace("_", "-") for name in VALUES), python=cpython)
    good(run(cpython, ALL, tmp_path / "site"))


@pytest.mark.parametrize("providers_first", [True, False])
def test_separate_folders_in_both_orders(cpython: Path, shared: SharedSet, *, providers_first: bool) -> None:
    folders = [shared.folders[name] for name in sorted(shared.folders, key=lambda name: name in VALUES, reverse=not providers_first)]
    good(run(cpython, ALL, *folders))


@pytest.mark.parametrize("consumer", VALUES)
def test_a_consumer_needs_its_providers_and_nothing_else(shared: SharedSet, consumer: str) -> None:
    imported, value, expected = VALUES[consumer]
    python = next(iter(cpythons().values()))
    code = f"{imported}; print({value})"
    assert good(run(python, code, *shared.only(consumer, *NEEDS[consumer]))) == str(expected)
    assert good(run(python, code, *shared.only(*NEEDS[consumer], consumer))) == str(expected)


def test_a_path_with_spaces_and_other_letters(cpython: Path, shared: SharedSet, tmp_path: Path) -> None:
    place = tmp_path / "ein Pfad mit Ümlauten und 字"
    shutil.copytree(shared.folders["ntcore"], place / "provider one")
    shutil.copytree(shared.folders["ntuser"], place / "consumer two")
    shutil.copytree(shared.folders["nttop"], place / "consumer two", dirs_exist_ok=True)
    code = "import ntuser, nttop; assert (ntuser.five(), nttop.nine()) == (5, 9)"
    for locale in ("C.UTF-8", "C"):
        good(run(cpython, code, place / "provider one", place / "consumer two", env={"LC_ALL": locale}))


@pytest.mark.parametrize("consumer", ["ntuser", "nttop", "ntspace_alpha"])
@pytest.mark.parametrize("editable", ["consumer", "provider"])
@pytest.mark.parametrize("way", ["pth", "finder"])
def test_editable_installations(cpython: Path, shared: SharedSet, tmp_path: Path, consumer: str, editable: str, way: str) -> None:
    imported, value, expected = VALUES[consumer]
    folders = [str(shared.folders[consumer] if editable == "consumer" else shared.folders["ntcore"])]
    if way == "pth":
        (tmp_path / "editable.pth").write_text("\n".join(folders))
        start = f"import site; site.addsitedir({str(tmp_path)!r})"
    else:
        start = FINDER.format(folders=folders)
    regular = shared.folders["ntcore" if editable == "consumer" else consumer]
    good(run(cpython, f"{start}\n{imported}\nassert {value} == {expected}", regular))


def test_every_wheel_came_from_one_call_and_none_is_changed_by_another(shared: SharedSet, tmp_path: Path) -> None:
    done = nativewheel("repair", "-w", tmp_path / "again", "--config", config(tmp_path, *SET_CONFIG), "--format", "json", *shared.outputs.values())
    assert {wheel["status"] for wheel in json.loads(done.stdout)["wheels"]} == {"copied"}
    for output in shared.outputs.values():
        assert (tmp_path / "again" / output.name).read_bytes() == output.read_bytes()


def test_the_same_bytes_for_any_order_and_number_of_threads(shared: SharedSet, tmp_path: Path) -> None:
    outputs = repaired(sorted(shared.inputs.values()), tmp_path / "again", *SET_CONFIG, options=["--jobs", "1"])
    assert {name: path.read_bytes() for name, path in outputs.items()} == {name: path.read_bytes() for name, path in shared.outputs.items()}


def test_the_layouts_are_what_the_tests_say(shared: SharedSet) -> None:
    members = {}
    for name, output in shared.outputs.items():
        with zipfile.ZipFile(output) as archive:
            members[name] = {member for member in archive.namelist() if ".dist-info/" not in member}
    assert {"ntspace/alpha.py", "ntspace/alpha._nw.so"} < members["ntspace_alpha"]
    assert {"nttop.py", "nttop._nw.so"} < members["nttop"]
    assert not any(member in {"ntspace/__init__.py", "ntspace/sub/__init__.py"} for name in members for member in members[name])
    assert members["ntcore"] >= {f"ntcore/lib/{name}" for name in ("libnw_ntcore__ntcore.so.1", "libnw_ntcore__ntcore.so.1.anchor", "libntcore.so")}
    assert not members["ntcore"] & {f"ntcore/lib/{name}" for name in ("libntcore.so.1", "libntcore.so.1.2.7")}
    assert all(f"nw_{name}/_nativewheel.py" in members[name] for name in members)
    assert not any(".libs/" in member for name in members for member in members[name])


def test_two_providers_of_one_plain_name_keep_apart(cpython: Path, shared: SharedSet) -> None:
    for order in (("usea", "useb"), ("useb", "usea")):
        code = f"import {order[0]}, {order[1]}; print(usea.answer(), useb.answer())"
        assert good(run(cpython, code, *shared.only("usea", "useb", "colla", "collb"))) == "1 2"
