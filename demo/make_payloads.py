"""Writes demo/payloads/greenhouse/*.json: invented boards in the shape of Greenhouse's Job Board API.

Deterministic: `python -m demo.make_payloads` gives the same bytes every time. Times are day offsets from the day on which
a demo campus was seeded ("@-12" an instant, "@+30d" a day); `demo.platform_server` turns them into dates.
"""

# ruff: noqa: E501 - the table of firms has one firm per line

import html
import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from demo.payload_roles import PROJECTS, ROLES, Project, Role

TARGET = Path(__file__).parent / "payloads" / "greenhouse"


@dataclass(frozen=True)
class Firm:
    token: str
    name: str
    places: tuple[str, ...]
    fields: tuple[str, ...]
    posts: int
    product: str
    people: str
    intro: str


FIRMS = tuple(
    Firm(token, name, tuple(places.split("+")), tuple(fields.split()), int(posts), product, people, intro)
    for token, name, places, fields, posts, product, people, intro in (
        line.split("|")
        for line in """\
cobaltharbor|Cobalt Harbor Software|Lakemont, OH+Remote - US|CS GD MKT HR FIN ANY|22|scheduling software for clinics|clinic managers|Cobalt Harbor writes the calendars that 900 small clinics run on. We are 70 people in a former ferry hall
arrowleaf|Arrowleaf Robotics|Kestrel Falls, OH+Wendell, IN|CS ENG SCM PROC DIST GD ANY|18|packing robots|plant managers|Arrowleaf builds robots that pack fruit without bruising it. Design, machining and software sit under one roof
fennimore|Fennimore Analytics|Lakemont, OH+Columbus, OH|CS MKT RES ANY|15|forecasts for retailers|store owners|Fennimore tells shops what they will sell next week, and is right often enough to be asked again
callowayregional|Calloway Regional Hospital|Calloway, OH|CARE RES HLT BIO HR CS FIN ANY|20|hospital care|patients and their families|Calloway Regional is a 310-bed teaching hospital and the largest employer in the county
glasswing|Glasswing Conservancy|Harlan Springs, KY+Hollis, OH|ENV GIS GD YOUTH|11|land protection|landowners and hikers|Glasswing looks after 21,000 acres of river bluff, and the trails and farms on them
monarchtrail|Monarch Trail Media|Lakemont, OH+New York, NY; Remote|MKT GD ANY|14|regional magazines and podcasts|readers and listeners|Monarch Trail publishes three magazines and six podcasts about the middle of the country
copperkettle|Copperkettle Foods|Dunmoor, OH|SCM FOOD PROC DIST MKT FIN ANY|17|soups and sauces|grocers and school kitchens|Copperkettle has cooked in Dunmoor since 1958 and still tastes every batch
ironbridge|Ironbridge Insurance Mutual|Crossfield, OH+Cincinnati, OH (Hybrid)|CS RISK MKT HR FIN ANY|16|farm and home insurance|policyholders|Ironbridge belongs to the 80,000 people that it insures, and answers the telephone itself
lakemontdata|Lakemont Data Commons|Lakemont, OH+Remote - US|CS GIS RES|9|open data about the region|towns and newspapers|Lakemont Data Commons is a nonprofit of eleven people that keeps public numbers public
foxglove|Foxglove Botanicals|Eastmere, OH|BIO ENV SCM FOOD MKT|13|plant extracts|pharmacies and makers|Foxglove grows, dries and tests medicinal plants in its own greenhouses
crossfieldtransit|Crossfield Transit Authority|Crossfield, OH|SCM PROC GIS CS HR|11|bus service|riders|Crossfield Transit runs 140 buses on 32 routes, every day of the year
meridianoaks|Meridian Oaks Behavioral Health|Crossfield, OH+Hollis, OH|CARE YOUTH RES HLT HR|13|outpatient mental health care|clients|Meridian Oaks offers counseling and day programs at five sites, on a sliding scale
""".splitlines()
    )
)

OPENINGS = (
    "{intro}. {purpose}.",
    "{purpose}. {intro}.",
    "{intro}. This term we have room for one more person. {purpose}.",
    "{purpose}. You will not fetch coffee; you will have a desk, a mentor and a piece of work with your name on it. {intro}.",
)
CLOSINGS = (
    "Your mentor meets you every week, and you leave with a written reference.",
    "Please apply with a resume and three sentences on why this work. No cover letter is needed.",
    "We read every application and answer within two weeks.",
    "We will gladly complete evaluations for your university.",
    "If you need an accommodation to apply or to work, tell us and we will arrange it.",
)
LEVELS = (
    ["Sophomore", "Junior", "Senior"],
    ["Junior", "Senior"],
    ["Senior", "Graduate"],
    ["First-year", "Sophomore"],
)
SEASONS = ("Spring", "Summer", "Fall")


class Board:
    """Collects the posts of one firm; ids count up from a range of its own."""

    def __init__(self, number: int, firm: Firm):
        self.firm, self.number = firm, number
        self.random = Random(f"careercenter demo board {firm.token}")
        self.jobs: list[dict[str, Any]] = []

    def post(
        self,
        title: str,
        body: str,
        department: str,
        metadata: dict[str, Any],
        place: str,
        twin: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """One post. A `twin` shares its job: the same requisition in another place."""
        count = len(self.jobs) + 1
        post_id = 4_200_000_000 + self.number * 100_000 + count * 37
        published = -self.random.randint(3, 45)
        job: dict[str, Any] = {
            "absolute_url": f"https://careers.{self.firm.token}.example/jobs/{post_id}",
            "data_compliance": [],
            "internal_job_id": twin["internal_job_id"] if twin else post_id - 100_000_000,
            "location": {"name": place},
            "metadata": [_field(i, name, value) for i, (name, value) in enumerate(metadata.items(), 1)],
            "id": post_id,
            "updated_at": f"@{min(published + self.random.randint(0, 9), -1)}",
            "requisition_id": twin["requisition_id"]
            if twin
            else f"{self.firm.token[:3].upper()}-{1000 + count}",
            "title": title,
            "company_name": self.firm.name,
            "first_published": f"@{published}",
            "language": "en",
            "application_deadline": self._deadline(),
            "content": html.escape(body),
            "departments": [
                {
                    "id": self.number * 1000 + len(department),
                    "name": department,
                    "child_ids": [],
                    "parent_id": None,
                }
            ],
            "offices": [
                {"id": self.number, "name": place, "location": place, "child_ids": [], "parent_id": None}
            ],
        }
        self.jobs.append(job)
        return job

    def _deadline(self) -> str | None:
        return self.random.choice(
            [None, f"@+{self.random.randint(6, 75)}", f"@+{self.random.randint(10, 60)}"]
        )


def _field(number: int, name: str, value: Any) -> dict[str, Any]:
    kind = {dict: "currency_range", list: "multi_select", bool: "yes_no", int: "number"}.get(
        type(value), "short_text"
    )
    return {"id": 900 + number, "name": name, "value": value, "value_type": kind}


def _filled(text: str, firm: Firm) -> str:
    return text.replace("{product}", firm.product).replace("{people}", firm.people)


def _body(firm: Firm, role: Role, random: Random) -> str:
    opening = random.choice(OPENINGS).format(intro=firm.intro, purpose=_filled(role.purpose, firm))
    duties = "".join(f"<li>{html.escape(_filled(duty, firm))}</li>" for duty in role.duties)
    wishes = "".join(f"<li>{html.escape(wish)}</li>" for wish in role.wishes)
    skills = ", ".join(role.skills)
    closing = " ".join(random.sample(CLOSINGS, 2))
    return (
        f"<p>{html.escape(opening)}</p><h3>What you will do</h3><ul>{duties}</ul>"
        f"<h3>What you bring</h3><ul>{wishes}<li>Some practice with {html.escape(skills)}, or the wish to learn it</li></ul>"
        f"<p>{html.escape(closing)}</p>"
    )


def _money(low: float, high: float) -> dict[str, str]:
    return {"unit": "USD", "min_value": f"{low:.2f}", "max_value": f"{high:.2f}"}


def _intern_pay(random: Random, field: str) -> dict[str, Any]:
    rate = {"CS": 21, "ENG": 22, "RISK": 21, "SCM": 18, "PROC": 18, "GIS": 18}.get(
        field, 16
    ) + random.randint(-1, 4)
    way = random.choices(["hourly", "stipend", "unpaid", "credit", "hidden", "text"], [52, 16, 6, 6, 8, 12])[
        0
    ]
    pay: dict[str, dict[str, Any]] = {
        "hourly": {"Pay Type": "Hourly", "Pay": _money(rate, rate + random.choice([0, 2, 3]))},
        "stipend": {"Pay Type": "Stipend", "Pay": _money(value := random.randrange(1200, 4001, 200), value)},
        "unpaid": {"Pay Type": "Unpaid"},
        "credit": {"Pay Type": "Academic credit only"},
        "hidden": {"Pay Type": "Not displayed"},
        "text": {"Compensation": f"${rate} - ${rate + 2} per hour"},
    }
    return pay[way]


def _internship(board: Board, role: Role, co_op: bool) -> None:
    random, firm = board.random, board.firm
    season = random.choice(SEASONS)
    weeks = 26 if co_op else random.choice([10, 12, 12, 14, 15])
    start = random.randint(25, 120)
    metadata: dict[str, Any] = {
        "Employment Type": "Co-op" if co_op else "Intern",
        "Hours per Week": "40"
        if co_op
        else random.choice(["10-15", "15-20", "20", "12", "up to 20", "35-40"]),
        "Duration (weeks)": weeks,
        "Start Date": f"@+{start}d",
        "End Date": f"@+{start + weeks * 7}d",
        **_intern_pay(random, role.field),
        "Skills": list(role.skills),
        "Class Level": random.choice(LEVELS),
    }
    if random.random() < 0.4:
        metadata["Academic Credit"] = True
    if random.random() < 0.35:
        metadata["Workplace Type"] = random.choice(["Hybrid", "On-site", "Remote"])
    name = f"{role.title} {'Co-op' if co_op else 'Intern'}"
    title = random.choice([name, f"{name}, {season}", name if co_op else f"{role.title} Internship"])
    if any(role.title in job["title"] for job in board.jobs):
        title = f"{name}, {season} (second team)"
    place = random.choice(firm.places)
    body = _body(firm, role, random)
    first = board.post(title, body, role.department, metadata, place)
    if len(firm.places) > 1 and random.random() < 0.12:
        board.post(
            title, body, role.department, metadata, next(p for p in firm.places if p != place), twin=first
        )


def _micro(board: Board, project: Project) -> None:
    firm = board.firm
    title = "Micro-internship: " + _filled(project.title, firm)
    body = (
        f"<p>{html.escape(firm.intro)}. We have a short, well-defined project for one student.</p>"
        f"<p><strong>You deliver:</strong> {html.escape(project.deliverable)}.</p>"
        f"<p>We expect about {project.hours} hours of work within four weeks of our first call, at times that suit you. "
        f"Useful: {html.escape(', '.join(project.skills))}. We meet once a week by video and tell you plainly what we think "
        "of the result.</p>"
    )
    metadata = {
        "Employment Type": "Micro-internship",
        "Total Hours": f"{project.hours}",
        "Pay Type": "Fixed fee",
        "Pay": _money(project.fee, project.fee),
        "Skills": list(project.skills),
        "Workplace Type": "Remote",
    }
    board.post(title, body, "Student Projects", metadata, "Remote - US")


def _job(board: Board, role: Role) -> None:
    random, firm = board.random, board.firm
    low = random.randrange(42_000, 58_000, 1000) + (12_000 if role.field in ("CS", "ENG", "RISK") else 0)
    pay: dict[str, Any] = random.choice(
        [{"Pay Type": "Annual salary", "Pay": _money(low, low + 8000)}, {"Pay Type": "Not displayed"}]
    )
    title = random.choice(
        [f"{role.title} Associate", f"Junior {role.title} Specialist", f"{role.title} Coordinator"]
    )
    metadata = {"Employment Type": "Regular", **pay, "Skills": list(role.skills)}
    board.post(title, _body(firm, role, random), role.department, metadata, random.choice(firm.places))


def build(number: int, firm: Firm) -> dict[str, Any]:
    """The whole board as Greenhouse would serve it, with offsets in place of dates."""
    board = Board(number, firm)
    roles = [role for role in ROLES if role.field in firm.fields]
    projects = [project for project in PROJECTS if project.field in firm.fields]
    board.random.shuffle(roles)
    board.random.shuffle(projects)
    micro, jobs = max(2, firm.posts // 4), max(1, firm.posts // 7)
    for project in projects[:micro]:
        _micro(board, project)
    for position in range(jobs):
        _job(board, roles[-1 - position])
    position = 0
    while len(board.jobs) < firm.posts:
        role = roles[position % len(roles)]
        _internship(board, role, co_op=role.field in ("CS", "ENG", "SCM", "PROC") and position % 2 == 1)
        position += 1
    jobs_shown = sorted(board.jobs, key=lambda job: (job["title"], job["id"]))
    return {"name": firm.name, "jobs": jobs_shown, "meta": {"total": len(jobs_shown)}}


def with_one_bad_record(content: dict[str, Any]) -> dict[str, Any]:
    """The demo shows what becomes of a record that cannot be a listing: one has lost its address."""
    content["jobs"][-1]["absolute_url"] = "javascript:void(0)"
    return content


def main() -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    for number, firm in enumerate(FIRMS, 1):
        content = build(number, firm)
        if firm.name == "Crossfield Transit Authority":
            content = with_one_bad_record(content)
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (TARGET / f"{firm.token}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
