"""Placements: the work that a student does at an employer, its terms, its hours and what an hour is paid."""

from careercenter.placements.hours import DayHours, hours_of, log_hours, logged_minutes, remove_entry
from careercenter.placements.pay import hourly_pay
from careercenter.placements.records import (
    Terms,
    advance,
    cancel,
    create,
    edit,
    find_employer,
    find_supervisor,
    fix_terms,
    free_terms,
    of_student,
    own,
)

__all__ = [
    "DayHours", "Terms", "advance", "cancel", "create", "edit", "find_employer", "find_supervisor", "fix_terms",
    "free_terms", "hourly_pay", "hours_of", "log_hours", "logged_minutes", "of_student", "own", "remove_entry",
]
