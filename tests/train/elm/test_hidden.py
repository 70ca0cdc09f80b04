"""Hidden layers: exact sums, nested sizes, and settings that do not fit."""

from fractions import Fraction

import numpy as np
import pytest

from frformat.spectral import philox
from frformat.train.elm import Convolution, Dense

SEED = 2**64 - 5


def by_hand(image: np.ndarray, settings: Convolution, filter: int) -> list[list[float]]:
    """Return the features of one filter, computed in exact arithmetic."""
    channels, size, pool = image.shape[0], settings.size, settings.pool
    taps = channels * size * size
    kernel = [int(u * 2**23) for u in philox.uniform(SEED, filter * taps, taps)]
    bias = int(philox.uniform(SEED + 1, filter, 1)[0] * 2**23) * taps * size * settings.bias
    rows, columns = ((n - size + 1) // pool for n in image.shape[1:])

    def response(y: int, x: int) -> int:
        window = [int(v) for v in image[:, y : y + size, x : x + size].reshape(-1)]
        return bias + sum((taps * k - sum(kernel)) * v for k, v in zip(kernel, window, strict=True))

    divisor = taps * 2**23 * 255 * size * pool**2
    return [
        [
            float(
                Fraction(
                    sum(max(0, response(r * pool + y, c * pool + x)) for y in range(pool) for x in range(pool)), divisor
                )
            )
            for c in range(columns)
        ]
        for r in range(rows)
    ]


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        (Convolution(3, 3, 2), (1, 8, 7)),
        (Convolution(2, 2, 3, bias=255), (3, 5, 4)),
        (Convolution(2, 1, 1, bias=0), (1, 2, 2)),
    ],
)
def test_features_of_a_convolution_are_exact(settings: Convolution, shape: tuple[int, int, int]):
    images = np.random.default_rng(0).integers(0, 256, (2, *shape), np.uint8)
    layer = settings.layer(shape, SEED)
    found = layer(images)
    assert found[:, 0].tolist() == [1.0, 1.0]
    features = found[:, 1:].reshape(2, settings.filters, *layer.output_shape[1:])
    for image in range(2):
        for filter in range(settings.filters):
            assert features[image, filter].tolist() == by_hand(images[image], settings, filter)


def test_dense_features():
    layer = Dense(4, gain=2.0).layer((3,), 7)
    x = np.array([[0.5, -1.0, 2.0]])
    expected = np.tanh(x @ layer.weights.T.astype(np.float64) + philox.uniform(8, 0, 4))
    np.testing.assert_allclose(layer(x)[:, 1:], expected, rtol=1e-14)
    np.testing.assert_array_equal(
        layer.weights, (philox.uniform(7, 0, 12) * np.float32(2.0)).astype(np.float32).reshape(4, 3)
    )


@pytest.mark.parametrize(("small", "large"), [(Dense(3), Dense(5)), (Convolution(3, 3, 2), Convolution(5, 3, 2))])
def test_the_first_units_do_not_depend_on_their_number(small: Dense | Convolution, large: Dense | Convolution):
    inputs = np.random.default_rng(1).integers(0, 256, (4, 1, 8, 8), np.uint8)
    few, many = small.layer((1, 8, 8), 3), large.layer((1, 8, 8), 3)
    np.testing.assert_array_equal(many(inputs)[:, : few.features], few(inputs))


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        (Dense(activation="sin"), (3,), "activation 'sin' is not one of tanh, relu"),
        (Dense(0), (3,), "neurons=0 and gain=1 must be positive"),
        (Dense(gain=float("nan")), (3,), "neurons=1000 and gain=nan must be positive"),
        (Convolution(0), (1, 28, 28), "filters, size and pool must be at least 1, and bias at least 0"),
        (Convolution(), (784,), "too small for filters of 9 × 9"),
        (Convolution(), (1, 10, 28), "too small for filters of 9 × 9 and pooling of 3 × 3"),
        (Convolution(size=99), (3, 224, 224), "sums are too large to be exact; make size or pool smaller"),
    ],
)
def test_settings_that_do_not_fit(settings: Dense | Convolution, shape: tuple[int, ...], message: str):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        settings.layer(shape, 0)


def test_images_must_be_bytes():
    with pytest.raises(ValueError, match=r"images of uint8 \(0 … 255\), not float64"):
        Convolution(2, 3, 2).layer((8, 8), 0)(np.zeros((1, 8, 8)))
