"""Trained models for CPUs that only predict: as OpenVINO graphs, in float32 or in 8-bit integers.

The one door to OpenVINO and NNCF. Both are the extra `rostfine[export]`, imported when needed.
"""

from rostfine.export.command import export_command
from rostfine.export.exported import ExportedModel, load_exported
from rostfine.export.settings import ExportReport
from rostfine.export.write import export_model

__all__ = ["ExportReport", "ExportedModel", "export_command", "export_model", "load_exported"]
