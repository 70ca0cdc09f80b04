"""Export models for ExecuTorch.

>>> export(LeNet5(), "model.pte.frt", example=image)  # a template; the weights are in model.frz
>>> fill_file("model.pte.frt", "model.frz", "model.pte")

ExecuTorch's Android library reads a program and its weights from one file, so a skeleton is a template
(:mod:`frformat.runtimes.template`). On Android, ``io.frz:frz-template`` writes the filled file to the app's cache.
"""
