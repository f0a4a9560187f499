"""The WHEEL arguments, and the command line against the table of keys."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from nativewheel.cli.group import COMMANDS, cli
from nativewheel.cli.options import expand_wheels
from nativewheel.config.keys import KEYS
from nativewheel.errors import UsageError


def test_wheels_are_files_or_globs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.whl", "a.whl", "odd[1].whl"):
        Path(name).touch()
    Path("folder.whl").mkdir()
    assert expand_wheels(["b.whl", "[ab].whl", "odd[1].whl"]) == tuple(map(Path, ("b.whl", "a.whl", "b.whl", "odd[1].whl")))
    with pytest.raises(UsageError, match="folder"):
        expand_wheels(["folder.whl"])
    with pytest.raises(UsageError, match="no such wheel"):
        expand_wheels(["folder*"])


def test_every_key_is_an_option_of_repair() -> None:
    command = cli.get_command(click.Context(cli), "repair")
    assert command is not None
    options = {name.removeprefix("--") for parameter in command.params for name in parameter.opts if name.startswith("--")}
    assert options == {*KEYS.keys() - {"providers"}, "dry-run", "format", "config", "verbose", "quiet", "color"}


def test_commands_are_found_and_described() -> None:
    context = click.Context(cli)
    assert cli.list_commands(context) == list(COMMANDS)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert all(parameter.help for parameter in command.params if isinstance(parameter, click.Option))
    assert cli.get_command(context, "os") is None
