"""The report: one HTML page that needs no other file, and its figures as images."""

from rostfine.report.page import Page, ReportData, Sample, render_page

__all__ = ["Page", "ReportData", "Sample", "render_page"]
