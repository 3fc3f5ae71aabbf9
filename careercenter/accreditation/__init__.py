"""Accreditation: workbooks for registrars and accreditors, from defined fields, as of any instant, with their proof."""

from careercenter.accreditation.files import (
    Built,
    Preview,
    build,
    download,
    filename,
    history,
    keep,
    make,
    one,
    preview,
    write,
)
from careercenter.accreditation.model import WorkbookFile
from careercenter.accreditation.specs import Spec, check_workbooks, every

__all__ = [
    "Built", "Preview", "Spec", "WorkbookFile", "build", "check_workbooks", "download", "every", "filename", "history",
    "keep", "make", "one", "preview", "write",
]
