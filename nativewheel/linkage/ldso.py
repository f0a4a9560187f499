"""Where the dynamic loader of a Linux system looks: its configuration files and built-in folders."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath

from nativewheel.formats.image import Arch, Libc

# What $LIB may stand for: "lib64" or "lib" in glibc as released, a multiarch folder in Debian's build of it (ld.so(8), Debian's multiarch patches).
_MULTIARCH = {
    Arch.X86_64: "x86_64-linux-gnu",
    Arch.I686: "i386-linux-gnu",
    Arch.AARCH64: "aarch64-linux-gnu",
    Arch.ARMV7L: "arm-linux-gnueabihf",
    Arch.PPC64LE: "powerpc64le-linux-gnu",
    Arch.S390X: "s390x-linux-gnu",
    Arch.RISCV64: "riscv64-linux-gnu",
    Arch.LOONGARCH64: "loongarch64-linux-gnu",
}

# How musl spells itself where the platform tag says otherwise (musl, arch/*/reloc.h, LDSO_ARCH).
_MUSL = {Arch.I686: "i386", Arch.ARMV7L: "armhf", Arch.ARMV6L: "armhf", Arch.PPC64LE: "powerpc64le", Arch.PPC64: "powerpc64"}


def in_root(root: Path, path: str) -> Path:
    """Return the host path of an absolute ``path`` of the system that lives below ``root``."""
    return root / path.lstrip("/")


def real_path(root: Path, path: Path) -> Path | None:
    """Follow symbolic links as a process chrooted into ``root`` would; None when the file does not exist or links loop.

    Absolute links in a sysroot mean the sysroot, not the host.
    """
    if root == Path("/"):
        try:
            return path.resolve(strict=True)
        except (OSError, RuntimeError, ValueError):  # pathlib reports a loop as RuntimeError before Python 3.13; NUL is a ValueError
            return None
    done, rest = root, list(PurePosixPath(path.relative_to(root)).parts) if path.is_relative_to(root) else None
    if rest is None:
        return real_path(Path("/"), path)
    for _ in range(256):
        if not rest:
            return done if _is_there(done) else None
        step = rest.pop(0)
        if step == "..":
            done = done.parent if done != root else root
            continue
        try:
            link = PurePosixPath((done / step).readlink())
        except (OSError, ValueError):
            done /= step
            continue
        rest[:0] = [part for part in link.parts if part != "/"]
        done = root if link.is_absolute() else done
    return None


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError):  # not exists(), which lets "permission denied" through
        return False
    return True


@cache
def default_folders(libc: Libc, arch: Arch, root: Path) -> tuple[Path, ...]:
    """Return the folders that the loader searches last, in its order, that exist below ``root``."""
    found = _musl_folders(arch, root) if libc is Libc.MUSL else _glibc_folders(arch, root)
    return tuple(dict.fromkeys(folder for folder in found if real_path(root, folder)))


def _glibc_folders(arch: Arch, root: Path) -> list[Path]:
    # ld.so.cache is made from ld.so.conf by ldconfig (ldconfig(8)); reading the latter works for a sysroot of another architecture as well.
    configured = _ld_so_conf(in_root(root, "/etc/ld.so.conf"), root, set())
    multiarch = _MULTIARCH.get(arch)
    debian = [f"/lib/{multiarch}", f"/usr/lib/{multiarch}"] if multiarch else []
    return configured + [in_root(root, folder) for folder in (*debian, "/lib64", "/usr/lib64", "/lib", "/usr/lib")]


def _ld_so_conf(path: Path, root: Path, seen: set[Path]) -> list[Path]:
    """Return the folders that a configuration file names; one in ``seen`` names nothing new, which also ends loops of includes."""
    real = real_path(root, path)
    if real is None or real in seen:
        return []
    seen.add(real)
    try:
        lines = real.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: list[Path] = []
    for line in (line.split("#", 1)[0].strip() for line in lines):
        keyword, *patterns = line.split() or [""]
        if keyword == "include":
            for pattern in patterns:
                for included in _included(path, pattern, root):
                    found += _ld_so_conf(included, root, seen)
        elif line.startswith("/"):
            # "folder=TYPE" is an old spelling that ldconfig still accepts.
            found.append(in_root(root, line.partition("=")[0]))
    return found


def _included(path: Path, pattern: str, root: Path) -> list[Path]:
    target = in_root(root, pattern) if pattern.startswith("/") else path.parent / pattern
    folder = real_path(root, target.parent)
    try:
        names = sorted(found.name for found in folder.iterdir()) if folder else []
    except OSError:
        return []
    # glob(3): a wildcard at the start stands for no dot.
    return [target.parent / name for name in names if fnmatchcase(name, target.name) and name.startswith(".") <= target.name.startswith(".")]


def _musl_folders(arch: Arch, root: Path) -> list[Path]:
    # musl, ldso/dynlink.c: /etc/ld-musl-$ARCH.path, separated by colons or newlines, replaces the built-in list.
    configured = real_path(root, in_root(root, f"/etc/ld-musl-{_MUSL.get(arch, arch)}.path"))
    try:
        text = configured.read_text(encoding="utf-8", errors="replace") if configured else "/lib:/usr/local/lib:/usr/lib"
    except OSError:
        text = ""
    return [in_root(root, folder) for folder in text.replace("\n", ":").split(":") if folder.startswith("/")]


def lib_folders(arch: Arch) -> tuple[str, ...]:
    """Return what ``$LIB`` may expand to, likeliest first (ld.so(8), "Dynamic string tokens")."""
    multiarch = _MULTIARCH.get(arch)
    plain = ("lib",) if arch in {Arch.I686, Arch.ARMV7L, Arch.ARMV6L} else ("lib64", "lib")
    return (*((f"lib/{multiarch}",) if multiarch else ()), *plain)
