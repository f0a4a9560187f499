"""Owners of files, as the package managers' programs name them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nativewheel.repair import owners
from nativewheel.repair.owners import Owner, find_owners

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Answers = Mapping[tuple[str, ...], str]
    Install = Callable[[Answers], "Programs"]

PNG, CURL, OWN = Path("/usr/lib/x86_64-linux-gnu/libpng16.so.16.39.0"), Path("/usr/lib/libcurl.so.4"), Path("/opt/libown.so")


class Programs:
    """Stands for the programs of a host: answers by the first arguments of a call, and remembers the calls."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.calls: list[Sequence[str]] = []

    def run(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        self.calls.append(command)
        for start, answer in self.answers.items():
            if tuple(command[: len(start)]) == start:
                return subprocess.CompletedProcess(command, 1, answer.encode(), b"")
        raise AssertionError(command)

    def which(self, program: str) -> str | None:
        return f"/usr/bin/{program}" if any(start[0] == program for start in self.answers) else None


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    def with_answers(answers: Answers) -> Programs:
        programs = Programs(answers)
        monkeypatch.setattr("subprocess.run", programs.run)
        monkeypatch.setattr("shutil.which", programs.which)
        return programs

    return with_answers


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """The system files that are read; what is not in here does not exist."""
    content = {"/etc/os-release": 'PRETTY_NAME="Debian"\nVERSION_ID=12\nID=debian\n'}

    def redirected(text: str) -> Path:
        target = tmp_path / text.lstrip("/")
        if text in content:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content[text])
        return target

    monkeypatch.setattr(owners, "Path", redirected)
    return content


DPKG: Answers = {
    ("dpkg-query", "--search"): f"libpng16-16:amd64: {PNG}\nlibcurl4:amd64, libcurl4-copy:amd64: /lib/libcurl.so.4\n",
    ("dpkg-query", "--show"): "libpng16-16:amd64\tlibpng16-16\t1.6.39-2\nlibcurl4:amd64\tlibcurl4\t1:7.88.1-10+deb12u5\n",
}


def test_dpkg_is_asked_twice_for_any_number_of_files(install: Install) -> None:
    programs = install(DPKG)
    found = find_owners({OWN, PNG, CURL})
    assert found == {
        PNG: Owner(kind="deb", distro="debian", name="libpng16-16", version="1.6.39-2", license=None),
        CURL: Owner(kind="deb", distro="debian", name="libcurl4", version="1:7.88.1-10+deb12u5", license=None),
    }
    assert [call[1] for call in programs.calls] == ["--search", "--show"]
    assert {str(OWN), str(PNG), "/lib/libcurl.so.4", "/usr/lib/libcurl.so.4"} <= set(programs.calls[0])


def test_a_diversion_is_no_package(install: Install) -> None:
    diverted = f"diversion by glx-diversions from: {PNG}\ndiversion by glx-diversions to: /usr/lib/x/libpng\nlocal diversion from: {CURL}\n"
    answers: Answers = {**DPKG, ("dpkg-query", "--search"): diverted + DPKG["dpkg-query", "--search"]}
    install(answers)
    assert {path: owner.name for path, owner in find_owners([PNG, CURL]).items()} == {PNG: "libpng16-16", CURL: "libcurl4"}


@pytest.mark.parametrize(
    ("search", "show"),
    [
        ("", ""),
        ("garbage\n\n: \n", ""),
        (f"libpng16-16:amd64: {PNG}\n", "no tabs here\n"),
        (f"libpng16-16:amd64: {PNG}\n", "\n\t\nother\tother\t1\n"),
    ],
)
def test_answers_that_make_no_sense_name_no_owner(install: Install, search: str, show: str) -> None:
    answers: Answers = {("dpkg-query", "--search"): search, ("dpkg-query", "--show"): show}
    install(answers)
    assert find_owners([PNG]) == {}


@pytest.mark.parametrize(
    ("copyright_", "expected"),
    [
        ("Format: x\n\nFiles: *\nCopyright: 2000 A\n 2001 B\nLicense: Expat\n text\n", "MIT"),
        ("Files: *\nLicense: GPL-2+ or MIT\n", "GPL-2.0-or-later OR MIT"),
        ("Files: *\nCopyright: x\nLicense:  LGPL-2.1+  and  BSD-3-clause  \n", "LGPL-2.1-or-later AND BSD-3-Clause"),
        ("Files: *\nLicense: libpng\n", "libpng"),
        ("Files: debian/*\nLicense: GPL-3\n\nFiles: *\nCopyright: x\nlicense: Apache-2.0\n", "Apache-2.0"),
        ("Files: *\nCopyright: x\n\nFiles: a\nLicense: GPL-3\n", None),
        ("This package was made by somebody. GPL.\n", None),
        ("", None),
    ],
)
def test_the_licence_is_that_of_most_files(install: Install, files: dict[str, str], copyright_: str, expected: str | None) -> None:
    files["/usr/share/doc/libpng16-16/copyright"] = copyright_
    install(DPKG)
    assert find_owners([PNG])[PNG].license == expected


def test_rpm(install: Install, files: dict[str, str]) -> None:
    files["/etc/os-release"] = 'NAME="AlmaLinux"\nID="almalinux"\nID_LIKE="rhel"\n'
    answer = [
        f"file {OWN} is not owned by any package",
        "libcurl\t7.76.1-29.el9\tMIT\t/usr/share/doc/libcurl",
        "libcurl\t7.76.1-29.el9\tMIT\t/lib/libcurl.so.4",
        f"other\t1-1\tMIT\t{CURL}",
        f"libpng\t1.6.37-12.el9\t\t{PNG}",
        "\t\t",
    ]
    answers: Answers = {("rpm", "--query"): "\n".join(answer)}
    programs = install(answers)
    assert find_owners([PNG, OWN, CURL]) == {
        CURL: Owner(kind="rpm", distro="almalinux", name="libcurl", version="7.76.1-29.el9", license="MIT"),
        PNG: Owner(kind="rpm", distro="almalinux", name="libpng", version="1.6.37-12.el9", license=None),
    }
    assert len(programs.calls) == 1


def test_apk(install: Install, files: dict[str, str]) -> None:
    files["/etc/os-release"] = "ID=alpine\n"
    answer = (
        f"{PNG} is owned by libpng-1.6.44-r0\n/usr/lib/libcurl.so symlink target {CURL} is owned by libcurl-8.11.1-r0\n"
        f"ERROR: {OWN}: Could not find owner package\n"
    )
    answers: Answers = {("apk", "info"): answer}
    programs = install(answers)
    assert find_owners([PNG, CURL, OWN]) == {
        PNG: Owner(kind="apk", distro="alpine", name="libpng", version="1.6.44-r0", license=None),
        CURL: Owner(kind="apk", distro="alpine", name="libcurl", version="8.11.1-r0", license=None),
    }
    assert len(programs.calls) == 1


@pytest.mark.parametrize("release", [None, "", "NAME=x\n", "ID=\n", "ID=$(rm)\n"])
def test_nothing_is_asked_of_an_unknown_system(install: Install, files: dict[str, str], release: str | None) -> None:
    programs = install(DPKG)
    del files["/etc/os-release"]
    if release is not None:
        files["/etc/os-release"] = release
    assert find_owners([PNG]) == {}
    assert programs.calls == []


def test_nothing_is_asked_for_nothing(install: Install) -> None:
    programs = install(DPKG)
    assert find_owners([]) == {}
    assert programs.calls == []


def test_a_system_without_package_manager_knows_no_owner(install: Install) -> None:
    assert install({}).calls == []
    assert find_owners([PNG]) == {}


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), PermissionError("no"), subprocess.TimeoutExpired("dpkg-query", 60)])
def test_a_program_that_fails_knows_no_owner(install: Install, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    install(DPKG)

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("subprocess.run", fail)
    assert find_owners([PNG]) == {}


@pytest.mark.parametrize(
    ("name", "version", "purl"),
    [
        ("libpng16-16", "1.6.39-2", "pkg:deb/debian/libpng16-16@1.6.39-2"),
        ("libstdc++6", "1:12~rc1+b1", "pkg:deb/debian/libstdc%2B%2B6@1%3A12~rc1%2Bb1"),
        ("a/b", "1?x=#y", "pkg:deb/debian/a%2Fb@1%3Fx%3D%23y"),
    ],
)
def test_package_urls(name: str, version: str, purl: str) -> None:
    assert Owner(kind="deb", distro="debian", name=name, version=version, license=None).purl == purl
