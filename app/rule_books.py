"""The rule books there are, over all modules: one literal tuple."""

from typing import Any

from games.checkin import rules as checkin
from loyalty.ordering import rules as ordering
from loyalty.points import rules as points
from loyalty.rulebooks.books import RuleBook

RULE_BOOKS: tuple[RuleBook[Any], ...] = (checkin.BOOK, *points.BOOKS, ordering.ORDER_TERMS)

BY_CODE: dict[str, RuleBook[Any]] = {book.code: book for book in RULE_BOOKS}
