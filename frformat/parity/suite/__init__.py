"""Reports of the benchmark suite (``docs/benchmark-suite.md``): read them, describe them, and compare several."""

from frformat.parity.suite.report import SuiteReport, is_suite_report, read_suite_report

__all__ = ["SuiteReport", "is_suite_report", "read_suite_report"]
