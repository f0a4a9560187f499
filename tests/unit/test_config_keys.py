"""Raw values become settings, or an error that names the key."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativewheel.config.keys import KEYS, read_settings
from nativewheel.config.reading import Source
from nativewheel.config.settings import Settings
from nativewheel.errors import UsageError
from nativewheel.formats.image import Arch, Identity, PeBackend
from nativewheel.linkage.manifest import Binding
from nativewheel.linkage.provider import ProviderNaming
from nativewheel.repair.options import AddedLibrary, Executables, ExportRule

FILE = Source(prefix="tool.nativewheel.", where=("p.toml",), folder=Path("proj"))
COMMAND_LINE = Source(prefix="--", indexed=False)


def test_every_field_has_a_key() -> None:
    """But for what only the environment says."""
    assert {key.replace("-", "_") for key in KEYS} == set(Settings.__dataclass_fields__) - {"deployment_target"}


def test_all_keys_at_once() -> None:
    values = {
        "wheel-dir": "out",
        "plat": "auto",
        "only-plat": True,
        "require-archs": "universal2,arm64",
        "lib-path": ["a", "/b"],
        "sysroot": "root",
        "exclude": ["libcuda.so.*"],
        "add-library": ["x/liba.so", "libb.so=pkg/lib/"],
        "allow-missing": ["m"],
        "no-mangle": ["n"],
        "lib-sdir": "/.dylibs",
        "strip": False,
        "pe-backend": "machomachomangler",
        "provider": ["wheels"],
        "export": [{"library": ["nt/*.so*"], "distribution": "NT_Core", "abi": "X1", "uniquify": True, "executables": "vendor"}],
        "providers": {"liba.so.1": "A.b", "libb.so": {"dist": "b", "built-against": "1.2.7", "marker": "sys_platform == 'linux'"}},
        "export-requires": "=={version}",
        "uniquify-symbols": False,
        "macos-binding": "install-name",
        "zip-level": 9,
        "jobs": 2,
        "verify": True,
    }
    assert read_settings(values, FILE) == Settings(
        wheel_dir=Path("proj/out"),
        plat="auto",
        only_plat=True,
        require_archs=frozenset({Arch.AARCH64, Arch.X86_64}),
        lib_path=(Path("proj/a"), Path("/b")),
        sysroot=Path("proj/root"),
        exclude=("libcuda.so.*",),
        add_library=(AddedLibrary(path=Path("proj/x/liba.so")), AddedLibrary(path=Path("proj/libb.so"), place="pkg/lib")),
        allow_missing=("m",),
        no_mangle=("n",),
        lib_sdir="/.dylibs",
        strip=False,
        pe_backend=PeBackend.MACHOMACHOMANGLER,
        provider=(Path("proj/wheels"),),
        export=(ExportRule(library=("nt/*.so*",), distribution="nt-core", abi="x1", uniquify=True, executables=Executables.VENDOR),),
        providers=(
            (Identity("liba.so.1"), ProviderNaming(dist="a-b")),
            (Identity("libb.so"), ProviderNaming(dist="b", built_against="1.2.7", marker="sys_platform == 'linux'")),
        ),
        export_requires="=={version}",
        uniquify_symbols=False,
        macos_binding=Binding.INSTALL_NAME,
        zip_level=9,
        jobs=2,
        verify=True,
    )
    assert values.keys() == KEYS.keys()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"exclude": ["x", 3]}, "p.toml → tool.nativewheel.exclude[1]: expected a string, got int"),
        ({"exclude": "x"}, "p.toml → tool.nativewheel.exclude: expected a list, got str"),
        ({"strip": "yes"}, "p.toml → tool.nativewheel.strip: expected true or false, got str"),
        ({"jobs": True}, "p.toml → tool.nativewheel.jobs: expected an integer, got bool"),
        ({"jobs": 0}, "p.toml → tool.nativewheel.jobs: expected 1 to 1024, got 0"),
        ({"zip-level": 10}, "p.toml → tool.nativewheel.zip-level: expected 0 to 9, got 10"),
        ({"wheel-dir": ""}, "p.toml → tool.nativewheel.wheel-dir: expected some text, got an empty string"),
        ({"plat": "many\x1b"}, "p.toml → tool.nativewheel.plat: control character in 'many\\x1b'"),
        ({"lib-sdir": "../x"}, "p.toml → tool.nativewheel.lib-sdir: not the end of a folder's name: '../x'"),
        ({"export": ["*.so"]}, "p.toml → tool.nativewheel.export[0]: expected a table, got str"),
        ({"export": [{"library": []}]}, "p.toml → tool.nativewheel.export[0].library: expected at least one glob, got an empty list"),
        ({"export": [{"requires": "==1.*"}]}, "p.toml → tool.nativewheel.export[0].library: missing"),
        ({"export": [{"library": ["x"], "colour": 1}]}, "p.toml → tool.nativewheel.export[0].colour: unknown key"),
        ({"export": [{"library": ["x"], "abi": "1.0"}]}, "p.toml → tool.nativewheel.export[0].abi: not an ABI series: '1.0'"),
        (
            {"export": [{"library": ["x"], "executables": "maybe"}]},
            "p.toml → tool.nativewheel.export[0].executables: expected one of refuse, vendor, got 'maybe'",
        ),
        (
            {"export": [{"library": ["x"], "rename": False, "binding": "flat"}]},
            "p.toml → tool.nativewheel.export[0].binding: the flat namespace is for symbols with unique names",
        ),
        ({"require-archs": "arm64,i386"}, "p.toml → tool.nativewheel.require-archs: not an architecture of macOS: 'i386'"),
        (
            {"export": [{"library": ["x"], "distribution": "-a"}]},
            "p.toml → tool.nativewheel.export[0].distribution: not the name of a distribution: '-a'",
        ),
        (
            {"export": [{"library": ["x"], "system-fallback": True}]},
            "p.toml → tool.nativewheel.export[0].system-fallback: a system copy can only stand in for a library that keeps its name",
        ),
        ({"providers": ["ntcore"]}, "p.toml → tool.nativewheel.providers: expected a table, got list"),
        ({"providers": {"liba.so": 3}}, 'p.toml → tool.nativewheel.providers."liba.so": expected a table, got int'),
        ({"providers": {"liba.so": {"marker": "x"}}}, 'p.toml → tool.nativewheel.providers."liba.so".dist: missing'),
        (
            {"providers": {"liba.so": {"dist": "a", "built-against": "new"}}},
            "p.toml → tool.nativewheel.providers.\"liba.so\".built-against: not a version: 'new'",
        ),
    ],
)
def test_errors_name_the_key(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings(values, FILE)
    assert str(caught.value) == message


def test_a_misspelt_key_gets_a_hint() -> None:
    with pytest.raises(UsageError) as caught:
        read_settings({"lib_path": []}, FILE)
    assert caught.value.hint == 'did you mean "lib-path"?'


def test_a_command_line_has_no_positions() -> None:
    with pytest.raises(UsageError) as caught:
        read_settings({"add-library": ("x=../y",)}, COMMAND_LINE)
    assert str(caught.value) == "--add-library: not PATH or PATH=PLACE: 'x=../y'"


@pytest.mark.parametrize("key", ["wheel-dir", "zip-level", "jobs", "verify"])
def test_keys_of_the_run_cannot_differ_between_wheels(key: str) -> None:
    with pytest.raises(UsageError, match="whole run"):
        read_settings({key: 1}, FILE, per_wheel=True)


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ("liba.so", "liba.so", None),
        ("liba.so=", "liba.so", None),
        ("a=b/liba.so=", "a=b/liba.so", None),
        ("a=b/liba.so=pkg", "a=b/liba.so", "pkg"),
        ("liba.so=pkg/sub/", "liba.so", "pkg/sub"),
        ("liba.so=..pkg/...", "liba.so", "..pkg/..."),
        (r"C:\x\a.dll=pkg", r"C:\x\a.dll", "pkg"),
    ],
)
def test_added_libraries(text: str, path: str, place: str | None) -> None:
    assert read_settings({"add-library": [text]}, Source()).add_library == (AddedLibrary(path=Path(path), place=place),)


@pytest.mark.parametrize("place", ["..", "../x", "x/..", "x/../y", ".", "./x", "/x", "x//y", "x//", "/", r"x\y"])
def test_places_outside_are_refused(place: str) -> None:
    with pytest.raises(UsageError, match="PATH=PLACE"):
        read_settings({"add-library": [f"liba.so={place}"]}, Source())


def test_path_objects_are_paths_and_ready_libraries_are_taken() -> None:
    library = AddedLibrary(path=Path("/x"))
    settings = read_settings({"wheel-dir": Path("out"), "add-library": (library, Path("/y"))}, Source())
    assert settings == Settings(wheel_dir=Path("out"), add_library=(library, AddedLibrary(path=Path("/y"))))
