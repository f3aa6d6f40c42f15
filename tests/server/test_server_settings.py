from dataclasses import fields
from pathlib import Path

import pytest

from llmobserve_server.settings import ServerSettings, SettingError, load_settings, setting_rows


def test_without_any_variable_files_are_in_the_data_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    settings = load_settings({})
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.db_url == f"duckdb:///{tmp_path}/llmobserve/events.duckdb"
    assert settings.control_db_url == f"sqlite:///{tmp_path}/llmobserve/control.db"


def test_variables_are_read_and_given_values_win(tmp_path: Path) -> None:
    environ = {
        "LLMOBSERVE_DATA_DIR": str(tmp_path),
        "LLMOBSERVE_PORT": "9001",
        "LLMOBSERVE_HOST": " 0.0.0.0 ",
        "LLMOBSERVE_DB_MEMORY_MB": "350",
        "LLMOBSERVE_DB": "",
    }
    settings = load_settings(environ, port=9002, host=None)
    assert (settings.port, settings.host, settings.db_memory_mb) == (9002, "0.0.0.0", 350)
    assert settings.db_url == f"duckdb:///{tmp_path}/events.duckdb"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LLMOBSERVE_PORT", "80000"),
        ("LLMOBSERVE_PORT", "http"),
        ("LLMOBSERVE_DB_MEMORY_MB", "1"),
        ("LLMOBSERVE_DB_THREADS", "0"),
        ("LLMOBSERVE_MAX_BODY_MB", "-1"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingError, match=f"{variable}='{value}' cannot be used: it takes"):
        load_settings({variable: value})


def test_every_setting_has_one_row_with_a_sentence() -> None:
    rows = setting_rows()
    names = [variable for variable, _, _ in rows]
    assert len(set(names)) == len(names) == len(fields(ServerSettings))
    assert all(name.startswith("LLMOBSERVE_") and text.endswith(".") for name, _, text in rows)
