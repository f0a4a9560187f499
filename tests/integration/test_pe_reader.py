"""What pefile and LIEF say of PE images, and what our reader says: those of published wheels, and small ones for what wheels seldom have."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import lief
import pefile
import pytest
from madepe import AMD64, ARM64, I386, Pe, load_config, manifest_resource
from pesamples import Samples, linkers, sample_folder
from pewheels import WHEELS, images

from nativewheel.formats.image import Arch
from nativewheel.formats.pe import reader
from nativewheel.formats.pe.exports import read_directory, read_exports, read_forwarders
from nativewheel.formats.pe.headers import PeFile, opened
from nativewheel.formats.pe.imports import read_delay_imports, read_imports, read_symbols
from nativewheel.formats.pe.loadconfig import read_loadconfig
from nativewheel.formats.pe.resources import read_manifests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nativewheel.formats.pe.imports import ImportDescriptor

ARCHS = {"win_amd64": Arch.X86_64, "win32": Arch.I686, "win_arm64": Arch.AARCH64}
SECURITY = 4


class Content(NamedTuple):
    """What readers must agree on: tables as lists, with what is at their places."""

    header: tuple[object, ...]
    sections: list[tuple[int, ...]]
    directories: list[tuple[int, int]]
    imports: list[tuple[bytes, int, int, list[bytes]]]
    delayed: list[tuple[bytes, list[bytes]]]
    exports: list[tuple[int, bytes, int, bytes]]
    export_name: bytes


def ours(data: bytes) -> Content:
    with opened(data) as pe:
        directory = read_directory(pe)
        forwarders = {forwarder.address: forwarder.text for forwarder in read_forwarders(pe)}
        return Content(
            header=_header(pe),
            sections=[(one.virtual_size, one.address, one.raw_size, one.raw_offset, one.characteristics) for one in pe.sections],
            directories=[(one.address, one.size) for one in pe.directories],
            imports=[(found.name, found.lookup, found.thunks, _symbols(pe, found)) for found in read_imports(pe)],
            delayed=[(found.name, _symbols(pe, found)) for found in read_delay_imports(pe)],
            exports=sorted((found.ordinal, found.name or b"", found.address, forwarders.get(found.address, b"")) for found in read_exports(pe)),
            export_name=directory.name if directory else b"",
        )


def _header(pe: PeFile) -> tuple[object, ...]:
    optional = (pe.image_base, pe.section_alignment, pe.file_alignment, pe.size_of_image, pe.size_of_headers, pe.checksum, *pe.linker)
    return (pe.machine, pe.characteristics, pe.symbol_table, pe.symbol_count, *optional, pe.subsystem, pe.dll_characteristics)


def _symbols(pe: PeFile, descriptor: ImportDescriptor) -> list[bytes]:
    return [b"#%d" % found.ordinal if found.name is None else found.name for found in read_symbols(pe, (descriptor,))]


def pefiles(data: bytes) -> Content:
    """Read by pefile, which cuts longer names and gives up on larger tables unless told."""
    pe = pefile.PE(data=data, fast_load=True, max_symbol_exports=1 << 16)
    pe.parse_data_directories([0, 1, 13])
    coff, optional = pe.FILE_HEADER, pe.OPTIONAL_HEADER
    exports = getattr(pe, "DIRECTORY_ENTRY_EXPORT", None)
    return Content(
        header=(
            *(coff.Machine, coff.Characteristics, coff.PointerToSymbolTable, coff.NumberOfSymbols),
            *(optional.ImageBase, optional.SectionAlignment, optional.FileAlignment, optional.SizeOfImage, optional.SizeOfHeaders, optional.CheckSum),
            *(optional.MajorLinkerVersion, optional.MinorLinkerVersion, optional.Subsystem, optional.DllCharacteristics),
        ),
        sections=[(one.Misc_VirtualSize, one.VirtualAddress, one.SizeOfRawData, one.PointerToRawData, one.Characteristics) for one in pe.sections],
        directories=[(one.VirtualAddress, one.Size) for one in optional.DATA_DIRECTORY],
        imports=[
            (one.dll, one.struct.OriginalFirstThunk, one.struct.FirstThunk, _names(one.imports)) for one in getattr(pe, "DIRECTORY_ENTRY_IMPORT", [])
        ],
        delayed=[(one.dll, _names(one.imports)) for one in getattr(pe, "DIRECTORY_ENTRY_DELAY_IMPORT", [])],
        exports=sorted((one.ordinal, one.name or b"", one.address, one.forwarder or b"") for one in exports.symbols) if exports else [],
        export_name=exports.name or b"" if exports else b"",
    )


def _names(symbols: Iterable[pefile.ImportData]) -> list[bytes]:
    # pefile knows names for the ordinals of some DLLs of Windows.
    return [b"#%d" % symbol.ordinal if symbol.import_by_ordinal else symbol.name for symbol in symbols]


def liefs(data: bytes) -> Content:
    pe = lief.PE.parse(data)
    assert pe is not None
    coff, optional, exports = pe.header, pe.optional_header, pe.get_export()
    return Content(
        header=(
            *(coff.machine.value, coff.characteristics, coff.pointerto_symbol_table, coff.numberof_symbols),
            *(
                optional.imagebase,
                optional.section_alignment,
                optional.file_alignment,
                optional.sizeof_image,
                optional.sizeof_headers,
                optional.checksum,
            ),
            *(optional.major_linker_version, optional.minor_linker_version, optional.subsystem.value, optional.dll_characteristics),
        ),
        sections=[(one.virtual_size, one.virtual_address, one.sizeof_raw_data, one.pointerto_raw_data, one.characteristics) for one in pe.sections],
        directories=[(one.rva, one.size) for one in pe.data_directories],
        imports=[(_bytes(one.name), one.import_lookup_table_rva, one.import_address_table_rva, _entries(one.entries)) for one in pe.imports],
        delayed=[(_bytes(one.name), _entries(one.entries)) for one in pe.delay_imports],
        exports=sorted((one.ordinal, _bytes(one.name), one.function_rva, _target(one)) for one in exports.entries if one.function_rva)
        if exports
        else [],
        export_name=_bytes(exports.name) if exports else b"",
    )


def _bytes(name: str | bytes) -> bytes:
    return name if isinstance(name, bytes) else name.encode()


def _entries(symbols: Iterable[lief.PE.ImportEntry | lief.PE.DelayImportEntry]) -> list[bytes]:
    return [b"#%d" % symbol.ordinal if symbol.is_ordinal else _bytes(symbol.name) for symbol in symbols]


def _target(symbol: lief.PE.ExportEntry) -> bytes:
    return str(symbol.forward_information).encode() if symbol.is_forwarded else b""


def compare(data: bytes) -> Content:
    """Compare what all three say of an image."""
    content = ours(data)
    assert content == pefiles(data)
    assert content == liefs(data)
    return content


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("MAX_IMPORT_SYMBOLS", "MAX_IMPORT_NAME_LENGTH", "MAX_SYMBOL_NAME_LENGTH"):
        monkeypatch.setattr(pefile, limit, 1 << 16)


@pytest.mark.network
@pytest.mark.parametrize("wheel", WHEELS, ids=lambda wheel: wheel.removesuffix(".whl"))
def test_tables_of_published_images(wheel: str) -> None:
    count = 0
    for member, data in images(wheel):
        content = compare(data)
        image = reader.read(data, member.rpartition("/")[2])
        assert image.archs == (ARCHS[wheel.removesuffix(".whl").rpartition("-")[2]],)
        assert [dependency.name.encode() for dependency in image.dependencies] == [name for name, *_ in content.imports]
        count += 1
    assert count


@pytest.mark.network
@pytest.mark.parametrize("wheel", WHEELS, ids=lambda wheel: wheel.removesuffix(".whl"))
def test_the_rest_of_published_images(wheel: str) -> None:
    """Load configuration, manifests, certificates, and where RVAs are in the file."""
    for _, data in images(wheel):
        compare_rest(data)


def compare_rest(data: bytes) -> None:
    reference = lief.PE.parse(data)
    assert reference is not None
    with opened(data) as pe:
        config, theirs = read_loadconfig(pe), reference.load_configuration
        assert (config is None) == (theirs is None)
        if config and theirs:
            assert (config.size, config.dependent_load_flags) == (theirs.size, theirs.dependent_load_flags or 0)
            assert config.is_hybrid == (reference.is_arm64ec or reference.is_arm64x)
        manifests = [manifest.decode() for manifest in read_manifests(pe)]
        resources = reference.resources_manager
        assert manifests == ([resources.manifest] if isinstance(resources, lief.PE.ResourcesManager) and resources.has_manifest else [])
        assert bool(pe.certificates) == reference.has_signatures
        for number, directory in enumerate(pe.directories):
            if directory.address and number != SECURITY:
                assert pe.offset(directory.address, 1, "it") == reference.rva_to_offset(directory.address)


@pytest.mark.parametrize("linker", linkers())
def test_samples(linker: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    samples = Samples(linker, sample_folder(tmp_path_factory))
    delayed = (samples.bar(delayed=True),) if linker == "zig" else ()
    foo, *others = (path.read_bytes() for path in (samples.foo(), samples.front(), samples.baz(), samples.shape(), samples.drawing(), *delayed))
    content = compare(foo)
    assert (12, b"") in {(ordinal, name) for ordinal, name, _, _ in content.exports}
    for data in others:
        compare(data)
        compare_rest(data)
    assert {(name, target) for _, name, _, target in ours(others[0]).exports if target} == {
        (b"front_add", b"foo.foo_add"),
        (b"front_hidden", b"foo.#12"),
    }
    if delayed:
        assert [name for name, _ in ours(others[-1]).delayed] == [b"foo.dll"]


MADE = [
    Pe(
        machine=machine,
        imports=(("KERNEL32.dll", ("Sleep", 7)), ("foo.dll", ("x" * 1000,))),
        delay_imports=(("late.dll", ("y", 9)), ("later.dll", ("z",))),
        exports=(("plain", None), (None, None), ("forward", "other.func"), ("number", "x.y.#4")),
        base=5,
        load_config=load_config(plus=machine != I386, dependent_load_flags=0x800, chpe=chpe),
    )
    for machine, chpe in ((AMD64, 0), (I386, 0), (ARM64, 0))
]


@pytest.mark.parametrize("image", MADE, ids=lambda image: f"{image.machine:#x}")
def test_made_images(image: Pe) -> None:
    data = image.build()
    compare(data)
    compare_rest(data)


def test_a_made_manifest() -> None:
    compare_rest(Pe(resources=manifest_resource(b"<assembly/>")).build())
