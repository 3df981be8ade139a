"""What keeping pictures may refuse."""

from loyalty.errors import Invalid


class PictureInvalid(Invalid):
    """A picture that is none, or too large."""

    code = "picture_invalid"
    title = "图片用不了"
    sentence = "请选 512 KB 以内的 PNG、JPEG 或 WebP 图片。"
