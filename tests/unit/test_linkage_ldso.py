"""The loader's configuration files and folders, in made sysroots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nativewheel.formats.image import Arch, Libc
from nativewheel.linkage.ldso import default_folders, in_root, lib_folders, real_path

if TYPE_CHECKING:
    import os


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "sysroot"
    path.mkdir()
    return path


def write(root: Path, path: str, text: str = "") -> Path:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target


def link(root: Path, path: str, to: str) -> None:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(to)


def glibc(root: Path, arch: Arch = Arch.X86_64) -> list[str]:
    return ["/" + str(folder.relative_to(root)) for folder in default_folders(Libc.GLIBC, arch, root)]


def musl(root: Path, arch: Arch = Arch.X86_64) -> list[str]:
    return ["/" + str(folder.relative_to(root)) for folder in default_folders(Libc.MUSL, arch, root)]


def folders(root: Path, *names: str) -> None:
    for name in names:
        in_root(root, name).mkdir(parents=True)


def test_configured_folders_come_before_the_built_in_ones(root: Path) -> None:
    folders(root, "/opt/x", "/usr/lib", "/lib64", "/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu")
    write(root, "etc/ld.so.conf", "  /opt/x   # ours\n\n# /opt/y\n/missing\nrelative\nhwcap 1 nosegneg\n/opt/x=libc6\n")
    assert glibc(root) == ["/opt/x", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/lib", "/usr/lib"]


def test_an_empty_system_has_no_folders(root: Path) -> None:
    assert glibc(root) == []
    assert musl(root) == []


def test_includes_are_globs_read_in_order_and_relative_to_the_file(root: Path) -> None:
    folders(root, "/a", "/b", "/c", "/d")
    write(root, "etc/ld.so.conf", "include\tld.so.conf.d/*.conf ld.so.conf.d/none /etc/more.conf\n/d\n")
    write(root, "etc/ld.so.conf.d/2.conf", "/a\n")
    write(root, "etc/ld.so.conf.d/1.conf", "/b\n")
    write(root, "etc/ld.so.conf.d/.hidden.conf", "/hidden\n")
    write(root, "etc/ld.so.conf.d/other", "/other\n")
    write(root, "etc/more.conf", "/c\n")
    folders(root, "/hidden", "/other")
    assert glibc(root) == ["/b", "/a", "/c", "/d"]


def test_includes_that_go_round_end(root: Path) -> None:
    folders(root, "/a", "/b")
    write(root, "etc/ld.so.conf", "include ld.so.conf.d/*\n")
    for index in range(30):
        write(root, f"etc/ld.so.conf.d/{index:02}", "include *\ninclude /etc/ld.so.conf\n" + ("/a\n/b\n" if index == 29 else ""))
    assert glibc(root) == ["/a", "/b"]


def test_an_include_without_pattern_or_with_a_folder_says_nothing(root: Path) -> None:
    folders(root, "/a", "/etc/ld.so.conf.d/folder")
    write(root, "etc/ld.so.conf", "include\ninclude ld.so.conf.d/*\ninclude ld.so.conf/*\nincluded /b\n/a\n")
    assert glibc(root) == ["/a"]


def test_absolute_links_of_configuration_stay_in_the_sysroot(root: Path, tmp_path: Path) -> None:
    folders(root, "/inside")
    outside = write(tmp_path, "outside.conf", "/outside\n")
    folders(root, "/outside")
    write(root, "alternatives/x.conf", "/inside\n")
    link(root, "etc/ld.so.conf.d/good.conf", "/alternatives/x.conf")
    link(root, "etc/ld.so.conf.d/bad.conf", str(outside))
    link(root, "etc/ld.so.conf.d/loop.conf", "loop.conf")
    write(root, "etc/ld.so.conf", "include /etc/ld.so.conf.d/*.conf\n")
    assert glibc(root) == ["/inside"]


def test_a_folder_that_is_an_absolute_link_stays_in_the_sysroot(root: Path) -> None:
    folders(root, "/usr/lib64", "/opt/v2/lib")
    link(root, "lib64", "/usr/lib64")
    link(root, "opt/current", "/opt/v2")
    write(root, "etc/ld.so.conf", "/opt/current/lib\n/opt/dangling\n")
    link(root, "opt/dangling", "/nowhere")
    assert glibc(root) == ["/opt/current/lib", "/lib64", "/usr/lib64"]


def test_bytes_that_are_no_text_do_no_harm(root: Path) -> None:
    folders(root, "/a")
    (root / "etc").mkdir()
    (root / "etc/ld.so.conf").write_bytes(b"/a\n/b\0c\n/\xff\xfe\n")
    assert glibc(root) == ["/a"]


def test_debian_folders_are_those_of_the_architecture(root: Path) -> None:
    folders(root, "/lib/arm-linux-gnueabihf", "/lib/x86_64-linux-gnu")
    assert glibc(root, Arch.ARMV7L) == ["/lib/arm-linux-gnueabihf", "/lib"]
    assert glibc(root, Arch.ARMV6L) == ["/lib"]


def test_musl_searches_its_built_in_list(root: Path) -> None:
    folders(root, "/usr/lib", "/lib", "/usr/local/lib", "/opt/x")
    write(root, "etc/ld.so.conf", "/opt/x\n")
    assert musl(root) == ["/lib", "/usr/local/lib", "/usr/lib"]


@pytest.mark.parametrize(
    ("arch", "name"),
    [
        (Arch.X86_64, "x86_64"),
        (Arch.I686, "i386"),
        (Arch.ARMV7L, "armhf"),
        (Arch.ARMV6L, "armhf"),
        (Arch.AARCH64, "aarch64"),
        (Arch.PPC64LE, "powerpc64le"),
        (Arch.S390X, "s390x"),
        (Arch.RISCV64, "riscv64"),
        (Arch.LOONGARCH64, "loongarch64"),
    ],
)
def test_the_path_file_of_musl_replaces_the_list(root: Path, arch: Arch, name: str) -> None:
    folders(root, "/a", "/b", "/lib")
    write(root, f"etc/ld-musl-{name}.path", "/b:relative:/missing\n/a\n\n")
    assert musl(root, arch) == ["/b", "/a"]


def test_a_path_file_of_musl_that_cannot_be_read_leaves_no_folder(root: Path) -> None:
    folders(root, "/lib", "/etc/ld-musl-x86_64.path")
    assert musl(root) == []


def test_an_empty_path_file_of_musl_leaves_no_folder(root: Path) -> None:
    folders(root, "/lib")
    write(root, "etc/ld-musl-x86_64.path")
    assert musl(root) == []


def test_real_path_follows_links_as_if_chrooted(root: Path) -> None:
    real = write(root, "usr/lib/libfoo.so.1.2")
    link(root, "usr/lib/libfoo.so.1", "libfoo.so.1.2")
    link(root, "opt/lib/libfoo.so", "/usr/lib/libfoo.so.1")
    link(root, "lib", "usr/lib")
    link(root, "up/libfoo.so", "../../../../usr/lib/libfoo.so.1")
    for path in ("usr/lib/libfoo.so.1", "opt/lib/libfoo.so", "lib/libfoo.so.1", "up/libfoo.so", "opt/../lib/./libfoo.so.1"):
        assert real_path(root, root / path) == real


def test_real_path_of_what_is_not_there_is_none(root: Path, tmp_path: Path) -> None:
    write(tmp_path, "secret")
    link(root, "loop", "loop")
    link(root, "one", "two/x")
    link(root, "two", "one")
    link(root, "out", str(tmp_path / "secret"))
    write(root, "file")
    for path in ("loop", "one", "out", "missing", "file/below", "x" * 300, "nul\0"):
        assert real_path(root, root / path) is None
        assert real_path(Path("/"), root / path) is None or path == "out"


def test_a_path_beside_the_sysroot_is_one_of_the_host(root: Path, tmp_path: Path) -> None:
    real = write(tmp_path, "host/libfoo.so.1")
    link(tmp_path, "host/libfoo.so", str(real))
    assert real_path(root, tmp_path / "host" / "libfoo.so") == real.resolve()


def test_a_folder_that_may_not_be_searched_is_not_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders(root, "/closed/lib", "/lib")
    write(root, "etc/ld.so.conf", "/closed/lib\n")
    look = Path.lstat

    def lstat(path: Path) -> os.stat_result:
        if path.is_relative_to(root / "closed"):
            raise PermissionError(13, "Permission denied")
        return look(path)

    monkeypatch.setattr(Path, "lstat", lstat)
    assert glibc(root) == ["/lib"]


def test_lib_stands_for_several_folders() -> None:
    assert lib_folders(Arch.X86_64) == ("lib/x86_64-linux-gnu", "lib64", "lib")
    assert lib_folders(Arch.I686) == ("lib/i386-linux-gnu", "lib")
    assert lib_folders(Arch.ARMV6L) == ("lib",)
