"""The models that the two sides of a comparison run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from frformat.parity import ReportError, ort
from frformat.parity.comparison import compare
from frformat.parity.desktop import Desktop
from frformat.parity.inputs import find_inputs
from frformat.parity.report import read_report
from frformat.runtimes import export
from frformat.torch import save_model


class Total(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).sum()


class Named(nn.Linear):
    def forward(self, input: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        return {"logits": super().forward(input)}


def test_a_single_number_has_no_axis_on_either_side(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model, x = Total(4, 3), np.ones((2, 4), np.float32)
    export(model, tmp_path / "model.onnx", example=torch.zeros(2, 4))
    save_model(model, tmp_path / "model.frz")
    (found,) = ort._start(tmp_path / "model.onnx", tmp_path / "model.frz", {})(x).values()
    expected, _, _ = Desktop(model)(x)
    assert found.shape == expected.shape == ()
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_model_that_returns_a_dict_is_refused_by_its_type():
    with pytest.raises(ReportError, match="returns an object of type dict"):
        Desktop(Named(4, 3))(np.ones((2, 4), np.float32))


class Words(nn.Embedding):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input).mean(1)


def test_inputs_of_integers(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model, folder = Words(9, 4), tmp_path / "inputs"
    export(model, tmp_path / "model.onnx", example=torch.zeros(2, 3, dtype=torch.int64))
    save_model(model, tmp_path / "model.frz")
    folder.mkdir()
    np.save(folder / "a.npy", np.array([[1, 8, 0], [2, 2, 2]]))
    report = tmp_path / "out" / "report.json"
    report.parent.mkdir()
    ort.main(["report", *map(str, (tmp_path / "model.onnx", tmp_path / "model.frz", folder)), "-o", str(report)])
    inputs, phone = find_inputs(str(folder)), read_report(str(report))
    found = compare(inputs, Desktop(model), phone, None, tolerance=1e-5)
    assert found.equal
    np.save(folder / "a.npy", np.array([[1, 8, 0], [2, 2, 3]]))
    with pytest.raises(ReportError, match="input"):
        compare(inputs, Desktop(model), phone, None, tolerance=1e-5)
