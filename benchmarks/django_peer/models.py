"""The tables of the campus that the pages read, as Django models. Decimals are kept in hundredths, as the product keeps them."""

from decimal import Decimal
from typing import Any

from django.db import models


class Hundredths(models.IntegerField):
    """A Decimal with two places, stored as an integer."""

    def from_db_value(self, value: int | None, *_: Any) -> Decimal | None:
        return None if value is None else Decimal(value).scaleb(-2)


def to(model: str, **given: Any) -> Any:
    return models.ForeignKey(model, on_delete=models.DO_NOTHING, related_name="+", **given)


KINDS = {"internship": "Internship", "micro_internship": "Micro-internship", "co_op": "Co-op", "project": "Project",
         "simulation": "Job simulation", "job": "Job"}
WORKPLACES = {"onsite": "On site", "hybrid": "Hybrid", "remote": "Remote", "unknown": "Not stated"}
CREDIT, MOST = 2400, 6
"""The standard policy as far as a listing can tell: minutes of site work for a credit, and the most credits."""


class Person(models.Model):
    given_name, family_name, email = models.TextField(), models.TextField(), models.TextField()

    class Meta:
        managed, db_table = False, "person"

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()


class Term(models.Model):
    name = models.TextField()
    ends_on, register_by = models.DateField(), models.DateField()

    class Meta:
        managed, db_table = False, "term"


class Program(models.Model):
    code, name = models.TextField(), models.TextField()

    class Meta:
        managed, db_table = False, "program"


class Course(models.Model):
    program = to("Program")
    subject, number, policy = models.TextField(), models.TextField(), models.TextField()

    class Meta:
        managed, db_table = False, "course"


class StudentRecord(models.Model):
    person = models.OneToOneField("Person", on_delete=models.DO_NOTHING, primary_key=True, related_name="record")
    program = to("Program")
    class_standing = models.TextField(null=True)
    gpa = Hundredths(null=True)
    good_standing = models.BooleanField(null=True)

    class Meta:
        managed, db_table = False, "student_record"

    @property
    def barred(self) -> bool:
        """Whether the standard policy says that nothing of this student counts."""
        low = self.gpa is not None and self.gpa < 2
        return low or self.good_standing is False or self.class_standing not in (None, "sophomore", "junior", "senior", "graduate")


class Employer(models.Model):
    name = models.TextField()

    class Meta:
        managed, db_table = False, "employer"


class Placement(models.Model):
    student, employer = to("Person"), to("Employer")
    title, state = models.TextField(), models.TextField()
    starts_on, ends_on = models.DateField(), models.DateField()
    planned_minutes = models.IntegerField()

    class Meta:
        managed, db_table = False, "placement"


class HourEntry(models.Model):
    placement = models.ForeignKey("Placement", on_delete=models.DO_NOTHING, related_name="hours")
    minutes = models.IntegerField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        managed, db_table = False, "hour_entry"


class CreditRequest(models.Model):
    student, term, course = to("Person"), to("Term"), to("Course")
    credits = Hundredths()
    state, what, verdict, verdict_text = models.TextField(), models.TextField(), models.TextField(), models.TextField()
    version = models.IntegerField()
    updated_at = models.DateTimeField()
    submitted_at = models.DateTimeField(null=True)

    class Meta:
        managed, db_table = False, "credit_request"


class Approval(models.Model):
    request = models.ForeignKey("CreditRequest", on_delete=models.DO_NOTHING, related_name="approvals")
    round, position = models.IntegerField(), models.IntegerField()
    step, state = models.TextField(), models.TextField()
    opened_at, due_at, decided_at = (models.DateTimeField(null=True) for _ in range(3))

    class Meta:
        managed, db_table = False, "approval"


class Evaluation(models.Model):
    placement = to("Placement")
    rater, state = models.TextField(), models.TextField()
    due_on = models.DateField()
    invited_at = models.DateTimeField(null=True)

    class Meta:
        managed, db_table = False, "evaluation"


class Answer(models.Model):
    evaluation = models.ForeignKey("Evaluation", on_delete=models.DO_NOTHING, related_name="answers")
    minutes = models.IntegerField(null=True)

    class Meta:
        managed, db_table = False, "evaluation_answer"


class Board(models.Model):
    platform, label = models.TextField(), models.TextField()
    believed_at = models.DateTimeField(null=True)

    class Meta:
        managed, db_table = False, "board"


class Listing(models.Model):
    board = to("Board")
    state, title, employer, place = (models.TextField() for _ in range(4))
    kind, workplace = models.TextField(choices=KINDS), models.TextField(choices=WORKPLACES)
    shown = models.BooleanField()
    pay_kind, pay_text, hours_per, hours_text = (models.TextField() for _ in range(4))
    hourly_cents, min_minutes, max_minutes, weeks = (models.IntegerField(null=True) for _ in range(4))
    starts_on, ends_on = models.DateField(null=True), models.DateField(null=True)
    deadline_at, posted_at = models.DateTimeField(null=True), models.DateTimeField()

    class Meta:
        managed, db_table = False, "listing"

    @property
    def pay(self) -> str:
        if self.hourly_cents is None or "hour" in self.pay_text:
            return self.pay_text
        return f"{self.pay_text} (${self.hourly_cents / 100:.2f} an hour)"

    @property
    def minutes(self) -> int | None:
        """Of the whole work; None when the listing does not say enough."""
        each = self.min_minutes if self.min_minutes is not None else self.max_minutes
        if each is None or self.hours_per == "total":
            return each
        weeks = self.weeks
        if weeks is None and self.starts_on and self.ends_on:
            weeks = max(1, ((self.ends_on - self.starts_on).days + 1) // 7)
        return each * weeks if weeks and self.hours_per == "week" else None

    def mark(self, barred: bool) -> tuple[str, str, str] | None:
        """Whether it would count, as a chip: meaning, sign, words."""
        if self.kind == "job":
            return None
        if self.kind == "simulation" or barred:
            return "stopped", "slash-circle-fill", "Carries no credit"
        if self.minutes is None:
            return "waiting", "hourglass-split", "Could count"
        if earned := min(self.minutes // CREDIT, MOST):
            return "good", "check-circle-fill", f"Would count: {earned} credit{'' if earned == 1 else 's'}"
        return "waiting", "hourglass-split", "Counts with other work"


class HeldClosing(models.Model):
    state = models.TextField()

    class Meta:
        managed, db_table = False, "held_closing"


class WorkPair(models.Model):
    a, b = to("Listing"), to("Listing")
    state, decision = models.TextField(), models.TextField(null=True)

    class Meta:
        managed, db_table = False, "work_pair"


class Mail(models.Model):
    about_kind, about_id = models.TextField(), models.IntegerField()
    dead_at = models.DateTimeField(null=True)

    class Meta:
        managed, db_table = False, "outbox_message"


class SavedSearch(models.Model):
    person = to("Person")
    name, query = models.TextField(), models.TextField()

    class Meta:
        managed, db_table = False, "saved_search"


class SearchCount(models.Model):
    """What the product counts when listings change: a listing's skills and cities are in one JSON column."""

    pk = models.CompositePrimaryKey("name", "combination_id", "value")
    name, combination_id, value = models.TextField(), models.IntegerField(), models.TextField()
    n = models.IntegerField()

    class Meta:
        managed, db_table = False, "search_count"


class SearchLabel(models.Model):
    pk = models.CompositePrimaryKey("name", "value")
    name, value, label = models.TextField(), models.TextField(), models.TextField()

    class Meta:
        managed, db_table = False, "search_label"
