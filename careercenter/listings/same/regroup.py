"""Group changed listings with the same work elsewhere, in the caller's transaction. The work grows with what changed: a listing
is compared with those of alike employers on other platforms, and only groups that a change can reach are worked out again.

One process groups at a time (on PostgreSQL by an advisory lock; SQLite has one writer anyway), so that two new listings of the
same work always see each other. Rows that a sync holds are not waited for: their listings are given back, to be looked at later.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar, cast

from rapidfuzz import fuzz, process
from sqlalchemy import Table, bindparam, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from careercenter import db
from careercenter.listings.model import OPEN, Board, Listing
from careercenter.listings.same import crowd, figures, score, solve, words
from careercenter.listings.same.crowd import Label, Titled
from careercenter.listings.same.model import OUTRANKED, SUGGESTED, WorkCompany, WorkMove, WorkPair, WorkProfile
from careercenter.listings.same.profile import Profile, facts_of, profile
from careercenter.settings import SameWork

PROFILE, PAIR, LISTING = cast(Table, WorkProfile.__table__), cast(Table, WorkPair.__table__), cast(Table, Listing.__table__)
_LOCK = 71_230_017
CHUNK = 500
READ = (
    Listing.id, Listing.opportunity_id, Listing.post_id, Listing.requisition_id, Listing.title, Listing.employer, Listing.place,
    Listing.workplace, Listing.kind, Listing.apply_url, Listing.pay_text, Listing.hours_text, Listing.description_html, Listing.draft,
    Board.platform, Board.board,
)
T = TypeVar("T")


class Regrouped(NamedTuple):
    """`shown`: ids whose entry in lists may be another one: shown now and not before, not any more, or for others of their group
    that changed. `later`: those of the asked that have to wait."""

    shown: set[int]
    later: set[int]


def regroup(ids: Sequence[int]) -> Regrouped:
    """Look at changed listings again."""
    alone()
    figures.keep_first()
    rule = db.settings().platforms.same_work
    changed, left = _changed_profiles(ids)
    known = dict(changed)
    reached = _compare(changed, left, known, rule) if changed else set()
    return _settle({*changed, *reached}, ids, known, rule)


def alone() -> None:
    """Be the only one who groups, until the transaction ends; asked again it is granted at once."""
    if db.is_postgresql():
        db.session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


# what the listings are compared by


def _changed_profiles(ids: Sequence[int]) -> tuple[dict[int, Profile], set[Label]]:
    """The listings that are not what they were when they were last compared; their profiles are written. And the labels that
    some of them had before and have no more."""
    before = {row.listing_id: row for row in _in(select(WorkProfile.listing_id, WorkProfile.digest), WorkProfile.listing_id, ids)}
    rows = list(_in(select(*READ).join(Board, Board.id == Listing.board_id), Listing.id, ids))
    made = {row.id: profile(row) for row in rows}
    changed = {i: p for i, p in made.items() if i not in before or before[i].digest != p.digest}
    former = _profiles(WorkProfile.listing_id, changed.keys() & before.keys())
    left = {label for p in former if (label := crowd.label(p)) != crowd.label(changed[p.listing_id])}
    _write_profiles([p for p in changed.values() if p.listing_id not in before])
    _rewrite_profiles([p for p in changed.values() if p.listing_id in before])
    named = {(token, p.facts.company) for p in changed.values() for token in words.company_tokens(p.facts.company)}
    if named:
        added = _insert(WorkCompany).on_conflict_do_nothing()
        db.session.execute(added, [{"token": token, "company": company} for token, company in sorted(named)])
    return changed, left


def _columns(p: Profile) -> dict[str, Any]:
    return {
        "name": p.name, "platform": p.platform, "company": p.facts.company, "twin": p.twin, "requisition": p.requisition,
        "address": p.address, "facts": p.facts.plain(), "digest": p.digest,
    }


def _write_profiles(new: list[Profile]) -> None:
    if new:
        db.session.execute(insert(PROFILE), [{"listing_id": p.listing_id, **_columns(p)} for p in new])


def _rewrite_profiles(known: list[Profile]) -> None:
    if known:
        rows = [{"key": p.listing_id, **_columns(p)} for p in known]
        values: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "key"}
        db.session.connection().execute(update(PROFILE).where(PROFILE.c.listing_id == bindparam("key")).values(values), rows)


# who is like whom


def _compare(changed: dict[int, Profile], left: set[Label], known: dict[int, Profile], rule: SameWork) -> set[int]:
    """Score the changed listings against those of alike employers elsewhere. Gives everybody of a pair that is new, has another
    score or is no more, and adds the profiles that it read to `known`."""
    found, asking = _scored(changed, left, known, rule.ask_at)
    old = select(WorkPair.id, WorkPair.a_id, WorkPair.b_id, WorkPair.score, WorkPair.decision, WorkPair.ground)
    before = {(row.a_id, row.b_id): row for side in (WorkPair.a_id, WorkPair.b_id) for row in _in(old, side, asking)}
    gone = {key: row.id for key, row in before.items() if key not in found and row.ground == "alike" and not row.decision}
    for part in _chunks(sorted(gone.values())):
        db.session.execute(delete(WorkPair).where(WorkPair.id.in_(part)))
    evidence = {"weights": score.shipped().version}
    moved = {key: value for key, value in found.items() if key in before and before[key].score != value}
    if moved:
        at = update(PAIR).where(PAIR.c.id == bindparam("key")).values(
            score=bindparam("value"), evidence=evidence, version=PAIR.c.version + 1
        )
        db.session.connection().execute(at, [{"key": before[key].id, "value": value} for key, value in moved.items()])
    fresh = {key: value for key, value in found.items() if key not in before}
    if fresh:
        db.session.execute(insert(PAIR), [
            {"a_id": a, "b_id": b, "ground": "alike", "score": value, "evidence": evidence, "state": OUTRANKED, "version": 1}
            for (a, b), value in fresh.items()
        ])
    return {i for key in (*gone, *moved, *fresh) for i in key}


def _scored(
    changed: dict[int, Profile], left: set[Label], known: dict[int, Profile], ask_at: float
) -> tuple[dict[solve.Key, float], set[int]]:
    """Every pair of a changed listing with one of another platform that is at least worth a question; and whom all of that was
    asked of: the changed ones, and all of a crowd that one of them is in or left."""
    weights = score.shipped()
    found: dict[solve.Key, float] = {}
    asking = set(changed)
    done: set[tuple[Label, Label]] = set()
    for ours, block in _blocks(changed, left, known):
        texts = {platform: [others.text for others in kinds] for platform, kinds in block.items()}
        for own in ours:
            ones = [one for one in own.members if one.listing_id in changed]
            if own.label in left or (ones and own.crowded):
                ones = own.members
            asking.update(one.listing_id for one in ones)
            for platform in block.keys() - {own.label[0]} if ones else ():
                for others in (block[platform][n] for n in _near(own.text, texts[platform])):
                    if (others.label, own.label) in done or not crowd.comparable(own, others):
                        continue
                    if len(ones) == len(own.members):
                        done.add((own.label, others.label))
                    for one, other in crowd.pairs(ones, own, others):
                        value = score.score(one.facts, other.facts, weights) if score.comparable(one.facts, other.facts) else 0.0
                        if value >= ask_at:
                            a, b = sorted((one.listing_id, other.listing_id))
                            found[a, b] = value
    return found, asking


def _near(text: str, others: list[str]) -> list[int]:
    """The positions of titles that are worth a closer look; one without words of its own goes with its like only."""
    if not text:
        return [n for n, other in enumerate(others) if not other]
    near = process.extract(text, others, scorer=fuzz.token_set_ratio, processor=None, limit=None, score_cutoff=score.LEAST_TITLE)
    return [n for _, _, n in near]


def _blocks(
    changed: dict[int, Profile], left: set[Label], known: dict[int, Profile]
) -> Iterator[tuple[list[Titled], dict[str, list[Titled]]]]:
    """For each employer that asks, its listings by platform and title, and by platform those of every employer whose name is
    alike. Adds what it reads to `known`."""
    asking: dict[str, set[str]] = defaultdict(set)
    for platform, company, *_ in {*map(crowd.label, changed.values()), *left}:
        asking[company].add(platform)
    alike = _alike(asking)
    platforms: dict[str, set[str]] = defaultdict(set)
    for company, names in alike.items():
        for name in names:
            platforms[name] |= asking[company]
    there: dict[Label, dict[int, Profile]] = defaultdict(dict)
    for one in (*changed.values(), *_read(platforms, {company for _, company, *_ in left})):
        there[crowd.label(one)][one.listing_id] = known.setdefault(one.listing_id, one)
    titled: dict[str, list[Titled]] = defaultdict(list)
    for label in there:
        titled[label[1]].append(Titled(label, there[label].values()))
    for company, names in alike.items():
        block: dict[str, list[Titled]] = defaultdict(list)
        for others in (others for name in names for others in titled[name]):
            block[others.label[0]].append(others)
        yield titled[company], block


def _alike(companies: Iterable[str]) -> dict[str, set[str]]:
    """For each employer, those whose names share a word with it and are alike."""
    tokens = {company: words.company_tokens(company) for company in companies}
    sharing: dict[str, set[str]] = defaultdict(set)
    for row in _in(select(WorkCompany.token, WorkCompany.company), WorkCompany.token, {t for found in tokens.values() for t in found}):
        sharing[row.token].add(row.company)
    return {
        company: {
            name for name in set().union(*(sharing[token] for token in found))
            if words.company_likeness(company, name) >= score.LEAST_NAME
        }
        for company, found in tokens.items()
    }


def _read(asking: dict[str, set[str]], whole: set[str]) -> Iterator[Profile]:
    """The listings of employers, each with the platforms that ask for it. Where that is one, its own listings are never compared
    with each other: they are read only when there may be a crowd among them, or was until now (`whole`)."""
    many = select(WorkProfile.company).group_by(WorkProfile.company, WorkProfile.platform).having(func.count() > crowd.CROWD)
    whole = whole | {row.company for row in _in(many, WorkProfile.company, asking)}
    but = {name: "" if name in whole or len(platforms) > 1 else next(iter(platforms)) for name, platforms in asking.items()}
    for platform in set(but.values()):
        names = [name for name in but if but[name] == platform]
        yield from _profiles(WorkProfile.company, names, WorkProfile.platform != platform)


def _profiles(column: Any, values: Iterable[Any], *conditions: Any) -> Iterator[Profile]:
    wanted = select(
        WorkProfile.listing_id, WorkProfile.name, WorkProfile.platform, WorkProfile.facts, WorkProfile.twin,
        WorkProfile.requisition, WorkProfile.address,
    )
    for row in _in(wanted.where(*conditions), column, values):
        yield Profile(row.listing_id, row.name, row.platform, facts_of(row.facts), row.twin, row.requisition, row.address)


# who belongs together


def _settle(seeds: set[int], ids: Sequence[int], known: dict[int, Profile], rule: SameWork) -> Regrouped:
    """Work out the groups that the seeds can reach, and who of each group is shown; also for `ids`, which may have closed."""
    members, pairs = _reach(seeds, known)
    given = [solve.Pair(row.a_id, row.b_id, row.score, row.decision) for row in pairs]
    solution = solve.solve(members, given, link_at=rule.link_at, ask_at=rule.ask_at)
    _write_states(pairs, solution)
    rows = _places(members.keys() | set(ids))
    held = rows.keys() - _locked(rows.keys())
    mates: dict[int, set[int]] = defaultdict(set)
    for i, row in rows.items():
        mates[row.opportunity_id].add(i)
    homes = {i: row.opportunity_id for i, row in rows.items()}
    late: set[int] = set().union(*(mates[home] for home in {rows[i].opportunity_id for i in held}))
    reaches = [set(group).union(*(mates[home] for home in {rows[i].opportunity_id for i in group})) for group in solution.groups]
    while waiting := [reach for reach in reaches if not (late.isdisjoint(reach) or reach <= late)]:
        late.update(*waiting)  # whoever shares a listing with them waits too
    for group in solution.groups:
        if late.isdisjoint(group):
            homes.update(dict.fromkeys(group, min(group)))
    homes.update((i, rows[i].opportunity_id) for i in late)
    moved = {i: home for i, home in homes.items() if rows[i].opportunity_id != home}
    _move(moved, rows, solution)
    shown = _show({i: home for i, home in homes.items() if i not in late}, rows, rule, set(ids) | moved.keys())
    later = late & set(ids)
    _forget(later)
    return Regrouped(shown, later)


def _reach(seeds: set[int], known: dict[int, Profile]) -> tuple[dict[int, Profile], list[Any]]:
    """The seeds and everybody connected with them by a pair, a key or their opportunity, with the rows of the pairs. Profiles
    that are `known` are not read again."""
    members: dict[int, Profile] = {}
    pairs: dict[int, Any] = {}
    edge = set(seeds)
    keys: set[tuple[str, str]] = set()
    columns = select(WorkPair.id, WorkPair.a_id, WorkPair.b_id, WorkPair.score, WorkPair.decision, WorkPair.state, WorkPair.ground)
    while edge:
        new = [known[i] for i in edge if i in known] + list(_profiles(WorkProfile.listing_id, edge - known.keys()))
        members.update((p.listing_id, p) for p in new)
        edge = set()
        ids = [p.listing_id for p in new]
        for row in (*_in(columns, WorkPair.a_id, ids), *_in(columns, WorkPair.b_id, ids)):
            pairs[row.id] = row
            edge |= {row.a_id, row.b_id}
        for ground in ("twin", "requisition", "address"):
            fresh = {(ground, key) for p in new if (key := getattr(p, ground))} - keys
            keys |= fresh
            edge |= set(_scalars(WorkProfile.listing_id, getattr(WorkProfile, ground), {key for _, key in fresh}))
        homes = set(_scalars(Listing.opportunity_id, Listing.id, ids))
        edge |= set(_scalars(Listing.id, Listing.opportunity_id, homes))
        edge -= members.keys()
    return members, list(pairs.values())


def _places(ids: Collection[int]) -> dict[int, Any]:
    """Where listings are now, with all that share their opportunities."""
    columns = select(
        Listing.id, Listing.opportunity_id, Listing.shown, Listing.state, WorkProfile.name, WorkProfile.platform,
    ).join(WorkProfile, WorkProfile.listing_id == Listing.id)
    found = {row.id: row for row in _in(columns, Listing.id, ids)}
    found.update((row.id, row) for row in _in(columns, Listing.opportunity_id, {row.opportunity_id for row in found.values()}))
    return found


def _locked(ids: Collection[int]) -> set[int]:
    """The listings whose rows are ours to write now. Nothing is waited for: a sync that holds a row may want another of ours."""
    if not db.is_postgresql():
        return set(ids)
    mine: set[int] = set()
    for part in _chunks(sorted(ids)):
        wanted = select(Listing.id).where(Listing.id.in_(part)).order_by(Listing.id).with_for_update(key_share=True, skip_locked=True)
        mine.update(db.session.scalars(wanted))
    return mine


def _write_states(pairs: list[Any], solution: solve.Solution) -> None:
    """How the pairs stand now, and those that share a number under different titles."""
    by_state: dict[str, list[int]] = defaultdict(list)
    known = {(row.a_id, row.b_id) for row in pairs}
    for row in pairs:
        key = (row.a_id, row.b_id)
        state = solution.states.get(key, OUTRANKED)
        state = SUGGESTED if state == OUTRANKED and key in solution.doubts else state
        if state != row.state:
            by_state[state].append(row.id)
    for state, found in by_state.items():
        for part in _chunks(sorted(found)):
            db.session.execute(update(PAIR).where(PAIR.c.id.in_(part)).values(state=state))
    fresh = [
        {"a_id": a, "b_id": b, "ground": ground, "score": 0.0, "evidence": {}, "state": SUGGESTED, "version": 1}
        for (a, b), ground in solution.doubts.items() if (a, b) not in known
    ]
    if fresh:
        db.session.execute(insert(PAIR), fresh)


def _move(homes: dict[int, int], rows: dict[int, Any], solution: solve.Solution) -> None:
    """Give listings their opportunity, and keep from where they came and why."""
    if not homes:
        return
    why: dict[int, dict[str, Any]] = {}
    for join in solution.joins:
        for i, other in ((join.a, join.b), (join.b, join.a)):
            why.setdefault(i, {"by": join.by, "with": other, **({"score": join.score} if join.by == "alike" else {})})
    statement = update(LISTING).where(LISTING.c.id == bindparam("key")).values(opportunity_id=bindparam("home"))
    db.session.connection().execute(statement, [{"key": i, "home": home} for i, home in sorted(homes.items())])
    db.session.execute(insert(WorkMove), [
        {"listing_id": i, "from_id": rows[i].opportunity_id, "to_id": home,
         "evidence": why.get(i, {"by": "alone" if home == i else "group"})}
        for i, home in sorted(homes.items())
    ])


def _show(homes: dict[int, int], rows: dict[int, Any], rule: SameWork, changed_ids: set[int]) -> set[int]:
    """Show of every group the most direct open listing; gives the ids that changed, and who is shown for one that did."""
    groups: dict[int, list[int]] = defaultdict(list)
    for i, home in homes.items():
        groups[home].append(i)
    changed: dict[bool, list[int]] = {True: [], False: []}
    stands: set[int] = set()
    for members in groups.values():
        first = min(members, key=lambda i: (rows[i].state != OPEN, rule.distance(rows[i].platform), rows[i].name))
        if len(members) > 1 and not changed_ids.isdisjoint(members):
            stands.add(first)
        for i in members:
            if rows[i].shown is not (i == first):
                changed[i == first].append(i)
    for shown, ids in changed.items():
        for part in _chunks(sorted(ids)):
            db.session.execute(update(LISTING).where(LISTING.c.id.in_(part)).values(shown=shown))
    return {*changed[True], *changed[False], *stands}


def _forget(ids: Iterable[int]) -> None:
    """Ask for these to be compared again, since what followed from them could not be written."""
    for part in _chunks(sorted(ids)):
        db.session.execute(update(PROFILE).where(PROFILE.c.listing_id.in_(part)).values(digest=""))


# helpers


def _insert(model: Any) -> Any:
    return postgresql.insert(model) if db.is_postgresql() else sqlite.insert(model)


def _chunks(values: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _in(statement: Any, column: Any, values: Iterable[Any]) -> Iterator[Any]:
    """The rows whose column has one of the values, however many."""
    for part in _chunks(sorted(set(values))):
        yield from db.session.execute(statement.where(column.in_(part)))


def _scalars(wanted: Any, column: Any, values: Iterable[Any]) -> Iterator[Any]:
    return (row[0] for row in _in(select(wanted), column, values))
