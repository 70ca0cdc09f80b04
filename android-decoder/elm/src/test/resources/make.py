"""Regenerate the files next to this one: models of digits and of a curve, samples, and the results in Python."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import frformat
from frformat.train import elm

HERE = Path(__file__).parent


def main() -> None:
    """Write all files."""
    digits = load_digits()
    images, labels = (digits.images * 15).astype(np.uint8), digits.target
    model = elm.ELMClassifier(elm.Convolution(12, 3, 2), seed=2**63 + 9, ridge=1e-3).fit(images[:400], labels[:400])
    elm.save(model, HERE / "digits.frz")
    frformat.save_file(
        {
            "images": images[:900],
            "labels": labels[:900].astype(np.uint8),
            "features": model.layer_(images[:3]),
            "weights": model.weights_,
            "predicted": model.predict(images[:900]).astype(np.uint8),
        },
        HERE / "digits.expected.frz",
        compression="deflate",
    )
    x = np.linspace(-1, 1, 40, dtype=np.float32)[:, None]
    curve = elm.ELMRegressor(elm.Dense(16, gain=2.0), seed=5, ridge=1e-4).fit(x, np.sin(4 * x[:, 0]))
    elm.save(curve, HERE / "curve.frz", format="f32")
    frformat.save_file(
        {"x": x, "y": elm.load(HERE / "curve.frz").predict(x)}, HERE / "curve.expected.frz", compression="deflate"
    )


if __name__ == "__main__":
    main()
