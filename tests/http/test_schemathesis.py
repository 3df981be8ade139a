"""Schemathesis: whatever the document allows, and much that it forbids, against the running house.

All checks. Any 4xx that the document gives for the route is a fair answer to good data: whether a code is still unused,
an outlet known or a member fast is nothing that a schema can say. No answer may be a 5xx or outside of the document.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from app.server import GROUPS
from tests.conftest import House
from tests.http.conftest import Callers

SEED = 20261104
EXAMPLES_MAX = 25
SECONDS_MAX = 60
MEMBERS = 30
CONFIG = """
[generation]
deterministic = true
database = "none"
unique-inputs = true

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "4xx"]

[checks.negative_data_rejection]
expected-statuses = ["4xx"]

[checks.missing_required_header]
expected-statuses = ["4xx"]

[auth.openapi.memberToken]
bearer = "${LEKETONG_TEST_TOKEN}"

[auth.openapi.systemKey]
bearer = "${LEKETONG_TEST_KEY}"
"""


async def test_no_answer_is_a_fault_or_outside_of_the_document(house: House, callers: Callers, tmp_path: Path) -> None:
    codes = await callers.outlets(MEMBERS)
    members = [await callers.bind(await callers.member(), code) for code in codes]
    tokens = [member.token for member in members]
    config = tmp_path / "schemathesis.toml"
    config.write_text(f'hooks = "{Path(__file__).with_name("schemathesis_hooks.py")}"\nseed = {SEED}\n{CONFIG}')
    running = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "schemathesis.cli",
            "--config-file",
            str(config),
            "run",
            f"{house.base_url}/openapi.json",
        ),
        *("--checks", "all", "--max-examples", str(EXAMPLES_MAX), "--continue-on-failure", "--no-color"),
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "LEKETONG_TEST_TOKEN": tokens[0],
            "LEKETONG_TEST_TOKENS": ",".join(tokens),
            "LEKETONG_TEST_KEY": house.system_key,
        },
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(running.communicate(), SECONDS_MAX)
    except TimeoutError:
        running.kill()
        await running.wait()
        raise
    assert running.returncode == 0, output.decode()
    operations = sum(len(group.endpoints) for group in GROUPS) + 2
    assert f"Tested: {operations}\n" in output.decode()
