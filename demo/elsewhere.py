"""Six more platforms for the demo: invented employers in the shapes of Lever, Ashby, Recruitee, Personio and NEOGOV, and
files as Parker Dewey's partner manager and the keeper of a Forage catalogue would put them into a folder.

`answer(path, query, anchor)` is what `demo.platform_server` sends; `drop(…)` are files. Days count from `anchor`,
the day on which the campus was seeded. Harborlight's summer season is over: with `before=True` the board still shows it,
which is how the demo campus comes to a closing that waits for a person.
"""

# ruff: noqa: E501 - one offer per line

import csv
import io
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from xml.sax.saxutils import escape

BOARDS = {
    "lever": {"harborlight": "Harborlight Theatre Company", "tallgrass": "Tallgrass Software Cooperative"},
    "ashby": {"verdigris": "Verdigris Labs"},
    "recruitee": {"northloop": "North Loop Kitchens"},
    "personio": {"weldonmarsh": "Weldon & Marsh Architects"},
    "neogov": {"lakemontoh": "City of Lakemont, OH"},
    "parker_dewey": {"hollis-state": ""},
}
"""Platform, its boards, and the employer whose work a board shows."""
MORE = {"lever": {"cedargate": "Cedargate Community Radio"}, "forage": {"catalogue": ""}}
"""There, but read by no source of the settings: for trying out how one is added, tested and switched on."""
EMPLOYERS = {(platform, board): name for told in (BOARDS, MORE) for platform, names in told.items() for board, name in names.items()}


@dataclass(frozen=True)
class Offer:
    """`posted` and `deadline` are days from the anchor, pay is in dollars an hour (or the whole fee), `over`: shown no more."""

    title: str
    employer: str
    place: str
    workplace: str
    hours: int
    pay: str
    posted: int
    deadline: int | None
    skills: tuple[str, ...]
    text: str
    over: bool

    @property
    def number(self) -> int:
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.employer}/{self.title}/{self.place}").int % 9_000_000 + 1_000_000

    @property
    def key(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"careercenter demo {self.number}"))


_OFFERS = """
lever/harborlight|Stage Management Intern, Spring|Lakemont, OH|onsite|30|16|-20|34|Stage management, Communication|Call the show for two studio productions and keep the prompt book that others rely on
lever/harborlight|Scenic Design Intern, Spring|Lakemont, OH|onsite|25|16|-18|34|Drafting, Model making|Build the white model for our spring comedy and draft it for the shop
lever/harborlight|Box Office and Audience Intern|Lakemont, OH|hybrid|15|15|-12|20|Customer service, Excel|Look after 400 subscribers and find out why some did not renew
lever/harborlight|Development Intern|Lakemont, OH|hybrid|12|17|-9|41|Writing, Research|Draft two grant applications and thank every donor within a week
lever/harborlight|Summer Festival Lighting Intern|Lakemont, OH|onsite|40|16|-60||Electrics, Lighting|Hang, focus and run lights for three shows in repertory|over
lever/harborlight|Summer Festival Sound Intern|Lakemont, OH|onsite|40|16|-60||Audio engineering|Mix a musical eight times a week on our lake stage|over
lever/harborlight|Summer Festival Costume Intern|Lakemont, OH|onsite|40|16|-58||Sewing, Wardrobe|Alter and keep 120 costumes through eleven weeks|over
lever/harborlight|Summer Festival Props Intern|Lakemont, OH|onsite|40|16|-58||Crafts, Research|Find, build and mend what actors hold in their hands|over
lever/harborlight|Summer Festival Company Management Intern|Lakemont, OH|onsite|40|16|-57||Planning, Communication|House and feed 48 guests and know where each of them is|over
lever/harborlight|Summer Festival Front of House Intern|Lakemont, OH|onsite|30|15|-57||Customer service|Lead a team of ushers on show nights|over
lever/harborlight|Summer Festival Scenic Carpentry Intern|Lakemont, OH|onsite|40|16|-55||Carpentry, Safety|Build and change over three sets in one day|over
lever/harborlight|Summer Festival Marketing Intern|Lakemont, OH|hybrid|25|16|-55||Social media, Copywriting|Fill 300 seats eight times a week|over
lever/harborlight|Summer Festival Education Intern|Lakemont, OH|onsite|35|16|-54||Teaching, Planning|Teach morning classes for children and stage their show|over
lever/harborlight|Summer Festival Dramaturgy Intern|Lakemont, OH|hybrid|20|16|-54||Research, Writing|Write the program notes for all three plays|over
lever/tallgrass|Software Engineering Intern, Summer|Lakemont, OH|hybrid|40|27|-14|60|Python, SQL, Git|Build one feature of the billing system that 60 food co-ops run on, from talk with a member to release
lever/tallgrass|Site Reliability Intern|Remote - US|remote|20|25|-11|38|Linux, Networking|Make our alarms rarer and truer
lever/tallgrass|Technical Writing Intern|Remote - US|remote|15|22|-8|29|Writing, Git|Rewrite the manual that members really open
lever/tallgrass|Accessibility Intern|Lakemont, OH|hybrid|20|24|-6|45|Accessibility, HTML, JavaScript|Test every screen with a keyboard and a screen reader, and mend what fails
lever/tallgrass|Member Success Intern|Remote - US|remote|15|20|-4||Communication, Excel|Sit beside new co-ops in their first month
lever/cedargate|Newsroom Intern, Spring|Lakemont, OH|onsite|20|16|-9|25|Writing, Interviewing|Report, cut and read two local stories a week
lever/cedargate|Audio Production Intern|Lakemont, OH|onsite|15|16|-6|30|Audio editing, Storytelling|Produce a monthly show of listeners' own recordings
lever/cedargate|Membership Drive Intern|Lakemont, OH|hybrid|12|15|-3||Communication, Excel|Plan ten days on air and thank everybody by name
ashby/verdigris|Machine Learning Intern|Lakemont, OH|hybrid|40|30|-10||Python, Statistics|Measure where our crop-disease model is wrong and make it wrong less often
ashby/verdigris|Embedded Systems Intern, Spring|Wendell, IN|onsite|40|26|-16||C, Electronics|Bring up a leaf-wetness sensor that survives a winter outdoors
ashby/verdigris|Plant Pathology Research Intern|Hollis, OH|onsite|20|19|-9||Microscopy, Data collection|Grow, infect and photograph trial plants by the protocol
ashby/verdigris|Product Design Intern|Remote|remote|25|26|-5||Figma, User research|Watch growers use our app in the field and redraw what slows them
ashby/verdigris|Regulatory Affairs Intern|Lakemont, OH|hybrid|15|22|-3||Writing, Research|Prepare one state registration from the first form to the last
recruitee/northloop|Food Science Internship|Dunmoor, OH|onsite|30|18|-13|33|Food chemistry, Sensory testing|Run shelf-life trials on four new soups
recruitee/northloop|Procurement Internship|Dunmoor, OH|hybrid|20|18|-10|26|Negotiation, Excel|Find two growers within fifty miles who can deliver all winter
recruitee/northloop|Kitchen Operations Internship|Lakemont, OH|onsite|25|17|-7|40|Lean, Data collection|Draw how an order moves and take out one step
recruitee/northloop|Nutrition Communication Internship|Remote|remote|12|17|-5|31|Writing, Nutrition|Explain our school menus to parents in plain words
recruitee/northloop|Sustainability Internship|Dunmoor, OH|hybrid|15|18|-2|52|Excel, Research|Weigh what we throw away for a month, then halve it
personio/weldonmarsh|Architecture Internship, Summer|Crossfield, OH|onsite|40||-15||Revit, Drawing|Draw details for a library that opens next year
personio/weldonmarsh|Landscape Design Internship|Crossfield, OH|onsite|20||-11||Planting design, AutoCAD|Plan three courtyards that need no watering
personio/weldonmarsh|Building Performance Internship|Columbus, OH|onsite|20||-8||Energy modeling, Excel|Compare what we promised with what five buildings really use
personio/weldonmarsh|Model Workshop Internship|Crossfield, OH|onsite|15||-6||Model making|Cut and build the models that clients walk around
neogov/lakemontoh|Urban Planning Intern|Lakemont|onsite|20|17.50|-12|21|GIS, Writing|Map every empty lot and who owns it
neogov/lakemontoh|Parks and Recreation Intern|Lakemont|onsite|25|16.00|-9|18|Planning, Youth work|Run Saturday programs at four parks and count who comes
neogov/lakemontoh|Public Health Intern|Lakemont|onsite|20|18.00|-8|35|Epidemiology, Data entry|Follow up reports of foodborne illness with the nurses
neogov/lakemontoh|City Clerk Intern|Lakemont|onsite|15|16.50|-6|12|Records, Attention to detail|Put forty years of ordinances into an order that people can search
neogov/lakemontoh|Water Quality Laboratory Intern|Lakemont|onsite|30|19.00|-4|47|Chemistry, Laboratory safety|Sample, test and write down, every day the same way
parker_dewey/hollis-state|Redraw the services brochure|Remote|remote|25|500|-5|51|Layout, Typography|Print-ready files of an eight-page brochure for the clinics that use our scheduling software|Cobalt Harbor Software
parker_dewey/hollis-state|Survey of five downtown markets|Remote|remote|20|400|-7|24|Interviewing, Excel|A four-page comparison of stall fees, hours and what sellers like|Eastmere Market Association
parker_dewey/hollis-state|Clean a list of 2,000 members|Remote|remote|15|300|-6|15|Excel, Attention to detail|One spreadsheet without duplicates, and the rules you used|Harlan Springs Historical Society
parker_dewey/hollis-state|Ten short captions for museum objects|Remote|remote|12|240|-4|19|Writing, History|Ten captions of sixty words that a ten-year-old understands|Harlan Springs Historical Society
parker_dewey/hollis-state|A keyboard test of our booking page|Remote|remote|10|250|-3|22|Accessibility, HTML|A list of what cannot be reached, with pictures|Ferryman Bicycle Tours
parker_dewey/hollis-state|Forecast of spring seed sales|Remote|remote|30|600|-2|28|Forecasting, Excel|A forecast for twelve products and one page on how sure you are|Dunmoor Seed and Feed
parker_dewey/hollis-state|Three explainers for new bus riders|Remote|remote|18|360|-1|33|Video, Storytelling|Three films of forty seconds, with captions|Crossfield Transit Authority
forage/catalogue|Supply chain planning for a soup kitchen|Remote|remote|5||-30||Forecasting, Excel|Plan four weeks of orders for a cook who serves 900 lunches a day|Copperkettle Foods
forage/catalogue|A first day in claims|Remote|remote|3||-30||Risk assessment, Writing|Read three storm claims and write what you would pay and why|Ironbridge Insurance Mutual
forage/catalogue|Reading a leaf: data for crop health|Remote|remote|6||-30||Python, Statistics|Sort 200 photographs and explain where a model would go wrong|Verdigris Labs
"""


def _offers() -> dict[tuple[str, str], list[Offer]]:
    found: dict[tuple[str, str], list[Offer]] = {}
    for line in _OFFERS.strip().splitlines():
        where, title, place, workplace, hours, pay, posted, deadline, skills, text, *last = line.split("|")
        platform, board = where.split("/")
        employer = EMPLOYERS[platform, board] or last[0]
        found.setdefault((platform, board), []).append(Offer(
            title, employer, place, workplace, int(hours), pay, int(posted), int(deadline) if deadline else None,
            tuple(skills.split(", ")), f"{text}.", last == ["over"],
        ))
    return found


OFFERS = _offers()


def answer(path: str, query: Mapping[str, str], anchor: date, before: bool = False) -> Any:
    """What stands at an address below the platforms: a list or dict to be sent as JSON, or the text of an XML document.

    None where nothing stands.
    """
    platform, _, rest = path.strip("/").partition("/")
    parts = rest.split("/")
    board = query.get("agency", "") if platform == "neogov" else parts[0] if platform in ("recruitee", "personio") else parts[-1]
    offers = [offer for offer in OFFERS.get((platform, board), []) if before or not offer.over]
    if platform not in SHAPES or (platform, board) not in OFFERS:
        return None
    return SHAPES[platform](offers, anchor, query, board)


def _lever(offers: list[Offer], anchor: date, query: Mapping[str, str], board: str) -> Any:
    skip, limit = int(query.get("skip", 0)), int(query.get("limit", 100))
    return [{
        "id": offer.key, "text": offer.title, "createdAt": int(_at(anchor, offer.posted).timestamp() * 1000), "country": "US",
        "categories": {"commitment": "Internship", "location": offer.place, "team": "Internships", "allLocations": [offer.place]},
        "description": f"<div>{escape(offer.text)}</div>", "additional": f"<div>About {offer.hours} hours a week.</div>",
        "lists": [{"text": "What helps", "content": "".join(f"<li>{escape(skill)}</li>" for skill in offer.skills)}],
        "workplaceType": {"onsite": "on-site"}.get(offer.workplace, offer.workplace),
        "salaryRange": {"min": float(offer.pay), "max": float(offer.pay), "currency": "USD", "interval": "per-hour-wage"},
        "hostedUrl": f"https://jobs.{board}.example/{offer.key}", "applyUrl": f"https://jobs.{board}.example/{offer.key}/apply",
    } for offer in offers[skip:skip + limit]]


def _ashby(offers: list[Offer], anchor: date, query: Mapping[str, str], board: str) -> Any:
    return {"apiVersion": "1", "jobs": [{
        "id": offer.key, "title": offer.title, "department": "Student Programs", "team": "Student Programs", "employmentType": "Intern",
        "location": offer.place, "secondaryLocations": [], "publishedAt": _at(anchor, offer.posted).isoformat(), "isListed": True,
        "isRemote": offer.workplace == "remote", "workplaceType": {"onsite": "OnSite"}.get(offer.workplace, offer.workplace.capitalize()),
        "jobUrl": f"https://careers.{board}.example/{offer.key}", "applyUrl": f"https://careers.{board}.example/{offer.key}/application",
        "descriptionHtml": _html(offer),
        "compensation": {"compensationTierSummary": f"${offer.pay} per hour", "summaryComponents": [{
            "compensationType": "Salary", "interval": "1 HOUR", "currencyCode": "USD", "minValue": float(offer.pay), "maxValue": float(offer.pay),
        }]},
    } for offer in offers]}


def _recruitee(offers: list[Offer], anchor: date, query: Mapping[str, str], board: str) -> Any:
    return {"offers": [{
        "id": offer.number, "title": offer.title, "company_name": offer.employer, "department": "Student Programs", "status": "published",
        "employment_type_code": "internship", "experience_code": "student_college", "published_at": f"{_at(anchor, offer.posted):%Y-%m-%d %H:%M:%S} UTC",
        "updated_at": f"{_at(anchor, offer.posted):%Y-%m-%d %H:%M:%S} UTC",
        "close_at": f"{_at(anchor, offer.deadline):%Y-%m-%d %H:%M:%S} UTC" if offer.deadline else None,
        "careers_url": f"https://jobs.{board}.example/o/{offer.number}", "careers_apply_url": f"https://jobs.{board}.example/o/{offer.number}/c/new",
        "description": _html(offer), "requirements": "", "tags": list(offer.skills), "min_hours_per_week": offer.hours, "max_hours_per_week": offer.hours,
        "salary": {"min": offer.pay, "max": offer.pay, "currency": "USD", "period": "hour"},
        "remote": offer.workplace == "remote", "hybrid": offer.workplace == "hybrid", "on_site": offer.workplace == "onsite",
        "locations": [] if offer.workplace == "remote" else [{"city": offer.place.split(",")[0], "state": "Ohio", "country_code": "US"}],
    } for offer in offers]}


def _personio(offers: list[Offer], anchor: date, query: Mapping[str, str], board: str) -> str:
    rows = "".join(f"""<position>
    <id>{offer.number}</id><subcompany>{escape(offer.employer)}</subcompany><office>{escape(offer.place)}</office>
    <department>Studio</department><name>{escape(offer.title)}</name>
    <jobDescriptions><jobDescription><name>Your part</name><value><![CDATA[{_html(offer)}]]></value></jobDescription></jobDescriptions>
    <employmentType>intern</employmentType><seniority>student</seniority><schedule>part-time</schedule>
    <createdAt>{_at(anchor, offer.posted).isoformat()}</createdAt>
</position>
""" for offer in offers)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<workzag-jobs>\n{rows}</workzag-jobs>\n'


def _neogov(offers: list[Offer], anchor: date, query: Mapping[str, str], board: str) -> str:
    space = 'xmlns:joblisting="http://www.neogov.com/namespaces/JobListing"'
    rows = "".join(f"""<item>
    <title>{escape(offer.title)}</title><link>https://jobs.{board}.example/view/{offer.number}</link>
    <description>{escape(_html(offer))}</description><joblisting:jobId>{offer.number}</joblisting:jobId>
    <joblisting:jobNumberSingle>{offer.number % 1000}-{anchor.year}</joblisting:jobNumberSingle>
    <joblisting:advertiseFromDateUTC>{_at(anchor, offer.posted):%a, %d %b %Y %H:%M:%S}</joblisting:advertiseFromDateUTC>
    <joblisting:advertiseToDateTimeUTC>{_at(anchor, offer.deadline or 30):%a, %d %b %Y %H:%M:%S}</joblisting:advertiseToDateTimeUTC>
    <joblisting:minimumSalary>{offer.pay}</joblisting:minimumSalary><joblisting:maximumSalary>{offer.pay}</joblisting:maximumSalary>
    <joblisting:salaryCurrency>USD</joblisting:salaryCurrency><joblisting:salaryInterval>Hour</joblisting:salaryInterval>
    <joblisting:jobType>Internship - Paid</joblisting:jobType><joblisting:location>{escape(offer.place)}, OH</joblisting:location>
    <joblisting:department>City Internship Program</joblisting:department>
</item>
""" for offer in offers)
    head = f"<title>{escape(BOARDS['neogov'][board])}</title>"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" {space}>\n<channel>{head}\n{rows}</channel>\n</rss>\n'


SHAPES: dict[str, Callable[[list[Offer], date, Mapping[str, str], str], Any]] = {
    "lever": _lever, "ashby": _ashby, "recruitee": _recruitee, "personio": _personio, "neogov": _neogov,
}


def drop(platform: str, board: str, anchor: date) -> bytes:
    """A CSV file as somebody puts it into a board's folder, with headers of their own; see `COLUMNS`."""
    told = io.StringIO()
    table = csv.writer(told)
    table.writerow(COLUMNS.values())
    for offer in OFFERS[platform, board]:
        table.writerow([
            offer.number, offer.title, offer.employer, offer.text, f"https://{platform.replace('_', '-')}.partner.example/{offer.number}",
            "Remote", offer.hours, f"${offer.pay}" if offer.pay else "", _day(anchor, offer.deadline) if offer.deadline else "",
            _day(anchor, offer.posted), "; ".join(offer.skills),
        ])
    return told.getvalue().encode()


COLUMNS = {
    "id": "Project ID", "title": "Project name", "employer": "Company", "description": "Deliverable", "url": "Link", "places": "Where",
    "hours": "Hours", "pay": "Fee", "deadline": "Apply by", "posted": "Posted on", "skills": "Skills",
}
"""Our field, and what those who keep the files call it."""
DROPS = (("parker_dewey", "hollis-state"), ("forage", "catalogue"))


def _html(offer: Offer) -> str:
    wants = "".join(f"<li>{escape(skill)}</li>" for skill in offer.skills)
    return f"<p>{escape(offer.text)}</p><p>About {offer.hours} hours a week, with a mentor of your own.</p><p>What helps:</p><ul>{wants}</ul>"


def _at(anchor: date, days: int) -> datetime:
    return datetime.combine(anchor + timedelta(days=days), time(14, 30), UTC)


def _day(anchor: date, days: int) -> str:
    return (anchor + timedelta(days=days)).isoformat()
