"""Images for macOS, graphs of their wheels and providers for them, made of plain values; and small real wheels of the fixtures' images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from madeimages import MadeHost, content
from smallwheels import wheel

from nativewheel import formats
from nativewheel.formats.image import Arch, Dependency, Edit, Format, Identity, Image, Kind
from nativewheel.linkage.dyld import DyldSearch, chain
from nativewheel.linkage.graph import GraphBuilder
from nativewheel.linkage.manifest import Binding
from nativewheel.linkage.naming import exported_identity, module_name, unique_symbol
from nativewheel.linkage.provider import Chosen, Consideration, ProvidedLibrary, Provider, Variant
from nativewheel.repair.exporting import Exported
from nativewheel.repair.options import ExportRule
from nativewheel.wheel.names import Member

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from nativewheel.linkage.contents import WheelImage
    from nativewheel.linkage.graph import Graph

ARM, INTEL, BOTH = (Arch.AARCH64,), (Arch.X86_64,), (Arch.AARCH64, Arch.X86_64)
TAGS = {ARM: "macosx_11_0_arm64", INTEL: "macosx_11_0_x86_64", BOTH: "macosx_11_0_universal2"}
PLAIN, UNIQUE = Identity("@rpath/libntcore.dylib"), Identity("@rpath/libnw_core__ntcore.dylib")


def dylib(
    identity: str | None,
    *needed: str | Dependency,
    kind: Kind = Kind.LIBRARY,
    archs: tuple[Arch, ...] = ARM,
    rpaths: tuple[str, ...] = (),
    minimums: tuple[str | None, ...] = ("11.0", "11.0"),
) -> Image:
    """Make an image that needs what ``needed`` names."""
    return Image(
        format=Format.MACHO,
        archs=archs,
        kind=kind,
        identity=None if identity is None else Identity(identity),
        dependencies=tuple(item if isinstance(item, Dependency) else Dependency(name=Identity(item)) for item in needed),
        rpaths=rpaths,
        inherited_rpaths=bool(rpaths),
        minimums=minimums[: len(archs)],
    )


def module(
    *needed: str | Dependency, archs: tuple[Arch, ...] = ARM, rpaths: tuple[str, ...] = (), minimums: tuple[str | None, ...] = ("11.0", "11.0")
) -> Image:
    """Make an extension module."""
    return dylib(None, *needed, kind=Kind.EXTENSION, archs=archs, rpaths=rpaths, minimums=minimums)


def chosen(name: str, *variants: Iterable[str], distribution: str = "core", binding: Binding = Binding.FLAT, kept: Iterable[str] = ()) -> Chosen:
    """Choose a provider of the library ``name``: a variant for each group of plain symbols.

    All but ``kept`` have unique names when consumers are bound in the flat namespace.
    """
    original, owner = Identity(name), module_name(distribution)
    identity = Identity(f"@rpath/{exported_identity(owner, original).rpartition('/')[2]}")
    made = [_variant(original, identity, distribution, binding, tuple(symbols), frozenset(kept), number) for number, symbols in enumerate(variants)]
    return Chosen(
        distribution=distribution,
        version="1.2.7",
        original=original,
        identity=identity,
        requires="=={version}",
        marker=None,
        pointed=True,
        variants=tuple(made),
    )


def _variant(
    original: Identity, identity: Identity, distribution: str, binding: Binding, symbols: tuple[str, ...], kept: frozenset[str], number: int
) -> Variant:
    owner = module_name(distribution)
    renames = {name: unique_symbol(owner, name, "_") for name in symbols if name not in kept} if binding is Binding.FLAT else {}
    library = ProvidedLibrary(
        original=original,
        identity=identity,
        member=f"{distribution}/lib/{identity.rpartition('/')[2]}",
        format=Format.MACHO,
        archs=BOTH,
        libc=None,
        requires="=={version}",
        binding=binding,
        symbols=lambda: {renames.get(name, name): frozenset({None}) for name in symbols},
        renames=lambda: renames,
    )
    provider = Provider(
        distribution=distribution,
        version="1.2.7",
        namespace=owner,
        module=owner,
        name=None,
        libraries=(library,),
        origin=f"{distribution} variant {number}",
        considered_because=Consideration.SET,
    )
    return Variant(provider=provider, library=library)


class _Offers:
    """Providers by the names that are asked for (a `ProviderSearch`)."""

    def __init__(self, choices: Mapping[str, Chosen]) -> None:
        self.choices = choices

    def find(self, name: Identity, *, named: bool) -> Chosen | None:
        return self.choices.get(name) if named else None


def graph_of(
    *images: WheelImage,
    host: MadeHost | None = None,
    lib_path: Iterable[Path] = (),
    archs: tuple[Arch, ...] = ARM,
    choices: Iterable[Chosen] = (),
    exclude: tuple[str, ...] = (),
) -> Graph:
    """Build the graph of a wheel."""
    search = DyldSearch(libraries=host or MadeHost(), archs=archs, lib_path=tuple(lib_path), chain=chain(images))
    offers = _Offers({name: choice for choice in choices for name in (choice.original, choice.identity)})
    return GraphBuilder(images=images, loader=search, exclude=exclude, providers=offers).build()


def exported(image: WheelImage, *symbols: str, name: str = PLAIN, binding: Binding = Binding.FLAT) -> Exported:
    """Offer a library of the wheel, as a rule for all of its symbols does."""
    identity = Identity(f"@rpath/{exported_identity('nw_core', Identity(name)).rpartition('/')[2]}")
    folder = image.member.rpartition("/")[0]
    return Exported(
        image=image,
        copies=(),
        rule=ExportRule(library=("*",)),
        original=Identity(name),
        identity=identity,
        member=Member(f"{folder}/{identity.rpartition('/')[2]}"),
        anchor=None,
        link=None,
        renames={symbol: unique_symbol("nw_core", symbol, "_") for symbol in symbols} if binding is Binding.FLAT else {},
        kept=(),
        binding=binding,
        is_global=binding is Binding.FLAT,
    )


def core(archs: tuple[Arch, ...] = ARM) -> bytes:
    """Return the fixtures' library, @rpath/libntcore.dylib, that offers _nt_add and _nt_version."""
    return content(f"ntcore-1.2.7-py3-none-{TAGS[archs]}.whl", "ntcore/lib/libntcore.dylib")


def user(archs: tuple[Arch, ...] = ARM) -> bytes:
    """Return the fixtures' extension module, which needs that library and has a search path of the build host."""
    return content(f"ntuser-0.4.0-cp38-abi3-{TAGS[archs]}.whl", "ntuser/_ext.abi3.so")


def edited(folder: Path, data: bytes, edit: Edit) -> bytes:
    """Return an image with an edit made to it."""
    folder.mkdir(parents=True, exist_ok=True)
    source, target = folder / "before.bin", folder / "after.bin"
    source.write_bytes(data)
    formats.apply(source, edit, target)
    return target.read_bytes()


def provider(folder: Path, files: Mapping[str, bytes] | None = None, *, archs: tuple[Arch, ...] = ARM, tag: str | None = None) -> Path:
    """Write a wheel with the library."""
    everything = {"core/__init__.py": b"", "core/lib/libntcore.dylib": core(archs)} if files is None else files
    return wheel(folder, tag or f"py3-none-{TAGS[archs]}", everything, name="core", version="1.2.7")


def consumer(folder: Path, files: Mapping[str, bytes] | None = None, *, archs: tuple[Arch, ...] = ARM, tag: str | None = None) -> Path:
    """Write a wheel whose extension module needs the library."""
    everything = {"user/__init__.py": b"", "user/_ext.abi3.so": user(archs)} if files is None else files
    return wheel(folder, tag or f"cp38-abi3-{TAGS[archs]}", everything, name="user")
