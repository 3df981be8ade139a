"""Arithmetic on whole units: points, fen, cases. The one place where anything is rounded."""


def share_rounded_half_up(total: int, numerator: int, denominator: int) -> int:
    """Give ``total × numerator / denominator`` of a total that is not negative, a half rounded up.

    Raises ValueError unless 0 <= numerator <= denominator and 0 < denominator: more than all cannot be shared out.
    """
    if not (0 <= numerator <= denominator and denominator > 0 and total >= 0):
        raise ValueError(f"no share of anything: {numerator} of {denominator} of {total}")
    return (2 * total * numerator + denominator) // (2 * denominator)


def times_bps_rounded_down(total: int, bps: int) -> int:
    """Give ``total`` times hundredths of a percent, of numbers that are not negative, what is left over dropped."""
    return total * bps // 10_000


def yuan(fen: int) -> str:
    """Write an amount as people do: 12 or 12.50."""
    return str(fen // 100) if fen % 100 == 0 else f"{fen // 100}.{fen % 100:02d}"
