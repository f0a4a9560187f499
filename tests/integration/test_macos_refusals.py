"""macOS wheels that cannot be repaired: one clear message, the right exit status, and nothing in the wheel folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command import nativewheel
from macresults import image
from macwheels import FOO, PADDING, edited, host, mac_wheel, sampled, user

if TYPE_CHECKING:
    from pathlib import Path

    from machosamples import Samples

FRAMEWORK = "Things.framework/Versions/A/Things"


@pytest.fixture(params=["arm64"])
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return sampled("zig", request.param, tmp_path_factory)


def refused(folder: Path, *arguments: object, status: int = 4) -> str:
    """Run a repair that fails, and return its message with the hint; there is no output."""
    done = nativewheel("repair", "-w", folder / "out", *arguments, status=status)
    assert not (folder / "out").exists()
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert lines[0].startswith("error: ")
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("hint: ")), done.stderr
    return "\n".join(lines)


def test_a_missing_library_is_named(samples: Samples, tmp_path: Path) -> None:
    message = refused(tmp_path, user(tmp_path, samples, rpaths=["/nowhere"]))
    assert FOO in message
    assert "user/_bar.so" in message


def test_a_missing_library_of_a_library_is_named(samples: Samples, tmp_path: Path) -> None:
    source = mac_wheel(tmp_path / "dist", samples, {"user/_outer.so": samples.outer()})
    message = refused(tmp_path, "--lib-path", host(tmp_path / "host", samples.mid()), source)
    assert FOO in message
    assert "libmid.dylib" in message


@pytest.mark.parametrize("name", [f"/Library/Frameworks/{FRAMEWORK}", f"@rpath/{FRAMEWORK}"])
def test_frameworks(name: str, samples: Samples, tmp_path: Path) -> None:
    """They hold more than the library, which would not be there."""
    edited(samples.foo(), tmp_path / "root/Library/Frameworks" / FRAMEWORK, identity=name)
    source = user(tmp_path, samples, name=name, rpaths=["/Library/Frameworks"])
    message = refused(tmp_path, "--sysroot", tmp_path / "root", source)
    assert name in message
    assert "framework" in message.replace(name, "")
    nativewheel("repair", "-w", tmp_path / "out", "--sysroot", tmp_path / "root", "--exclude", "*Things.framework*", source)


@pytest.mark.parametrize("samples", ["universal2"], indirect=True)
def test_a_library_without_a_slice_of_the_wheel(samples: Samples, tmp_path: Path) -> None:
    thin = sampled_thin(samples)
    message = refused(tmp_path, "--lib-path", host(tmp_path / "host", thin.foo()), user(tmp_path, samples))
    assert FOO in message
    assert "every architecture" in message


def sampled_thin(samples: Samples) -> Samples:
    return type(samples)(linker=samples.linker, arch="arm64", folder=samples.folder)


@pytest.mark.parametrize("samples", ["universal2"], indirect=True)
def test_an_image_without_a_slice_of_the_tag(samples: Samples, tmp_path: Path) -> None:
    source = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": sampled_thin(samples).bar(*PADDING)})
    message = refused(tmp_path, "--lib-path", host(tmp_path / "host", samples.foo()), source)
    assert "user/_bar.so" in message
    assert "x86_64" in message


def test_too_little_room_for_the_new_names(samples: Samples, tmp_path: Path) -> None:
    module = samples.bar("-headerpad", "8")
    assert image(module, "arm64").header_padding < 24
    source = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": module})
    message = refused(tmp_path, "--lib-path", host(tmp_path / "host", samples.foo()), source)
    assert "user/_bar.so" in message
    assert "-headerpad_max_install_names" in message


def test_two_libraries_of_one_name_without_hashes(samples: Samples, tmp_path: Path) -> None:
    folders = [host(tmp_path / name, samples.foo(number)) for number, name in enumerate(("one", "two"), 1)]
    modules = {
        f"user/{folder.name}/_bar.so": edited(samples.bar(*PADDING), tmp_path / "build" / folder.name / "_bar.so", rpaths=[folder])
        for folder in folders
    }
    source = mac_wheel(tmp_path / "dist", samples, modules)
    assert "libfoo.dylib" in refused(tmp_path, "--no-mangle", "libfoo*", source)
    nativewheel("repair", "-w", tmp_path / "out", source)
