"""Which tags a macOS wheel gets: never older ones, and newer ones where an image needs a newer system."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from command import nativewheel, platforms, repair
from machosamples import ARCHS, join_universal
from macwheels import FOO, PADDING, edited, host, mac_wheel, sampled, with_minimum

if TYPE_CHECKING:
    from pathlib import Path

    from machosamples import Samples

FAT_SET = "macosx_10_9_x86_64.macosx_11_0_arm64.macosx_10_9_universal2"


@pytest.fixture(params=["arm64"])
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return sampled("zig", request.param, tmp_path_factory)


def older(folder: Path, source: Path, *versions: str) -> Path:
    """Write an image with other minimum versions: one for each slice, x86_64 first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / source.name
    parts = [source.parents[2] / arch / source.parent.name / source.name for arch in ARCHS] if len(versions) > 1 else [source]
    changed = [with_minimum(part.read_bytes(), version) for part, version in zip(parts, versions, strict=True)]
    path.write_bytes(join_universal(changed) if len(versions) > 1 else changed[0])
    return path


def made(folder: Path, samples: Samples, module: tuple[str, ...], library: tuple[str, ...], tag: str) -> Path:
    """Make a wheel of a module, and the library that it needs; both have minimum versions of their own."""
    libraries = host(folder / "host", older(folder / "library", samples.foo(), *library))
    image = edited(older(folder / "module", samples.bar(*PADDING), *module), folder / "build/_bar.so", rpaths=[libraries])
    return mac_wheel(folder / "dist", samples, {"user/_bar.so": image}, tag=tag)


@pytest.mark.parametrize(
    ("samples", "module", "library", "tag", "expected"),
    [
        ("arm64", ("11.0",), ("13.0",), "macosx_11_0_arm64", "macosx_13_0_arm64"),
        ("arm64", ("11.0",), ("13.4",), "macosx_11_0_arm64", "macosx_13_0_arm64"),
        ("x86_64", ("10.9",), ("10.15",), "macosx_10_9_x86_64", "macosx_10_15_x86_64"),
        ("universal2", ("10.9", "11.0"), ("10.13", "11.0"), "macosx_10_9_universal2", "macosx_10_13_universal2"),
        ("universal2", ("10.9", "11.0"), ("10.9", "12.0"), "macosx_10_9_universal2", "macosx_10_9_x86_64.macosx_12_0_arm64"),
        ("arm64", ("11.0",), ("12.0",), "macosx_14_0_arm64", "macosx_12_0_arm64"),
    ],
    indirect=["samples"],
)
def test_the_tag_says_what_module_and_library_need(
    samples: Samples, module: tuple[str, ...], library: tuple[str, ...], tag: str, expected: str, tmp_path: Path
) -> None:
    """As repairwheel does."""
    source = made(tmp_path, samples, module, library, tag)
    output = repair(source, tmp_path / "ours")
    assert ".".join(platforms(output)) == expected
    command = [sys.executable, "-m", "repairwheel", "-o", str(tmp_path / "theirs"), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == [output.name]


@pytest.mark.parametrize("samples", ["universal2"], indirect=True)
@pytest.mark.parametrize(
    ("library", "expected"),
    [
        (("10.9", "11.0"), "macosx_10_9_x86_64.macosx_11_0_arm64.macosx_10_9_universal2"),
        (("10.13", "11.0"), "macosx_10_13_x86_64.macosx_11_0_arm64.macosx_10_13_universal2"),
        (("10.9", "12.0"), "macosx_10_9_x86_64.macosx_12_0_arm64"),
        (("14.0", "12.0"), "macosx_14_0_x86_64.macosx_12_0_arm64"),
    ],
)
def test_each_tag_of_a_set_is_raised_by_its_own_slices(library: tuple[str, ...], expected: str, samples: Samples, tmp_path: Path) -> None:
    output = repair(made(tmp_path, samples, ("10.9", "11.0"), library, FAT_SET), tmp_path / "out")
    assert sorted(platforms(output)) == sorted(expected.split("."))


def test_a_raised_tag_is_explained(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """By the architecture that made it so, whatever the other one needs."""
    source = made(tmp_path, sampled("zig", "universal2", tmp_path_factory), ("10.9", "11.0"), ("10.13", "11.0"), "macosx_10_9_universal2")
    assert "libfoo.dylib needs macOS 10.13" in nativewheel("repair", "-w", tmp_path / "out", source).stderr


def test_an_image_of_the_wheel_raises_the_tag(samples: Samples, tmp_path: Path) -> None:
    module = older(tmp_path / "module", samples.bar(), "12.0")
    output = repair(mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": module}), tmp_path / "out", "--exclude", FOO)
    assert platforms(output) == ["macosx_12_0_arm64"]


@pytest.mark.parametrize("target", ["12.0", "12", "12.7.6"])
def test_a_library_for_a_newer_system_than_the_deployment_target(target: str, samples: Samples, tmp_path: Path) -> None:
    source = made(tmp_path, samples, ("11.0",), ("13.0",), "macosx_11_0_arm64")
    done = nativewheel("repair", "-w", tmp_path / "out", source, status=4, env={"MACOSX_DEPLOYMENT_TARGET": target})
    assert "libfoo.dylib needs macOS 13.0" in done.stderr
    assert "MACOSX_DEPLOYMENT_TARGET" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("target", "expected"), [("13.0", "macosx_13_0_arm64"), ("14.2", "macosx_14_0_arm64")])
def test_the_deployment_target_is_promised(target: str, expected: str, samples: Samples, tmp_path: Path) -> None:
    source = made(tmp_path, samples, ("11.0",), ("13.0",), "macosx_11_0_arm64")
    assert platforms(repair(source, tmp_path / "out", env={"MACOSX_DEPLOYMENT_TARGET": target})) == [expected]


@pytest.mark.parametrize("target", ["eleven", "13.", "13.x", "-13"])
def test_a_deployment_target_that_is_none(target: str, samples: Samples, tmp_path: Path) -> None:
    source = made(tmp_path, samples, ("11.0",), ("13.0",), "macosx_11_0_arm64")
    assert target in nativewheel("repair", "-w", tmp_path / "out", source, status=2, env={"MACOSX_DEPLOYMENT_TARGET": target}).stderr


@pytest.mark.parametrize("plat", ["macosx_14_0_arm64", "macosx_14_0"])
def test_a_tag_that_is_asked_for(plat: str, samples: Samples, tmp_path: Path) -> None:
    source = made(tmp_path, samples, ("11.0",), ("13.0",), "macosx_11_0_arm64")
    assert platforms(repair(source, tmp_path / "out", "--only-plat", "--plat", plat)) == ["macosx_14_0_arm64"]


@pytest.mark.parametrize(("plat", "status"), [("macosx_12_0_arm64", 4), ("macosx_14_0_x86_64", 2)])
def test_a_tag_that_the_content_does_not_allow(plat: str, status: int, samples: Samples, tmp_path: Path) -> None:
    source = made(tmp_path, samples, ("11.0",), ("13.0",), "macosx_11_0_arm64")
    done = nativewheel("repair", "-w", tmp_path / "out", "--plat", plat, source, status=status)
    assert plat in done.stderr
    assert ("libfoo.dylib" in done.stderr) is (status == 4)


@pytest.mark.parametrize("samples", ["arm64", "universal2"], indirect=True)
@pytest.mark.parametrize("archs", ["arm64", "arm64,x86_64", "universal2"])
def test_require_archs(archs: str, samples: Samples, tmp_path: Path) -> None:
    """Of every image: the module, and the library too."""
    source = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": samples.bar(*PADDING)})
    libraries = host(tmp_path / "host", samples.foo())
    possible = archs == "arm64" or samples.arch == "universal2"
    options = ("-w", tmp_path / "out", "--lib-path", libraries, "--require-archs", archs)
    done = nativewheel("repair", *options, source, status=0 if possible else 4)
    assert ("user/_bar.so" in done.stderr and "x86_64" in done.stderr) is not possible


@pytest.mark.parametrize("archs", ["sparc", "arm64,,", ""])
def test_architectures_that_are_none(archs: str, samples: Samples, tmp_path: Path) -> None:
    source = mac_wheel(tmp_path / "dist", samples, {"user/_bar.so": samples.bar(*PADDING)})
    assert "--require-archs" in nativewheel("repair", "-w", tmp_path / "out", "--require-archs", archs, source, status=2).stderr
