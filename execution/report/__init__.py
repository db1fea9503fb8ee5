"""The report: one self-contained HTML file that shows what an order cost, and why.

    from execution.report import ReportData, write_report
    path = write_report(ReportData(...), "report")        # report/report.html

`ReportData` documents the input, field by field; `render` gives the page as text.  Importing this package loads
plotly; a command line that should start fast imports it only when it writes a report.
"""

from __future__ import annotations

from execution.report.data import ReportData, ReportError
from execution.report.page import render, write_report

__all__ = ["ReportData", "ReportError", "render", "write_report"]
