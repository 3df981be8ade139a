"""The demo's organisation and its shops, as one table each: who they are, when they came, how often they check in."""

import msgspec

AFANG_PHONE = "13800138000"
LAOWANG_PHONE = "13800138001"
PHONES_FROM = 13800138000

PLACES: dict[tuple[str, ...], str] = {
    ("SH",): "上海工厂",
    ("SH", "SH-PD"): "浦东营业所",
    ("SH", "SH-PD", "R01"): "陆家嘴线",
    ("SH", "SH-PD", "R02"): "川沙线",
    ("SH", "SH-MH"): "闵行营业所",
    ("SH", "SH-MH", "R07"): "莘庄线",
    ("SH", "SH-MH", "R08"): "七宝线",
    ("NJ",): "南京工厂",
    ("NJ", "NJ-QH"): "秦淮营业所",
    ("NJ", "NJ-QH", "R02"): "夫子庙线",
    ("NJ", "NJ-JN"): "江宁营业所",
    ("NJ", "NJ-JN", "R05"): "东山线",
    ("HZ",): "杭州工厂",
    ("HZ", "HZ-XH"): "西湖营业所",
    ("HZ", "HZ-XH", "R03"): "文三路线",
    ("HZ", "HZ-XS"): "萧山营业所",
    ("HZ", "HZ-XS", "R04"): "市心路线",
}
"""Names of the places below the root, by their codes from the plant down. Who names them confirms them."""

SH_PD1, SH_PD2 = ("SH", "SH-PD", "R01"), ("SH", "SH-PD", "R02")
SH_MH7, SH_MH8 = ("SH", "SH-MH", "R07"), ("SH", "SH-MH", "R08")
NJ_QH2, NJ_JN5 = ("NJ", "NJ-QH", "R02"), ("NJ", "NJ-JN", "R05")
HZ_XH3, HZ_XS4 = ("HZ", "HZ-XH", "R03"), ("HZ", "HZ-XS", "R04")
XZ = ("XZ", None, None)
"""Nobody has confirmed the plant of Xuzhou yet: an administrator finds it waiting."""


class Shop(msgspec.Struct, frozen=True):
    """One shop of the demo."""

    code: str
    name: str
    place: tuple[str, str | None, str | None]
    channel: str
    value_class: str
    contact_name: str
    address: str
    known_days: int
    """How many days ago master data brought it."""
    bound_days: int | None = None
    """How many days ago its owner bound it; None while it waits."""
    clerks: int = 0
    rhythm: int = 0
    """It rests on every so-manieth day and checks in on the others; 0 checks in never."""
    delivery_days: tuple[int, ...] = (2, 5)
    status: str = "open"


SHOPS: tuple[Shop, ...] = (
    Shop("SH0001", "阿芳便利店", SH_PD1, "便利店", "A", "陈阿芳", "浦东新区张杨路 1458 号", 60),
    Shop("SH0002", "老王烟酒", SH_PD1, "烟酒店", "B", "王建国", "浦东新区乳山路 98 号", 60),
    Shop("SH0003", "好邻居超市", SH_MH7, "超市", "A", "李梅", "闵行区莘松路 380 号", 60, 30, 2, 7, (1, 3, 5)),
    Shop("NJ0001", "秦淮小吃", NJ_QH2, "餐饮", "C", "赵强", "秦淮区贡院西街 12 号", 60, 13, 0, 2, (3,)),
    Shop("SH0004", "陆家嘴全时便利", SH_PD1, "便利店", "A", "黄志伟", "浦东新区商城路 618 号", 60, 25, 1, 9),
    Shop("SH0005", "潍坊路水果店", SH_PD1, "水果店", "C", "徐小燕", "浦东新区潍坊路 211 号", 60, 12, 0, 3),
    Shop("SH0006", "川沙人民超市", SH_PD2, "超市", "A", "顾国平", "浦东新区川沙路 4865 号", 60, 20, 2, 5, (1, 4)),
    Shop("SH0007", "小沈炒货", SH_PD2, "副食店", "C", "沈玉兰", "浦东新区新川路 302 号", 60),
    Shop("SH0008", "城南大排档", SH_PD2, "餐饮", "B", "陆海峰", "浦东新区妙境路 77 号", 10),
    Shop("SH0009", "莘庄家家乐", SH_MH7, "超市", "B", "金美娟", "闵行区都市路 2988 号", 60, 9, 1, 4),
    Shop("SH0010", "七宝老街茶铺", SH_MH8, "餐饮", "C", "宋德福", "闵行区七宝老街 16 号", 60, 8, 0, 2, (4,)),
    Shop("SH0011", "漕宝路小卖部", SH_MH8, "副食店", "C", "冯桂英", "闵行区漕宝路 3366 号", 10),
    Shop("SH0012", "乐购生鲜七宝店", SH_MH8, "超市", "A", "邓文斌", "闵行区七莘路 3655 号", 2),
    Shop("SH0013", "友谊烟杂店", SH_PD1, "烟酒店", "D", "姚阿大", "浦东新区崂山路 5 号", 60, status="closed"),
    Shop("NJ0002", "夫子庙冷饮", NJ_QH2, "副食店", "B", "戴春梅", "秦淮区贡院街 84 号", 60, 14, 1, 6, (1, 3, 6)),
    Shop("NJ0003", "老门东面馆", NJ_QH2, "餐饮", "B", "孔令军", "秦淮区箍桶巷 33 号", 60, 6, 0, 3, (3,)),
    Shop("NJ0004", "长乐路便民超市", NJ_QH2, "超市", "C", "丁爱华", "秦淮区长乐路 150 号", 60),
    Shop("NJ0005", "东山鲜果园", NJ_JN5, "水果店", "C", "蒋晓东", "江宁区上元大街 288 号", 60, 11, 0, 4),
    Shop("NJ0006", "百家湖便利", NJ_JN5, "便利店", "A", "葛婷", "江宁区双龙大道 1698 号", 60, 14, 1, 8),
    Shop("NJ0007", "江宁大学城小站", NJ_JN5, "便利店", "B", "范宇", "江宁区弘景大道 99 号", 10),
    Shop("NJ0008", "竹山路烧烤", NJ_JN5, "餐饮", "C", "史大勇", "江宁区竹山路 566 号", 2),
    Shop("HZ0001", "文三数码便利", HZ_XH3, "便利店", "A", "楼佳", "西湖区文三路 478 号", 60, 14, 1, 10),
    Shop("HZ0002", "西溪茶点", HZ_XH3, "餐饮", "B", "茅建英", "西湖区天目山路 518 号", 60, 7, 0, 2),
    Shop("HZ0003", "古荡副食品商店", HZ_XH3, "副食店", "C", "俞水根", "西湖区古荡湾 21 号", 60),
    Shop("HZ0004", "市心路华联", HZ_XS4, "超市", "A", "来国良", "萧山区市心中路 123 号", 60, 10, 2, 5, (2, 4, 6)),
    Shop("HZ0005", "萧然烟酒行", HZ_XS4, "烟酒店", "B", "汪利民", "萧山区体育路 60 号", 10),
    Shop("HZ0006", "湘湖鱼馆", HZ_XS4, "餐饮", "C", "裘荣", "萧山区湘湖路 8 号", 2),
    Shop("XZ0001", "彭城路小店", XZ, "副食店", "C", "刘广才", "云龙区彭城路 46 号", 2),
)

LOOKED_AFTER: dict[str, tuple[str, ...]] = {
    "rep": ("SH0001", "SH0002", "SH0003"),
    "xulei": ("SH0004", "SH0005", "SH0006", "SH0007", "SH0008"),
    "gaoxiang": ("NJ0001", "NJ0002", "NJ0003", "NJ0005", "NJ0006"),
}
"""Which shops a rep looks after, by the rep's staff code."""

COLLEAGUES: tuple[tuple[str, str, str], ...] = (("xulei", "徐磊", "SH"), ("gaoxiang", "高翔", "NJ"))
"""Two more reps, by code, name and plant, who have never logged in: somebody to hand shops over to."""
