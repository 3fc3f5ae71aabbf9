"""Each page as Django's documentation would have it written: querysets with select_related and aggregates, then a template.

A page shows what the product's page shows, word for word except for dates (benchmarks/pages/alike.py looks).
"""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Case, CharField, Count, Exists, F, Max, OuterRef, Q, Subquery, Sum, Value, When, prefetch_related_objects
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from benchmarks.django_peer.models import (
    KINDS,
    WORKPLACES,
    Answer,
    Approval,
    Board,
    CreditRequest,
    Evaluation,
    HeldClosing,
    HourEntry,
    Listing,
    Mail,
    Placement,
    SavedSearch,
    SearchCount,
    SearchLabel,
    StudentRecord,
    Term,
    WorkPair,
)

PAGE = 25
HOURS = {"week10": "Up to 10 a week", "week20": "10 to 20 a week", "week40": "More than 20 a week", "total40": "Up to 40 in all",
         "total": "More than 40 in all", "unstated": "Not stated"}
PAY = {"hourly": "Paid by the hour", "fixed": "Fixed fee or stipend", "salary": "Salary", "unpaid": "Unpaid or credit only",
       "unstated": "Not stated"}
DEADLINES = {"week": "In the next 7 days", "month": "In 8 to 30 days", "later": "Later", "none": "None given"}
PLATFORMS = {"manual": "Entered by staff", "linkedin": "LinkedIn", "neogov": "NEOGOV"}
NAVIGATION = {
    "student": (("Home", "home", "house"), ("Listings", "listings", "search"), ("Placements", "placements", "briefcase"),
                ("Credit", "credit", "mortarboard")),
    "advisor": (("Home", "home", "house"), ("Queue", "queue", "inbox"), ("Evaluations", "evaluations", "clipboard-check"),
                ("Listings", "listings", "search"), ("Platforms", "platforms", "plug")),
}


def page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    role, now = request.session["role"], timezone.now()
    return render(request, template, {"nav": NAVIGATION[role], "role": role, "now": now, "fresh": now - timedelta(days=3), **context})


@login_required
def home(request: HttpRequest) -> HttpResponse:
    return (student if request.session["role"] == "student" else advisor)(request)


def student(request: HttpRequest) -> HttpResponse:
    me, today = request.user.pk, timezone.localdate()
    requests = list(
        CreditRequest.objects.filter(student_id=me).select_related("course", "term").order_by("-updated_at", "-id")[:200]
    )
    logged = HourEntry.objects.filter(placement=OuterRef("pk"), removed_at=None).values("placement").annotate(n=Sum("minutes"))
    placements = Placement.objects.filter(student_id=me, state__in=("proposed", "running")).select_related("employer")
    reflections = list(
        Evaluation.objects.filter(placement__student_id=me, rater="student", state="invited").select_related("placement").order_by("due_on")
    )
    needs = [r for r in requests if r.state in ("draft", "returned")]
    underway = [r for r in requests if r.state == "in_review"]
    if underway:
        prefetch_related_objects(underway, "approvals")
    return page(
        request, "student.html", needs=needs, reflections=reflections, asks=len(needs) + len(reflections), underway=underway, today=today,
        placements=list(placements.annotate(logged=Coalesce(Subquery(logged.values("n")), 0)).order_by("ends_on")),
        earned=[r for r in requests if r.state in ("registered", "completed")][:3],
        term=Term.objects.filter(ends_on__gte=today).order_by("ends_on").first(), offers=_marked(request, _open()[:3]),
    )


def advisor(request: HttpRequest) -> HttpResponse:
    answers = Answer.objects.filter(evaluation=OuterRef("pk"), minutes__isnull=False)
    lost = Mail.objects.filter(about_kind="evaluation", about_id=OuterRef("pk"), dead_at__gte=OuterRef("invited_at"))
    concerns = Q(state="submitted") & Exists(answers) | Q(state="invited") & Exists(lost)
    by_program = list(_waiting(request).order_by().values(name=F("request__course__program__name")).annotate(
        n=Count("pk"), clean=Count("pk", filter=Q(request__verdict="clean"))).order_by("-n", "name"))
    return page(
        request, "advisor.html", counts=_counts(request), waiting=_waiting(request)[:6],
        owed=Evaluation.objects.aggregate(outstanding=Count("pk", filter=Q(state="invited")), concerns=Count("pk", filter=concerns)),
        boards=Board.objects.aggregate(last=Max("believed_at")),
        open_listings=Listing.objects.filter(state="open", shown=True).count(), held=HeldClosing.objects.filter(state="asked").count(),
        pairs=WorkPair.objects.filter(state="suggested", decision=None, a__state="open", b__state="open").count(),
        chart_height=len(by_program) * 46 + 2,
        chart=_stacks([(row["name"], (row["clean"], row["n"] - row["clean"])) for row in by_program]),
    )


def _stacks(rows: list[tuple[str, tuple[int, int]]]) -> list[dict[str, Any]]:
    """One bar a row in two pieces, in percent of the drawing; the longest leaves room for its number."""
    scale = 86 / max((sum(values) for _, values in rows), default=1)
    drawn = []
    for at, (label, values) in enumerate(rows):
        pieces, x = [], 0.0
        for series, n in enumerate(values):
            width = n * scale
            if n:
                fits = width * 2.88 > 9 * len(str(n)) + 8
                pieces.append({"series": series, "n": n, "x": round(x, 2), "width": round(width, 2), "middle": round(x + width / 2, 2),
                               "fits": fits})
            x += width
        drawn.append({"label": label, "n": sum(values), "values": values, "pieces": pieces, "end": round(x, 2),
                      "label_y": at * 46 + 15, "bar_y": at * 46 + 20, "text_y": at * 46 + 36})
    return drawn


@login_required
def listings(request: HttpRequest) -> HttpResponse:
    found = _open().order_by()
    facets = [
        ("kind", "Kind", _choices(found, F("kind"), KINDS)), ("hours", "Hours", _choices(found, _hours(), HOURS)),
        ("pay", "Pay", _choices(found, _pay(), PAY)), ("deadline", "Deadline", _choices(found, _deadline(), DEADLINES)),
        ("workplace", "Where", _choices(found, F("workplace"), WORKPLACES)), ("city", "Place", _most("city")),
        ("skill", "Skill", _most("skill")), ("platform", "Source", _platforms(found)),
    ]
    saved = list(SavedSearch.objects.filter(person_id=request.user.pk).order_by("name", "id"))
    return page(request, "listings.html", rows=_marked(request, _open()[:PAGE]), total=found.count(), facets=facets, saved=saved)


def _choices(found: Any, choice: Any, words: dict[str, str]) -> list[tuple[str, str, int]]:
    """The choices of a facet that lead somewhere: value, words, how many listings."""
    counted = dict(found.annotate(choice=choice).values_list("choice").annotate(n=Count("pk")))
    return [(value, label, counted[value]) for value, label in words.items() if value in counted]


def _platforms(found: Any) -> list[tuple[str, str, int]]:
    counted = found.values_list("board__platform").annotate(n=Count("pk")).order_by("board__platform")
    return [(value, PLATFORMS.get(value, value.replace("_", " ").title()), n) for value, n in counted]


def _most(name: str) -> Any:
    """The ten most frequent skills or cities."""
    label = SearchLabel.objects.filter(name=OuterRef("name"), value=OuterRef("value")).values("label")
    counted = SearchCount.objects.filter(name=name, combination_id=0).annotate(label=Subquery(label))
    return counted.order_by("-n", "value").values_list("value", "label", "n")[:10]


def _hours() -> Case:
    week, total = Q(hours_per="week"), Q(hours_per="total")
    return Case(
        When(most=None, then=Value("unstated")), When(week & Q(most__lte=600), then=Value("week10")),
        When(week & Q(most__lte=1200), then=Value("week20")), When(week, then=Value("week40")),
        When(total & Q(most__lte=2400), then=Value("total40")), When(total, then=Value("total")), default=Value("unstated"),
        output_field=CharField(),
    )


def _pay() -> Case:
    return Case(
        When(pay_kind__in=("fixed_fee", "stipend"), then=Value("fixed")),
        When(pay_kind__in=("unpaid", "credit_only"), then=Value("unpaid")),
        When(pay_kind__in=("hourly", "salary"), then=F("pay_kind")), default=Value("unstated"), output_field=CharField(),
    )


def _deadline() -> Case:
    today = datetime.combine(timezone.localdate(), time(12), UTC)  # a deadline without an hour ends in the night of UTC
    return Case(
        When(deadline_at=None, then=Value("none")), When(deadline_at__lt=today + timedelta(days=8), then=Value("week")),
        When(deadline_at__lt=today + timedelta(days=31), then=Value("month")), default=Value("later"), output_field=CharField(),
    )


@login_required
def queue(request: HttpRequest) -> HttpResponse:
    programs = _waiting(request).order_by().values(code=F("request__course__program__code")).annotate(n=Count("pk")).order_by("code")
    return page(request, "queue.html", rows=_waiting(request)[:200], counts=_counts(request), programs=programs)


def elsewhere(request: HttpRequest, id: int = 0) -> HttpResponse:  # noqa: A002 - the route's own word
    """What the pages link to; not measured."""
    return HttpResponse(status=404)


def _open() -> Any:
    now = timezone.now()
    return (
        Listing.objects.filter(Q(deadline_at=None) | Q(deadline_at__gt=now), state="open", shown=True).select_related("board")
        .annotate(most=Coalesce("max_minutes", "min_minutes")).order_by("-posted_at", "-id")
        .only("title", "employer", "kind", "place", "workplace", "hours_text", "pay_text", "hourly_cents", "deadline_at", "posted_at",
              "min_minutes", "max_minutes", "hours_per", "weeks", "starts_on", "ends_on", "board__believed_at")
    )


def _marked(request: HttpRequest, rows: Iterable[Listing]) -> list[Listing]:
    """Listings with the mark whether they would count for this student."""
    found, record = list(rows), StudentRecord.objects.get(pk=request.user.pk)
    for row in found:
        row.chip = row.mark(record.barred)
    return found


def _waiting(request: HttpRequest) -> Any:
    now = timezone.now()
    return (
        Approval.objects.filter(step="advisor", state="open").exclude(request__student_id=request.user.pk)
        .select_related("request__student", "request__course__program", "request__term").order_by("due_at", "id")
        .annotate(overdue=Case(When(due_at__lt=now, then=Value(True)), default=Value(False)),
                  soon=Case(When(request__term__register_by__lte=now.date() + timedelta(days=7), then=Value(True)), default=Value(False)))
    )


def _counts(request: HttpRequest) -> dict[str, int]:
    return _waiting(request).aggregate(  # type: ignore[no-any-return]
        all=Count("pk"), late=Count("pk", filter=Q(due_at__lt=timezone.now())),
        clean=Count("pk", filter=Q(request__verdict="clean")), look=Count("pk", filter=Q(request__verdict="look")),
    )
