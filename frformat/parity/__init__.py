"""Check that a phone computes what the desktop computes: run the same inputs through both, and compare the outputs.

>>> from frformat.parity.measure import distance
>>> report = read_report("report.json")  # the phone's report, see docs/parity-report.md
>>> for name, sample in report.inputs.items():
...     distance(desktop[name], sample.output.array()).largest

Only :mod:`frformat.parity.desktop` and :mod:`frformat.parity.lite` import PyTorch; :mod:`frformat.parity.ort` imports
ONNX Runtime.
"""

from frformat.errors import ReportError
from frformat.parity.report import Output, Report, Sample, read_report

__all__ = ["Output", "Report", "ReportError", "Sample", "read_report"]
