"""`python -m wechat.sandbox` as its own process: inherited socket, state file, clean stop, dying with its parent."""

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.wechat.conftest import AES_KEY, APPID, PUSH_TOKEN, SECRET, TEMPLATE
from wechat.sandbox.__main__ import main
from wechat.sandbox.world import read_catalogue

STOP_SECONDS = 10
ENVIRONMENT = {
    **os.environ,
    "WECHAT_APPID": APPID,
    "WECHAT_SECRET": SECRET,
    "WECHAT_TOKEN": PUSH_TOKEN,
    "WECHAT_AES_KEY": AES_KEY,
    "PYTHONPATH": str(Path(__file__).parents[2]),
}
PROGRAM = [sys.executable, "-m", "wechat.sandbox"]


@contextmanager
def program(*arguments: str) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """Start it on a socket that listens already, so that the first request waits until it serves."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd = listening.fileno()
        child = subprocess.Popen(
            [*PROGRAM, "--fd", str(fd), *arguments],
            pass_fds=[fd],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with child, httpx.Client(base_url=url, trust_env=False, timeout=STOP_SECONDS) as http:
            try:
                yield http, child
            finally:
                child.kill()


def send(http: httpx.Client, openid: str) -> int:
    """Send one message and return WeChat's errcode."""
    told = {"grant_type": "client_credential", "appid": APPID, "secret": SECRET}
    token = http.post("/cgi-bin/stable_token", json=told).json()["access_token"]
    body = {"touser": openid, "template_id": TEMPLATE, "data": {"thing1": {"value": "货到了"}}}
    answer = http.post("/cgi-bin/message/subscribe/send", params={"access_token": token}, json=body)
    return int(answer.json()["errcode"])


def test_members_permissions_and_messages_survive_a_stop_and_a_crash(tmp_path: Path) -> None:
    state = tmp_path / "new" / "sandbox.sqlite"
    with program("--state", str(state)) as (http, child):
        openid = http.post("/sandbox/members", json={"phone": "13800138000"}).json()["openid"]
        for _ in range(3):
            http.post("/sandbox/grants", json={"openid": openid, "template_id": TEMPLATE, "accept": True})
        assert send(http, openid) == 0
        child.terminate()
        output, _ = child.communicate(timeout=STOP_SECONDS)
        assert (child.returncode, output) == (0, b"")
    assert [file.name for file in state.parent.iterdir()] == ["sandbox.sqlite"]
    with program("--state", str(state)) as (http, child):
        assert send(http, openid) == 0
        child.kill()
        child.wait(STOP_SECONDS)
    with program("--state", str(state)) as (http, child):
        assert [send(http, openid), send(http, openid)] == [0, 43101]
        items = http.get("/sandbox/messages", params={"openid": openid}).json()["items"]
        assert [item["message_id"] for item in items] == ["1", "2", "3"]
        assert http.post("/sandbox/codes", json={"openid": openid, "kind": "phone"}).status_code == 200


def test_a_catalogue_makes_it_know_its_pages_and_templates(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text('{"pages": ["pages/home/home"], "templates": {"order_shipped": ["thing1"]}}')
    with program("--catalogue", str(catalogue)) as (http, _):
        openid = http.post("/sandbox/members", json={}).json()["openid"]
        told = {"openid": openid, "template_id": TEMPLATE, "accept": True}
        assert http.post("/sandbox/grants", json=told).status_code == 400
        told["template_id"] = "order_shipped"
        assert http.post("/sandbox/grants", json=told).status_code == 200
        assert send(http, openid) == 40037


PARENT = """
import subprocess, sys, time
subprocess.Popen(sys.argv[2:], pass_fds=[int(sys.argv[1]), int(sys.argv[-1])])
time.sleep(60)
"""


def test_it_dies_with_the_process_that_started_it() -> None:
    alive, held = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        fd = listening.fileno()
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(held), *PROGRAM, "--fd", str(fd)],
            pass_fds=[fd, held],
            env=ENVIRONMENT,
        )
        os.close(held)
        with parent:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/sandbox/health"
            assert httpx.get(url, trust_env=False, timeout=STOP_SECONDS).status_code == 200
            parent.kill()
        # The pipe ends when nobody holds its other end any more: the sandbox has ended.
        readable, _, _ = select.select([alive], [], [], STOP_SECONDS)
        assert readable
        assert os.read(alive, 1) == b""
    os.close(alive)


@pytest.mark.parametrize(
    ("arguments", "changes", "said"),
    [
        ([], {}, "--port"),
        (["--port", "0", "--fd", "3"], {}, "not allowed"),
        (["--fd", "250"], {}, "Bad file descriptor"),
        (["--port", "0"], {"WECHAT_SECRET": ""}, "WECHAT_SECRET is not set"),
        (["--port", "0"], {"WECHAT_AES_KEY": SECRET}, "WECHAT_AES_KEY must be 43"),
        (["--port", "0", "--catalogue", "/nowhere.json"], {}, "No such file"),
    ],
)
def test_a_wrong_start_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    changes: dict[str, str],
    said: str,
) -> None:
    for name, value in (ENVIRONMENT | changes).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert said in told
    assert SECRET not in told


@pytest.mark.parametrize("text", ["", "[]", '{"page": []}', '{"pages": "a"}', '{"templates": ["a"]}', "\xff"])
def test_a_wrong_catalogue_is_a_value_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "catalogue.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match="catalogue"):
        read_catalogue(path)


def test_a_free_port_is_taken_and_told() -> None:
    with subprocess.Popen([*PROGRAM, "--port", "0"], env=ENVIRONMENT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        line = child.stdout.readline().decode()
        assert line.startswith("微信沙箱已就绪：http://127.0.0.1:")
        url = line.partition("：")[2].strip()
        assert "微信沙箱" in httpx.get(url, trust_env=False, timeout=STOP_SECONDS).text
        child.terminate()
        assert child.wait(STOP_SECONDS) == 0
