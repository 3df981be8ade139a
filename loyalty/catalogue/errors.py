"""What the catalogue may refuse."""

from loyalty.errors import Conflict, NotFound


class ProductUnknown(NotFound):
    """There is no such product that the outlet could order."""

    code = "product_unknown"
    title = "没有这个商品"
    sentence = "可能已经下架了，请刷新看看。"


class FavouritesFull(Conflict):
    """The outlet has as many favourites as it can have. Carries ``favourites_max``."""

    code = "favourites_full"
    title = "收藏满了"
    sentence = "最多收藏 {favourites_max} 个，先取消几个不常订的吧。"
