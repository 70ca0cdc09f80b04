"""Draw the demo app's pictures, so that no third-party rights apply to them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZE = (480, 320)
DIGIT = (28, 28)
FINE = 4
"""Everything is drawn this many times larger and then scaled down, for smooth edges."""


def digit(image: np.ndarray) -> Image.Image:
    """Draw a scikit-learn digit, (8, 8) in 0 … 16, in MNIST's style: 20 pixels high, centered on its center of mass."""
    small = Image.fromarray((image.astype(np.float64) * 255 / 16).astype(np.uint8))
    large = small.resize((20, 20), Image.Resampling.BICUBIC)
    pixels = np.asarray(large, np.float64)
    centre = [float((pixels.sum(1 - axis) * np.arange(20)).sum() / pixels.sum()) for axis in (0, 1)]
    top, left = (round(13.5 - c) for c in centre)
    out = Image.new("L", DIGIT)
    out.paste(large, (min(max(left, 0), 8), min(max(top, 0), 8)))
    return out


def car(paint: tuple[int, int, int], sign: int = 1) -> Image.Image:
    """Draw a car in a photographer's studio, seen from the side.

    Args:
        paint: its color.
        sign: 1 if it faces right, -1 if it faces left.
    """
    picture = _studio()
    canvas = ImageDraw.Draw(picture)
    dark = tuple(int(0.45 * c) for c in paint)
    light = tuple(min(255, int(1.15 * c) + 25) for c in paint)

    def points(*xy: tuple[float, float]) -> list[tuple[float, float]]:
        return [(FINE * (240 + sign * (x - 240)), FINE * y) for x, y in xy]

    def circle(x: float, y: float, r: float, fill: tuple[int, int, int]) -> None:
        (cx, cy), *_ = points((x, y))
        canvas.ellipse((cx - FINE * r, cy - FINE * r, cx + FINE * r, cy + FINE * r), fill=fill)

    body = points(
        *[(62, 238), (58, 205), (66, 186), (96, 178), (128, 174), (172, 140), (196, 133), (262, 133), (292, 142)],
        *[(334, 174), (384, 184), (414, 200), (420, 222), (416, 240), (380, 246), (110, 246)],
    )
    canvas.polygon(body, fill=paint)
    canvas.polygon(points((60, 212), (418, 212), (416, 240), (380, 246), (110, 246), (62, 238)), fill=dark)
    canvas.line(points((66, 190), (130, 180), (330, 180), (410, 200)), fill=light, width=2 * FINE)
    canvas.polygon(points((142, 174), (178, 145), (198, 140), (222, 140), (222, 174)), fill=(38, 44, 52))
    canvas.polygon(points((230, 174), (230, 140), (260, 140), (286, 148), (318, 174)), fill=(38, 44, 52))
    canvas.polygon(points((152, 172), (180, 149), (192, 146), (176, 172)), fill=(90, 102, 116))
    canvas.polygon(points((400, 194), (414, 202), (416, 210), (396, 204)), fill=(240, 240, 225))
    canvas.polygon(points((59, 196), (68, 194), (68, 208), (59, 210)), fill=(190, 30, 25))
    canvas.line(points((226, 140), (226, 238)), fill=dark, width=FINE)
    canvas.line(points((238, 188), (254, 188)), fill=light, width=2 * FINE)
    for x in (126, 344):
        circle(x, 238, 33, (16, 16, 18))
        circle(x, 238, 27, (24, 24, 26))
        circle(x, 238, 20, (186, 190, 194))
        for angle in np.linspace(0, 2 * np.pi, 10, endpoint=False):
            (x0, y0), (x1, y1) = points((x, 238), (x + 18 * np.cos(angle), 238 + 18 * np.sin(angle)))
            canvas.line((x0, y0, x1, y1), fill=(70, 72, 76), width=2 * FINE)
        circle(x, 238, 5, (70, 72, 76))
    return picture.resize(SIZE, Image.Resampling.LANCZOS)


def _studio() -> Image.Image:
    """Draw a light wall, a gray floor that curves up to it, and the shadow of a car."""
    width, height = (FINE * side for side in SIZE)
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(0, 320, height))
    horizon = 138 + 10 * x**2
    floor = 1 / (1 + np.exp((horizon - y) / 1.5))
    wall = 232 - 14 * x**2 - 0.03 * y
    ground = 150 + 0.16 * (y - 140) - 12 * x**2
    shade = (wall * (1 - floor) + ground * floor)[..., None] * np.array([1.0, 1.0, 1.005])
    picture = Image.fromarray(shade.clip(0, 255).astype(np.uint8))
    shadow = Image.new("L", picture.size)
    ImageDraw.Draw(shadow).ellipse([FINE * side for side in (60, 240, 420, 282)], fill=120)
    picture.paste((40, 40, 44), mask=shadow.filter(ImageFilter.GaussianBlur(6 * FINE)))
    return picture
