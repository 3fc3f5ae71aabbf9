"""What a campus may set for Greenhouse under `options` of a source."""

from typing import Literal

from pydantic import Field

from careercenter.platforms.contract import PluginConfig

FieldName = Literal[
    "kind",
    "workplace",
    "hours_per_week",
    "total_hours",
    "weeks",
    "start_date",
    "end_date",
    "pay_type",
    "pay",
    "deadline",
    "skills",
    "class_levels",
    "majors",
    "work_auth",
    "credit",
]

# Employers name their own fields. These are the names seen most; `metadata_names` adds a campus' partners'
# own.
KNOWN_NAMES: dict[str, FieldName] = {
    "employment type": "kind",
    "program type": "kind",
    "opportunity type": "kind",
    "workplace type": "workplace",
    "work arrangement": "workplace",
    "hours per week": "hours_per_week",
    "total hours": "total_hours",
    "estimated hours": "total_hours",
    "duration (weeks)": "weeks",
    "start date": "start_date",
    "end date": "end_date",
    "pay type": "pay_type",
    "compensation type": "pay_type",
    "pay": "pay",
    "pay range": "pay",
    "compensation": "pay",
    "application deadline": "deadline",
    "apply by": "deadline",
    "skills": "skills",
    "class level": "class_levels",
    "class standing": "class_levels",
    "majors": "majors",
    "work authorization": "work_auth",
    "academic credit": "credit",
}


class GreenhouseConfig(PluginConfig):
    base_url: str = Field("https://boards-api.greenhouse.io", pattern=r"^https?://[^\s/]+")
    metadata_names: dict[str, FieldName] = Field(
        {}, description="Names of employers' own fields, and which of ours each one fills."
    )
    employer_names: dict[str, str] = Field(
        {}, description="Employer's name by board, for boards whose posts do not state it."
    )

    def field_of(self, name: str) -> FieldName | None:
        """Which of our fields an employer's field fills, if any."""
        key = name.casefold()
        mine = {known.casefold(): field for known, field in self.metadata_names.items()}
        return mine.get(key) or KNOWN_NAMES.get(key)
