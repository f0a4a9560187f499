"""`[[export]]` and `[providers]`: what is understood, and how mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from nativewheel.config.document import parse
from nativewheel.config.reading import Source
from nativewheel.config.settings import Settings
from nativewheel.config.sharing import read_export, read_providers
from nativewheel.errors import UsageError
from nativewheel.linkage.provider import ProviderNaming
from nativewheel.repair.options import Executables, ExportRule

SOURCE = Source(prefix="tool.nativewheel.", where=("pyproject.toml",))
COMMAND_LINE = Source(prefix="--", indexed=False)


def export(**keys: object) -> ExportRule:
    return read_export({"library": ["*.so"], **{key.replace("_", "-"): value for key, value in keys.items()}}, "export[0]", SOURCE)


class TestExport:
    def test_every_key(self) -> None:
        rule = export(
            distribution="Nt_Core", requires="=={version}", abi="CXX11", uniquify=False, executables="vendor", rename=False, system_fallback=True
        )
        assert rule == ExportRule(
            library=("*.so",),
            distribution="nt-core",
            requires="=={version}",
            abi="cxx11",
            uniquify=False,
            executables=Executables.VENDOR,
            rename=False,
            system_fallback=True,
        )

    def test_a_glob_alone_is_enough(self) -> None:
        assert export() == ExportRule(library=("*.so",))
        assert read_export("*.so", "export", COMMAND_LINE) == ExportRule(library=("*.so",))
        assert read_export(ExportRule(library=("x",)), "export", SOURCE) == ExportRule(library=("x",))

    @pytest.mark.parametrize(
        ("value", "key", "message"),
        [
            ("*.so", "export[0]", "expected a table, got str"),
            ({}, "export[0].library", "missing"),
            ({"library": []}, "export[0].library", "expected at least one glob"),
            ({"library": "x"}, "export[0].library", "expected a list"),
            ({"library": [""]}, "export[0].library[0]", "expected some text"),
            ({"library": ["x"], "colour": "red"}, "export[0].colour", "unknown key"),
            ({"library": ["x"], "binding": "two-level"}, "export[0].binding", "expected one of flat, install-name"),
            ({"library": ["x"], "distribution": "-x-"}, "export[0].distribution", "not the name of a distribution"),
            ({"library": ["x"], "abi": "1_2"}, "export[0].abi", "not an ABI series"),
            ({"library": ["x"], "abi": "é"}, "export[0].abi", "not an ABI series"),
            ({"library": ["x"], "abi": "1\n"}, "export[0].abi", "control character"),
            ({"library": ["x"], "executables": "copy"}, "export[0].executables", "expected one of refuse, vendor"),
            ({"library": ["x"], "uniquify": 1}, "export[0].uniquify", "expected true or false"),
            ({"library": ["x"], "system-fallback": True}, "export[0].system-fallback", "a system copy can only stand in"),
            ({"library": ["x"], "rename": False, "uniquify": True}, "export[0].uniquify", "symbols with unique names are no use"),
        ],
    )
    def test_mistakes_name_their_key(self, value: object, key: str, message: str) -> None:
        with pytest.raises(UsageError, match=message) as caught:
            read_export(value, "export[0]", SOURCE)
        assert caught.value.where == ("pyproject.toml", f"tool.nativewheel.{key}")


class TestProviders:
    def test_a_name_or_a_table(self) -> None:
        table = {"libx.so.1": "Nt.Core", "liby.so": {"dist": "b", "built-against": "1.02", "marker": "sys_platform == 'linux'"}}
        assert read_providers(table, "providers", SOURCE) == (
            ("libx.so.1", ProviderNaming(dist="nt-core")),
            ("liby.so", ProviderNaming(dist="b", built_against="1.2", marker="sys_platform == 'linux'")),
        )

    @pytest.mark.parametrize(
        ("value", "key", "message"),
        [
            ([], "providers", "expected a table"),
            ({"": "x"}, "providers", "expected some text"),
            ({"x": 1}, 'providers."x"', "expected a table, got int"),
            ({"x": ""}, 'providers."x"', "expected some text"),
            ({"x": {}}, 'providers."x".dist', "missing"),
            ({"x": {"dist": "a", "built-against": "one"}}, 'providers."x".built-against', "not a version"),
            ({"x": {"dist": "a b"}}, 'providers."x".dist', "not the name of a distribution"),
            ({"x": {"dist": "a", "version": "1"}}, 'providers."x".version', "unknown key"),
        ],
    )
    def test_mistakes_name_their_key(self, value: object, key: str, message: str) -> None:
        with pytest.raises(UsageError, match=message) as caught:
            read_providers(value, "providers", SOURCE)
        assert caught.value.where == ("pyproject.toml", f"tool.nativewheel.{key}")

    def test_a_later_layer_names_anew(self) -> None:
        lower = Settings(providers=read_providers({"a": "one", "b": "two"}, "providers", SOURCE))
        upper = Settings(providers=read_providers({"a": "three"}, "providers", SOURCE))
        assert dict(upper.over(lower).repair_options().providers) == {"a": ProviderNaming(dist="three"), "b": ProviderNaming(dist="two")}


class TestDefaultsOfTheRun:
    def rules(self, *exports: ExportRule, requires: str | None = None, uniquify: bool | None = None) -> list[tuple[str | None, bool | None]]:
        options = Settings(export=exports, export_requires=requires, uniquify_symbols=uniquify).repair_options()
        return [(rule.requires, rule.uniquify) for rule in options.export]

    def test_they_fill_what_a_rule_leaves_open(self) -> None:
        rules = (export(), export(requires="=={version}", uniquify=False), export(rename=False))
        assert self.rules(*rules) == [(None, False), ("=={version}", False), (None, False)]
        assert self.rules(*rules, requires=">={version}", uniquify=True) == [(">={version}", True), ("=={version}", False), (">={version}", False)]

    def test_globs_of_the_command_line_follow_the_configuration(self) -> None:
        lower = Settings(export=(export(),))
        assert Settings(export=(ExportRule(library=("y",)),)).over(lower).export == (export(), ExportRule(library=("y",)))


def test_a_mistake_in_a_document_is_counted_from_zero() -> None:
    parse({"export": [{"library": ["a"]}, {"library": ["b"], "distribution": "x"}], "providers": {"libx.so": "x"}}, Path("pyproject.toml"))
    with pytest.raises(UsageError, match="missing") as caught:
        parse({"export": [{"library": ["a"]}, {}]}, Path("pyproject.toml"))
    assert caught.value.where[-1].endswith("export[1].library")
