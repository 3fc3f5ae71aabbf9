"""What the invented boards advertise: roles with their work, and short projects with their deliverable.

`{product}` is what the employer makes or does, `{people}` whom it serves. Lines: title | department | field | skills |
purpose | duties (three, by ;) | wishes (two, by ;).
"""

# ruff: noqa: E501 - one role per line

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    title: str
    department: str
    field: str
    skills: tuple[str, ...]
    purpose: str
    duties: tuple[str, ...]
    wishes: tuple[str, ...]


@dataclass(frozen=True)
class Project:
    """A micro-internship: `hours` in total, `fee` in dollars."""

    title: str
    field: str
    hours: int
    fee: int
    skills: tuple[str, ...]
    deliverable: str


_ROLES = """
Software Engineering|Engineering|CS|Python, Git, SQL|You will work in a team of five that builds the software behind {product}|Fix two or three small defects in your first weeks and learn how we release;Build one feature that {people} will use before you leave, with its tests;Show your work at our Friday demonstration|Two programming courses and a project that you can explain line by line;Patience with code that others wrote
Front-End Development|Engineering|CS|JavaScript, HTML, CSS, Accessibility|The pages that {people} see every day are due for a careful renovation|Rebuild forms so that they work with a keyboard and a screen reader;Measure how fast our pages load and remove what slows them;Sit in on two user sessions and turn what you saw into changes|You can build a page without a framework;You notice a misaligned button
Data Analytics|Analytics|CS|SQL, Excel, Tableau|We keep years of records about {product} and look at too few of them|Clean one data set that nobody has trusted so far, and write down how;Build a report that managers open on Monday mornings;Answer one question that {people} have been asking us|A statistics course;Plain writing: a chart needs a sentence
Quality Assurance|Engineering|CS|Test planning, Python, Attention to detail|Before a change to {product} goes out, somebody has to try to break it|Write test cases from our requirements and run them;Automate the checks that we repeat by hand;Report problems so that a developer can repeat them|You enjoy finding the odd case;Basic scripting in any language
Information Security|Information Technology|CS|Networking, Linux, Risk assessment|Our security team is two people, and you would be the third|Review who can reach which system and help remove what is not needed;Prepare a short training on suspicious mail for {people};Keep the list of our machines complete|A course in networking or operating systems;Discretion
IT Support|Information Technology|CS|Windows, Customer service, Troubleshooting|You will be the friendly voice when a screen stays dark|Answer tickets from colleagues and solve most of them yourself;Set up laptops for new staff;Write help pages for the questions that come every week|You explain without jargon;Any experience with people counts
Supply Chain|Operations|SCM|Excel, Forecasting, ERP|Materials for {product} arrive from forty suppliers, and not always on the right day|Track late deliveries and find out why they were late;Update forecasts with the buyers each week;Propose one change to how much stock we keep|A course in operations or supply chain;Comfort with large spreadsheets
Purchasing|Operations|SCM|Negotiation, Excel, Vendor management|Our buyers want to know what we really pay|Compare quotes for twenty frequent purchases;Prepare files for two supplier reviews;Draft a one-page guide to our buying rules for {people}|Care with numbers;A polite telephone manner
Logistics Planning|Distribution|DIST|Route planning, Excel, Data visualization|Every day we plan how {product} reaches {people}|Ride along for a week, then map where time is lost;Test two other delivery plans on last quarter's data;Present what you found to the shift leads|You like to see how things really work;An early start does not frighten you
Process Improvement|Operations|PROC|Lean, Process mapping, Data collection|A line stops for many small reasons, and we want to know the largest|Time each step of one process and draw it;Try one improvement with the people who do the work;Write a standard that the next shift can follow|Coursework in operations or industrial engineering;Respect for the floor
Warehouse Operations|Distribution|DIST|Inventory control, Safety, Teamwork|Learn how a distribution center runs by running part of it|Lead a weekly cycle count;Help to plan dock times with our carriers;Look after our safety board|You are on your feet for much of the day;Some Saturday mornings
Digital Marketing|Marketing|MKT|Social media, Copywriting, Google Analytics|Many {people} have never heard of us, which we hope to change|Plan a month of posts and write them;Run a small paid campaign from brief to report;Tell us which half of our spending was wasted|Samples of your writing;Curiosity about numbers
Brand Marketing|Marketing|MKT|Brand strategy, Presentation, Market research|We are about to bring something new in {product} to market|Compare how five competitors present themselves;Prepare material for two trade events;Interview customers and bring back their words|A marketing course;You listen more than you pitch
Market Research|Insights|MKT|Survey design, Statistics, Interviewing|We ask {people} what they think, and then we do something about it|Write and test a survey of no more than ten questions;Code open answers and find the themes;Present results to people who will argue|Research methods coursework;An open mind
Communications|Communications|MKT|Writing, Editing, Media relations|Good work on {product} deserves to be told well|Draft news items and our monthly letter;Interview colleagues for short portraits;Keep the press list and the photo archive in order|Clear writing on a deadline;Care with names and facts
Events|Community Relations|MKT|Event planning, Budgeting, Communication|We hold nine public events a year for {people}|Plan one event yourself, from room to thank-you letter;Keep the budget and the checklist;Gather feedback and suggest what to drop|Calm when the projector fails;Some evenings
Sales Operations|Sales|MKT|CRM, Excel, Communication|Our sales team needs better lists and fewer surprises|Clean the customer records;Prepare weekly numbers;Sit in on calls with {people} and note what they ask|Reliable with detail;You like the telephone
Graphic Design|Creative|GD|Adobe Illustrator, Typography, Layout|Everything that {people} hold in their hands from us was drawn by somebody|Design flyers, signs and one longer booklet;Prepare files for print and check the proofs;Bring order into our templates|A portfolio of five pieces;You take comments well
User Experience Design|Product|GD|Figma, User research, Prototyping|We want {product} to be easy on the first try|Watch five {people} use what we have;Sketch, test and improve one flow;Hand over drawings that developers can build|A portfolio that shows how you got there;Interest in accessibility
Video and Motion|Creative|GD|Premiere Pro, Motion graphics, Storytelling|Short films explain {product} better than brochures|Film and cut four two-minute pieces;Make captions that are correct;Keep footage in an archive that others can search|A reel of your own work;You carry your tripod
Illustration|Creative|GD|Procreate, Drawing, Color theory|We need pictures that a photograph cannot give|Draw a set of spot illustrations;Develop one character or map from sketch to print;Prepare files in the sizes that we need|A portfolio;Your own hand
Behavioral Health|Clinical Services|CARE|Active listening, Documentation, Confidentiality|You will support a care team that serves {people}|Help to lead activity groups under supervision;Prepare rooms and materials for sessions;Write neutral, timely notes|Junior standing in psychology, social work or a related field;Background check
Case Management|Client Services|CARE|Interviewing, Community resources, Empathy|Families come to us with more than one question|Sit in on first meetings and then hold your own with a colleague beside you;Find the right service and make the warm handover;Keep case files complete|Good boundaries;Spanish is welcome
Youth Programs|Programs|YOUTH|Mentoring, Group facilitation, Planning|After school, the house fills up|Plan and lead an activity once a week;Support homework hours;Talk with families at pick-up time|Experience with children or teenagers;Background check
Research Assistant|Research|RES|SPSS, Literature review, Data collection|A two-year study of how {people} make decisions needs careful hands|Schedule participants and run sessions by the protocol;Enter and check data;Summarize five papers|A methods or statistics course;Punctuality
Human Resources|Human Resources|HR|Recruiting, Communication, Excel|We hire about sixty people a year and want to do it fairly|Schedule interviews and look after candidates;Review our postings for language that puts people off;Help with orientation days|Discretion with personal data;Warm manners
Laboratory|Laboratory|BIO|Pipetting, Lab safety, Record keeping|Samples arrive daily, and results leave the same day|Prepare samples and reagents;Run routine assays under supervision;Keep the notebook so that another can follow it|Two laboratory courses;Steady hands
Environmental Field|Field Programs|ENV|Field sampling, GIS, Species identification|Spend the season outside, counting what lives there|Take water and soil samples on a fixed route;Identify plants and insects with our keys;Enter observations on the same day|You walk six miles on uneven ground;A driver's license
Quality Laboratory|Quality|FOOD|HACCP, Microbiology, Documentation|Nothing leaves here before it is tested|Test samples of {product} each morning;Check thermometers and scales;Help to prepare for our yearly audit|Microbiology or food science coursework;Early shifts
Clinical Data|Clinical Services|HLT|Medical terminology, Excel, HIPAA|Good care needs good records|Check records for gaps and follow them up;Prepare figures for the quality committee;Learn how a trial is documented|Coursework in biology or health sciences;Confidentiality
Public Health Outreach|Community Relations|HLT|Health education, Public speaking, Evaluation|We bring screening and plain advice to {people}|Prepare talks and staff a table at fairs;Translate guidance into plain words;Count who came and what helped|You speak easily with strangers;A second language is welcome
Greenhouse and Trials|Research|ENV|Plant care, Data collection, Statistics|Three hundred trial plots do not measure themselves|Sow, label and measure trial plots;Photograph and record growth weekly;Help to write up one trial|Botany, biology or agronomy coursework;Outdoor work in any weather
Finance|Finance|FIN|Excel, Accounting, Analysis|Close the books with us for one term|Reconcile accounts at month's end;Prepare budget reports for three departments;Automate one report that is still copied by hand|Two accounting or finance courses;Exact, and willing to ask
Actuarial and Risk|Risk|RISK|R, Probability, Excel|We price what may never happen|Prepare claims data for the yearly review;Rebuild one pricing sheet in R;Explain a result to somebody who did not study mathematics|Probability and statistics coursework;First actuarial exam is welcome
Geographic Information|Planning|GIS|ArcGIS, Python, Cartography|Maps decide where {product} goes next|Bring three old map layers up to date;Automate a monthly map;Draw a wall map that visitors understand|A course in GIS;An eye for color
Embedded Systems|Engineering|ENG|C, Electronics, Debugging|Hardware and software meet on our bench|Write and test firmware for one small board;Build a test fixture;Document what you measured|A course in C and one in circuits;You own a soldering iron or would like to
"""

_PROJECTS = """
Compare five competitors on one page|MKT|15|300|Market research, Writing|a one-page comparison and a table of sources
Write four blog articles about {product}|MKT|20|400|Copywriting, Interviewing|four articles of 600 words, edited and ready to publish
Clean and tag a list of 1,200 contacts|MKT|12|220|Excel, Attention to detail|a clean file with a short note on what was changed
Plan six weeks of social posts|MKT|16|320|Social media, Planning|a calendar with finished texts and picture ideas
Survey of {people}: design and pretest|MKT|24|480|Survey design, Statistics|a tested questionnaire and a two-page plan
Redraw our services brochure|GD|25|500|Layout, Typography|print-ready files of an eight-page brochure
Icon set for our website|GD|18|380|Illustrator, Drawing|twenty icons in SVG with a usage sheet
Captions and cuts for three short videos|GD|20|400|Video editing, Captioning|three videos with correct captions
Accessibility review of ten pages|CS|15|350|Accessibility, HTML|a list of findings, ordered by how much they hurt
Dashboard of monthly figures|CS|30|650|SQL, Data visualization|a working dashboard and a page on how to refresh it
Script to merge weekly reports|ANY|10|240|Python, Excel|a script with instructions that a colleague can follow
Find duplicate records in our catalog|CS|14|300|Python, Data cleaning|a list of likely duplicates and the method
Map our delivery times|DIST|20|420|Excel, Maps|a map and three recommendations
Compare quotes for packaging|FOOD|12|250|Purchasing, Excel|a comparison of six quotes with a recommendation
Inventory count check|SCM|8|160|Inventory control, Excel|a checked count with notes on differences
Summarize research on volunteer retention|RES|20|400|Literature review, Writing|a four-page summary with sources
Plain-language rewrite of two forms|HLT|10|220|Plain language, Editing|two forms at an eighth-grade reading level
Interview guide for exit interviews|HR|12|260|Interviewing, Writing|a guide with questions and a note on privacy
Plant list for a pollinator garden|ENV|14|280|Botany, Writing|a list of forty species with bloom times
Literature table on cold storage|FOOD|18|380|Literature review, Food science|a table of twenty papers with findings
Label photographs of trial plots|ENV|5|100|Species identification|labels for 400 photographs
"""


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";"))


def _role(line: str) -> Role:
    title, department, field, skills, purpose, duties, wishes = line.split("|")
    named = tuple(skill.strip() for skill in skills.split(","))
    return Role(title, department, field, named, purpose, _split(duties), _split(wishes))


def _project(line: str) -> Project:
    title, field, hours, fee, skills, deliverable = line.split("|")
    return Project(
        title, field, int(hours), int(fee), tuple(s.strip() for s in skills.split(",")), deliverable
    )


ROLES = tuple(_role(line) for line in _ROLES.strip().splitlines())
PROJECTS = tuple(_project(line) for line in _PROJECTS.strip().splitlines())
