from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from frformat import EncodeError, FrzError, Spectrum
from frformat.encoding import Policy, Rule, encode, verify
from tests.checkpoints.test_safetensors import checkpoint

SMOOTH = Spectrum(np.arange(1, 34, dtype=np.float32), (64, 32, 3, 3)).weights()
BIAS = np.arange(64, dtype=np.float32)


def test_verification_finds_differences(tmp_path: Path):
    path = tmp_path / "file.frz"
    source = checkpoint({"w": SMOOTH, "b": BIAS})
    report = encode(source, path, Policy([Rule.parse("w: keep=9")]))
    verify(source, path, report)
    other = checkpoint({"w": SMOOTH, "b": BIAS + 1})
    with pytest.raises(EncodeError, match="tensor 'b' differs"):
        verify(other, path, report)
    wrong = dataclasses.replace(report.tensors["w"], digest="")
    with pytest.raises(EncodeError, match="tensor 'w' differs"):
        verify(source, path, dataclasses.replace(report, tensors=report.tensors | {"w": wrong}))
    with pytest.raises(EncodeError, match="does not contain the names"):
        verify(dataclasses.replace(source, aliases={"x": "w"}), path, report)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(FrzError, match="CHECKSUM"):
        verify(source, path, report)
