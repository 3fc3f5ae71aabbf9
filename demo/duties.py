"""What students of each program do in their placements: titles, duties and what a micro-internship hands over.

A title, and indented below it the duties. Written for the demo campus; every text is invented.
"""

INTERNSHIPS = {
    "CS": """
Software engineering intern
  Fixes reported defects in the customer portal, writes tests for each fix, and takes part in code review twice a week.
Data engineering intern
  Builds nightly loads from three operational systems into the reporting warehouse and documents every table for analysts.
IT support and automation intern
  Answers second-level help tickets and scripts the repeated ones, starting with account setup for new hires.
Quality assurance intern
  Plans release testing for the mobile app, automates the sign-in and payment paths, and reports defects to developers.
Accessibility engineering intern
  Audits public pages with a keyboard and a screen reader, corrects templates, and trains two content editors.
Embedded systems intern
  Brings up a new sensor board, logs its readings over a week of bench tests, and compares drift with the data sheet.
""",
    "MKT": """
Marketing intern
  Plans a monthly content calendar, writes product posts, and reports reach and sign-ups to the marketing manager each Friday.
Market research intern
  Designs a customer survey, recruits respondents in two stores, and presents the results with three recommendations.
Membership campaign intern
  Segments lapsed members, tests two letters of renewal, and tracks the response by segment for eight weeks.
Events and sponsorship intern
  Prepares sponsor packages for the fall season, keeps the contact list current, and staffs four evening events.
Digital analytics intern
  Sets up campaign tracking, builds a weekly dashboard, and explains changes in traffic to the sales team.
Brand communications intern
  Edits the customer newsletter, interviews staff for short profiles, and keeps photographs and releases in order.
""",
    "PSY": """
Youth program intern
  Co-leads an after-school group on coping skills, prepares activities, and writes observations after each session.
Intake and referral intern
  Sits in on intake interviews, prepares summaries for the clinician, and keeps the list of community referrals current.
Behavioral health research intern
  Screens survey records, codes open answers with a second coder, and reports agreement at the weekly meeting.
Memory care activities intern
  Plans small-group activities with the care team, notes how residents respond, and adapts them week by week.
School counseling intern
  Supports a ninth-grade transition program, tracks attendance contacts, and shadows the school psychologist on Wednesdays.
Peer recovery program intern
  Helps facilitate orientation for new residents, updates resource binders, and attends case conferences as an observer.
""",
    "BIO": """
Field ecology intern
  Surveys six stream sites each week, identifies macroinvertebrates to family, and enters counts with a second reader.
Clinical laboratory intern
  Prepares and logs specimens, runs daily controls under supervision, and charts results outside the expected range.
Greenhouse research intern
  Maintains a germination trial with four treatments, measures seedlings twice a week, and analyzes the final data.
Quality control intern
  Takes samples from the production line, tests pH and microbial counts, and writes up deviations for the supervisor.
Veterinary practice intern
  Assists with patient histories, keeps treatment records, and observes surgery; works on a project about vaccination reminders.
Habitat restoration intern
  Maps invasive plants by GPS, leads volunteers on removal days, and monitors regrowth on twelve plots.
""",
    "GD": """
Graphic design intern
  Designs signs, mailers and slides within the house style, prepares files for print, and meets the art director each Monday.
Exhibit design intern
  Drafts panels and labels for a spring exhibit, tests type sizes with visitors, and builds a scale model of one room.
Packaging design intern
  Redraws dielines for a smaller carton, prepares three label concepts, and checks proofs with the printer.
Publication design intern
  Typesets two short books, corrects proofs with the editor, and prepares accessible electronic editions.
Interface design intern
  Sketches and tests the booking flow with five users, revises it twice, and hands annotated screens to developers.
Environmental graphics intern
  Photographs existing wayfinding, draws a sign plan for the ground floor, and specifies materials for bids.
""",
    "SCM": """
Supply chain intern
  Tracks late orders from eight vendors, finds the causes with buyers, and reports the trend every two weeks.
Warehouse operations intern
  Times the picking of fast-moving items, proposes new slots, and measures the change after the move.
Procurement intern
  Compares bids for packaging, updates vendor records, and prepares the summary for the award meeting.
Demand planning intern
  Cleans two years of order history, compares three forecast methods, and reviews the errors with the planner.
Transportation analyst intern
  Reconciles freight invoices, maps delivery routes, and tests a consolidation of Friday shipments.
Inventory control intern
  Leads cycle counts in one aisle a day, investigates differences, and writes the new counting procedure.
""",
}

MICRO = {
    "CS": """
Clean and merge two donor lists
  Removes duplicates from two spreadsheets of donors, documents each rule, and hands over one clean file with a short guide.
Accessibility review of a booking page
  Tests one public page with a keyboard and a screen reader and delivers a ranked list of corrections.
Small dashboard for library visits
  Builds a page that shows daily visits from a published file and explains how to update it.
Test plan for a tablet form
  Writes and runs forty test cases on an inspection form and reports the defects that matter first.
Script for weekly stock reports
  Replaces a weekly copy-and-paste routine with a script and shows two employees how to run it.
""",
    "MKT": """
Competitor scan for a seasonal product
  Compares eight competing offers by price, message and channel, and recommends one position in four pages.
Interviews with first-time customers
  Conducts six short interviews, summarizes what nearly stopped each buyer, and presents three changes.
Welcome e-mails for new members
  Drafts a series of three messages, with subject lines to test and the reasons behind them.
Local press list and media kit
  Finds forty regional contacts, checks each, and assembles a one-page kit with photographs.
Social media audit
  Reviews six months of posts, sorts them by purpose and response, and proposes a plan for the next quarter.
""",
    "PSY": """
Literature summary on volunteer retention
  Reads twelve studies, sums up what keeps volunteers for more than a year, and suggests two changes.
Coding of open survey answers
  Builds a code book, codes 180 answers, and reports agreement with a second coder.
Plain-language guide to intake
  Rewrites an intake packet at an eighth-grade level and tests it with four readers.
""",
    "BIO": """
Plant list for a public trail
  Identifies forty species from photographs, checks them against the state flora, and writes short labels.
Data entry check of stream surveys
  Compares two seasons of field sheets with the database and documents every correction.
Protocol sheets for a teaching lab
  Turns three laboratory procedures into one-page illustrated sheets and tests them with two students.
""",
    "GD": """
Icon set for a trail map
  Draws twenty-four icons that stay legible at a quarter inch and delivers them in three formats.
Annual report spread
  Lays out six pages with two charts within the existing style, ready for print and for screen readers.
Poster series for a reading week
  Designs three posters with one idea and prepares them for the in-house printer.
Menu redesign for a cafe
  Reorganizes a two-page menu, sets the type again, and proofs it with the owner.
Slide template with instructions
  Builds a template with eight layouts, correct reading order and a one-page guide.
""",
    "SCM": """
Vendor scorecard draft
  Defines six measures with the buyer, fills them for ten vendors, and explains what the data cannot say.
Packaging cost comparison
  Compares three carton sizes by material, freight and damage, with the arithmetic laid open.
Process map of returns
  Walks through returns with three employees, draws the current process, and marks two delays to remove.
""",
}

OBJECTIVES = {
    "CS": """
Explain a change to existing code in review so that a colleague can approve it without further questions
Choose and justify tests for a change, including one case that failed before it
Estimate a task in hours, record the actual time, and name the reason for the difference
Write documentation that another student can follow without help
Describe how personal data is protected in one system that I worked on
""",
    "MKT": """
Turn a business question into a research plan with a sample, a method and a budget
Write for two different audiences and support each choice with evidence
Measure a campaign against a goal that was set beforehand and report what did not work
Present recommendations to managers in ten minutes and answer their questions
Identify the legal and ethical limits of collecting customer data
""",
    "PSY": """
Apply the ethical principles of confidentiality and informed consent in an applied setting
Observe and record behavior without interpretation, and compare notes with a second observer
Relate two theories of development or behavior change to cases seen at the site
Practice professional boundaries and seek supervision when they are tested
Communicate findings to staff who are not psychologists
""",
    "BIO": """
Carry out a standard protocol accurately and document every deviation from it
Organize data so that another person can repeat the analysis
Interpret variation in measurements and separate it from error
Follow laboratory or field safety rules and explain the hazard behind each
Summarize results in a short report with one figure that stands by itself
""",
    "GD": """
Develop three distinct concepts from a written brief and defend one of them
Prepare files for print or screen without corrections by the vendor
Revise work after critique and explain which advice was not followed, and why
Design within an existing visual identity and its accessibility requirements
Manage a schedule with at least one outside vendor
""",
    "SCM": """
Map a process with the people who do it and find the step that limits it
Analyze demand, cost or lead-time data and state how certain the conclusion is
Compare vendors on price, quality and risk, and document the recommendation
Measure the effect of a change in a warehouse or office process
Work safely on the floor and take part in the daily operations meeting
""",
}


def offers(table: dict[str, str], program: str) -> list[tuple[str, str]]:
    """(title, duties) of a program's placements in one of the tables above."""
    lines = table[program].strip().splitlines()
    return [(title, text.strip()) for title, text in zip(lines[::2], lines[1::2], strict=True)]


def objectives(program: str) -> list[str]:
    """What students of a program may set out to learn."""
    return OBJECTIVES[program].strip().splitlines()
