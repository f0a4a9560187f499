"""The search on the build host: which folder comes first, what is passed over, and what `$ORIGIN` means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from madeimages import MadeHost, extension, library

from nativewheel.formats.image import Arch, Identity, Libc
from nativewheel.linkage.search import Asker, HostSearch

if TYPE_CHECKING:
    from nativewheel.formats.image import Image

FOO = Identity("libfoo.so.1")
IMAGE = library("libfoo.so.1")

pytestmark = pytest.mark.usefixtures("no_library_path")


def search(host: MadeHost, *lib_path: Path, sysroot: Path | None = None, arch: Arch = Arch.X86_64, libc: Libc = Libc.GLIBC) -> HostSearch:
    return HostSearch(libraries=host, arch=arch, libc=libc, lib_path=lib_path, sysroot=sysroot)


def found(search: HostSearch, image: Image, *origins: Path, name: str = FOO, inherited: tuple[Path, ...] = ()) -> Path | None:
    result = search.find(Identity(name), Asker(image=image, origins=origins, inherited=inherited))
    return result.library.path if result else None


def put(host: MadeHost, folder: Path, image: Image = IMAGE, name: str = FOO) -> Path:
    return host.put(folder / name, image)


def test_folders_are_tried_in_the_loaders_order(host: MadeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "env"))
    places = ["given", "own", "loader", "env"]
    paths = [put(host, tmp_path / place) for place in places]
    asker = extension(rpaths=(str(tmp_path / "own"),), inherited=True)
    for path in paths:
        assert found(search(host, tmp_path / "given"), asker, inherited=(tmp_path / "loader",)) == path
        path.unlink()
    assert found(search(host, tmp_path / "given"), asker, inherited=(tmp_path / "loader",)) is None


def test_runpath_comes_after_the_environment_and_silences_what_loaders_pass_on(
    host: MadeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "env"))
    runpath, env, _ = (put(host, tmp_path / place) for place in ("own", "env", "loader"))
    asker = extension(rpaths=(str(tmp_path / "own"),))
    assert found(search(host), asker, inherited=(tmp_path / "loader",)) == env
    env.unlink()
    assert found(search(host), asker, inherited=(tmp_path / "loader",)) == runpath
    runpath.unlink()
    assert found(search(host), asker, inherited=(tmp_path / "loader",)) is None


@pytest.mark.parametrize("inherited", [True, False])
def test_musl_asks_the_environment_first_and_passes_both_tags_on(
    host: MadeHost,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inherited: bool,  # noqa: FBT001  (a table)
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "env"))
    image = library("libfoo.so.1", libc=Libc.MUSL)
    paths = [put(host, tmp_path / place, image) for place in ("env", "own", "loader")]
    asker = extension(rpaths=(str(tmp_path / "own"),), inherited=inherited)
    for path in paths:
        assert found(search(host, libc=Libc.MUSL), asker, inherited=(tmp_path / "loader",)) == path
        path.unlink()
    assert search(host, libc=Libc.MUSL).passed_on(Asker(image=asker)) == (tmp_path / "own",)


def test_only_rpath_is_passed_on(host: MadeHost, tmp_path: Path) -> None:
    upper = (tmp_path / "upper",)
    rpath = Asker(image=library(None, rpaths=("$ORIGIN/x", "/y"), inherited=True), origins=(tmp_path,), inherited=upper)
    assert search(host).passed_on(rpath) == (tmp_path / "x", Path("/y"), *upper)
    runpath = Asker(image=library(None, rpaths=("$ORIGIN/x",)), origins=(tmp_path,), inherited=upper)
    assert search(host).passed_on(runpath) == upper


def test_the_configured_folders_come_last(host: MadeHost, tmp_path: Path) -> None:
    root = tmp_path / "root"
    configured = put(host, root / "opt/lib")
    default = put(host, root / "usr/lib")
    (root / "etc").mkdir()
    (root / "etc/ld.so.conf").write_text("/opt/lib\n")
    own = put(host, root / "own")
    asker = extension(rpaths=("/own",))
    for path in (own, configured, default):
        assert found(search(host, sysroot=root), asker) == path
        path.unlink()
        host.made.pop(path)


def test_a_sysroot_shuts_the_host_out(host: MadeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    (root / "usr/lib").mkdir(parents=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path / "env"))
    outside = put(host, tmp_path / "env")
    (root / "usr/lib/libfoo.so.1").symlink_to(outside)
    asker = extension(rpaths=(str(tmp_path / "env"),))
    assert found(search(host, sysroot=root), asker) is None
    assert found(search(host, tmp_path / "env", sysroot=root), asker) == outside  # the user may name a folder beside it
    inside = put(host, root / str(tmp_path).lstrip("/") / "env")
    assert found(search(host, sysroot=root), asker) == inside


def test_relative_folders_of_the_user_may_lie_in_the_sysroot(host: MadeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = put(host, tmp_path / "root/usr/lib", name="libfoo.so.1.2")
    (tmp_path / "root/opt").mkdir()
    (tmp_path / "root/opt/libfoo.so.1").symlink_to("/usr/lib/libfoo.so.1.2")
    monkeypatch.chdir(tmp_path)
    assert found(search(host, Path("root/opt"), sysroot=Path("root")), extension()) == real


@pytest.mark.parametrize("value", ["{0}/a:{0}/b", "{0}/a;{0}/b", "{0}/missing:;{0}/b", ":{0}/b"])
def test_the_environment_is_split_as_ld_so_splits_it(host: MadeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    path = put(host, tmp_path / "b")
    monkeypatch.setenv("LD_LIBRARY_PATH", value.format(tmp_path))
    assert found(search(host), extension()) == path


@pytest.mark.parametrize("value", [":/missing", "/missing:", "/a;;/b"])
def test_an_empty_item_of_the_environment_is_the_current_folder(host: MadeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    path = put(host, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LD_LIBRARY_PATH", value)
    assert found(search(host), extension()) == path
    monkeypatch.setenv("LD_LIBRARY_PATH", "")
    assert found(search(host), extension()) is None


@pytest.mark.parametrize(
    "entry", ["$ORIGIN/../lib", "${ORIGIN}/../lib", "$ORIGIN/../$LIB", "$ORIGIN/../${LIB}/.", "$ORIGIN/../lib/", "$ORIGIN/../x/../lib"]
)
def test_origin_is_the_folder_of_the_asker(host: MadeHost, tmp_path: Path, entry: str) -> None:
    path = put(host, tmp_path / "lib")
    assert found(search(host), library(None, rpaths=(entry,)), tmp_path / "bin") == path


@pytest.mark.parametrize("entry", ["$ORIGINAL/../lib", "ORIGIN/../lib", "$PLATFORM", "", ".", "lib"])
def test_what_only_looks_like_origin_leads_nowhere(host: MadeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    put(host, tmp_path / "lib")
    monkeypatch.chdir(tmp_path)
    assert found(search(host), library(None, rpaths=(entry,)), tmp_path / "bin") is None


def test_a_member_of_a_wheel_has_no_origin_on_the_host(host: MadeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(host, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert found(search(host), extension(rpaths=("$ORIGIN", "$ORIGIN/."))) is None


def test_platform_and_lib_in_absolute_entries(host: MadeHost, tmp_path: Path) -> None:
    root = tmp_path / "root"
    path = put(host, root / "opt/x86_64/lib64")
    assert found(search(host, sysroot=root), extension(rpaths=("/opt/$PLATFORM/$LIB",))) == path
    multiarch = put(host, root / "opt/x86_64/lib/x86_64-linux-gnu")
    assert found(search(host, sysroot=root), extension(rpaths=("/opt/${PLATFORM}/${LIB}",))) == multiarch


def test_both_folders_of_a_linked_file_are_its_origin(host: MadeHost, tmp_path: Path) -> None:
    path = put(host, tmp_path / "real")
    asker = library(None, rpaths=("$ORIGIN",))
    assert found(search(host), asker, tmp_path / "links", tmp_path / "real") == path
    nearer = put(host, tmp_path / "links")
    assert found(search(host), asker, tmp_path / "links", tmp_path / "real") == nearer


@pytest.mark.parametrize("unfit", [library("libfoo.so.1", arch=Arch.AARCH64), library("libfoo.so.1", libc=Libc.MUSL)])
def test_libraries_for_another_machine_or_c_library_are_passed_over(host: MadeHost, tmp_path: Path, unfit: Image) -> None:
    put(host, tmp_path / "a", unfit)
    (tmp_path / "script").mkdir()
    (tmp_path / "script/libfoo.so.1").write_text("INPUT(libbar.so.1)\n")
    path = put(host, tmp_path / "b")
    assert found(search(host, tmp_path / "a", tmp_path / "script", tmp_path / "b"), extension()) == path
    assert found(search(host, tmp_path / "a", tmp_path / "script"), extension()) is None


def test_a_library_without_c_library_fits_everywhere(host: MadeHost, tmp_path: Path) -> None:
    path = put(host, tmp_path, library("libfoo.so.1", libc=None))
    assert found(search(host, tmp_path, libc=Libc.MUSL), extension()) == path
    assert found(search(host, tmp_path), extension()) == path


def test_links_are_followed_and_the_folder_of_the_link_is_kept(host: MadeHost, tmp_path: Path) -> None:
    path = put(host, tmp_path / "real", name="libfoo.so.1.2.3")
    (tmp_path / "links").mkdir()
    (tmp_path / "links/libfoo.so.1").symlink_to(path)
    result = search(host, tmp_path / "links").find(FOO, Asker(image=extension()))
    assert result is not None
    assert (result.library.path, result.folder) == (path, tmp_path / "links")


def test_a_name_with_a_slash_is_a_path(host: MadeHost, tmp_path: Path) -> None:
    root = tmp_path / "root"
    path = put(host, root / "opt")
    put(host, root / "usr/lib")
    inside = search(host, root / "usr/lib", sysroot=root)
    assert found(inside, extension(), name="/opt/libfoo.so.1") == path
    for name in ("/none/libfoo.so.1", "./libfoo.so.1", "opt/libfoo.so.1", "../usr/lib/libfoo.so.1"):
        assert found(inside, extension(), name=name) is None
