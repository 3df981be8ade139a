"""Passwords: what may be chosen, how it is kept, and how many are hashed at once."""

import asyncio
import re

import pytest

from loyalty.errors import Overloaded
from loyalty.staff import passwords, rules

WAIT_SECONDS = 20


@pytest.mark.parametrize(
    ("password", "code", "name", "why"),
    [
        ("", "zhang", "张三", "至少 10 个字符"),
        ("123456789", "zhang", "张三", "至少 10 个字符"),
        ("天" * 9, "zhang", "张三", "至少 10 个字符"),
        ("x" * 127 + "yz", "zhang", "张三", "最多 128 个字符"),
        ("my-zhang-2026", "zhang", "张三", "工号或姓名"),
        ("my-ZHANG-2026", "Zhang", "张三", "工号或姓名"),
        ("张三的一句好记的话", "zhang", "张三", "至少 10 个字符"),
        ("张三的一句好记的话呀", "zhang", "张三", "工号或姓名"),
        ("1234567890", "zhang", "张三", "太容易猜到"),
        ("Password123", "zhang", "张三", "太容易猜到"),
        ("aaaaaaaaaaaa", "zhang", "张三", "太容易猜到"),
        ("abababababab", "zhang", "张三", "太容易猜到"),
        ("ABabABababab", "zhang", "张三", "太容易猜到"),
        ("open the door", "op", "张三", None),
        ("a long walk", "a", "王", None),
        ("王家的小店今天又开门了", "wang", "王", None),
        ("x" * 126 + "yz", "zhang", "张三", None),
        ("correct horse", "zhang", "张三", None),
    ],
)
def test_a_chosen_password(password: str, code: str, name: str, why: str | None) -> None:
    fault = rules.password_fault(password, code, name)
    if why is None:
        assert fault is None
    else:
        assert fault is not None
        assert why in fault


def test_temporary_passwords_are_read_out_without_doubt() -> None:
    made = {rules.new_temporary_password() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"[a-hjkmnp-z2-9]{4}(-[a-hjkmnp-z2-9]{4}){2}", one) for one in made)


async def test_a_password_is_kept_salted_and_matches_itself_alone() -> None:
    one, other = await asyncio.gather(passwords.hashed("a long walk"), passwords.hashed("a long walk"))
    assert one.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert one != other
    assert await passwords.matches(one, "a long walk")
    assert not await passwords.matches(one, "a long walk ")
    assert not passwords.is_outdated(one)
    assert passwords.is_outdated(one.replace("t=3", "t=2"))


async def test_nobodys_password_and_a_broken_hash_match_nothing() -> None:
    assert not await passwords.matches(None, "nobody's password")
    assert not await passwords.matches("not a hash", "a long walk")


async def test_a_storm_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "WAITING_MAX", 2)
    async with asyncio.timeout(WAIT_SECONDS):
        answers = await asyncio.gather(*(passwords.matches(None, "x") for _ in range(6)), return_exceptions=True)
    # Two are hashed, two wait, two are sent away.
    assert [type(answer).__name__ for answer in answers] == ["bool"] * 4 + [Overloaded.__name__] * 2
    assert not await passwords.matches(None, "x")
