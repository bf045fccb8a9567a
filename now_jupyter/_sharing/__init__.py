"""Out of the notebook and back: exports, imports, bundles, reports."""

from __future__ import annotations

from ._bundle import bundle
from ._export import Exported, ExportOptions, export, export_to_bytes, written_path
from ._frames import frame_of
from ._import import Imported, bring_in
from ._recipes import Item, fits_marks, main_outputs
from ._report import Report, report_of

__all__ = [
    "ExportOptions",
    "Exported",
    "Imported",
    "Item",
    "Report",
    "bring_in",
    "bundle",
    "export",
    "export_to_bytes",
    "fits_marks",
    "frame_of",
    "main_outputs",
    "report_of",
    "written_path",
]
