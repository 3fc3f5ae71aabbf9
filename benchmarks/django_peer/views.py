"""Each page as Django's documentation would have it written: querysets with select_related and aggregates, then a template."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Case, CharField, Count, Exists, F, Max, Min, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from benchmarks.django_peer.models import (
    Answer,
    Approval,
    Board,
    CreditRequest,
    Evaluation,
    HourEntry,
    Listing,
    Person,
    Placement,
    Term,
)

PAGE = 25
KINDS = {"internship": "Internship", "micro_internship": "Micro-internship", "co_op": "Co-op", "project": "Project",
         "simulation": "Job simulation", "job": "Job"}
FACETS = (("kind", "Kind"), ("hours", "Hours"), ("pay_kind", "Pay"), ("workplace", "Where"), ("board__platform", "Source"))
NAVIGATION = {
    "student": (("Home", "home", "house"), ("Listings", "listings", "search"), ("Placements", "placements", "briefcase"),
                ("Credit", "credit", "mortarboard")),
    "advisor": (("Home", "home", "house"), ("Queue", "queue", "inbox"), ("Evaluations", "evaluations", "clipboard-check"),
                ("Listings", "listings", "search"), ("Platforms", "platforms", "plug")),
}


def page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    role = request.session["role"]
    return render(request, template, {"nav": NAVIGATION[role], "person": Person.objects.get(pk=request.user.pk), "role": role,
                                      "now": timezone.now(), **context})


@login_required
def home(request: HttpRequest) -> HttpResponse:
    return (student if request.session["role"] == "student" else advisor)(request)


def student(request: HttpRequest) -> HttpResponse:
    me, today = request.user.pk, timezone.localdate()
    requests = list(
        CreditRequest.objects.filter(student_id=me).select_related("course", "term").prefetch_related("approvals")
        .order_by("-updated_at", "-id")[:200]
    )
    logged = HourEntry.objects.filter(placement=OuterRef("pk"), removed_at=None).values("placement").annotate(n=Sum("minutes"))
    placements = Placement.objects.filter(student_id=me, state__in=("proposed", "running")).select_related("employer")
    reflections = list(
        Evaluation.objects.filter(placement__student_id=me, rater="student", state="invited").select_related("placement").order_by("due_on")
    )
    needs = [r for r in requests if r.state in ("draft", "returned")]
    return page(
        request, "student.html", needs=needs, reflections=reflections, asks=len(needs) + len(reflections),
        underway=[r for r in requests if r.state == "in_review"], today=today,
        placements=list(placements.annotate(logged=Coalesce(Subquery(logged.values("n")), 0)).order_by("ends_on")),
        term=Term.objects.filter(ends_on__gte=today).order_by("ends_on").first(), offers=_open()[:3],
    )


def advisor(request: HttpRequest) -> HttpResponse:
    disputed = Exists(Answer.objects.filter(evaluation=OuterRef("pk"), minutes__isnull=False))
    return page(
        request, "advisor.html", counts=_counts(request), waiting=_waiting(request)[:6],
        owed=Evaluation.objects.aggregate(outstanding=Count("pk", filter=Q(state="invited")),
                                          concerns=Count("pk", filter=Q(state="submitted") & disputed)),
        boards=Board.objects.aggregate(n=Count("pk"), last=Max("believed_at"), oldest=Min("believed_at")),
        open_listings=Listing.objects.filter(state="open").count(),
        by_program=list(_waiting(request).order_by().values("request__course__program__name").annotate(
            n=Count("pk"), clean=Count("pk", filter=Q(request__verdict="clean"))).order_by("-n")),
    )


@login_required
def listings(request: HttpRequest) -> HttpResponse:
    most, week = Coalesce("max_minutes", "min_minutes"), Q(hours_per="week")
    found = _open().annotate(most=most).annotate(hours=Case(
        When(most=None, then=Value("Not stated")), When(week & Q(most__lte=600), then=Value("Up to 10 a week")),
        When(week & Q(most__lte=1200), then=Value("10 to 20 a week")), When(week, then=Value("More than 20 a week")),
        When(hours_per="total", most__lte=2400, then=Value("Up to 40 in all")), When(hours_per="total", then=Value("More than 40 in all")),
        default=Value("Not stated"), output_field=CharField(),
    ))
    facets = [(title, list(found.order_by().values(choice=F(name)).annotate(n=Count("pk")).order_by("choice"))) for name, title in FACETS]
    return page(request, "listings.html", rows=found[:PAGE], total=found.count(), facets=facets)


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
        Listing.objects.filter(Q(deadline_at=None) | Q(deadline_at__gt=now), state="open").select_related("board")
        .order_by("-posted_at", "-id")
        .only("title", "employer", "kind", "place", "workplace", "hours_text", "pay_text", "hourly_cents", "deadline_at", "posted_at",
              "board__label", "board__believed_at")
    )


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
