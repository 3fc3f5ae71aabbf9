"""A record to the normal form, by the `[fields]` of its platform's manifest. Pure: no clock, no network, no chance."""

import html
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from careercenter.platforms.decode import clean_block, clean_html, clean_text, web_address
from careercenter.platforms.draft import (
    NO_AMOUNT,
    Apply,
    CreditHints,
    Duration,
    Eligibility,
    Employer,
    Hours,
    HoursPer,
    ListingDraft,
    ListingKind,
    Pay,
    PayKind,
    PayUnit,
    Place,
    Provenance,
    Reject,
    Workplace,
)
from careercenter.platforms.kinds import paths
from careercenter.platforms.kinds.manifest import DurationField, Fields, HoursField, MomentField, PayField
from careercenter.platforms.words import kinds, pay, places, time

_ESCAPED = re.compile(r"&lt;\s*/?\s*(?:p|div|ul|ol|li|br|span|strong|b|h[1-6])\b", re.IGNORECASE)
_LANG = re.compile(r"[a-z]{2}(?:-[A-Za-z]{2,4})?")
_MAIL = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>.]+")
_COUNTRY_CODE = re.compile(r"[A-Za-z]{2}")
_DAY_OF_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}(?=T|$)")
_BOARD = ("_context.board",)
_HOURS_PER = {per.value: per for per in HoursPer}
_STATED = ("hours", "duration", "skills", "eligibility", "deadline", "credit_hints")
_FOR_ANYBODY, _NO_PAY = Eligibility(), Pay()
REMEMBERED = 2000
"""So long may a text be that is remembered with what was read out of it: a plugin's process may use so much memory and no more."""


def draft(record: dict[str, Any], fields: Fields, *, employer_names: dict[str, str], attribution: str) -> ListingDraft | Reject:
    """The draft of one record; a Reject where title, employer or a way to apply is missing, or the manifest skips it.

    `employer_names`: by board, for platforms whose records do not name the employer.
    """
    for skip in fields.skip:
        if any(str(value) in skip.values for value in paths.every(record, skip.at)):
            return Reject(skip.reason)
    title = _line(record, fields.title, 300, "$.title")
    employer = _employer(record, fields, employer_names)
    link = _address(record, fields.url)
    apply = _apply(record, fields, link)
    if not title:
        return Reject("The record has no title.")
    if not employer.name:
        return Reject("The record does not name its employer. Set employer_names for this board in the options.")
    if not (apply.url or apply.email or apply.platform):
        return Reject("The record has no usable web address or mail address to apply at.")
    return _draft(record, fields, title, employer, apply, link, attribution)


def _draft(
    record: dict[str, Any], fields: Fields, title: str, employer: Employer, apply: Apply, link: str | None, attribution: str
) -> ListingDraft:
    description = _description(record, fields)
    department = _line(record, fields.department, 120)
    kind, kind_from = _kind(record, fields, title, department)
    where, workplace, workplace_from = _where(record, fields)
    wage = _pay(record, fields.pay)
    hours, duration = _hours(record, fields.hours), _duration(record, fields.duration)
    skills, eligibility = _words(record, fields.skills), _eligibility(record, fields)
    deadline, credit = _deadline(record, fields.deadline), _credit(record, fields, wage)
    stated = (
        hours is not None, duration is not None, skills != (), eligibility != _FOR_ANYBODY, deadline is not None, credit is not None,
    )
    provenance = _provenance(stated, _pay_from(fields, wage), kind_from, _places_from(fields), workplace_from)
    posted, updated = _stamp(record, fields.posted_at), _stamp(record, fields.updated_at)
    requisition, lang = _line(record, fields.requisition_id, 100), paths.text(record, fields.lang)
    return ListingDraft(  # in the order of its fields: msgspec takes twice as long to find them by their names
        title, employer, kind, apply, link, description, where, workplace, hours, duration, wage, skills, eligibility, deadline,
        posted, updated, requisition or None, department or None, credit, attribution or None,
        lang if lang and _LANG.fullmatch(lang) else None, provenance,
    )


@lru_cache(maxsize=256)  # the listings of a platform are alike in this, and share a few such maps
def _provenance(
    stated: tuple[bool, ...], wage: Provenance | None, kind: Provenance, where: Provenance, workplace: Provenance
) -> Mapping[str, Provenance]:
    """How each field came to be; `stated` says which of `_STATED` the record has."""
    found = {name: Provenance.STRUCTURED for name, so in zip(_STATED, stated, strict=True) if so}
    if wage:
        found["pay"] = wage
    return MappingProxyType(found | {"kind": kind, "places": where, "workplace": workplace})


def _line(record: dict[str, Any], where: Sequence[str], most: int, place: str = "$") -> str:
    """The first text at these places as one clean line of at most so many characters."""
    found = paths.text(record, where)
    return clean_text(found, most, place) if found else ""


def _address(record: dict[str, Any], where: Sequence[str]) -> str | None:
    found = paths.text(record, where)
    return web_address(found) if found else None


def _employer(record: dict[str, Any], fields: Fields, names: dict[str, str]) -> Employer:
    name = _line(record, fields.employer, 200, "$.employer") or clean_text(names.get(paths.text(record, _BOARD), ""), 200)
    return Employer(name, _address(record, fields.employer_url), _line(record, fields.employer_id, 100) or None)


def _apply(record: dict[str, Any], fields: Fields, link: str | None) -> Apply:
    address = _address(record, fields.apply_url) or link
    mail = _line(record, fields.apply_email, 254)
    return Apply(address, mail if mail and _MAIL.fullmatch(mail) else None, fields.apply_on_platform and not address)


def _eligibility(record: dict[str, Any], fields: Fields) -> Eligibility:
    if not (fields.class_levels or fields.work_auth or fields.majors):
        return _FOR_ANYBODY
    work_auth = _line(record, fields.work_auth, 200) or None
    return Eligibility(_words(record, fields.class_levels), work_auth, _words(record, fields.majors))


def _description(record: dict[str, Any], fields: Fields) -> str:
    """All parts one after another; text that is not HTML becomes paragraphs, HTML that was escaped once more is unescaped."""
    parts = []
    for path in fields.description:
        for value in paths.every(record, path):
            if not isinstance(value, str):
                continue
            if fields.plain:
                lines = (html.escape(line) for line in clean_block(value).split("\n"))
                parts.append("<p>" + "<br>".join(lines).replace("<br><br>", "</p><p>") + "</p>")
            else:
                parts.append(html.unescape(value) if "&" in value and _ESCAPED.search(value) else value)
    return clean_html("\n".join(parts), path="$.description")


def _kind(record: dict[str, Any], fields: Fields, title: str, department: str) -> tuple[ListingKind, Provenance]:
    if fields.kind.fixed:
        return fields.kind.fixed, Provenance.STRUCTURED
    found = [kinds.kind_of(title, department, word, fields.kind.map) for word in paths.texts(record, fields.kind.path) or [""]]
    return found[0] if len(found) == 1 else next((pair for pair in found if pair[0] is not ListingKind.JOB), found[0])


def _where(record: dict[str, Any], fields: Fields) -> tuple[tuple[Place, ...], Workplace, Provenance]:
    told, ways = fields.places, fields.workplace
    found = [place for item in paths.every(record, told.each) if (place := _place(item, fields))] if told.each or told.city else []
    lines = tuple(paths.texts(record, told.text))
    where, said = (_read if len("".join(lines)) < REMEMBERED else _read.__wrapped__)(lines)
    where = tuple(dict.fromkeys((*found, *where)))[:50] if found else where
    if ways.fixed:
        return where, ways.fixed, Provenance.STRUCTURED
    for word in paths.texts(record, ways.path):
        way = ways.map.get(word.casefold()) or places.workplace_of(word)
        if way is not Workplace.UNKNOWN:
            return where, way, Provenance.MAPPED
    flagged = [way for way, path in ways.flags.items() if paths.first(record, (path,)) in (True, "true", "True", 1, "1")]
    if len(flagged) == 1:
        return where, flagged[0], Provenance.STRUCTURED
    return where, Workplace.UNKNOWN if flagged else said, Provenance.PARSED


@lru_cache(maxsize=1024)  # the places of a board's listings come again and again
def _read(lines: tuple[str, ...]) -> tuple[tuple[Place, ...], Workplace]:
    """The places that lines of text name, and the way of working if all of them say the same."""
    read = [places.read_location(clean_text(line, 500)) for line in dict.fromkeys(lines)]
    ways = {way for _, way in read}
    found = dict.fromkeys(place for listed, _ in read for place in listed)
    return tuple(found)[:50], ways.pop() if len(ways) == 1 else Workplace.UNKNOWN


def _place(item: Any, fields: Fields) -> Place | None:
    told = fields.places
    city, region, country = (_line(item, where, 120) for where in (told.city, told.region, told.country))
    raw = _line(item, told.raw, 200) or ", ".join(dict.fromkeys(part for part in (city, region, country) if part))
    if not raw:
        return None
    code = places.COUNTRIES.get(country.casefold()) or (country.upper() if _COUNTRY_CODE.fullmatch(country) else None)
    state = places.STATE_BY_NAME.get(region.casefold(), region) if code in ("US", None) else region
    return Place(raw, city or None, state or None, code or country or None)


def _places_from(fields: Fields) -> Provenance:
    return Provenance.STRUCTURED if fields.places.city or fields.places.each else Provenance.PARSED


def _pay_from(fields: Fields, wage: Pay) -> Provenance | None:
    if wage == _NO_PAY:
        return None
    typed = fields.pay is not None and (fields.pay.min or fields.pay.kind)
    return Provenance.STRUCTURED if typed else Provenance.PARSED


def _hours(record: dict[str, Any], field: HoursField | None) -> Hours | None:
    if field is None:
        return None
    low, high = paths.text(record, field.min), paths.text(record, field.max)
    per = _HOURS_PER.get(paths.text(record, field.per_path), field.per)
    if low or high:
        return time.hours(f"{low}-{high}" if low and high and low != high else low or f"up to {high}", per)
    return time.hours(paths.text(record, field.text), per)


def _duration(record: dict[str, Any], field: DurationField | None) -> Duration | None:
    if field is None:
        return None
    start, end, weeks = (paths.text(record, where) for where in (field.start, field.end, field.weeks))
    return time.duration(_day_of(start), _day_of(end), weeks)


def _day_of(value: str) -> str:
    """The day of a stamp: a time of day adds nothing to when an internship begins."""
    found = _DAY_OF_STAMP.match(value)
    return found[0] if found else value


def _pay(record: dict[str, Any], field: PayField | None) -> Pay:
    if field is None:
        return _NO_PAY
    word = paths.text(record, field.kind)
    kind = field.kind_map.get(word) or pay.stated_kind(word)
    if kind in NO_AMOUNT:
        return Pay(kind, raw=clean_text(word, 120))
    if unit_word := paths.text(record, field.unit):
        unit = field.unit_map.get(unit_word) or _unit_of(unit_word[:REMEMBERED])
    else:
        unit = pay.PAY_UNITS.get(word.casefold(), field.fixed_unit)
    low, high = paths.first(record, field.min), paths.first(record, field.max)
    line = paths.text(record, field.text)
    if low is not None or high is not None:
        if isinstance(low, str) and pay.money(low) is None:
            return pay.text_pay(low, kind, unit)
        currency = paths.text(record, field.currency) or field.fixed_currency
        words = line or " ".join(map(str, filter(None, (low, "-" if high is not None else "", high, currency, unit_word))))
        low, high = low if low is None else str(low), high if high is None else str(high)
        return _typed_pay(low, high, currency, unit, kind, words[:REMEMBERED], field.scale)
    if line:
        return pay.text_pay(line, kind, unit)
    return Pay(kind, unit=unit if word or unit_word else PayUnit.UNKNOWN, raw=clean_text(word, 120))


_unit_of = lru_cache(maxsize=128)(pay.unit_of)


@lru_cache(maxsize=128)  # a board's listings share a few wages; no more, since the words may be long
def _typed_pay(low: str | None, high: str | None, currency: str, unit: PayUnit, kind: PayKind, words: str, scale: int) -> Pay:
    return pay.range_pay(low, high, currency, unit, kind, clean_text(words, 200), scale)


def _deadline(record: dict[str, Any], field: MomentField | None) -> Any:
    if field is None:
        return None
    return time.deadline(paths.text(record, field.path), paths.text(record, field.zone_path) or field.zone or None)


def _stamp(record: dict[str, Any], field: MomentField | None) -> Any:
    if field is None:
        return None
    return time.stamp(paths.first(record, field.path), paths.text(record, field.zone_path) or field.zone or None)


def _words(record: dict[str, Any], where: Sequence[str]) -> tuple[str, ...]:
    """Short texts from lists or comma-separated lines, without repetition."""
    if not where:
        return ()
    found = (clean_text(part, 80) for line in paths.texts(record, where) for part in line.split(","))
    return tuple(dict.fromkeys(text for text in found if text))[:40]


def _credit(record: dict[str, Any], fields: Fields, wage: Pay) -> CreditHints | None:
    field = fields.credit
    if field:
        worked = time.hours(paths.text(record, field.hours), HoursPer.TOTAL)
        code, note = _line(record, field.program_code, 60), _line(record, field.note, 300)
        minutes = worked.max_minutes if worked else None
        if code or note or minutes:
            return CreditHints(code or None, minutes, note)
    return CreditHints(note="The only reward is academic credit.") if wage.kind is PayKind.CREDIT_ONLY else None
