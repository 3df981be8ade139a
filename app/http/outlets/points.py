"""An outlet's points: what it has, what ends when, and a statement for each month, to look at and to keep."""

from datetime import date

from app.http.console import tables, words
from app.http.console.components import Action, Cell, Column, Empty, Fact, Table
from app.http.console.lists import may_export, note_export, start_export
from app.http.console.pages import Download, Visit
from app.http.console.paths import DayInvalid
from app.http.console.tables import TableQuery
from app.rule_books import BY_CODE
from loyalty import transactions
from loyalty.clock import SHANGHAI, business_date
from loyalty.customers.care.outlets import OutletCard
from loyalty.points.rules import months_after
from loyalty.points.statements import statements
from loyalty.points.statements.statements import Account, Entry, Line, Statement
from loyalty.rulebooks.books import BUILT_IN

COLUMNS = (
    Column("at", "时间"),
    Column("kind", "类型"),
    Column("why", "为什么"),
    Column("points", "积分", numeric=True),
    Column("pending", "待入账", numeric=True),
    Column("balance", "之后余额", numeric=True),
    Column("lots", "动了哪些有效期"),
)
FILE_COLUMNS = (
    *COLUMNS[:5],
    Column("owed", "欠分"),
    *COLUMNS[5:],
    Column("rule", "规则"),
    Column("source", "来源"),
)
LEDGER_FROM = date(2020, 1, 1)


def month_of(visit: Visit) -> date:
    """Read the month that is asked for; the present one without any. Raises DayInvalid."""
    text = visit.field("month")
    if not text:
        return business_date(visit.at).replace(day=1)
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise DayInvalid(field="month") from None
    if not LEDGER_FROM <= month <= business_date(visit.at):
        raise DayInvalid(field="month")
    return month


async def context_of(visit: Visit, card: OutletCard, path: str) -> dict[str, object]:
    """Give what the tab shows: facts of the month, its entries, and what ends when."""
    month = month_of(visit)
    async with transactions.reader():
        found = await statements.statement(card.id, month)
        ending = await statements.expiring(card.id, business_date(visit.at))
    before, after = months_after(month, -1), months_after(month, 1)
    steps = [Action("上个月", href=f"{path}?month={before:%Y-%m}", tone="plain")] if before >= LEDGER_FROM else []
    if after <= business_date(visit.at):
        steps.append(Action("下个月", href=f"{path}?month={after:%Y-%m}", tone="plain"))
    if may_export(visit):
        steps.append(Action("下载月账单", href=f"{path}?month={month:%Y-%m}&export=csv", tone="plain"))
    return {
        "month": f"{month:%Y} 年 {month.month} 月",
        "month_facts": _month_facts(found),
        "month_actions": tuple(steps),
        "ending": tuple(Fact(f"{one.expires_on:%Y-%m-%d} 到期", f"{one.points:,} 分") for one in ending),
        "table": Table(
            id="entries",
            path=path,
            columns=COLUMNS,
            rows=tuple(_row(line) for line in reversed(found.lines)),
            empty=Empty("这个月没有积分变动", "换个月份看看。"),
            caption="积分明细",
        ),
    }


def _month_facts(found: Statement) -> tuple[Fact, ...]:
    kinds = tuple(Fact(words.ENTRY_KINDS[kind], f"{points:+,}") for kind, points in found.by_kind.items() if points)
    owed = (Fact("月末欠分", f"{found.closing.owed:,}", "warn"),) if found.closing.owed else ()
    cut = (Fact("注意", f"这个月太长，只列了前 {len(found.lines):,} 笔", "warn"),) if found.cut else ()
    return (
        Fact("月初余额", f"{found.opening.balance:,}"),
        *kinds,
        Fact("月末余额", f"{found.closing.balance:,}"),
        Fact("月末待入账", f"{found.closing.pending:,}"),
        *owed,
        *cut,
    )


def _row(line: Line) -> tuple[Cell, ...]:
    entry = line.entry
    return (
        Cell(f"{entry.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"),
        Cell(words.ENTRY_KINDS[entry.kind]),
        Cell(entry.why, note=f"{_rule_text(entry.rule)} · {_source_text(entry)}"),
        Cell(f"{entry.points:+,}" if entry.points else "—", note=_owed_text(entry)),
        Cell(f"{entry.pending_change:+,}" if entry.pending_change else "—"),
        Cell(f"{line.balance_after:,}"),
        Cell(_lots_text(entry) or "—"),
    )


def _owed_text(entry: Entry) -> str | None:
    if not entry.owed_change:
        return None
    return f"还欠分 {-entry.owed_change:,}" if entry.owed_change < 0 else f"记欠分 {entry.owed_change:,}"


async def download(visit: Visit, card: OutletCard) -> Download:
    """Give a month's statement as a file, opening and closing included. Raises FeatureOff where exports are off."""
    start_export(visit)
    month = month_of(visit)
    async with transactions.reader():
        found = await statements.statement(card.id, month)
    state = TableQuery(q=f"{card.code} {month:%Y-%m}", sort="", descending=False, page=1, filters={}, export=True)
    await note_export(visit, "statement", state, len(found.lines))
    rows = (
        _edge("月初", found.opening),
        *(_file_row(line) for line in found.lines),
        _edge("月末", found.closing),
    )
    return Download(tables.csv(FILE_COLUMNS, rows), f"{card.code}-{month:%Y-%m}-积分账单.csv")


def _edge(word: str, account: Account) -> tuple[Cell, ...]:
    at_hand = ("", str(account.pending), str(account.owed), str(account.balance))
    return tuple(Cell(text) for text in (word, "", "", *at_hand, "", "", ""))


def _file_row(line: Line) -> tuple[Cell, ...]:
    # Numbers without signs and commas of their own, so that a spreadsheet sums them.
    entry = line.entry
    told = (
        f"{entry.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}",
        words.ENTRY_KINDS[entry.kind],
        entry.why,
        str(entry.points),
        str(entry.pending_change),
        str(entry.owed_change),
        str(line.balance_after),
        _lots_text(entry),
        _rule_text(entry.rule),
        _source_text(entry),
    )
    return tuple(Cell(text) for text in told)


def _rule_text(rule: str) -> str:
    """Name the rule and version that gave a number, as staff know them."""
    code, _, version = rule.partition(":")
    title = BY_CODE[code].title if code in BY_CODE else words.SOURCES.get(code, code)
    if version == BUILT_IN:
        return f"{title}（内置版）"
    return f"{title}（版本 {version}）" if version[:1].isdigit() else title


def _source_text(entry: Entry) -> str:
    return f"{words.SOURCES.get(entry.source_kind, entry.source_kind)} {entry.source_id}"


def _lots_text(entry: Entry) -> str:
    return "；".join(f"{day:%Y-%m-%d} 的 {points:+,}" for day, points in entry.lots)
