"""Settings: what wins, what is refused and what the message says."""

import re
from pathlib import Path

import pytest

from llmobserve.settings import ROWS, SettingError, Settings, load, reference_page


def test_defaults() -> None:
    settings = load({}, {"HOME": "/home/ann"})
    assert settings.collector_url == "http://127.0.0.1:8000"
    assert (settings.enabled, settings.capture_content, settings.durability) == (True, False, "write")
    assert (settings.flush_interval_ms, settings.api_key, dict(settings.hosts)) == (500, None, {})


def test_spool_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/ann")
    assert load({}, {}).spool_dir == "/var/cache/ann/llmobserve/spool"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/ann")
    assert load({}, {}).spool_dir == "/home/ann/.cache/llmobserve/spool"


@pytest.mark.parametrize("platform", ["AWS_LAMBDA_FUNCTION_NAME", "VERCEL", "K_SERVICE"])
def test_spool_is_where_serverless_platforms_let_write(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(platform, "1")
    assert load({}, {}).spool_dir == "/tmp/llmobserve/spool"


def test_argument_wins_over_environment_over_default() -> None:
    environ = {"LLMOBSERVE_COLLECTOR_URL": "https://env.test/", "LLMOBSERVE_FLUSH_INTERVAL_MS": " 250 "}
    assert load({}, environ).collector_url == "https://env.test"
    assert load({"collector_url": "http://arg.test:9/base/"}, environ).collector_url == "http://arg.test:9/base"
    assert load({"flush_interval_ms": None}, environ).flush_interval_ms == 250
    assert load({}, {"LLMOBSERVE_FLUSH_INTERVAL_MS": ""}).flush_interval_ms == 500


@pytest.mark.parametrize(("text", "enabled"), [("1", False), ("TRUE", False), ("0", True), ("off", True)])
def test_disabled_variable(text: str, enabled: bool) -> None:
    assert load({}, {"LLMOBSERVE_DISABLED": text}).enabled is enabled
    assert load({"enabled": True}, {"LLMOBSERVE_DISABLED": text}).enabled is True


def test_hosts_in_both_forms() -> None:
    expected = {"llm.internal:8080": "openai", "gw.test": "anthropic"}
    assert load({"hosts": {"LLM.internal:8080": "openai", "gw.test": "anthropic"}}, {}).hosts == expected
    assert load({}, {"LLMOBSERVE_HOSTS": "llm.internal:8080=openai, gw.test=anthropic,"}).hosts == expected


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("collector_url", "127.0.0.1:8000", "give a URL such as"),
        ("collector_url", "ftp://x", "give a URL such as"),
        ("collector_url", "http://x:99999", "give a URL such as"),
        ("collector_url", "http://user:pw@x", "give a URL such as"),
        ("flush_interval_ms", 5, "10 to 60000"),
        ("flush_interval_ms", True, "10 to 60000"),
        ("flush_interval_ms", "soon", "10 to 60000"),
        ("durability", "maybe", '"write" or "fsync"'),
        ("capture_content", "perhaps", "true or false"),
        ("hosts", "llm.internal", "host=provider"),
        ("hosts", {"http://x": "openai"}, "host=provider"),
        ("hosts", 3, "host=provider"),
        ("service", "", "not empty"),
        ("spool_dir", 3, "path of a directory"),
    ],
)
def test_wrong_value_names_setting_and_remedy(name: str, value: object, says: str) -> None:
    with pytest.raises(SettingError, match=re.escape(says)) as caught:
        load({name: value}, {})
    assert name in str(caught.value)


def test_wrong_variable_is_named() -> None:
    with pytest.raises(SettingError, match="LLMOBSERVE_DURABILITY"):
        load({}, {"LLMOBSERVE_DURABILITY": "maybe"})


def test_unknown_argument_lists_the_known() -> None:
    with pytest.raises(SettingError, match=r"no setting 'colector_url'.*collector_url, backend"):
        load({"colector_url": "http://x"}, {})


def test_key_is_never_in_a_message() -> None:
    with pytest.raises(SettingError) as caught:
        load({"api_key": 12345678}, {})
    assert "12345678" not in str(caught.value)


def test_rows_and_fields_are_the_same() -> None:
    assert [row.name for row in ROWS] == list(Settings.__dataclass_fields__)


def test_reference_page_has_every_setting() -> None:
    page = reference_page()
    for row in ROWS:
        assert f"| `{row.name}` | `{row.env}` |" in page


def test_home_directory_is_filled_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert load({"spool_dir": Path("~/x")}, {}).spool_dir == "/home/ann/x"
