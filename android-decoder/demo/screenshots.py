"""Copy the screenshots that the app's tests take to docs/images, at half their size and with few colors.

Run ``mvn -f android-decoder/pom.xml -Pandroid -pl demo -am verify -Dfrz.update=true`` first.
"""

from __future__ import annotations

import io
from pathlib import Path

import click
from PIL import Image

ROOT = Path(__file__).parents[2]
LARGEST = 40_000
"""The maximum size of a file, in bytes."""


@click.command(help=__doc__)
def main() -> None:
    """Copy all screenshots."""
    taken = sorted((Path(__file__).parent / "target" / "screenshots").glob("*.png"))
    if not taken:
        raise click.ClickException("there are no screenshots in android-decoder/demo/target: run its tests")
    target = ROOT / "docs" / "images"
    target.mkdir(exist_ok=True)
    for path in taken:
        data = small(Image.open(path).convert("RGB"))
        (target / path.name).write_bytes(data)
        click.echo(f"{path.name}: {len(data):,} bytes")


def small(picture: Image.Image) -> bytes:
    """Return a PNG of half the size with as many colors as fit."""
    half = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
    for colors in (256, 128, 64, 32, 16):
        out = io.BytesIO()
        half.quantize(colors, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= LARGEST:
            break
    return out.getvalue()


if __name__ == "__main__":
    main()
