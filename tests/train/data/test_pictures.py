from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from frformat.train.data import DataError, pictures


def encoded(format: str, image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, format)
    return out.getvalue()


NOISE = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
FILES = {format: encoded(format, Image.fromarray(NOISE)) for format in ("PNG", "JPEG")}


def test_color_and_gray():
    assert (pictures.read(io.BytesIO(FILES["PNG"]), "RGB", name="x").movedim(0, -1).numpy() == NOISE).all()
    assert pictures.read(io.BytesIO(FILES["PNG"]), "L", name="x").shape == (1, 9, 7)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "x: not a complete JPEG or PNG image"),
        (b"GIF89a" + bytes(100), "x: not a complete"),
        (FILES["PNG"][:-30], "x: not a complete"),
        (encoded("PNG", Image.new("I;16", (2, 2))), "x: its pixel type I(;16)? is not one of 1, L"),
        (encoded("PNG", Image.new("1", (9000, 9000))), "x: it has 9000×9000 pixels, more than 67108864 in all"),
        (encoded("PNG", Image.new("1", (20000, 20000))), "x: not a complete .* decompression bomb"),
    ],
)
def test_refused_images(content: bytes, says: str):
    with pytest.raises(DataError, match=says):
        pictures.read(io.BytesIO(content), "RGB", name="x")


@given(data=st.data(), format=st.sampled_from(sorted(FILES)))
def test_damaged_files_raise_only_data_errors(data: st.DataObject, format: str):
    damaged = bytearray(FILES[format])
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    for content in (damaged, damaged[:cut]):
        try:
            image = pictures.read(io.BytesIO(content), "RGB", name="x", size=(9, 7))
        except DataError:
            continue
        assert image.shape == (3, 9, 7)
