"""Fit the weights of careercenter/listings/same/weights.json on made-up worlds: `python -m tools.same_work.fit`.

Logistic regression by Newton's method with a ridge, in plain Python. Worlds of other seeds than those fitted on then say where
the bands lie: `link_at` is the lowest score whose one-to-one pairs are right often enough, `ask_at` the one with the best F1.
The tests hold out further seeds.
"""

import json
import math
import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from rapidfuzz import fuzz

from careercenter.listings.same import profile, score, solve
from careercenter.listings.same.score import Weights
from careercenter.listings.same.words import company_likeness, company_tokens
from tools.same_work.world import Post, World, figures, world

TARGET = Path(__file__).parents[2] / "careercenter" / "listings" / "same" / "weights.json"
FIT_SEEDS, BAND_SEEDS = range(101, 107), range(201, 207)
RIDGE, ROUNDS, PRECISION = 1.0, 12, 98.5


def profiles(posts: tuple[Post, ...], first: int) -> list[profile.Profile]:
    """The posts of one side as the product would see them; ids count from `first`."""
    return [profile.profile(row(post, first + n)) for n, post in enumerate(posts)]


def row(post: Post, listing_id: int) -> Any:
    """A post with the columns that grouping reads."""
    posted = f"{post.posted.isoformat()}T12:00:00+00:00" if post.posted else None
    return SimpleNamespace(
        id=listing_id, platform=post.platform, board="all", post_id=post.post_id, requisition_id=None, employer=post.employer,
        title=post.title, place="", workplace=post.workplace, kind="internship", apply_url=post.apply_url, pay_text="", hours_text="",
        description_html="",
        draft={"places": [{"raw": place} for place in post.places], "posted_at": posted},
    )


def candidates(made: World) -> tuple[list[profile.Profile], list[profile.Profile], list[tuple[int, int]]]:
    """Both sides and the pairs that the product weighs: employers that share a word and are alike, titles that are not far apart."""
    left, right = profiles(made.left, 0), profiles(made.right, len(made.left))
    by_token: dict[str, set[int]] = defaultdict(set)
    for n, other in enumerate(right):
        for token in company_tokens(other.facts.company):
            by_token[token].add(n)
    pairs = []
    for n, one in enumerate(left):
        for m in sorted(set().union(*(by_token[token] for token in company_tokens(one.facts.company)))):
            alike = company_likeness(one.facts.company, right[m].facts.company) >= score.LEAST_NAME
            if alike and fuzz.token_set_ratio(one.facts.text, right[m].facts.text) >= score.LEAST_TITLE:
                pairs.append((n, m))
    return left, right, pairs


def fit(rows: list[tuple[float, ...]], truths: list[bool]) -> list[float]:
    """Bias and weights: the minimum of log loss + ridge."""
    n = len(rows[0]) + 1
    beta = [0.0] * n
    given = [(1.0, *row) for row in rows]
    for _ in range(ROUNDS):
        slope, bend = [0.0] * n, [[0.0] * n for _ in range(n)]
        for x, y in zip(given, truths, strict=True):
            p = 1 / (1 + math.exp(-max(-30.0, min(30.0, sum(b * v for b, v in zip(beta, x, strict=True))))))
            at = [(i, v) for i, v in enumerate(x) if v]
            for i, v in at:
                slope[i] += (y - p) * v
                for j, w in at:
                    bend[i][j] += p * (1 - p) * v * w
        for i in range(1, n):
            slope[i] -= RIDGE * beta[i]
            bend[i][i] += RIDGE
        beta = [b + step for b, step in zip(beta, _solved(bend, slope), strict=True)]
    return beta


def _solved(matrix: list[list[float]], values: list[float]) -> list[float]:
    """Gauss with pivots."""
    n = len(values)
    m = [[*row, value] for row, value in zip(matrix, values, strict=True)]
    for i in range(n):
        m[i][i] += 1e-9
        best = max(range(i, n), key=lambda k: abs(m[k][i]))
        m[i], m[best] = m[best], m[i]
        for k in range(n):
            if k != i and m[k][i]:
                share = m[k][i] / m[i][i]
                m[k] = [v - share * w for v, w in zip(m[k], m[i], strict=True)]
    return [m[i][n] / m[i][i] for i in range(n)]


def matched(made: World, weights: Weights) -> list[tuple[float, bool, bool]]:
    """(score, right, forbidden to link) of each pair of the one-to-one assignment."""
    left, right, pairs = candidates(made)
    every = {p.listing_id: p for p in (*left, *right)}
    offset = len(left)
    scored = [solve.Pair(a, b + offset, score.score(left[a].facts, right[b].facts, weights)) for a, b in pairs]
    found = solve.solve(every, scored, link_at=2.0, ask_at=0.02)
    true = made.pairs
    return [
        (p.score, (p.a, p.b - offset) in true, bool(score.differences(every[p.a].facts, every[p.b].facts)))
        for p in scored if found.states.get(p.key) == "suggested"
    ]


def bands(weights: Weights) -> tuple[float, float, list[tuple[float, bool, bool]], int]:
    """link_at and ask_at, with the pairs they were chosen on and how many true ones there were."""
    found: list[tuple[float, bool, bool]] = []
    true = 0
    for seed in BAND_SEEDS:
        made = world(seed)
        found += matched(made, weights)
        true += len(made.pairs)
    steps = [n / 100 for n in range(3, 100)]
    link_at = next((t for t in steps if _share([ok for s, ok, no in found if s >= t and not no]) * 100 >= PRECISION), 0.99)
    ask_at = max(steps, key=lambda t: _f1([ok for s, ok, _ in found if s >= t], true))
    return link_at, ask_at, found, true


def _share(right: list[bool]) -> float:
    return sum(right) / max(1, len(right))


def _f1(right: list[bool], true: int) -> float:
    return 2 * sum(right) / max(1, len(right) + true)


def main() -> int:
    rows: list[tuple[float, ...]] = []
    truths: list[bool] = []
    for seed in FIT_SEEDS:
        made = world(seed)
        left, right, pairs = candidates(made)
        rows += [score.features(left[a].facts, right[b].facts) for a, b in pairs]
        truths += [pair in made.pairs for pair in pairs]
    beta = fit(rows, truths)
    stored = {
        "version": "1", "bias": round(beta[0], 4),
        "weights": {name: round(value, 4) for name, value in zip(score.NAMES, beta[1:], strict=True)},
        "fitted": {
            "by": "python -m tools.same_work.fit", "world_seeds": list(FIT_SEEDS), "pairs": len(rows), "true_pairs": sum(truths),
            "ridge": RIDGE, "noise": {k: round(v, 1) for k, v in figures(world(FIT_SEEDS[0])).items()},
        },
    }
    link_at, ask_at, found, true = bands(score.read(stored))
    linked = [ok for s, ok, no in found if s >= link_at and not no]
    stored["fitted"]["bands"] = {"seeds": list(BAND_SEEDS), "link_at": link_at, "ask_at": ask_at}
    TARGET.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    print(f"{len(rows)} pairs, {sum(truths)} of them true")
    print(f"link_at {link_at}: precision {100 * _share(linked):.1f}, recall {100 * sum(linked) / true:.1f}")
    print(f"ask_at {ask_at}: F1 {100 * _f1([ok for s, ok, _ in found if s >= ask_at], true):.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
