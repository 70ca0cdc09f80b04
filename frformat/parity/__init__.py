"""Whether a phone computes what the desktop does: the same inputs on both, and what came out.

>>> report = read_report("report.json")  # what the phone tells, see docs/parity-report.md
>>> for sample in report.inputs:
...     measure(desktop[sample.name], sample.output.array()).largest

Nothing here imports PyTorch but :mod:`frformat.parity.desktop` and :mod:`frformat.parity.lite`.
"""

from frformat.errors import ReportError
from frformat.parity.report import Output, Report, Sample, read_report

__all__ = ["Output", "Report", "ReportError", "Sample", "read_report"]
