"""`repair` in its two forms, and the plan in words, from hand-made values."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from nativewheel.formats.image import Arch, Edit, FlatBinding, Format, Identity
from nativewheel.linkage.manifest import ManifestConsumption, ManifestExport, ManifestRenames
from nativewheel.repair.outcome import Outcome
from nativewheel.repair.plan import Action, ImageEdit, Launcher, NewFile, Plan, VendoredLibrary
from nativewheel.report import repair_json, repair_text
from nativewheel.report.plan_text import edit_text
from nativewheel.wheel.names import Member, WheelName

SCHEMA = json.loads((files("nativewheel") / "schemas" / "repair.schema.json").read_text(encoding="utf-8"))
INPUT = WheelName.parse("spam-1.0-cp311-cp311-linux_x86_64.whl")
OUTPUT = INPUT.with_platforms(("manylinux_2_17_x86_64", "manylinux2014_x86_64"))
FOO, NEW_FOO = Identity("libfoo.so.1"), Identity("libfoo-0123abcd.so.1")

REPAIRED = Outcome(
    plan=Plan(
        wheel=Path("dist") / str(INPUT),
        name=INPUT,
        output=OUTPUT,
        action=Action.REPAIR,
        vendored=(
            VendoredLibrary(
                source=Path("/opt/lib/libfoo.so.1.2"),
                names=(FOO,),
                member=Member("spam.libs/libfoo-0123abcd.so.1"),
                edit=Edit(identity=NEW_FOO, rpaths=("$ORIGIN",)),
                size=1_500_000,
                sha256="ab" * 32,
            ),
        ),
        edits=(
            ImageEdit(
                member=Member("spam/_x.so"),
                target=Member("spam/_x.so"),
                edit=Edit(replace=((FOO, NEW_FOO),), remove=(Identity("libpython3.11.so.1.0"),), rpaths=("$ORIGIN/../spam.libs",)),
            ),
            ImageEdit(
                member=Member("spam-1.0.data/scripts/prog"), target=Member("spam.scripts/prog"), edit=Edit(replace=((FOO, NEW_FOO),), strip=True)
            ),
        ),
        launchers=(Launcher(member=Member("spam-1.0.data/scripts/prog"), program="spam.scripts/prog"),),
        warnings=("Removed the search path /build/lib from spam/_x.so.",),
    ),
    output=Path("wheelhouse") / str(OUTPUT),
    size=789_000,
)
PURE = WheelName.parse("pure-1.0-py3-none-any.whl")
COPIED = Outcome(
    plan=Plan(wheel=Path("dist") / str(PURE), name=PURE, output=PURE, action=Action.COPY, reason="it is pure"),
    output=Path("wheelhouse") / str(PURE),
    size=1000,
)
CHANGES = (
    "  changes:\n"
    "    spam/_x.so: libfoo.so.1 → libfoo-0123abcd.so.1; without libpython3.11.so.1.0; search path $ORIGIN/../spam.libs\n"
    "    spam-1.0.data/scripts/prog: libfoo.so.1 → libfoo-0123abcd.so.1; stripped, goes to spam.scripts/prog\n"
    "    spam.libs/libfoo-0123abcd.so.1: search path $ORIGIN\n"
    "    spam-1.0.data/scripts/prog: becomes a script that starts spam.scripts/prog\n"
)


def test_text_of_a_run() -> None:
    assert repair_text.render([REPAIRED, COPIED]) == (
        f"repaired {INPUT} → {REPAIRED.output}\n"
        "  platform: manylinux_2_17_x86_64, manylinux2014_x86_64, 789.0 kB\n"
        "  vendored 1 library, 1.5 MB:\n"
        "    libfoo-0123abcd.so.1 ← /opt/lib/libfoo.so.1.2, 1.5 MB\n"
        f"copied {PURE} → {COPIED.output}\n"
        "  unchanged: it is pure\n"
        "2 wheels: 1 repaired, 1 copied; 1 library vendored, 1.5 MB\n"
    )


def test_verbose_text_shows_each_edit() -> None:
    text = repair_text.render([REPAIRED], verbose=True)
    assert text.endswith("libfoo.so.1.2, 1.5 MB\n" + CHANGES)


def test_a_dry_run_shows_the_whole_plan_as_a_plan() -> None:
    assert repair_text.render([replace(REPAIRED, size=0), replace(COPIED, size=0)], dry_run=True) == (
        f"would repair {INPUT} → {REPAIRED.output}\n"
        "  platform: manylinux_2_17_x86_64, manylinux2014_x86_64\n"
        "  would vendor 1 library, 1.5 MB:\n"
        "    libfoo-0123abcd.so.1 ← /opt/lib/libfoo.so.1.2, 1.5 MB\n" + CHANGES + f"would copy {PURE} → {COPIED.output}\n"
        "  unchanged: it is pure\n"
        "2 wheels: 1 to repair, 1 to copy; 1 library to vendor, 1.5 MB\n"
    )


def test_a_wheel_that_only_gets_a_tag() -> None:
    plan = replace(REPAIRED.plan, vendored=(), edits=(), launchers=())
    lines = repair_text.render([replace(REPAIRED, plan=plan)], verbose=True).splitlines()
    assert lines[2:] == ["  nothing to vendor"]


def test_a_library_that_needs_no_edit_says_so() -> None:
    library = replace(REPAIRED.plan.vendored[0], edit=Edit(identity=NEW_FOO))
    plan = replace(REPAIRED.plan, vendored=(library,), edits=(), launchers=())
    lines = repair_text.render([replace(REPAIRED, plan=plan)], verbose=True).splitlines()
    assert lines[4:] == ["  changes:", "    spam.libs/libfoo-0123abcd.so.1: nothing but its name"]


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (Edit(), ""),
        (Edit(identity=NEW_FOO), "name libfoo-0123abcd.so.1"),
        (Edit(rpaths=()), "no search path"),
        (Edit(rpaths=("a", "b")), "search path a:b"),
        (
            Edit(
                flat=(FlatBinding(dependency=FOO, identity=NEW_FOO, renames=(("_f", "_nw_foo__f"),)),),
                rename_imports=((FOO, (("_f", "_nw_foo__f"), ("_g", "_nw_foo__g"))),),
            ),
            "libfoo.so.1 → libfoo-0123abcd.so.1 in the flat namespace; 2 symbols renamed",
        ),
    ],
)
def test_edits_in_words(edit: Edit, text: str) -> None:
    assert edit_text(edit) == text


def test_json_has_the_promised_keys() -> None:
    document = json.loads(repair_json.render([REPAIRED, COPIED]))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["schema"] == 1
    assert document["dry_run"] is False
    assert document["wheels"] == [
        {
            "input": str(REPAIRED.plan.wheel),
            "output": str(REPAIRED.output),
            "status": "repaired",
            "reason": None,
            "size": 789_000,
            "tags": ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64"],
            "vendored": [
                {
                    "name": "libfoo-0123abcd.so.1",
                    "member": "spam.libs/libfoo-0123abcd.so.1",
                    "source": "libfoo.so.1.2",
                    "size": 1_500_000,
                    "sha256": "ab" * 32,
                }
            ],
            "exported": [],
            "consumed": [],
            "requires_added": [],
            "warnings": ["Removed the search path /build/lib from spam/_x.so."],
        },
        {
            "input": str(COPIED.plan.wheel),
            "output": str(COPIED.output),
            "status": "copied",
            "reason": "it is pure",
            "size": 1000,
            "tags": ["py3-none-any"],
            "vendored": [],
            "exported": [],
            "consumed": [],
            "requires_added": [],
            "warnings": [],
        },
    ]


def test_json_of_a_dry_run_keeps_the_status_and_has_no_size() -> None:
    document = json.loads(repair_json.render([replace(REPAIRED, size=0)], dry_run=True))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["dry_run"] is True
    assert document["wheels"][0]["status"] == "repaired"
    assert document["wheels"][0]["size"] is None


EXPORT = ManifestExport(
    original=FOO,
    identity=Identity("libnw_spam__foo.so.1"),
    member=Member("spam/libnw_spam__foo.so.1"),
    anchor=Member("spam/libnw_spam__foo.so.1.anchor"),
    link=Member("spam/libfoo.so"),
    format=Format.ELF,
    archs=(Arch.X86_64,),
    abi="1",
    uniquify=True,
    requires="=={major}.*",
    renames=ManifestRenames.of({"f": "nw_spam__f"}),
    kept=("g",),
    uses=("eggs",),
)
TAKEN = ManifestConsumption(
    provider="eggs", version="2.0", original=Identity("libegg.so"), identity=Identity("libnw_eggs__egg.so"), requires="==2.*,>=2.0"
)
SHARED = replace(
    REPAIRED,
    plan=replace(
        REPAIRED.plan,
        vendored=(),
        edits=(
            ImageEdit(
                member=Member("spam/libfoo.so.1"), target=EXPORT.member, edit=Edit(identity=EXPORT.identity, rename_symbols=(("f", "nw_spam__f"),))
            ),
            ImageEdit(member=Member("_x.so"), target=Member("_x._nw.so"), edit=Edit()),
        ),
        launchers=(),
        files=(NewFile(member=Member("nw_spam/__init__.py"), data=b"x"),),
        removed=(Member("spam/__pycache__/__init__.cpython-311.pyc"),),
        exports=(EXPORT,),
        consumes=(TAKEN,),
        requires=("eggs==2.*,>=2.0",),
        warnings=(),
    ),
)
SHARING_TEXT = (
    "  exports libfoo.so.1 as libnw_spam__foo.so.1; consumers require =={major}.*; 1 symbol kept, which all images share\n"
    "  uses libegg.so of eggs 2.0 as libnw_eggs__egg.so\n"
    "  requires eggs==2.*,>=2.0\n"
)


def test_text_tells_what_is_shared() -> None:
    assert SHARING_TEXT in repair_text.render([SHARED])
    assert "nw_spam/__init__.py" not in repair_text.render([SHARED])
    assert SHARING_TEXT in repair_text.render([replace(SHARED, size=0)], dry_run=True)


def test_changes_name_every_file() -> None:
    assert (
        "  changes:\n"
        "    spam/libfoo.so.1: name libnw_spam__foo.so.1; 1 symbol renamed, goes to spam/libnw_spam__foo.so.1\n"
        "    _x.so: as it is, goes to _x._nw.so\n"
        "    nw_spam/__init__.py: written\n"
        "    spam/__pycache__/__init__.cpython-311.pyc: removed\n"
    ) in repair_text.render([SHARED], verbose=True)


def test_json_of_what_is_shared() -> None:
    document = json.loads(repair_json.render([SHARED]))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    wheel = document["wheels"][0]
    assert wheel["exported"] == [EXPORT.document()]
    assert wheel["consumed"] == [
        {"provider": "eggs", "version": "2.0", "original": "libegg.so", "identity": "libnw_eggs__egg.so", "requires": "==2.*,>=2.0"}
    ]
    assert wheel["requires_added"] == ["eggs==2.*,>=2.0"]
