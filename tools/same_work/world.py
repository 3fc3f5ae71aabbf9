"""Two platforms that show some of the same internships in other words: made up, with the noise that was measured.

In 286 pairs found by hand between two public internship lists the title was rewritten in 71 % (season, year, intern for
internship or co-op, word order, a qualifier dropped), the place string differed in 44 %, the employer's name in 8 %, and the
days of posting lay apart; beside each pair stood eight pairs of the same employer that are other work. `figures` says how far a
world is from that, and what simple methods find in it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from random import Random
from typing import Any

FIRST = date(2026, 8, 20)
FIELDS = (
    "Software Engineering", "Data Science", "Marketing", "Mechanical Engineering", "Finance", "Human Resources", "Supply Chain",
    "Product Management", "Electrical Engineering", "Accounting", "UX Design", "Quality Assurance", "Business Analytics",
    "Machine Learning", "Communications", "Civil Engineering", "Cybersecurity", "Operations", "Research", "Sales",
    "Manufacturing", "Public Policy", "Chemical Engineering", "Information Technology", "Legal", "Graphic Design",
)
TEAMS = (
    "Payments", "Cloud Platform", "Consumer Insights", "Robotics", "Growth", "Backend", "Frontend", "Mobile", "Infrastructure",
    "Risk", "Brand", "Powertrain", "Wealth Management", "Talent Acquisition", "Logistics", "Search", "Privacy", "Treasury",
    "Audit", "Embedded Systems", "Computer Vision", "Compilers", "Autonomy", "Events", "Tax", "Packaging", "Water Resources",
)
CITIES = (
    ("Austin", "TX", "Texas"), ("Dayton", "OH", "Ohio"), ("New York", "NY", "New York"), ("Seattle", "WA", "Washington"),
    ("Chicago", "IL", "Illinois"), ("Boston", "MA", "Massachusetts"), ("San Francisco", "CA", "California"), ("Denver", "CO", "Colorado"),
    ("Atlanta", "GA", "Georgia"), ("Columbus", "OH", "Ohio"), ("Raleigh", "NC", "North Carolina"), ("Portland", "OR", "Oregon"),
    ("Phoenix", "AZ", "Arizona"), ("Minneapolis", "MN", "Minnesota"), ("Pittsburgh", "PA", "Pennsylvania"), ("Dallas", "TX", "Texas"),
    ("London", "", ""), ("Dublin", "", ""), ("Toronto", "", ""), ("San Diego", "CA", "California"), ("Detroit", "MI", "Michigan"),
)
ALIASES = {"New York": "NYC", "San Francisco": "SF"}
ABROAD = {"London": "United Kingdom", "Dublin": "Ireland", "Toronto": "Canada"}
HEADS = (
    "Alder", "Birch", "Cobalt", "Delta", "Ember", "Fennel", "Granite", "Harbor", "Iris", "Juniper", "Kestrel", "Larch", "Monarch",
    "Nimbus", "Orchard", "Pioneer", "Quarry", "Ridge", "Sable", "Tamarack", "Umber", "Vireo", "Willow", "Yarrow", "Zephyr", "Arrow",
    "Beacon", "Cedar", "Dune", "Elm", "Falcon", "Garnet", "Heron", "Indigo", "Jasper", "Keystone", "Linden", "Maple", "North", "Onyx",
)
TAILS = (
    "Robotics", "Technologies", "Health", "Bank", "Systems", "Foods", "Logistics", "Energy", "Labs", "Software", "Aerospace", "Media",
    "Insurance", "Motors", "Analytics", "Networks", "Partners", "Materials", "Pharma", "Group", "Capital", "Water", "Games", "Optics",
)
SYLLABLES = ("ba", "ce", "do", "fi", "gu", "ha", "je", "ko", "lu", "mi", "no", "pe", "ra", "se", "ti", "vo", "wa", "xe", "yu", "za")
EXTRA = (
    "Early Careers", "Emerging Talent", "Campus", "University Hire", "R&D", "Corporate", "12 weeks", "Rotational", "Global Operations",
    "Innovation Lab", "Team Bluebird", "Customer Success", "Strategy",
)
LEGAL_FORMS = (" Inc.", ", Inc.", " LLC", " Corporation", " Corp.", " Ltd.", " & Co.")


@dataclass(frozen=True)
class Work:
    """One piece of work that an employer offers."""

    id: int
    employer: str
    field: str
    team: str
    season: str
    year: int
    degree: str
    city: tuple[str, str, str]
    posted: date
    number: str


@dataclass(frozen=True)
class Post:
    """A work as one platform shows it."""

    platform: str
    post_id: str
    employer: str
    title: str
    places: tuple[str, ...]
    workplace: str
    posted: date | None
    apply_url: str
    work: int


@dataclass(frozen=True)
class World:
    """`pairs` are the true ones, as positions in `left` and `right`."""

    left: tuple[Post, ...]
    right: tuple[Post, ...]

    @property
    def pairs(self) -> set[tuple[int, int]]:
        at = {post.work: n for n, post in enumerate(self.right)}
        return {(n, at[post.work]) for n, post in enumerate(self.left) if post.work in at}

    def rivals(self) -> list[tuple[int, int]]:
        """Every pair of the same true employer, the true ones among them."""
        by: dict[str, tuple[list[int], list[int]]] = {}
        for side, posts in enumerate((self.left, self.right)):
            for n, post in enumerate(posts):
                by.setdefault(post.post_id.split("-")[0], ([], []))[side].append(n)
        return [pair for lefts, rights in by.values() for pair in product(lefts, rights)]


def world(seed: int, employers: int = 633, urls: bool = False) -> World:
    """About two listings for each employer on the left and 1.3 on the right, a sixth of the work on both sides. There are
    9,360 names of employers."""
    rng = Random(seed)  # noqa: S311 - a made-up world
    names = [f"{head} {tail}" for head, tail in product(HEADS, TAILS)]
    names += [f"{head} & {tail}" for head, tail in product(HEADS[:20], HEADS[20:])]
    names += [f"{''.join(s).capitalize()} {TAILS[n % len(TAILS)]}" for n, s in enumerate(product(SYLLABLES, repeat=3))]
    rng.shuffle(names)
    left: list[Post] = []
    right: list[Post] = []
    for n in range(employers):
        for work in _works(rng, n, names[n]):
            where = rng.random()
            if where < 0.687:
                left.append(_post(rng, work, "simple", n, urls, rewritten=False))
            if where < 0.163 or where >= 0.687:
                right.append(_post(rng, work, "mirror", n, urls, rewritten=True))
    return World(tuple(left), tuple(right))


def _works(rng: Random, n: int, name: str) -> list[Work]:
    """An employer's works: many of them are nearly alike."""
    found = [_work(rng, n, 0, name)]
    while rng.random() > 0.343:
        like, number = rng.choice(found), len(found)
        other = _work(rng, n, number, name)
        turn = rng.random()
        same = {"field": like.field, "team": like.team, "season": like.season, "year": like.year, "degree": like.degree, "city": like.city}
        if turn < 0.19:
            same["city"] = rng.choice([c for c in CITIES if c != like.city])
        elif turn < 0.36:
            same["team"] = rng.choice([t for t in TEAMS if t != like.team])
        elif turn < 0.42:
            same["season"] = rng.choice([s for s in ("Summer", "Fall", "Spring") if s != like.season])
        elif turn < 0.47:
            same["degree"] = "PhD" if like.degree != "PhD" else "BS/MS"
        elif turn < 0.48:
            pass  # the same once more: a second requisition, at another time
        else:
            same = {"season": like.season, "year": like.year, "city": like.city} if rng.random() < 0.6 else {}
        found.append(Work(**{**other.__dict__, **same}))
    return found


def _work(rng: Random, n: int, k: int, name: str) -> Work:
    return Work(
        n * 1000 + k, name, rng.choice(FIELDS), rng.choice(TEAMS) if rng.random() < 0.5 else "",
        rng.choices(("Summer", "Fall", "Spring"), (8, 1, 1))[0], 2027, rng.choices(("", "BS/MS", "PhD"), (17, 2, 1))[0],
        rng.choice(CITIES), FIRST + timedelta(days=rng.randrange(90)), f"{rng.randrange(10**6, 10**9)}",
    )


def _post(rng: Random, work: Work, platform: str, n: int, urls: bool, *, rewritten: bool) -> Post:
    title = _title(rng, work)
    if rewritten and rng.random() >= 0.28:  # else the plain form below, as the other side writes it too
        title = _title(rng, work, loose=True)
    else:
        title = _plain_title(work)
    places, workplace = _places(rng, work, rewritten and rng.random() < 0.47)
    late = min(int(rng.expovariate(1 / 2.5)), 60) if rng.random() < 0.95 else rng.randrange(60)
    posted = work.posted + timedelta(days=late if rewritten else 0)
    return Post(
        platform, f"{n}-{work.id}-{platform}", _employer(rng, work.employer) if rewritten and rng.random() < 0.085 else work.employer,
        title, places, workplace, posted if rng.random() < 0.97 else None, _url(rng, work, platform) if urls else "", work.id,
    )


def _plain_title(work: Work) -> str:
    """Every listing of an employer is written the same way; which way depends on the employer."""
    role = ("Intern", "Internship", "Co-op", "Intern")[work.id // 1000 % 4]
    core = f"{work.field} {role}"
    style = work.id // 1000 % 5
    degree = f" ({work.degree})" if work.degree else ""
    late = "" if work.season == "Summer" else f", {work.season} {work.year}"  # what is not for the summer says so
    if style == 0:
        return f"{core}{' - ' + work.team if work.team else ''}{degree}{late}"
    if style == 1:
        return f"{work.season} {work.year} {core}{', ' + work.team if work.team else ''}{degree}"
    if style == 2:
        return f"{role}, {work.field}{' – ' + work.team if work.team else ''}{degree} ({work.season} {work.year})"
    if style == 3:
        return f"{work.team + ' ' if work.team else ''}{core}{degree}{late}"
    return f"{core}{' (' + work.team + ')' if work.team else ''}{degree}, {work.season} {work.year}"


def _title(rng: Random, work: Work, loose: bool = False) -> str:
    """A title in somebody else's words."""
    role = rng.choice(("Intern", "Internship", "Co-op", "Intern", "Internship Program"))
    field = work.field
    if loose and rng.random() < 0.1:
        field = {
            "Software Engineering": "Software Developer", "Human Resources": "HR", "Quality Assurance": "QA",
            "Business Analytics": "Business Analyst", "Machine Learning": "ML", "Product Management": "Product Manager",
            "Information Technology": "IT", "Data Science": "Data Scientist",
        }.get(field, field)
    team = work.team if work.team and not (loose and rng.random() < 0.37) else ""
    if loose and rng.random() < 0.18:
        team = f"{team}, {rng.choice(EXTRA)}" if team else rng.choice(EXTRA)
    season = rng.choice(("", f"{work.season} {work.year}", work.season, f"{work.season} '{work.year % 100}", str(work.year)))
    if work.season != "Summer" and not season and rng.random() < 0.7:
        season = work.season
    degree = work.degree if work.degree and not (loose and rng.random() < 0.15) else ""
    core = rng.choice((f"{field} {role}", f"{role}, {field}", f"{role} - {field}"))
    if team:
        core = rng.choice((f"{core}, {team}", f"{core} - {team}", f"{team} {core}", f"{core} ({team})"))
    if degree:
        core = rng.choice((f"{core} ({degree})", f"{degree} {core}", f"{core}, {degree}"))
    if loose and rng.random() < 0.08:
        core = f"{core} - {work.city[0]}"
    return rng.choice((f"{season} {core}", f"{core} {season}", f"{core} ({season})", f"{core} - {season}")).strip() if season else core


def _places(rng: Random, work: Work, other: bool) -> tuple[tuple[str, ...], str]:
    city, code, state = work.city
    usual = f"{city}, {code}" if code else city
    if not other:
        return (usual,), "unknown"
    turn = rng.random()
    second = rng.choice(CITIES)
    if turn < 0.30:
        return (f"{city}, {state}, United States" if code else f"{city}, {ABROAD[city]}",), "unknown"
    if turn < 0.50:
        return (ALIASES.get(city, city),), "unknown"
    if turn < 0.62:
        return (f"{usual}, USA" if code else f"{city}, {ABROAD[city]}",), "hybrid"
    if turn < 0.80:
        return (usual, f"{second[0]}, {second[1]}" if second[1] else second[0]), "unknown"
    if turn < 0.88:
        return (state or ABROAD[city],), "unknown"
    if turn < 0.94:
        return (), "remote"
    return (f"{second[0]}, {second[1]}" if second[1] else second[0],), "unknown"


def _employer(rng: Random, name: str) -> str:
    turn = rng.random()
    if turn < 0.6:
        return name + rng.choice(LEGAL_FORMS)
    if turn < 0.75:
        return f"The {name}"
    if turn < 0.9:
        return name.replace(" ", "")
    return name.split()[0]


def _url(rng: Random, work: Work, platform: str) -> str:
    """The employer's own number in 96 % of one platform's links and 46 % of the other's; the rest lead through a redirect."""
    slug = work.employer.lower().replace(" & ", "").replace(" ", "")
    if rng.random() >= (0.96 if platform == "simple" else 0.46):
        return f"https://{platform}.example/go/{rng.randrange(10**5)}x"
    return f"https://boards.greenhouse.io/{slug}/jobs/{work.number}?gh_src={platform}"


def figures(made: World) -> dict[str, float]:
    """What the noise comes to, in percent of the true pairs; and rivals for each of them."""
    pairs = made.pairs
    n = len(pairs)
    both = [(made.left[a], made.right[b]) for a, b in pairs]
    return {
        "pairs": n, "left": len(made.left), "right": len(made.right),
        "title rewritten": 100 * sum(a.title != b.title for a, b in both) / n,
        "place differs": 100 * sum(a.places != b.places for a, b in both) / n,
        "employer differs": 100 * sum(a.employer != b.employer for a, b in both) / n,
        "rivals for a pair": (len(made.rivals()) - n) / n,
    }


def precision_recall(found: Iterable[Any], true: Sequence[Any] | set[Any]) -> tuple[float, float, float]:
    """Precision, recall and F1 in percent."""
    found, true = set(found), set(true)
    hit = len(found & true)
    p, r = hit / max(1, len(found)), hit / max(1, len(true))
    return 100 * p, 100 * r, 200 * p * r / max(1e-9, p + r)


def identical(made: World, place: bool) -> set[tuple[int, int]]:
    """The peer: equal employer and title, and the place string too if `place`."""

    def key(post: Post) -> tuple[Any, ...]:
        return (post.employer, post.title, post.places if place else ())

    by: dict[Any, list[int]] = {}
    for n, post in enumerate(made.right):
        by.setdefault(key(post), []).append(n)
    return {(n, m) for n, post in enumerate(made.left) for m in by.get(key(post), ())}
