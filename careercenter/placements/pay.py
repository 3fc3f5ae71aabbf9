"""What an hour of work is paid: stated, or following from a fixed amount and the hours."""

from decimal import ROUND_HALF_UP, Decimal

_CENT = Decimal("0.01")


def hourly_pay(pay_kind: str, amount: Decimal | None, planned_minutes: int, logged_minutes: int = 0) -> Decimal | None:
    """Dollars for an hour; 0 for unpaid work, None when the amount is not known.

    A fixed amount is spread over the hours logged once they pass the plan: a fee of $360 for 18 planned hours is
    $20.00 an hour, and $11.61 when the work takes 31.
    """
    if pay_kind == "unpaid":
        return Decimal(0)
    if amount is None:
        return None
    if pay_kind == "hourly":
        return amount
    minutes = max(planned_minutes, logged_minutes)
    return (amount * 60 / minutes).quantize(_CENT, ROUND_HALF_UP) if minutes > 0 else None
