"""Real servers on loopback that take webhooks, or do not."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec


@dataclass
class Receiver:
    """A program that events are brought to; ``answer`` says how it takes the n-th call."""

    answer: Callable[[int], bytes | None] = lambda _: b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    port: int = 0
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """Where given, calls are taken in and answered only once it is set."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:-2]
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                self.calls.append((headers, body))
                if self.gate is not None:
                    await self.gate.wait()
                answer = self.answer(len(self.calls) - 1)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
                if b"hang-up" in answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def numbers(self) -> list[int]:
        """Give the numbers of the events that came, in the order in which they did."""
        return [msgspec.json.decode(body)["data"]["n"] for _, body in self.calls]


@asynccontextmanager
async def receiving(receiver: Receiver) -> AsyncIterator[Receiver]:
    """Serve on a port of loopback."""
    server = await asyncio.start_server(receiver, "127.0.0.1", receiver.port)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


def says(status: int, *headers: str) -> bytes:
    """Give an answer."""
    return "\r\n".join([f"HTTP/1.1 {status} X", "content-length: 0", *headers, "", ""]).encode()
