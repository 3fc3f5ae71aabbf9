"""From what somebody typed to answers: pure, so that the form can be shown again with every mistake beside its item.

Names in the form: the item's code; `<code>_evidence` beside a rating; `<code>_claimed` (hours, as "41.5") and
`<code>_shown` (minutes that the page showed) beside the hours.
"""

from collections.abc import Mapping
from decimal import Decimal

from careercenter.evaluations.instruments import LEVELS, NOT_OBSERVED, Item, Version
from careercenter.evaluations.model import Answer

TEXT_LIMIT = 2000
YES, NO = "yes", "no"
MOST_MINUTES = 5000 * 60


class Incomplete(Exception):
    """The form cannot be taken yet. `errors`: the form's field name -> what to do."""

    def __init__(self, errors: dict[str, str]):
        self.errors = errors
        super().__init__("; ".join(errors.values()))


def read(version: Version, form: Mapping[str, str], logged_minutes: int) -> list[Answer]:
    """The answers in the order of the items. Raises `Incomplete` with every mistake at once."""
    errors: dict[str, str] = {}
    answers = []
    for position, item in enumerate(version.items):
        answer = Answer(position=position, item=item.code, not_observed=False, choice="", text="")
        if item.kind == "rating":
            _rating(item, form, answer, errors)
        elif item.kind == "choice":
            _choice(item, form, answer, errors)
        elif item.kind == "hours":
            _hours(item, form, answer, errors, logged_minutes)
        else:
            answer.text = _text(item.code, form, errors, "Please answer in a few words." if item.required else "")
        answers.append(answer)
    if errors:
        raise Incomplete(errors)
    return answers


def _rating(item: Item, form: Mapping[str, str], answer: Answer, errors: dict[str, str]) -> None:
    given = form.get(item.code, "")
    if given == NOT_OBSERVED:
        answer.not_observed = True
    elif given in {str(level) for level in range(1, LEVELS + 1)}:
        answer.rating = int(given)
    elif given or item.required:
        errors[item.code] = f'Choose a level for {item.title.lower()}, or "Not observed".'
    if item.evidence != "none":
        extreme = item.evidence == "extremes" and answer.rating in (1, LEVELS)
        wanted = "Please say in a sentence what you saw; the highest and the lowest level need it." if extreme else ""
        answer.text = _text(f"{item.code}_evidence", form, errors, wanted)


def _choice(item: Item, form: Mapping[str, str], answer: Answer, errors: dict[str, str]) -> None:
    given = form.get(item.code, "")
    if given in {option.code for option in item.options}:
        answer.choice = given
    elif given or item.required:
        errors[item.code] = f"Choose one answer: {item.question}"


def _hours(item: Item, form: Mapping[str, str], answer: Answer, errors: dict[str, str], logged_minutes: int) -> None:
    given = form.get(item.code, "")
    if given not in (YES, NO):
        errors[item.code] = "Say whether the logged hours are right."
        return
    if form.get(f"{item.code}_shown", "") != str(logged_minutes):
        errors[item.code] = "The student changed the logged hours while you had this page open. Please look at them once more."
        return
    answer.choice = given
    if given == NO:
        answer.minutes = _claimed(form.get(f"{item.code}_claimed", ""))
        if answer.minutes is None:
            errors[f"{item.code}_claimed"] = "Say how many hours were worked, as a number such as 41.5."


def _claimed(typed: str) -> int | None:
    """Minutes of "41.5", "41,5" or "41:30" hours; None when it is no such number."""
    whole, colon, rest = typed.strip().partition(":")
    try:
        if colon:
            minutes = Decimal(int(whole) * 60 + int(rest)) if rest.isdigit() and int(rest) < 60 else Decimal("NaN")
        else:
            minutes = Decimal(whole.replace(",", ".")) * 60
    except (ArithmeticError, ValueError):  # 1e999999 hours are an Overflow
        return None
    return round(minutes) if minutes.is_finite() and 0 <= minutes <= MOST_MINUTES else None


def _text(name: str, form: Mapping[str, str], errors: dict[str, str], wanted: str) -> str:
    typed = form.get(name, "").replace("\r\n", "\n").replace("\x00", "").strip()
    if len(typed) > TEXT_LIMIT:
        errors[name] = f"This is {len(typed)} characters long; please keep it under {TEXT_LIMIT}."
    elif wanted and not typed:
        errors[name] = wanted
    return typed
