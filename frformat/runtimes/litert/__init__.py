"""Export models for LiteRT, formerly TensorFlow Lite.

>>> export(LeNet5(), "model.tflite.frt", example=image)  # a template; the weights are in model.frz
>>> Interpreter(model_content=bytes(fill("model.tflite.frt", "model.frz")))

LiteRT loads a model and its weights from a single file, so a skeleton is a template
(:mod:`frformat.runtimes.template`). On Android, ``io.frz:frz-template`` fills it.
"""
