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
    subject, number = models.TextField(), models.TextField()

    class Meta:
        managed, db_table = False, "course"


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
    state, kind, title, employer, place, workplace = (models.TextField() for _ in range(6))
    pay_kind, pay_text, hours_per, hours_text = (models.TextField() for _ in range(4))
    hourly_cents, min_minutes, max_minutes, weeks = (models.IntegerField(null=True) for _ in range(4))
    starts_on, ends_on = models.DateField(null=True), models.DateField(null=True)
    deadline_at, posted_at = models.DateTimeField(null=True), models.DateTimeField()

    class Meta:
        managed, db_table = False, "listing"
