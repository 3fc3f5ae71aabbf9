"""The arithmetic of credit: minutes of work to credits and back. Integer minutes, Decimal credits, exact fractions."""

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from careercenter.credit.policy import HoursPerCredit, HoursTable

Work = HoursPerCredit | HoursTable


def required_minutes(rule: Work, asked: Decimal) -> int | None:
    """Minutes of work that so many credits take; None when the table has no such row."""
    if isinstance(rule, HoursPerCredit):
        return ceil(Fraction(asked) * Fraction(rule.hours) * 60)
    row = next((row for row in rule.rows if row.credits == asked), None)
    return ceil(Fraction(row.hours) * 60) if row else None


def site_limit(rule: Work, asked: Decimal) -> int | None:
    """Site minutes that count at most towards so many credits; None without a limit."""
    if isinstance(rule, HoursTable) or rule.site_share == 1:
        return None
    return floor(Fraction(asked) * Fraction(rule.hours) * 60 * rule.site_share)


def counted_minutes(rule: Work, asked: Decimal, site: int, academic: int) -> int:
    """Minutes that count: site time up to its share, and academic work. A table counts site time only."""
    if isinstance(rule, HoursTable):
        return site
    limit = site_limit(rule, asked)
    return (site if limit is None else min(site, limit)) + academic


def earned(rule: Work, site: int, academic: int, increment: Decimal = Decimal(1)) -> Decimal:
    """Credits that the work earns, rounded down to the increment."""
    if isinstance(rule, HoursTable):
        reached = [row.credits for row in rule.rows if row.hours * 60 <= site]
        return max(reached, default=Decimal(0))
    hour = Fraction(rule.hours) * 60
    most = Fraction(site + academic) / hour
    if rule.site_share < 1:
        most = min(most, Fraction(academic) / (hour * (1 - rule.site_share)))
    return floor(most / Fraction(increment)) * increment


def spoken(minutes: int) -> str:
    """A duration as people say it: "2 h 15 min", "45 min", "3 h"."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return f"{rest} min"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def credits_text(asked: Decimal) -> str:
    """"1 credit", "2.5 credits", "no credit"."""
    if not asked:
        return "no credit"
    number = f"{asked.normalize():f}"
    return f"{number} credit" if asked == 1 else f"{number} credits"
