from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from frformat.parity import lite
from frformat.parity.report import read_report
from frformat.torch import save_file, save_model
from frformat.train.models import LeNet5
from tests.cli.command import frformat, refused


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write weights, two batches of inputs, their true classes, and a report from the lite interpreter."""
    folder = tmp_path_factory.mktemp("compare")
    torch.manual_seed(0)
    model = LeNet5().eval()
    save_model(model, folder / "model.frz")
    for name in ("inputs", "truth", "phone"):
        (folder / name).mkdir()
    for index in range(2):
        x = torch.randn(3, 1, 28, 28)
        np.save(folder / "inputs" / f"x{index}.npy", x.numpy())
        with torch.no_grad():
            np.save(folder / "truth" / f"x{index}.npy", model(x).argmax(1).numpy())
    skeleton, report = folder / "model.ptl", folder / "phone" / "report.json"
    assert frformat("export", "lenet5", "-o", skeleton, "--example", "3,1,28,28", "--probe").code == 0
    runner = [sys.executable, "-W", "ignore", "-m", "frformat.parity.lite", "report"]
    subprocess.run([*runner, skeleton, folder / "model.frz", folder / "inputs", "-o", report], check=True)
    return folder


def arguments(files: Path, *more: object) -> tuple[str, ...]:
    return ("compare", "lenet5", str(files / "model.frz"), str(files / "inputs"), *map(str, more))


def test_onnx_runtime_takes_weights_as_initializers_or_as_inputs(files: Path, tmp_path: Path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    for name, options in (("initializers", ()), ("inputs", ("--weights-as-inputs",))):
        skeleton = tmp_path / f"{name}.onnx"
        assert frformat("export", "lenet5", "-o", skeleton, *options).code == 0
        assert frformat(*arguments(files, "--phone", "ort", "--skeleton", skeleton)).code == 0


def test_a_runner_replaces_a_report_only_by_force(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    report, output = tmp_path / "report.json", tmp_path / "x1.out.npy"
    command = ["report", str(files / "model.ptl"), str(files / "model.frz"), str(files / "inputs"), "-o", str(report)]
    for path in (report, output):
        path.write_bytes(b"mine")
        with pytest.raises(SystemExit):
            lite.main(command)
        assert f"{path}: it exists; use --force to replace it" in capsys.readouterr().err
        assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"mine"]
        path.unlink()
    output.write_bytes(b"mine")
    lite.main([*command, "--force"])
    assert len(read_report(report).inputs) == 2
    assert output.read_bytes() != b"mine"


def test_a_report_with_layers(files: Path):
    outcome = frformat(
        *arguments(files, "--phone", files / "phone" / "report.json", "--truth", files / "truth", "--json")
    )
    assert (outcome.code, outcome.err) == (0, "")
    told = outcome.json
    assert told["equal"]
    assert told["summary"]["score"] == {"rebuilt": 1, "phone": 1}
    assert told["summary"]["phone"]["largest"] < 1e-5
    assert [row["name"] for row in told["layers"]] == ["000 conv1", "001 conv2", "002 fc1", "003 fc2"]
    assert told["phone"]["load"].keys() >= {"total", "decode", "hand_over", "skeleton", "first_forward"}
    assert told["phone"]["weights"]["bytes"] == (files / "model.frz").stat().st_size


def test_different_weights_diverge_at_the_first_layer_that_uses_them(files: Path, tmp_path: Path):
    torch.manual_seed(0)
    model = LeNet5()
    with torch.no_grad():
        model.fc1.weight.mul_(1.1)
    save_file(model.state_dict(), tmp_path / "other.frz")
    html = tmp_path / "report.html"
    args = ("compare", "lenet5", tmp_path / "other.frz", files / "inputs", "--phone", files / "phone" / "report.json")
    args = (*args, "--original", files / "model.frz", "--html", html)
    outcome = frformat(*args)
    assert (outcome.code, outcome.err) == (1, "")
    assert "runtime and desktop diverge at layer 002 fc1" in outcome.out
    assert "original weights and desktop diverge at layer 002 fc1" in outcome.out
    assert "runtime and desktop differ on 2 inputs" in outcome.out
    assert "fc1.weight" in html.read_text()
    assert "--force" in refused(*args)


@pytest.mark.parametrize("runtime", ["lite", "ort"])
def test_a_runtime_on_this_computer(files: Path, runtime: str):
    outcome = frformat(*arguments(files, "--phone", runtime))
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-1].startswith("runtime and desktop agree on 2 inputs: largest difference ")


def test_the_desktop_alone(files: Path):
    outcome = frformat(*arguments(files, "--original", files / "model.frz"))
    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == "2 inputs on the desktop; no phone was compared"
    assert "fc2.bias" in outcome.out


def test_misuse(files: Path, tmp_path: Path):
    bad = tmp_path / "bad.json"
    bad.write_text("{}")
    facts = json.loads((files / "phone" / "report.json").read_text())
    facts["inputs"][0]["crc32"] = "00000000"
    other = tmp_path / "other.json"
    other.write_text(json.dumps(facts))
    for more, fault in (
        (("--phone", bad), "REPORT: "),
        (("--phone", other), "differs from the input of that name given here"),
        (("--phone", tmp_path / "none.json"), "No such file"),
        (("--phone", tmp_path / "none.jar"), "none.jar"),
        (("--phone", "lit"), "--phone 'lit' is neither a file nor an installed runtime, lite or ort"),
        (("--phone", "lite", "--skeleton", tmp_path / "none.ptl"), "lite ended with code"),
        (("--skeleton", "x.ptl", "--layers"), "--layers exports a skeleton of its own"),
        (("--phone", "lite", "--tier", 0), "A runner uses all tiers"),
        (("--phone", "ort", "--skeleton", tmp_path / "none.onnx"), "ort ended with code"),
        (("--phone", "lite", "--skeleton", "x.onnx"), "--phone lite runs .ptl files, not x.onnx"),
        (("--phone", "ort", "--layers"), "ONNX Runtime does not return layer outputs"),
        (("--tolerance", "nan"), "not a number"),
        (("--truth", tmp_path / "none"), "No such file"),
        (("--truth", other), "other.json: it is a file; pass a folder of .npy files or pictures"),
        (("--html", tmp_path / "none" / "x.html"), "does not exist"),
        (("--original", tmp_path / "none.pt"), "No such file"),
    ):
        assert fault in refused(*arguments(files, *more))
    told = frformat(*arguments(files, "--phone", bad, "--json"))
    assert told.code == 2
    assert told.json["error"]["code"] == "REPORT"


def test_options_without_effect_are_refused(files: Path):
    report = str(files / "phone" / "report.json")
    for more, reason in (
        (("--skeleton", files / "model.ptl"), "--skeleton needs a runner or a runtime"),
        (("--skeleton", files / "model.ptl", "--phone", report), "--skeleton needs a runner or a runtime"),
        (("--layers",), "--layers needs --phone or --original"),
    ):
        assert reason in frformat(*arguments(files, *more)).err
    assert "only --html applies" in frformat("compare", report, "--tolerance", "0.1").err


def test_help_needs_no_torch():
    code = "import sys\nfrom frformat.cli import main\n"
    code += "try: main(['compare', '--help'])\nfinally: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")
