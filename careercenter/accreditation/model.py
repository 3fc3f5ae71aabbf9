"""Files that were made: which workbook, as of when, by whom, and the proof of its content."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from careercenter import db


class WorkbookFile(db.Model):
    """One made file. The bytes lie in data_dir/workbooks/<sha256>.xlsx; equal content is one file."""

    __tablename__ = "workbook_file"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), index=True)
    spec_version: Mapped[str] = mapped_column(String(20))
    term_id: Mapped[int] = mapped_column(ForeignKey("term.id"))
    as_of: Mapped[datetime]
    made_at: Mapped[datetime]
    made_by: Mapped[str] = mapped_column(String(200))
    rows: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    filename: Mapped[str] = mapped_column(String(200))
    size: Mapped[int]
    downloads: Mapped[int] = mapped_column(default=0)
