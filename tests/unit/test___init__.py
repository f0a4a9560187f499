"""The Python interface."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import tomllib
import zipfile
from importlib.resources import files
from pathlib import Path

import pytest

import nativewheel
from nativewheel.errors import UnreadableError, UsageError

ROOT = Path(__file__).parents[2]


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    dynamic = project.get("tool", {}).get("setuptools", {}).get("dynamic", {})
    declared = project["project"].get("version")
    assert declared == nativewheel.__version__ or dynamic["version"] == {"attr": "nativewheel.__version__"}


def test_all_names_are_there() -> None:
    assert sorted(nativewheel.__all__) == nativewheel.__all__
    assert all(hasattr(nativewheel, name) for name in nativewheel.__all__)
    assert (files("nativewheel") / "py.typed").is_file()


@pytest.mark.parametrize("statement", ["import nativewheel.repair.plan", "from nativewheel.repair import options", "import nativewheel.cli.boundary"])
def test_the_function_is_not_hidden_by_the_package_of_its_name(statement: str) -> None:
    code = f"{statement}\nimport nativewheel\nassert callable(nativewheel.repair), nativewheel.repair"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_options_are_checked_as_on_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="zip-level: expected 0 to 9, got 10"):
        nativewheel.repair([], zip_level=10)
    with pytest.raises(UsageError, match="unknown key"):
        nativewheel.repair([], frobnicate=True)  # type: ignore[call-arg]
    with pytest.raises(UsageError, match="no such configuration file"):
        nativewheel.repair([], config=tmp_path / "none.toml")


def test_a_pure_wheel_is_copied(tmp_path: Path) -> None:
    source = pure_wheel(tmp_path)
    (tmp_path / "conf.toml").write_text('[tool.nativewheel]\nwheel-dir = "configured"\n', encoding="utf-8")
    (outcome,) = nativewheel.repair([source], config=str(tmp_path / "conf.toml"))
    assert outcome.output == tmp_path / "configured" / source.name
    assert outcome.output.read_bytes() == source.read_bytes()
    (planned,) = nativewheel.repair([str(source)], wheel_dir=str(tmp_path / "dry"), dry_run=True, jobs=1)
    assert planned.output == tmp_path / "dry" / source.name
    assert not planned.output.parent.exists()


def test_a_wheel_is_inspected(tmp_path: Path) -> None:
    inspection = nativewheel.inspect(str(pure_wheel(tmp_path)))
    assert (inspection.name.normalized, inspection.verdict, inspection.images) == ("pure", None, ())
    (tmp_path / "no-1.0-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(UnreadableError):
        nativewheel.inspect(tmp_path / "no-1.0-py3-none-any.whl")


def pure_wheel(folder: Path) -> Path:
    """Write the smallest wheel that there is."""
    members = {
        "pure.py": b"",
        "pure-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pure\nVersion: 1.0\n",
        "pure-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}\n"
        for name, data in members.items()
    ]
    path = folder / "pure-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
        archive.writestr("pure-1.0.dist-info/RECORD", "".join(rows) + "pure-1.0.dist-info/RECORD,,\n")
    return path
