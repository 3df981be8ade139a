"""What staff change of products by hand."""

from datetime import datetime

from loyalty import transactions
from loyalty.catalogue.desk import queries
from loyalty.catalogue.errors import ProductUnknown
from loyalty.catalogue.masterdata import queries as masterdata
from loyalty.organisation import audit
from loyalty.organisation.audit import Actor, AuditEntry
from loyalty.pictures import pictures


async def set_picture(code: str, content: bytes, actor: Actor, reason: str, at: datetime) -> None:
    """Give a product a picture, which members see at once. Entry verb; one change of the catalogue at a time; audited.

    Raises ProductUnknown, PictureInvalid, ReasonMissing; nothing is kept then.
    """
    reason = audit.required_reason(reason)
    async with transactions.begin():
        await masterdata.lock()
        row = await queries.product(code)
        if row is None:
            raise ProductUnknown
        digest = await pictures.keep(content, actor, at)
        if digest == row["picture_id"]:
            return
        await queries.set_picture(row["id"], digest, at)
        await masterdata.count_change()
        entry = AuditEntry(
            at=at,
            actor=actor,
            action="product.pictured",
            subject_kind="product",
            subject_id=code,
            before={"picture": row["picture_id"]},
            after={"picture": digest},
            reason=reason,
        )
        await audit.record([entry])
