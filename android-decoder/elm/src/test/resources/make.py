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
    x = np.random.default_rng(0).uniform(-1, 1, (60, 2)).astype(np.float32)
    ramps = elm.ELMRegressor(elm.Dense(20, "relu"), seed=3, ridge=1e-3).fit(x, x.sum(1))
    elm.save(ramps, HERE / "ramps.frz")
    malformed(HERE / "malformed")


def malformed(folder: Path) -> None:
    """Write files in which one fact about the hidden layer is wrong."""
    right = {"input": "4 4", "hidden": "convolution", "pool": "2", "bias": "0"}
    faults = {
        "bias": {"bias": "1.5"},
        "negative": {"bias": "-1"},
        "pool": {"pool": str(2**31 - 1)},
        "zero": {"pool": "0"},
        "inexact": {"bias": str(2**31 - 1)},  # sums of more than 53 bits
    }
    weights = {"hidden.weight": np.ones((1, 1, 2, 2), np.float32), "hidden.bias": np.ones(1, np.float32)}
    scalar = {**weights, "hidden.weight": np.ones((), np.float32)}
    wide = {**weights, "hidden.weight": np.ones((1, 2**16), np.float32)}
    large = {"input": f"{2**16} {2**16 + 1}", "hidden": "dense", "activation": "relu"}
    cases = {name: (weights, right | fault) for name, fault in faults.items()}
    infinite = {**weights, "hidden.bias": np.array([np.inf], np.float32)}
    filters = {"hidden.weight": np.ones((2**16, 1, 1, 1), np.float32), "hidden.bias": np.ones(2**16, np.float32)}
    many = right | {"input": f"{2**15} {2**15}", "pool": "1"}  # 2⁴⁶ features
    cases |= {"scalar": (scalar, right), "large": (wide, large), "infinite": (infinite, right), "many": (filters, many)}
    folder.mkdir(exist_ok=True)
    for name, (tensors, facts) in cases.items():
        metadata = {f"elm.{key}": value for key, value in facts.items()}
        frformat.save_file(tensors, folder / f"{name}.frz", metadata=metadata)


if __name__ == "__main__":
    main()
