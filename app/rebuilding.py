"""Setting what is derived from the ledger to what its entries say, told line by line."""

from loyalty import transactions
from loyalty.customers.errors import OutletUnknown
from loyalty.points.derived import rebuild
from loyalty.points.statements import statements
from loyalty.rewards.results import results


async def rebuild_points(outlet_code: str | None) -> list[str]:
    """Rebuild one outlet's account and lots, or all of them with budgets and units; tell what was mended.

    In batches, each a transaction that locks its accounts, so the house may serve meanwhile. Raises OutletUnknown.
    """
    if outlet_code is not None:
        async with transactions.reader():
            story = await statements.story_of(outlet_code, 1)
        if story is None:
            raise OutletUnknown(field="code")
        one = await rebuild.rebuild_one(story.outlet_id)
        return [f"{outlet_code}：修正账户 {one.accounts} 个，批次 {one.lots} 个"]
    outlets = accounts = lots = last = 0
    while True:
        batch = await rebuild.rebuild(last)
        outlets, accounts, lots = outlets + batch.outlets, accounts + batch.accounts, lots + batch.lots
        if not batch.outlets:
            break
        last = batch.last_outlet_id
    budgets, units = await rebuild.rebuild_budgets(), await results.rebuild_units()
    return [
        f"核对门店 {outlets} 家：修正账户 {accounts} 个，批次 {lots} 个",
        f"修正活动预算 {budgets} 个，奖品份数 {units} 个",
    ]
