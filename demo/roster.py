"""Who lives on the demo campus: featured people to sign in as, staff, faculty and four hundred students.

The same list feeds the demo identity provider (what sign-on proves) and the seed (whom the campus knows). Everything
follows from one seed number: the same people every time, in the same order.
"""

from dataclasses import dataclass
from decimal import Decimal
from random import Random

SEED = 20261122
STUDENTS = 400
MAIL = "hollis.example"
SCOPE = "demo.edu"
PROGRAM_WEIGHTS = {"CS": 86, "MKT": 82, "PSY": 74, "BIO": 62, "GD": 48, "SCM": 48}


def _words(text: str) -> list[str]:
    return text.split()


PROGRAM_NAMES = {"CS": "Computer Science", "MKT": "Marketing", "PSY": "Psychology", "BIO": "Biology", "GD": "Graphic Design",
                 "SCM": "Supply Chain Management"}
_GIVEN = _words(
    "Aaliyah Adam Aisha Alejandro Alicia Amara Andre Angela Anika Antonio Ava Benjamin Bianca Brandon Brooke Caleb Camila "
    "Carmen Carter Chloe Christian Claire Cody Daniel Darius Deja Derek Destiny Devon Elena Eli Elijah Emily Emma Ethan Eva "
    "Fatima Felicia Gabriel Grace Hana Hannah Hassan Hunter Ian Imani Isaac Isabel Ivan Jada Jamal Jasmine Jesse Jin Joel "
    "Jordan Jose Julia Kai Karina Kayla Keisha Kevin Kiara Kofi Laila Lauren Leah Leo Liam Linh Logan Lucas Lucia Luis Luna "
    "Madison Malik Marisol Mason Mateo Maya Megan Mia Miguel Mina Miriam Molly Nadia Naomi Nathan Nia Noah Nora Oliver "
    "Olivia Omar Owen Paige Parker Priya Quinn Rachel Rafael Ramon Rebecca Riley Rosa Ruth Ryan Sadie Samir Samuel Sana "
    "Sara Sean Selena Shreya Sierra Simone Sofia Sophia Stella Tariq Tessa Theo Thomas Trevor Tyler Valeria Vanessa Victor "
    "Violet Wesley William Xavier Yasmin Yuki Zachary Zara Zoe"
)
_FAMILY = _words(
    "Abrams Acosta Adeyemi Aguilar Ahmed Allen Alvarez Anderson Bailey Baker Barnes Bauer Becker Bell Bennett Bhandari Boone "
    "Brooks Brown Burke Campbell Carlson Carter Castro Chang Chen Choi Clark Coleman Cooper Cruz Dalton Daniels Davis Dean "
    "Delaney Diaz Dixon Duncan Edwards Ellis Espinoza Evans Farrell Fischer Flores Foster Fox Garcia Gibson Gomez Gonzalez "
    "Graham Grant Greene Gupta Hall Hansen Harris Hayes Henderson Hernandez Hill Hoang Hoffman Howard Hughes Hunt Ibrahim "
    "Jackson James Jensen Jimenez Johnson Jones Joshi Kaur Keller Kelly Kennedy Khan Kim King Klein Kumar Lam Larson Lee Lewis "
    "Lin Lopez Lynch Malone Marshall Martin Martinez Mason McCoy Mendez Meyer Miller Mitchell Moore Morales Morgan Morris "
    "Murphy Myers Nelson Nguyen Novak Ochoa Olson Ortiz Osborne Owens Page Park Parker Patel Perez Perry Peterson Pham Phillips "
    "Pierce Porter Powell Price Quinn Ramirez Ramos Reed Reyes Rice Rivera Roberts Robinson Rogers Rosen Ross Russell Salazar "
    "Sanchez Schmidt Schultz Scott Shah Shaw Simmons Singh Smith Snyder Soto Stein Stevens Stewart Stone Sullivan Suzuki "
    "Tanaka Taylor Thomas Thompson Torres Tran Turner Vargas Vega Walker Wallace Walsh Ward Warren Washington Watson Weaver "
    "Webb Weber Wells White Williams Wilson Wong Wood Wright Wu Yang Young Zhang Zimmerman"
)


@dataclass(frozen=True)
class Entry:
    """One person. For students the record: None means that the feed did not say."""

    uid: str
    given_name: str
    family_name: str
    campus_id: str
    role: str
    title: str
    scope: str = ""
    blurb: str = ""
    persona: str = ""
    program: str = ""
    standing: str | None = None
    gpa: Decimal | None = None
    credits: Decimal | None = None
    good_standing: bool | None = True
    international: bool = False

    @property
    def email(self) -> str:
        return f"{self.uid}@{MAIL}"

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"


def _persona(
    uid: str, name: str, number: int, program: str, standing: str, gpa: str, persona: str, blurb: str, international: bool = False,
) -> Entry:
    given, _, family = name.partition(" ")
    return Entry(
        uid, given, family, f"9003{number:05d}", "student", f"{PROGRAM_NAMES[program]}, {standing}", program=program,
        standing=standing, gpa=Decimal(gpa), credits=Decimal({"sophomore": 41, "junior": 74, "senior": 101}[standing]),
        persona=persona, blurb=blurb, international=international,
    )


PERSONAS = (
    _persona("mtran", "Maya Tran", 11, "MKT", "sophomore", "3.41", "new", "New here: no placement, no request yet"),
    _persona("jokafor", "Jordan Okafor", 12, "CS", "junior", "3.62", "in_review", "Waits for the advisor to decide a request"),
    _persona("lbennett", "Lena Bennett", 13, "GD", "junior", "3.55", "bundle", "Several micro-internships, nearly one credit"),
    _persona("dcastillo", "Diego Castillo", 14, "SCM", "senior", "2.94", "returned", "A request came back with a question"),
    _persona("aiyer", "Ananya Iyer", 15, "CS", "junior", "3.88", "international", "International student, request drafted",
             international=True),
    _persona("swhitfield", "Sam Whitfield", 16, "MKT", "senior", "3.20", "completed", "Internship, credit and evaluation all done"),
)
STAFF = (
    Entry("rmarsh", "Renee", "Marsh", "900100021", "advisor", "Senior career advisor", blurb="Career advisor with a full queue"),
    Entry("tkowalski", "Tom", "Kowalski", "900100022", "advisor", "Career advisor, Computing", scope="CS",
          blurb="Career advisor for Computer Science only"),
    Entry("hlindqvist", "Helen", "Lindqvist", "900100031", "faculty", "Professor of Psychology", scope="PSY",
          blurb="Faculty sponsor in Psychology", program="PSY"),
    Entry("opark", "Owen", "Park", "900100032", "faculty", "Associate Professor of Marketing", scope="MKT",
          blurb="Faculty sponsor in Marketing", program="MKT"),
    Entry("gferraro", "Grace", "Ferraro", "900100041", "registrar", "Associate registrar", blurb="Registers credit, makes the files"),
    Entry("ndiallo", "Nadia", "Diallo", "900100051", "admin", "Campus IT", blurb="Platforms, health and settings"),
    Entry("vrosen", "Vera", "Rosen", "900100033", "faculty", "Senior Lecturer in Computing", scope="CS", program="CS"),
    Entry("jabara", "Joseph", "Abara", "900100034", "faculty", "Professor of Biology", scope="BIO", program="BIO"),
    Entry("mfontaine", "Marcel", "Fontaine", "900100035", "faculty", "Assistant Professor of Design", scope="GD", program="GD"),
    Entry("kstrand", "Karin", "Strand", "900100036", "faculty", "Professor of Supply Chain Management", scope="SCM", program="SCM"),
)
FEATURED = {entry.uid for entry in (*PERSONAS, *STAFF) if entry.blurb}


def everybody() -> list[Entry]:
    """Featured people first, then staff, then the other students by family name."""
    return [*PERSONAS, *STAFF, *_students(STUDENTS - len(PERSONAS))]


def _students(wanted: int) -> list[Entry]:
    rng = Random(SEED)
    taken = {entry.uid for entry in (*PERSONAS, *STAFF)}
    programs = rng.choices(list(PROGRAM_WEIGHTS), weights=list(PROGRAM_WEIGHTS.values()), k=wanted)
    found = [_student(rng, number, program, taken) for number, program in enumerate(programs)]
    return sorted(found, key=lambda entry: (entry.family_name, entry.given_name, entry.uid))


def _student(rng: Random, number: int, program: str, taken: set[str]) -> Entry:
    given, family = rng.choice(_GIVEN), rng.choice(_FAMILY)
    standing = rng.choices(("first-year", "sophomore", "junior", "senior"), weights=(8, 22, 36, 34))[0]
    earned = {"first-year": 12, "sophomore": 38, "junior": 70, "senior": 98}[standing] + rng.randrange(0, 20)
    gpa = Decimal(min(400, max(178, round(rng.gauss(318, 42))))).scaleb(-2)
    unknown = rng.random()
    return Entry(
        _uid(given, family, taken), given, family, f"9002{number * 7 + 10013:05d}", "student",
        f"{PROGRAM_NAMES[program]}, {standing}", program=program, standing=None if unknown < 0.015 else standing,
        gpa=None if unknown > 0.97 else gpa, credits=None if unknown > 0.985 else Decimal(earned),
        good_standing=None if 0.5 < unknown < 0.51 else rng.random() > 0.02, international=rng.random() < 0.07,
    )


def _uid(given: str, family: str, taken: set[str]) -> str:
    stem = f"{given[0]}{family}".lower()
    uid = next(name for name in (stem, *(f"{stem}{n}" for n in range(2, 50))) if name not in taken)
    taken.add(uid)
    return uid


GROUPS = {"student": "Students", "advisor": "Career advisors", "faculty": "Faculty sponsors", "registrar": "Registrar",
          "admin": "Administrators"}


def entitlement(entry: Entry) -> str:
    """The entitlement that gives a staff member the role, within the scope if there is one."""
    return ":".join(part for part in ("urn:mace", SCOPE, "careercenter", entry.role, entry.scope.lower()) if part)


def for_sign_in() -> list[dict[str, object]]:
    """Everybody as the demo identity provider wants them."""
    return [
        {
            "uid": e.uid, "given_name": e.given_name, "family_name": e.family_name, "email": e.email, "campus_id": e.campus_id,
            "affiliation": [{"student": "student", "faculty": "faculty"}.get(e.role, "staff"), "member"],
            "entitlement": [] if e.role == "student" else [entitlement(e)],
            "title": e.title, "blurb": e.blurb, "group": GROUPS[e.role], "featured": e.uid in FEATURED,
        }
        for e in everybody()
    ]


def role_rules() -> list[dict[str, str]]:
    """The rows of config/signon.toml that turn those attributes into roles."""
    rules = [{"attribute": "affiliation", "value": f"student@{SCOPE}", "role": "student"}]
    for entry in STAFF:
        rule = {"attribute": "entitlement", "value": entitlement(entry), "role": entry.role}
        rules.append({**rule, "scope": entry.scope} if entry.scope else rule)
    return rules
