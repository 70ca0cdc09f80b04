"""Quantize weights and activations to 8-bit integers (torchao, PT2E), after training or during training."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import frformat
from bench.techniques.jobs import Job, Made, Unreachable
from bench.techniques.storing import encoded, pickled


def after_training(job: Job) -> Made:
    """Calibrate and round the dense network (PTQ)."""
    prepared = _prepared(job, job.task.model(job.tuned), training=False)
    with torch.no_grad():
        for batch in job.calibration():
            prepared(batch)
    return _converted(prepared)


def in_training(job: Job) -> Made:
    """Train with rounded weights and activations (QAT)."""
    prepared = _prepared(job, job.task.model(), training=True)
    job.fit(prepared, precision="f32")
    return _converted(prepared)


def _prepared(job: Job, model: nn.Module, training: bool) -> nn.Module:
    """Return a graph with observers.

    Raises:
        Unreachable: torchao cannot quantize the network, for example if a normalization has no running statistics.
    """
    from torchao.quantization.pt2e import allow_exported_model_train_eval
    from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e, prepare_qat_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    example = torch.cat([job.example()] * 2)
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = x86.get_default_x86_inductor_quantization_config(is_qat=training)
        quantizer = x86.X86InductorQuantizer().set_global(config)
        try:
            program = torch.export.export(model.train(training), (example,), dynamic_shapes=({0: batch},))
            graph: Any = program.module(check_guards=False)  # the UNet trains on crops
            prepared: nn.Module = (prepare_qat_pt2e if training else prepare_pt2e)(graph, quantizer)
            copy.deepcopy(prepared)(example)
        except Exception as error:  # torchao can raise anything about a network that it does not support
            raise Unreachable(f"torchao: {' '.join(str(error).split())}") from error
    allow_exported_model_train_eval(prepared)
    return prepared


def _converted(prepared: nn.Module) -> Made:
    """Round the weights, store everything that inference needs, and load it again."""
    from torchao.quantization.pt2e import allow_exported_model_train_eval
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

    prepared.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph: Any = convert_pt2e(prepared, fold_quantize=False)
    allow_exported_model_train_eval(graph)
    weights = _weights(graph)
    stored: dict[str, Tensor] = {}
    for name, (axis, scale, zero) in weights.items():
        shape = [-1 if each == axis else 1 for each in range(_held(graph, name).dim())]
        whole = (_held(graph, name).detach() / scale.reshape(shape)).round() + zero.reshape(shape)
        stored[name] = whole.clamp(-128, 127).to(torch.int8)
        stored[f"{name}.scale"] = scale
    used = {str(node.target) for node in graph.graph.nodes if node.op == "get_attr"}
    stored |= {
        name: value for name, value in graph.state_dict().items() if name in used - set(stored) - _qparams(graph)
    }
    activations = [node.args[1:3] for node in graph.graph.nodes if "quantize_per_tensor" in str(node.target)]
    stored["activations.scale"] = torch.tensor([float(scale) for scale, _ in activations])
    stored["activations.zero_point"] = torch.tensor([int(zero) for _, zero in activations], dtype=torch.uint8)
    data = encoded({name: value.detach().contiguous() for name, value in stored.items()})
    back = {name: torch.from_numpy(np.asarray(array)) for name, array in frformat.load(data).items()}
    with torch.no_grad():
        for name, (axis, _, zero) in weights.items():
            shape = [-1 if each == axis else 1 for each in range(back[name].dim())]
            scale = back[f"{name}.scale"]
            _held(graph, name).copy_((back[name].float() - zero.reshape(shape)) * scale.reshape(shape))
    graph.eval()
    return Made(data, graph, pickled(stored))


def _weights(graph: Any) -> dict[str, tuple[int, Tensor, Tensor]]:
    """Return the axis, scales and zero points of each rounded weight, by name."""
    found = {}
    for node in graph.graph.nodes:
        if "quantized_decomposed.quantize_per_channel" in str(node.target):
            value, scale, zero, axis, *_ = node.args
            found[str(value.target)] = axis, _held(graph, scale.target), _held(graph, zero.target)
    return found


def _qparams(graph: Any) -> set[str]:
    """Return the names of scales and zero points of weights."""
    nodes = [node for node in graph.graph.nodes if "quantize_per_channel" in str(node.target)]
    return {str(each.target) for node in nodes for each in node.args[1:3]}


def _held(graph: Any, name: str) -> Tensor:
    """Return a parameter or buffer of a graph."""
    *path, last = name.split(".")
    return getattr(graph.get_submodule(".".join(path)), last)  # type: ignore[no-any-return]
