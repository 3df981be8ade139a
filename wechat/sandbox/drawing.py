"""A picture in place of a mini-program code: a valid PNG that no phone can scan.

Its squares follow from page and scene, so that two codes look different, and both stand in the file's text.
"""

import hashlib
import struct
import zlib
from typing import Final

_SIDE: Final = 16
_QUIET: Final = 2
_START: Final = b"\x89PNG\r\n\x1a\n"
_BLACK_AND_WHITE: Final = struct.pack(">BBBBB", 1, 0, 0, 0, 0)  # one bit, greyscale, deflate, no filter, not interlaced


def draw(scene: str, page: str, width: int) -> bytes:
    """Return a square PNG of `width` pixels."""
    bits = hashlib.sha256(f"{page}\0{scene}".encode()).digest()
    cells = [
        [_is_dark(bits, row, column) for column in range(-_QUIET, _SIDE + _QUIET)]
        for row in range(-_QUIET, _SIDE + _QUIET)
    ]
    lines = [_line(cells[y * len(cells) // width], width) for y in range(width)]
    return b"".join(
        (
            _START,
            _chunk(b"IHDR", struct.pack(">II", width, width) + _BLACK_AND_WHITE),
            _chunk(b"iTXt", b"scene\0\0\0\0\0" + scene.encode()),
            _chunk(b"iTXt", b"page\0\0\0\0\0" + page.encode()),
            _chunk(b"IDAT", zlib.compress(b"".join(lines), 1)),
            _chunk(b"IEND", b""),
        )
    )


def _is_dark(bits: bytes, row: int, column: int) -> bool:
    if not (0 <= row < _SIDE and 0 <= column < _SIDE):
        return False
    place = row * _SIDE + column
    return bool(bits[place // 8] >> place % 8 & 1)


def _line(cells: list[bool], width: int) -> bytes:
    row = "".join("0" if cells[x * len(cells) // width] else "1" for x in range(width))
    size = (width + 7) // 8
    return b"\0" + int(row.ljust(size * 8, "1"), 2).to_bytes(size, "big")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
