"""The calls of /systems/v1."""

from app.http.doors import SystemDoor
from app.http.endpoints import Endpoint, Group
from app.http.limits import Limit
from app.http.systems.codes import IssuedBindingCode, NewBindingCode, issue_binding_code
from app.http.systems.feeds import FeedPage, FeedQuery, read_feed
from app.http.systems.masterdata import BODY_BYTES_MAX, MASTER_DATA
from app.http.systems.progress import NewProgress, ProgressView, report_progress
from loyalty.customers.errors import OutletClosed, OutletUnknown
from loyalty.errors import DatabaseUnavailable, TryAgain
from loyalty.events.rules import FEEDS
from loyalty.feeds.feeds import FeedUnknown
from loyalty.ordering.errors import LineUnknown, OrderUnknown, ProgressReused, ReportTooEarly

SYSTEMS = Group(
    "systems",
    "/systems/v1",
    SystemDoor(),
    (
        *MASTER_DATA,
        Endpoint(
            "POST",
            "/binding-codes",
            "为门店生成一次性绑定码",
            issue_binding_code,
            IssuedBindingCode,
            statuses=(201,),
            body=NewBindingCode,
            scope="bindings",
            limit=Limit("binding-codes", 600, 60),
            body_bytes_max=BODY_BYTES_MAX,
            refusals=(OutletUnknown, OutletClosed),
        ),
        Endpoint(
            "POST",
            "/orders/{number}/progress",
            "上报订单进度",
            report_progress,
            ProgressView,
            body=NewProgress,
            scope="orders",
            limit=Limit("progress", 6_000, 60),
            body_bytes_max=BODY_BYTES_MAX,
            refusals=(OrderUnknown, ProgressReused, LineUnknown, ReportTooEarly, TryAgain),
        ),
        Endpoint(
            "GET",
            "/feeds/{feed}",
            "按位置读取事件流（CloudEvents 1.0）",
            read_feed,
            FeedPage,
            choices={"feed": tuple(FEEDS)},
            query=FeedQuery,
            scope="feeds",
            limit=Limit("feeds", 1200, 60),
            refusals=(FeedUnknown, DatabaseUnavailable),
        ),
    ),
)
