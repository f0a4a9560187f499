"""`show` in its three forms, from hand-made values."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from nativewheel.formats.image import Arch, Format, Identity, Image, Kind
from nativewheel.linkage.inspection import Blocker, ExternalLibrary, InspectedImage, Inspection, SuppliedDependency, Supply, Verdict
from nativewheel.linkage.manifest import Manifest, ManifestConsumption, ManifestExport
from nativewheel.report import blockers_text, show_json, show_text, show_tree
from nativewheel.wheel.names import Member, WheelName

SCHEMA = json.loads((files("nativewheel") / "schemas" / "show.schema.json").read_text(encoding="utf-8"))


def image(kind: Kind = Kind.EXTENSION, identity: str | None = None, rpaths: tuple[str, ...] = ()) -> Image:
    return Image(
        format=Format.ELF,
        archs=(Arch.X86_64,),
        kind=kind,
        identity=None if identity is None else Identity(identity),
        dependencies=(),
        rpaths=rpaths,
    )


def needs(name: str, supply: Supply, resolved: str | None = None) -> SuppliedDependency:
    return SuppliedDependency(name=Identity(name), supply=supply, resolved=resolved)


def blocked(tag: str, member: str, library: str | None, symbol: str | None, version: str) -> Blocker:
    return Blocker(tag=tag, member=member, library=None if library is None else Identity(library), symbol=symbol, needs=version)


LIBC = needs("libc.so.6", Supply.SYSTEM)
OUTER = needs("libouter.so.2", Supply.EXTERNAL, "/lib/libouter.so.2")
INNER = needs("libinner.so.1", Supply.EXTERNAL, "/lib/libinner.so.1")

RAW = Inspection(
    wheel=Path("dist/spam_eggs-1.0-cp311-cp311-linux_x86_64.whl"),
    name=WheelName.parse("spam_eggs-1.0-cp311-cp311-linux_x86_64.whl"),
    version="1.0",
    tags=("cp311-cp311-linux_x86_64",),
    verdict=Verdict(
        tag="linux_x86_64",
        better=("manylinux_2_36_x86_64",),
        blockers=(blocked("manylinux_2_36_x86_64", "spam/_a.so", "libouter.so.2", None, "a library that the platform does not supply"),),
    ),
    repaired=Verdict(
        tag="manylinux_2_36_x86_64",
        better=("manylinux_2_35_x86_64", "manylinux_2_34_x86_64", "manylinux_2_31_x86_64"),
        blockers=(
            blocked("manylinux_2_35_x86_64", "libouter.so.2", "libc.so.6", "arc4random", "GLIBC_2.36"),
            blocked("manylinux_2_35_x86_64", "spam/_a.so", "libc.so.6", "arc4random_buf", "GLIBC_2.36"),
            blocked("manylinux_2_31_x86_64", "spam/_a.so", "libc.so.6", "dlopen", "GLIBC_2.34"),
            blocked("manylinux_2_31_x86_64", "spam/_a.so", "libc.so.6", "pthread_create", "GLIBC_2.34"),
        ),
    ),
    images=(
        InspectedImage(member=Member("spam/_a.so"), image=image(rpaths=("/build/lib",)), size=2000, dependencies=(OUTER, LIBC)),
        InspectedImage(member=Member("spam/_b.so"), image=image(), size=500, dependencies=(OUTER, INNER)),
    ),
    external=(
        ExternalLibrary(path=Path("/lib/libinner.so.1"), size=1500, image=image(Kind.LIBRARY, "libinner.so.1"), dependencies=(OUTER,)),
        ExternalLibrary(path=Path("/lib/libouter.so.2"), size=34_000_000, image=image(Kind.LIBRARY, "libouter.so.2"), dependencies=(INNER, LIBC)),
    ),
    warnings=("One sentence.",),
)
BROKEN = replace(
    RAW,
    repaired=None,
    external=(),
    images=tuple(replace(item, dependencies=(needs("libgone.so.3", Supply.MISSING), LIBC)) for item in RAW.images),
    warnings=(),
)
PURE = Inspection(
    wheel=Path("pure-1.0-py3-none-any.whl"),
    name=WheelName.parse("pure-1.0-py3-none-any.whl"),
    version="1.0",
    tags=("py3-none-any",),
    verdict=None,
    repaired=None,
    images=(),
)


def test_text_of_a_wheel_that_wants_a_repair() -> None:
    assert show_text.render(RAW) == (
        "spam_eggs-1.0-cp311-cp311-linux_x86_64.whl\n"
        "  spam-eggs 1.0\n"
        "  tags: cp311-cp311-linux_x86_64\n"
        "  As it is, the content allows linux_x86_64.\n"
        "  Repaired, it would allow manylinux_2_36_x86_64.\n"
        "  manylinux_2_35_x86_64 is out of reach:\n"
        "    libouter.so.2 wants arc4random@GLIBC_2.36 of libc.so.6 (and 1 more such)\n"
        "  manylinux_2_31_x86_64 is further away: GLIBC_2.34 of libc.so.6\n"
        "  A repair would vendor 2 libraries, 34.0 MB:\n"
        "    libouter.so.2 ← /lib/libouter.so.2, 34.0 MB\n"
        "    libinner.so.1 ← /lib/libinner.so.1, 1.5 kB\n"
        "  The wheel holds 2 native files, 2.5 kB.\n"
        "  warning: One sentence.\n"
    )


def test_verbose_text_leaves_nothing_out() -> None:
    assert show_text.render(RAW, verbose=True) == (
        "spam_eggs-1.0-cp311-cp311-linux_x86_64.whl\n"
        "  spam-eggs 1.0\n"
        "  tags: cp311-cp311-linux_x86_64\n"
        "  As it is, the content allows linux_x86_64.\n"
        "  manylinux_2_36_x86_64 is out of reach:\n"
        "    spam/_a.so wants libouter.so.2: a library that the platform does not supply\n"
        "  Repaired, it would allow manylinux_2_36_x86_64.\n"
        "  manylinux_2_35_x86_64 is out of reach:\n"
        "    libouter.so.2 wants arc4random@GLIBC_2.36 of libc.so.6\n"
        "    spam/_a.so wants arc4random_buf@GLIBC_2.36 of libc.so.6\n"
        "  manylinux_2_31_x86_64 is out of reach, also:\n"
        "    spam/_a.so wants dlopen@GLIBC_2.34 of libc.so.6\n"
        "    spam/_a.so wants pthread_create@GLIBC_2.34 of libc.so.6\n"
        "  A repair would vendor 2 libraries, 34.0 MB:\n"
        "    libouter.so.2 ← /lib/libouter.so.2, 34.0 MB\n"
        "    libinner.so.1 ← /lib/libinner.so.1, 1.5 kB\n"
        "  The wheel holds 2 native files, 2.5 kB:\n"
        "    spam/_a.so (elf x86_64 extension, 2.0 kB)\n"
        "      search path /build/lib\n"
        "      libouter.so.2 [external] /lib/libouter.so.2\n"
        "      libc.so.6 [system]\n"
        "    spam/_b.so (elf x86_64 extension, 500 bytes)\n"
        "      libouter.so.2 [external] /lib/libouter.so.2\n"
        "      libinner.so.1 [external] /lib/libinner.so.1\n"
        "  warning: One sentence.\n"
    )


def test_missing_libraries_come_before_the_inventory() -> None:
    assert show_text.render(BROKEN) == (
        "spam_eggs-1.0-cp311-cp311-linux_x86_64.whl\n"
        "  spam-eggs 1.0\n"
        "  tags: cp311-cp311-linux_x86_64\n"
        "  The content allows linux_x86_64.\n"
        "  manylinux_2_36_x86_64 is out of reach:\n"
        "    spam/_a.so wants libouter.so.2: a library that the platform does not supply\n"
        "  1 library missing; a repair needs it:\n"
        "    libgone.so.3, wanted by spam/_a.so, spam/_b.so\n"
        "  The wheel holds 2 native files, 2.5 kB.\n"
    )


def test_text_of_a_repaired_wheel_that_promises_too_much() -> None:
    name = WheelName.parse("spam-1.0-cp311-cp311-manylinux1_x86_64.whl")
    verdict = Verdict(tag="manylinux_2_17_x86_64", aliases=("manylinux2014_x86_64",), better=("manylinux_2_12_x86_64", "manylinux_2_5_x86_64"))
    lines = show_text.render(replace(PURE, wheel=Path(str(name)), name=name, verdict=verdict, repaired_by="auditwheel")).splitlines()
    assert lines[1] == "  spam 1.0, repaired by auditwheel"
    assert lines[3:] == [
        "  The content allows manylinux_2_17_x86_64 (also known as manylinux2014_x86_64).",
        "  The file name promises manylinux1_x86_64, but the content does not keep that.",
    ]


def test_text_of_a_pure_wheel() -> None:
    assert show_text.render(PURE) == "pure-1.0-py3-none-any.whl\n  pure 1.0\n  tags: py3-none-any\n  pure: no native files.\n"


def test_many_obstacles_are_cut_short() -> None:
    blockers = tuple(blocked("manylinux_2_5_x86_64", "a.so", "libc.so.6", "f", f"GLIBC_2.{minor}") for minor in range(20, 30))
    verdict = Verdict(tag="manylinux_2_36_x86_64", better=("manylinux_2_5_x86_64",), blockers=blockers)
    lines = show_text.render(replace(PURE, verdict=verdict)).splitlines()
    shown = [line for line in lines if " wants " in line]
    assert len(shown) == 8
    assert lines[lines.index(shown[-1]) + 1] == "    and 2 more obstacles; -v shows all"
    assert sum(" wants " in line for line in show_text.render(replace(PURE, verdict=verdict), verbose=True).splitlines()) == 10


@pytest.mark.parametrize(
    ("library", "symbol", "version", "text"),
    [
        ("libc.so.6", "memcpy", "GLIBC_2.14", "a.so wants memcpy@GLIBC_2.14 of libc.so.6"),
        ("libc.so.6", None, "GLIBC_2.14", "a.so wants GLIBC_2.14 of libc.so.6"),
        (None, None, "x86-64-v3", "a.so wants x86-64-v3"),
        (None, None, "not a good thing", "a.so: not a good thing"),
        ("libz.so.1", "inflate_fast", "not allowed here", "a.so wants inflate_fast of libz.so.1: not allowed here"),
        (None, "PyFPE_jbuf", "not allowed here", "a.so wants PyFPE_jbuf: not allowed here"),
        ("libpq.so.5", None, "not supplied here", "a.so wants libpq.so.5: not supplied here"),
    ],
)
def test_obstacles_in_words(library: str | None, symbol: str | None, version: str, text: str) -> None:
    assert blockers_text.sentence(blocked("any", "a.so", library, symbol, version)) == text


def test_colours_change_nothing_else() -> None:
    colored = show_text.render(RAW, color=True)
    assert "\x1b[" in colored
    plain = colored
    for code in ("0", "1", "2", "31;1", "32", "33"):
        plain = plain.replace(f"\x1b[{code}m", "")
    assert plain == show_text.render(RAW)


def test_a_tree_takes_each_library_apart_once() -> None:
    assert show_tree.render(RAW) == (
        "spam_eggs-1.0-cp311-cp311-linux_x86_64.whl\n"
        "  spam-eggs 1.0\n"
        "  tags: cp311-cp311-linux_x86_64\n"
        "  spam/_a.so (extension, x86_64)\n"
        "  ├── libouter.so.2 [external] /lib/libouter.so.2\n"
        "  │   ├── libinner.so.1 [external] /lib/libinner.so.1\n"
        "  │   │   └── libouter.so.2 [external] /lib/libouter.so.2 (see above)\n"
        "  │   └── libc.so.6 [system]\n"
        "  └── libc.so.6 [system]\n"
        "  spam/_b.so (extension, x86_64)\n"
        "  ├── libouter.so.2 [external] /lib/libouter.so.2 (see above)\n"
        "  └── libinner.so.1 [external] /lib/libinner.so.1 (see above)\n"
        "  warning: One sentence.\n"
    )
    assert show_tree.render(PURE).endswith("  pure: no native files.\n")


def ring(length: int) -> Inspection:
    members = [f"lib{index}.so" for index in range(length)]
    return replace(
        PURE,
        images=tuple(
            InspectedImage(member=Member(name), image=image(Kind.LIBRARY), size=1, dependencies=(needs(after, Supply.VENDORED, after),))
            for name, after in zip(members, [*members[1:], members[0]], strict=True)
        ),
    )


def test_a_ring_of_libraries_is_shown_whole() -> None:
    assert show_tree.render(ring(2)).splitlines()[3:] == [
        "  lib0.so (library, x86_64)",
        "  └── lib1.so [vendored] lib1.so",
        "      └── lib0.so [vendored] lib0.so (see above)",
    ]


def test_a_long_chain_stays_small_and_loses_no_image() -> None:
    tree = show_tree.render(ring(20_000))
    assert len(tree) < 20_000 * 400
    lines = tree.splitlines()
    assert all(any(f"lib{index}.so" in line for line in lines[index : index + 1000]) for index in range(0, 20_000, 4999))


def test_json_has_the_promised_keys() -> None:
    document = json.loads(show_json.render([RAW], several=False))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["schema"] == 1
    assert document["wheel"] == "spam_eggs-1.0-cp311-cp311-linux_x86_64.whl"
    assert (document["name"], document["version"], document["tags"]) == ("spam-eggs", "1.0", ["cp311-cp311-linux_x86_64"])
    assert document["platform"]["tag"] == "linux_x86_64"
    assert document["platform"]["repaired"]["tag"] == "manylinux_2_36_x86_64"
    assert document["platform"]["repaired"]["blockers"][0] == {
        "tag": "manylinux_2_35_x86_64",
        "member": "libouter.so.2",
        "library": "libc.so.6",
        "symbol": "arc4random",
        "needs": "GLIBC_2.36",
    }
    assert document["images"][0] == {
        "path": "spam/_a.so",
        "size": 2000,
        "format": "elf",
        "arch": "x86_64",
        "kind": "extension",
        "identity": None,
        "rpaths": ["/build/lib"],
        "minimum_os": None,
        "signed": False,
        "dependencies": [
            {"name": "libouter.so.2", "kind": "external", "resolved": "/lib/libouter.so.2", "provider": None},
            {"name": "libc.so.6", "kind": "system", "resolved": None, "provider": None},
        ],
    }
    assert [library["path"] for library in document["external"]] == ["/lib/libinner.so.1", "/lib/libouter.so.2"]
    assert (document["exports"], document["consumes"], document["warnings"]) == ([], [], ["One sentence."])


def test_json_of_several_wheels_is_an_array() -> None:
    documents = json.loads(show_json.render([RAW, PURE, BROKEN], several=True))
    jsonschema.Draft202012Validator(SCHEMA).validate(documents)
    assert [document["platform"]["tag"] for document in documents] == ["linux_x86_64", "any", "linux_x86_64"]
    assert json.loads(show_json.render([PURE], several=True))[0]["name"] == "pure"


def test_json_is_ascii_whatever_a_name_holds() -> None:
    hostile = replace(PURE, warnings=("\x1b[31m \udcff \u202e",))
    text = show_json.render([hostile], several=False)
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text)["warnings"] == list(hostile.warnings)


EXPORTED = ManifestExport(
    original=Identity("libfoo.so.1"),
    identity=Identity("libnw_spam__foo.so.1"),
    member=Member("spam/libnw_spam__foo.so.1"),
    format=Format.ELF,
    archs=(Arch.X86_64,),
    requires="=={major}.*",
)
TAKEN = ManifestConsumption(
    provider="eggs", version="2.0", original=Identity("libegg.so"), identity=Identity("libnw_eggs__egg.so"), requires="==2.*,>=2.0"
)
FROM_EGGS = SuppliedDependency(name=TAKEN.identity, supply=Supply.PROVIDER, provider="eggs")
SHARING = replace(
    PURE,
    verdict=Verdict(tag="manylinux_2_17_x86_64"),
    images=(InspectedImage(member=Member("spam/_a.so"), image=image(), size=2000, dependencies=(FROM_EGGS, LIBC)),),
    manifest=Manifest(namespace="nw_spam", exports=(EXPORTED,), consumes=(TAKEN,)),
    spared=(
        ExternalLibrary(path=Path("/lib/libyolk.so"), size=1000, image=image(Kind.LIBRARY), dependencies=()),
        ExternalLibrary(path=Path("/lib/libegg.so"), size=2_000_000, image=image(Kind.LIBRARY), dependencies=()),
    ),
)


def test_text_of_a_wheel_that_shares() -> None:
    text = show_text.render(SHARING, verbose=True)
    assert (
        "  Exports libfoo.so.1 as libnw_spam__foo.so.1; consumers require =={major}.*\n"
        "  Uses libegg.so of eggs==2.*,>=2.0 as libnw_eggs__egg.so\n"
        "  Without sharing it would carry 2 libraries more, 2.0 MB:\n"
        "    libegg.so 2.0 MB\n"
        "    libyolk.so 1.0 kB\n"
    ) in text
    assert "      libnw_eggs__egg.so [provider] eggs\n" in text
    assert "Without sharing" not in show_text.render(replace(SHARING, spared=()))


def test_a_tree_names_the_provider() -> None:
    assert "├── libnw_eggs__egg.so [provider] eggs\n" in show_tree.render(SHARING)


def test_json_of_a_wheel_that_shares() -> None:
    document = json.loads(show_json.render([SHARING], several=False))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["exports"] == [EXPORTED.document()]
    assert document["consumes"] == [TAKEN.document()]
    assert document["spared"] == [{"path": "/lib/libyolk.so", "size": 1000}, {"path": "/lib/libegg.so", "size": 2_000_000}]
    assert document["images"][0]["dependencies"][0] == {"name": TAKEN.identity, "kind": "provider", "resolved": None, "provider": "eggs"}
