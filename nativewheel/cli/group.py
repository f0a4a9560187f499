"""The `nativewheel` program: its commands, each imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module

import click

from nativewheel import __version__

COMMANDS = ("repair", "show", "check", "doctor", "rule")


class LazyGroup(click.Group):
    """A group whose commands live in the modules of this package that bear their names, as the attribute ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's interface)
        """Name the commands in the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  (click's interface)
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"nativewheel.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None


@click.group(cls=LazyGroup, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="nativewheel %(version)s")
def cli() -> None:
    """Repair built wheels so that they work on other machines, show what is inside them, and check them."""
