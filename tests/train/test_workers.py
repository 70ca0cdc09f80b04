from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

import frformat
from frformat.train import joined

RECIPE = os.path.join(os.path.dirname(__file__), "tiny.py")
OPTIONS = ["--schedule", "tail", "--epochs", "6", "--device", "cpu", "--average-from", "0.8", "--weight-decay", "0.01"]


def run(folder, *launcher):
    command = ["-m", "frformat", "train", f"{RECIPE}:NoNorm", "-o", str(folder), *OPTIONS]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, *launcher, *command], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return frformat.load_file(folder / "model.frz"), done


@pytest.mark.skipif(not torch.distributed.is_available(), reason="PyTorch was built without distributed")
def test_two_processes_train_like_one(tmp_path):
    alone, _ = run(tmp_path / "one")
    two, done = run(tmp_path / "two", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert alone.keys() == two.keys()
    for weights in (
        alone,
        two,
    ):  # the gradient of the logits' common part is only noise, which Adam turns into steps
        weights["3.weight"] = weights["3.weight"] - weights["3.weight"].mean(0)
    for name, weights in alone.items():
        np.testing.assert_allclose(two[name], weights, rtol=1e-3, atol=1e-4, err_msg=name)
    assert done.stdout.count("decoded from the file") == 1  # only one process prints


def test_a_missing_device_is_named():
    with pytest.raises(ValueError, match="device 'nothing' cannot be used"), joined("nothing"):
        pass
