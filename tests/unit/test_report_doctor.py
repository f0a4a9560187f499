"""What `doctor` writes, for people and for programs."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import jsonschema

from nativewheel.formats.image import Identity
from nativewheel.linkage.health import Health, InstalledConsumer, InstalledLibrary, InstalledProvider, Need, Problem, ProblemCode
from nativewheel.report import doctor_json, doctor_text

SCHEMA = json.loads((files("nativewheel") / "schemas" / "doctor.schema.json").read_text(encoding="utf-8"))
SITE = Path("/site")
NOTHING = Health(providers=(), consumers=(), problems=())
HEALTH = Health(
    providers=(
        InstalledProvider(
            distribution="ntcore",
            version="1.2.7",
            namespace="nw_ntcore",
            root=SITE,
            libraries=(
                InstalledLibrary(identity=Identity("a.so"), path=SITE / "a.so", loaded="/site/a.so"),
                InstalledLibrary(identity=Identity("b.so"), path=SITE / "b.so", loaded="/other/b.so"),
                InstalledLibrary(identity=Identity("c.so"), path=SITE / "c.so", loaded=None),
            ),
        ),
    ),
    consumers=(
        InstalledConsumer(
            distribution="ntuser",
            needs=(
                Need(provider="ntcore", range="==1.*", found="1.2.7", ok=True),
                Need(provider="wpiutil", range="", found=None, ok=False),
                Need(provider="wpinet", range=">=3", found="2", ok=False),
            ),
        ),
    ),
    problems=(Problem(code=ProblemCode.PROVIDER_MISSING, message="ntuser needs\x1b wpiutil", fix='python -m pip install "wpiutil"'),),
    notes=("a note",),
)


def test_text() -> None:
    assert doctor_text.render(HEALTH) == (
        "ntcore 1.2.7 in /site\n"
        "  offers a.so, loaded\n"
        "  offers b.so, loaded\n"
        "    /other/b.so for /site/b.so\n"
        "  offers c.so, not loaded\n"
        "ntuser\n"
        "  needs ntcore==1.*, has 1.2.7\n"
        "  needs wpiutil, not installed\n"
        "  needs wpinet>=3, has 2\n"
        "note: a note\n"
        "provider-missing: ntuser needs\\x1b wpiutil\n"
        '  python -m pip install "wpiutil"\n'
        "1 provider, 1 consumer: 1 problem.\n"
    )


def test_text_without_problems() -> None:
    assert doctor_text.render(NOTHING) == "No installed wheel shares native libraries.\n"
    healthy = Health(providers=HEALTH.providers, consumers=(), problems=())
    assert doctor_text.render(healthy).endswith("\n1 provider, 0 consumers: no problems.\n")


def test_colours_say_what_is_wrong() -> None:
    text = doctor_text.render(HEALTH, color=True)
    assert "needs wpiutil, \x1b[31;1mnot installed\x1b[0m\n" in text
    assert "offers a.so, \x1b[32mloaded\x1b[0m\n" in text


def test_json() -> None:
    document = json.loads(doctor_json.render(HEALTH))
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document == {
        "schema": 1,
        "providers": [
            {
                "dist": "ntcore",
                "version": "1.2.7",
                "namespace": "nw_ntcore",
                "libraries": [
                    {"identity": "a.so", "path": "/site/a.so", "loaded": "/site/a.so"},
                    {"identity": "b.so", "path": "/site/b.so", "loaded": "/other/b.so"},
                    {"identity": "c.so", "path": "/site/c.so", "loaded": None},
                ],
            }
        ],
        "consumers": [
            {
                "dist": "ntuser",
                "needs": [
                    {"provider": "ntcore", "range": "==1.*", "found": "1.2.7", "ok": True},
                    {"provider": "wpiutil", "range": "", "found": None, "ok": False},
                    {"provider": "wpinet", "range": ">=3", "found": "2", "ok": False},
                ],
            }
        ],
        "problems": [{"code": "provider-missing", "message": "ntuser needs\x1b wpiutil", "fix": 'python -m pip install "wpiutil"'}],
    }
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(doctor_json.render(NOTHING)))


def test_the_schema_knows_every_code() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$defs"]["problem"]["properties"]["code"]["enum"] == list(ProblemCode)
