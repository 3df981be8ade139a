"""The living page: every component in every state, with words that could be real."""

from datetime import datetime, timedelta
from typing import Any

from app.http.console.components import (
    Action,
    Cell,
    Chart,
    Column,
    Dialog,
    Empty,
    Fact,
    Field,
    Figure,
    Filter,
    Form,
    Moment,
    Tab,
    Table,
    with_errors,
)

COLUMNS = (
    Column("name", "门店", sortable=True),
    Column("class", "价值级"),
    Column("points", "积分", sortable=True, numeric=True),
    Column("state", "状态"),
)
ROWS = (
    (Cell("阿芳便利店", href="#", note="上海工厂 › 浦东营业所"), Cell("A"), Cell("1,280"), Cell("已绑定", tone="good")),
    (Cell("老王烟酒", href="#"), Cell("B"), Cell("0"), Cell("未绑定", tone="warn")),
    (
        Cell("名字特别特别长的好邻居二十四小时生活超市（火车站南广场地下一层店）", href="#"),
        Cell("A"),
        Cell("10,345,678"),
        Cell("已停用", tone="quiet"),
    ),
)
FORM = Form(
    "/components",
    (
        Field("name", "名称", value="夏季闪促", required=True, hint="店主会看到这个名称。"),
        Field("kind", "类型", kind="select", options=(("a", "闪促"), ("b", "签到")), required=True),
        Field("on", "哪天开始", kind="date"),
        Field("quantity", "数量", kind="number", value="200", minimum=1, maximum=9999),
        Field(
            "plants", "工厂", kind="checks", options=(("sh", "上海"), ("nj", "南京"), ("xz", "徐州")), values=("sh",)
        ),
        Field("note", "备注", kind="textarea"),
        Field("tell", "发布后通知店主", kind="checkbox", value="1"),
    ),
    "保存",
    cancel_href="#",
    id="sample",
)


def _table(table_id: str, **given: Any) -> Table:
    shown = {"rows": ROWS, "caption": table_id} | given
    return Table(
        id=table_id, path="/components", columns=COLUMNS, empty=Empty("还没有门店", "同步后就会出现。"), **shown
    )


def context(now: datetime) -> dict[str, Any]:
    """Give what the living page shows."""
    days = tuple(f"11月{day}日" for day in range(1, 15))
    counts = (320, 334, 301, 334, 390, 330, 320, 410, 432, 420, 455, 470, 462, 498)
    before = (280, 290, 300, 310, 305, 299, 310, 330, 345, 360, 370, 365, 380, 390)
    return {
        "figures": (
            Figure("营业中的门店", "1,234,567", "近 7 天新增 1,024", "#"),
            Figure("绑定率", "86%", tone="good"),
            Figure("逾期任务", "12", "请今天处理", tone="warn"),
            Figure("对账差异", "1", tone="bad"),
        ),
        "table": _table(
            "many",
            search="店名或编号",
            filters=(Filter("state", "状态", (("yes", "已绑定"), ("no", "未绑定")), "yes"),),
            sort="points",
            descending=True,
            page=2,
            has_more=True,
            exportable=True,
            caption="很多行",
        ),
        "nothing": _table("nothing", rows=(), caption="空表"),
        "not_found": _table("not-found", rows=(), q="不存在", search="店名或编号", caption="没找到"),
        "form": FORM,
        "faulty": with_errors(
            Form("/components", FORM.fields[:3], "保存", id="faulty"),
            {"name": [""], "kind": [""], "on": ["2026-13-01"]},
            {"name": "请写上名称。", "on": "请选一个日期，比如 2026-12-31。"},
        ),
        "dialog": Dialog(
            "sample-dialog",
            "停用这个活动",
            "停用后店主马上看不到它，已经得到的不受影响。",
            Form("/components", (Field("reason", "原因", required=True),), "停用", "danger", id="dialog-form"),
        ),
        "moments": (
            Moment(now, "调整功能开关", "百分比：10% → 50%。原因：试点顺利", "周敏"),
            Moment(now - timedelta(hours=3), "紧急关闭功能", "每日签到", "吴国强", "bad"),
            Moment(now - timedelta(days=400), "新增同事", "李强，工号 rep", "系统 sfa", "quiet"),
        ),
        "line": Chart("line", "每天签到的门店", "line", days, (("今年", counts), ("去年", before)), "日期"),
        "bar": Chart("bar", "新绑定", "bar", days, (("新绑定", counts),), "日期"),
        "pie": Chart("pie", "绑定方式", "pie", ("扫码", "手机号", "人工"), (("门店", (720, 215, 18)),), "方式"),
        "tabs": (Tab("成员", "#", current=True, count=2), Tab("积分", "#"), Tab("动态", "#", count=128)),
        "facts": (
            Fact("编号", "SH0001"),
            Fact("状态", "营业中", "good"),
            Fact("业务员", "李强", href="#"),
            Fact("地址", "上海市浦东新区世纪大道一千二百号裙房二层东侧"),
        ),
        "actions": (Action("主要操作", "#"), Action("打开对话框", dialog="sample-dialog", tone="plain")),
        "danger": (Action("危险操作", "#", tone="danger"),),
    }
