"""The ``frformat`` command: one file or package per subcommand, imported only when it is used.

A subcommand returns its exit code (None means 0) or raises an error, which :mod:`frformat.cli.errors` turns into an
exit code and one line of text or JSON.
"""

from __future__ import annotations

import itertools
import sys
from importlib import import_module
from typing import Any, Final

import click

from frformat import __version__
from frformat.cli import errors, streams
from frformat.wording import similar

COMMANDS: Final = ("encode", "compress", "decode", "dump", "verify", "diff", "train", "export", "fill", "compare")
"""The subcommands. Subcommand ``x`` is the function ``x`` of the module ``frformat.cli.x``."""


class Commands(click.Group):
    """The group of all commands, which imports a command only when it is used and reports all errors uniformly."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command with this name."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"frformat.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that ``args`` names; suggest the most similar name if there is none."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            like = similar(name, COMMANDS)
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {like!r}?" if like else ""))
        return super().resolve_command(ctx, args)

    def main(self, args: Any = None, prog_name: str | None = None, *rest: Any, **options: Any) -> Any:
        """Run a command line and exit with its exit code."""
        args = sys.argv[1:] if args is None else list(args)
        streams.prepare()
        options["standalone_mode"] = False
        try:
            with errors.short_warnings():
                code = super().main(args, "frformat", *rest, **options)
            sys.stdout.flush()
        except Exception as error:
            as_json = "--json" in itertools.takewhile(lambda arg: arg != "--", args)
            code = errors.report(error, as_json)
        sys.exit(code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. If the reader of its output closes the pipe (``| head``), end silently."""
        try:
            code = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            streams.silence()
            return streams.BROKEN_PIPE
        return code


def _version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Show the version, and whether the compiled coders are in use rather than the much slower ones in Python."""
    if wanted and not ctx.resilient_parsing:
        from frformat.format.coders.engine import engine

        compiled = "yes" if engine().compiled else "no"
        click.echo(f"{ctx.info_name} {__version__}, format version 1, compiled coders: {compiled}")
        ctx.exit()


HELP: Final = """Compress neural networks, and store them in very small files.

\b
Try:
  frformat encode model.pt -o model.frz
  frformat compress model.pt -o small.frz
  frformat dump model.frz
  frformat verify model.frz
  frformat decode model.frz -o model.safetensors
"""


@click.command(
    cls=Commands,
    help=HELP,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True},
    epilog="Exit codes: 0 success, 1 differences found (diff, compare), 2 error, 130 interrupted.",
)
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show the version.")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Show the help if no command is given."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
