"""What a house keeps at home, and who finds it there."""

import base64
from pathlib import Path

import pytest

from app import house
from app.house import HouseOccupied
from app.settings import SettingsError


def mode(path: Path) -> int:
    """Give who may do what with a file."""
    return path.stat().st_mode & 0o777


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    made = house.demo_secrets(tmp_path, {})
    assert house.demo_secrets(tmp_path, {}) == made
    assert {name: len(value) for name, value in made.items()} == {
        "SECRET_KEY": 64,
        "DATA_KEYS": 44,
        "WECHAT_APPID": 18,
        "WECHAT_SECRET": 32,
        "WECHAT_TOKEN": 32,
        "WECHAT_AES_KEY": 43,
    }
    assert len(base64.b64decode(made["DATA_KEYS"], validate=True)) == 32
    assert made["WECHAT_AES_KEY"].isalnum()
    assert mode(tmp_path / "secrets.json") == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_two_homes_have_nothing_in_common(tmp_path: Path) -> None:
    homes = [tmp_path / "one", tmp_path / "two"]
    for home in homes:
        home.mkdir()
    one, two = (house.demo_secrets(home, {}) for home in homes)
    assert not set(one.values()) & set(two.values())


def test_given_keys_stand_and_are_not_kept(tmp_path: Path) -> None:
    given = {"SECRET_KEY": "given-secret", "DATA_KEYS": "given-data", "WECHAT_TOKEN": "not-the-sandbox's"}
    found = house.demo_secrets(tmp_path, given)
    assert (found["SECRET_KEY"], found["DATA_KEYS"]) == ("given-secret", "given-data")
    assert found["WECHAT_TOKEN"] != given["WECHAT_TOKEN"]
    assert "given" not in (tmp_path / "secrets.json").read_text()


def test_a_half_written_file_of_a_killed_run_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "secrets.part").write_text('{"SECRET_KEY": "ha')
    assert house.demo_secrets(tmp_path, {}) == house.demo_secrets(tmp_path, {})


def test_a_home_has_one_supervisor_at_a_time(tmp_path: Path) -> None:
    home = tmp_path / "new/home"
    assert not house.is_occupied(home)
    with house.occupied(home):
        assert mode(home) == 0o700
        assert house.is_occupied(home)
        with pytest.raises(HouseOccupied), house.occupied(home):
            pass
    assert not house.is_occupied(home)


def test_a_home_that_is_a_file_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(SettingsError, match="LEKETONG_HOME cannot be used: File exists"),
        house.occupied(tmp_path / "file"),
    ):
        pass


def test_commands_see_a_running_house_and_what_is_given_comes_first(tmp_path: Path) -> None:
    asked = {"LEKETONG_HOME": str(tmp_path), "REDIS_URL": "redis://given"}
    with house.occupied(tmp_path):
        house.announce(tmp_path, {"DATABASE_URL": "postgresql://running", "REDIS_URL": "unix:///running"})
        assert mode(tmp_path / "house.json") == 0o600
        assert house.environment(asked) == {"DATABASE_URL": "postgresql://running"} | asked
        given = asked | {"DATABASE_URL": "postgresql://given"}
        assert house.environment(given) == given
    # Its supervisor is gone: what it has left says nothing about today.
    assert house.environment(asked) == asked
