"""What people of the demo campus write to each other: reasons for decisions, notes, and comments in evaluations."""

RETURN_REASONS = (
    "The second objective describes a task rather than something you will learn. Please say what you will be able to do afterwards.",
    "Your planned hours add up to less than the schedule in your note. Please correct one or the other and send it again.",
    "Please add what you will hand in for the academic part: a journal, a paper, or meetings with your sponsor.",
    "The duties read like general office help. Ask your supervisor which project will be yours and add it here.",
    "The end date lies after the last day of classes. Please agree on an earlier date with your supervisor.",
    "Objectives one and three are nearly the same. Replace one with an objective from your major.",
)
SUPERVISOR_RETURNS = (
    "The start date should be the Monday after our orientation. Everything else is as we agreed.",
    "We can offer 12 hours a week, not 15. Please adjust the total.",
)
DENY_REASONS = (
    "This work was finished before the request was made, and the catalog does not allow credit afterwards.",
    "The position is your regular job with unchanged duties. Talk with me about a project that would add new learning.",
    "The duties are clerical for the most part. I am glad to help you find a placement in your field.",
)
WITHDRAW_REASONS = (
    "I will keep the internship but do not need the credits this term.",
    "The employer moved the start to a later term.",
    "I changed my course load and would go over 18 credits.",
)
APPROVE_NOTES = (
    "", "", "", "Clear objectives and a good fit with the major.", "Please keep the weekly log up to date from the first day.",
    "Talked with the student on the phone; schedule confirmed.", "Ready for registration.",
)
NOTES = (
    "I have a car and can reach the site in twenty minutes.",
    "My sponsor agreed to meet every second Thursday.",
    "I found this placement at the fall career fair.",
    "The employer asked for a decision before the end of the month.",
    "I would like to count this toward my major elective if possible.",
    "", "", "", "",
)
HOUR_NOTES = (
    "Orientation and accounts", "Worked on the main project", "Team meeting and follow-up", "Draft for review",
    "Corrections after feedback", "Site visit with supervisor", "Data entry and checks", "Presentation to the team",
    "Documentation", "Shadowed a colleague", "Prepared next week", "",
)
MICRO_NOTES = ("Kickoff call and plan", "First draft", "Feedback call and revision", "Final version and handover")
STRENGTHS = (
    "Asks early when something is unclear, so nothing had to be done twice.",
    "Listened carefully in client meetings and summarized the decisions for everyone the same day.",
    "Found an error in our own numbers and explained it tactfully.",
    "Reliable from the first week; we could plan around the hours agreed.",
    "Brought order to a shared folder that the whole team now uses.",
    "Took criticism of the first draft well and came back with a much stronger second one.",
    "Careful with confidential records and quick to point out a gap in our procedure.",
    "Learned our software in days and wrote a guide for the next student.",
    "Works well with customers of every age; several asked for this student by name.",
    "Kept the project moving when two of us were out sick.",
)
GROWTH = (
    "Could speak up sooner in larger meetings; the ideas are worth hearing.",
    "Estimate time more generously: two tasks took twice as long as planned.",
    "Practice writing shorter e-mails with the request in the first line.",
    "Check details once more before sending; small typing errors slipped through.",
    "Ask for feedback midway rather than at the end.",
    "Set priorities when several people hand over work on the same day.",
    "Build more confidence with spreadsheets; formulas were new at the start.",
    "Delegate: some volunteers would have liked to help more.",
)
STUDENT_STRENGTHS = (
    "I learned how much time goes into checking work that others rely on.",
    "Presenting to people who know the subject better than I do, and still being useful.",
    "I can now plan a week of work and say early when it will not fit.",
    "Talking with customers showed me what my coursework is for.",
)
STUDENT_GROWTH = (
    "I want to get better at asking questions before I start.",
    "I waited too long to show a draft. Next time I will share it on the second day.",
    "I would like more practice with statistics before my next placement.",
    "Keeping the hours log daily instead of on Sunday evening.",
)
