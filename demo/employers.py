"""Sixty invented employers around an invented Ohio valley town, with the people there who supervise students."""

from dataclasses import dataclass
from random import Random

from careercenter import db
from careercenter.placements.model import Employer, Supervisor

# name; domain word; sector; city; state; programs that place students there
_ROWS = """
Alder & Quill Bookshops|alderquill|Retail|Hollis|OH|MKT GD
Amberline Logistics|amberline|Transport and warehousing|Dunmoor|OH|SCM CS
Arrowleaf Robotics|arrowleaf|Manufacturing|Kestrel Falls|OH|CS SCM
Ashgrove Family Services|ashgrovefamily|Human services|Hollis|OH|PSY
Basin & Bluff Outfitters|basinbluff|Retail|Harlan Springs|KY|MKT SCM GD
Beckwith Water Trust|beckwithwater|Environment|Dunmoor|OH|BIO
Bellwether Credit Cooperative|bellwethercoop|Finance|Hollis|OH|CS MKT
Bramblewood Children's Museum|bramblewood|Arts and culture|Kestrel Falls|OH|GD PSY MKT
Brightfurrow Seeds|brightfurrow|Agriculture|Wendell|IN|BIO SCM
Calloway Regional Hospital|callowayregional|Health care|Calloway|OH|PSY BIO CS
Canterbell Theatre Company|canterbell|Arts and culture|Hollis|OH|GD MKT
Cedar Ninth Press|cedarninth|Publishing|Hollis|OH|GD MKT
Cobalt Harbor Software|cobaltharbor|Software|Lakemont|OH|CS
Copperkettle Foods|copperkettlefoods|Food production|Dunmoor|OH|SCM BIO MKT
Crossfield Transit Authority|crossfieldtransit|Public service|Crossfield|OH|SCM CS
Dovetail Cabinet Works|dovetailcabinet|Manufacturing|Wendell|IN|SCM GD
Eastmere Animal Hospital|eastmerevet|Veterinary care|Eastmere|OH|BIO
Elmhurst Ridge School District|elmhurstridge|Education|Hollis|OH|PSY CS
Fennimore Analytics|fennimore|Business services|Lakemont|OH|CS MKT
Fieldnote Research|fieldnoteresearch|Market research|Kestrel Falls|OH|MKT PSY
Firelight Studio|firelightstudio|Design|Hollis|OH|GD
Foxglove Botanicals|foxglovebotanicals|Life sciences|Eastmere|OH|BIO SCM
Gantry Street Housing Alliance|gantrystreet|Nonprofit|Crossfield|OH|PSY MKT
Glasswing Conservancy|glasswing|Environment|Harlan Springs|KY|BIO GD
Granby Toolworks|granbytoolworks|Manufacturing|Granby|OH|SCM CS
Greenlatch Pharmacy Group|greenlatch|Health care|Calloway|OH|SCM BIO
Halfmoon Coffee Roasters|halfmoonroasters|Food production|Hollis|OH|MKT GD SCM
Harborview Youth Center|harborviewyouth|Nonprofit|Lakemont|OH|PSY
Hearthstone Senior Living|hearthstonesl|Health care|Dunmoor|OH|PSY
Hollis County Public Library|holliscountylibrary|Public service|Hollis|OH|GD CS PSY
Ironbridge Insurance Mutual|ironbridgemutual|Insurance|Crossfield|OH|CS MKT
Juniper Lane Counseling|juniperlane|Human services|Eastmere|OH|PSY
Kestrel Falls Brewing Supply|kfbrewsupply|Wholesale|Kestrel Falls|OH|SCM
Keystone Prairie Energy|keystoneprairie|Energy|Wendell|IN|SCM CS
Lakemont Data Commons|lakemontdata|Nonprofit|Lakemont|OH|CS
Lanternfish Games|lanternfishgames|Software|Kestrel Falls|OH|CS GD
Larkspur Hospitality|larkspurstays|Hospitality|Harlan Springs|KY|MKT
Linden & Shore Architects|lindenshore|Architecture|Lakemont|OH|GD
Maplecrest Diagnostics|maplecrestdx|Life sciences|Calloway|OH|BIO CS
Meridian Oaks Behavioral Health|meridianoaks|Health care|Crossfield|OH|PSY
Millrace Packaging|millracepackaging|Manufacturing|Granby|OH|SCM GD
Monarch Trail Media|monarchtrail|Media|Lakemont|OH|MKT GD
Northbank Community Radio|northbankradio|Media|Hollis|OH|MKT GD
Oakhollow Veterinary Lab|oakhollowlab|Life sciences|Eastmere|OH|BIO
Orchard Gate Grocers|orchardgate|Retail|Dunmoor|OH|SCM MKT
Pinecone Learning|pineconelearning|Education|Kestrel Falls|OH|CS PSY GD
Plumline Construction|plumlinebuild|Construction|Crossfield|OH|SCM
Quarry Road Brewing|quarryroad|Food production|Granby|OH|MKT GD
Redwing Parks District|redwingparks|Public service|Redwing|OH|BIO MKT
Saltmarsh Sensors|saltmarshsensors|Manufacturing|Lakemont|OH|CS SCM
Silverthread Textiles|silverthread|Manufacturing|Harlan Springs|KY|SCM GD
Stillwater Hospice Network|stillwaterhospice|Health care|Calloway|OH|PSY MKT
Sycamore Civic Tech|sycamorecivic|Nonprofit|Hollis|OH|CS GD
Tallgrass Biologics|tallgrassbio|Life sciences|Wendell|IN|BIO SCM
Thistledown Greenhouse|thistledowngh|Agriculture|Redwing|OH|BIO
Tidewheel Hydroponics|tidewheel|Agriculture|Redwing|OH|BIO SCM CS
Trellis & Vine Events|trellisvine|Hospitality|Hollis|OH|MKT GD
Umberfield Museum of Craft|umberfield|Arts and culture|Crossfield|OH|GD MKT
Wayfare Regional Airport|wayfareairport|Transport and warehousing|Dunmoor|OH|SCM MKT CS
Willow Bend Recovery House|willowbendrecovery|Human services|Granby|OH|PSY
"""


def _words(text: str) -> list[str]:
    return text.split()


_GIVEN = _words(
    "Priya Marcus Ellen Dominic Yolanda Terrence Hannah Ravi Colleen Anton Beatriz Stephen Naomi Gerald Lucia Wade "
    "Sunita Patrick Imani Leonard Margot Hector Joanne Felix Denise Amir Rosalind Curtis Mei Harriet"
)
_FAMILY = _words(
    "Raman Ellison Vance Okonkwo Delgado Stroud Marchetti Feld Baptiste Nakamura Holloway Ferris Quintero Abbott Lindgren "
    "Prescott Sandoval Whitlock Ansah Keller Dubois Mercer Hwang Tillman Rourke Bhatt Yarborough Castell Novak Pruitt"
)
_TITLES = {
    "CS": ("Engineering Manager", "Senior Developer", "Data Lead", "Director of IT"),
    "MKT": ("Marketing Manager", "Director of Outreach", "Brand Lead", "Communications Manager"),
    "PSY": ("Program Director", "Clinical Coordinator", "Case Manager Supervisor", "Volunteer Services Manager"),
    "BIO": ("Laboratory Manager", "Staff Scientist", "Field Programs Lead", "Quality Supervisor"),
    "GD": ("Art Director", "Creative Lead", "Exhibits Designer", "Production Manager"),
    "SCM": ("Operations Manager", "Procurement Lead", "Warehouse Manager", "Planning Supervisor"),
}


@dataclass(frozen=True)
class Host:
    """An employer with the supervisor who takes students of one program."""

    name: str
    sector: str
    supervisor: str
    supervisor_title: str
    supervisor_email: str


def add_employers(rng: Random) -> dict[str, list[Host]]:
    """Sixty employers and one supervisor for each program that places students there; the hosts by program code."""
    hosts: dict[str, list[Host]] = {}
    for line in _ROWS.strip().splitlines():
        name, word, sector, city, state, programs = line.split("|")
        employer = Employer(name=name, domain=f"{word}.example", sector=sector, city=city, state=state)
        db.session.add(employer)
        db.session.flush()
        for code in programs.split():
            hosts.setdefault(code, []).append(_host(employer, code, rng))
    return hosts


def _host(employer: Employer, code: str, rng: Random) -> Host:
    given, family = rng.choice(_GIVEN), rng.choice(_FAMILY)
    supervisor = Supervisor(
        employer_id=employer.id, name=f"{given} {family}", title=rng.choice(_TITLES[code]),
        email=f"{given}.{family}.{code}@{employer.domain}".lower(),
    )
    db.session.add(supervisor)
    db.session.flush()
    return Host(employer.name, employer.sector, supervisor.name, supervisor.title, supervisor.email)
