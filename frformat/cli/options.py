"""Options shared by several commands."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from frformat.cli.files import Opening
from frformat.errors import EncodeError
from frformat.wording import parse_amount, parse_size

if TYPE_CHECKING:
    Converter = click.ParamType[int]
else:
    Converter = click.ParamType  # not generic before click 8.4


Command = TypeVar("Command", bound=Callable[..., Any])


class ByteCount(Converter):
    """A number of bytes with an optional unit: ``500MB``, ``1.5GiB``, ``65536``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse the number of bytes."""
        try:
            return parse_size(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


class Nonnegative(click.FloatRange):
    """A number of at least 0. Unlike ``click.FloatRange``, it refuses NaN."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the number."""
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return found


def output_option(metavar: str, help: str, *, dash: bool = False) -> Callable[[Command], Command]:
    """Return the option for the file to write; with ``dash``, standard output is allowed."""
    return click.option("-o", "--output", metavar=metavar, type=click.Path(allow_dash=dash), required=True, help=help)


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, including for errors.")

tier_option = click.option(
    "--tier", type=click.IntRange(min=0), metavar="N", help="Use tiers 0 to N only. [default: all present tiers]"
)

base_option = click.option(
    "--base", metavar="OLD.frz", type=click.Path(), help="The older version that a delta file is based on."
)

entry_option = click.option(
    "--entry", metavar="KEY", help="The state dict to use if a PyTorch file contains several, e.g. ema.0."
)

spectral_option = click.option(
    "--spectral/--no-spectral",
    default=None,
    help="Whether matrices of the input are DCT spectra.  [default: detect]",
)

memory_option = click.option(
    "--memory-budget",
    type=ByteCount(),
    default="4GiB",
    metavar="SIZE",
    help="Maximum memory to use for tensors, e.g. 8GiB.",
)


def opening_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--base``, ``--tier`` and ``--memory-budget``, which the command receives together as ``opening``."""

    @base_option
    @tier_option
    @memory_option
    @functools.wraps(command)
    def opening(*args: Any, base: str | None, tier: int | None, memory_budget: int, **rest: Any) -> Any:
        return command(*args, opening=Opening(base, tier, memory_budget), **rest)

    return opening


def tier_cuts(text: str) -> list[int | float]:
    """Parse tiers such as ``10,50%``: numbers and shares of coefficients."""
    cuts: list[int | float] = []
    for part in filter(None, text.split(",")):
        try:
            cuts.append(parse_amount(part))
        except ValueError as error:
            raise EncodeError(f"tier {error}") from error
    return cuts
