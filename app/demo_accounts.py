"""The demo's staff accounts, one a role, as the log-in page of a demo shows them. Only the demo makes them."""

import msgspec

from loyalty.staff.rules import Role

PASSWORD = "leketong-2026"  # noqa: S105 - told to everybody in front of the demo


class DemoAccount(msgspec.Struct, frozen=True):
    """An account that a visitor of the demo may take."""

    code: str
    name: str
    role: Role
    role_title: str
    node_code: str
    """Where the role counts: the code of a plant, an office or the root."""


ACCOUNTS: tuple[DemoAccount, ...] = (
    DemoAccount("admin", "周敏", "admin", "管理员", "HQ"),
    DemoAccount("lead", "吴国强", "plant_lead", "工厂负责人", "SH"),
    DemoAccount("operator", "孙丽", "operator", "厂房运营", "SH"),
    DemoAccount("marketer", "郑晓", "marketer", "市场", "HQ"),
    DemoAccount("checker", "钱静", "checker", "复核员", "HQ"),
    DemoAccount("rep", "李强", "rep", "业务员", "SH"),
    DemoAccount("supervisor", "王芳", "supervisor", "业务主管", "SH-PD"),
)
