"""Dockerfile, compose files, units and proxies say what exists: settings, commands, options, ports, paths, metrics."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from docs.guide_page import read_page
from server.live_server import batch, running
from wheels import ROOT

from llmobserve_server.auth.deployment import Deployment
from llmobserve_server.cli.db import main
from llmobserve_server.settings import load_settings, setting_rows
from llmobserve_server.store.open import make_store

SETTINGS = {name for name, _, _ in setting_rows()}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = sorted(ROOT.glob("compose*.yaml"))
PAGES = ("operation.md", "one-server.md", "cluster.md", "kafka.md")
STOPS_WITHIN_S = 30


def instructions() -> list[tuple[str, str]]:
    """Word and rest of each instruction of the Dockerfile."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^#.*\n", "", DOCKERFILE))
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


def of(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def variables() -> dict[str, str]:
    """The environment of the last stage."""
    return dict(part.split("=", 1) for part in shlex.split(of("ENV")[-1]))


def test_the_image_runs_the_collector_as_nobody_in_particular() -> None:
    env = variables()
    ours = {name: text for name, text in env.items() if name.startswith("LLMOBSERVE_")}
    settings = load_settings(ours)
    assert set(ours) <= SETTINGS
    assert (settings.host, settings.port) == ("0.0.0.0", 8000)
    assert [str(settings.data_dir)] == of("VOLUME") == of("WORKDIR")[-1:]
    assert of("USER") == ["10001:10001"]
    assert str(settings.port) in of("EXPOSE")[0].split()
    assert (of("ENTRYPOINT"), of("CMD"), of("STOPSIGNAL")) == (['["llmobserve"]'], ['["serve"]'], ["SIGTERM"])
    assert "/health" in of("HEALTHCHECK")[0]
    assert len(of("FROM")) == 2
    assert f"useradd --uid {of('USER')[0].partition(':')[0]} " in of("RUN")[-1]


def test_the_image_installs_what_the_lock_says() -> None:
    (sync,) = [rest for rest in of("RUN") if rest.startswith("uv sync")]
    assert "--locked" in sync
    extras = re.findall(r"--extra (\S+)", sync)
    project = (ROOT / "python" / "llmobserve-server" / "pyproject.toml").read_text()
    assert extras == ["postgresql", "clickhouse", "grpc"]
    assert all(re.search(rf"(?m)^{extra} = \[", project) for extra in extras)
    copied = {source for rest in of("COPY") if "--from" not in rest for source in rest.split()[:-1]}
    assert all((ROOT / source).exists() for source in copied)
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == kept
    assert f"uv=={re.search(r'UV_VERSION = .(.*).$', (ROOT / 'dev').read_text(), re.MULTILINE)[1]}" in DOCKERFILE  # pyright: ignore[reportOptionalSubscript]


def test_the_check_of_health_meets_the_collector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = re.search(r'\["python", "-c", "(.*)"\]', of("HEALTHCHECK")[0])
    assert program is not None
    code = program[1].replace('\\"', '"')
    with running(tmp_path) as server:
        monkeypatch.setenv("LLMOBSERVE_PORT", str(server.port))
        exec(code)
    with pytest.raises(OSError, match="refused"):
        exec(code)


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.name)
def test_a_compose_file_has_settings_volumes_and_ports_that_exist(file: Path) -> None:
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    services = document["services"]
    collector = services["llmobserve"]
    env = {name: re.sub(r"\$\{\w+:\?[^}]*\}", "secret", text) for name, text in collector["environment"].items()}
    assert set(env) <= SETTINGS
    settings = load_settings(variables() | env)
    make_store(settings.db_url)
    published = {port.rpartition(":")[2] for port in collector["ports"]}
    assert published == set(of("EXPOSE")[0].split())
    assert all(port.startswith("127.0.0.1:") for port in collector["ports"])
    assert str(settings.otlp_grpc_port) in published
    assert f"data:{settings.data_dir}" in collector["volumes"]
    assert collector["read_only"] is True
    assert collector["cap_drop"] == ["ALL"]
    assert int(collector["stop_grace_period"].removesuffix("s")) > STOPS_WITHIN_S
    named = {volume.partition(":")[0] for service in services.values() for volume in service["volumes"]}
    assert named == set(document["volumes"])
    for other in collector.get("depends_on", {}):
        assert "healthcheck" in services[other]
        assert f"@{other}:" in settings.db_url
    # Requests that come under the name of the service are answered.
    assert Deployment(host=settings.host, allowed_hosts=(collector["hostname"],)).serves_host("llmobserve:8000")


def test_the_unit_starts_what_there_is_and_waits_long_enough() -> None:
    page = read_page(ROOT / "docs" / "one-server.md")
    unit = page.files["llmobserve.service"]
    env = dict(line.removeprefix("Environment=").split("=", 1) for line in unit.splitlines() if "Environment=" in line)
    assert set(env) <= SETTINGS
    assert load_settings(env).public_url == "https://llm.example.com"
    assert "/bin/llmobserve serve\n" in unit
    wait_s = re.search(r"TimeoutStopSec=(\d+)", unit)
    assert wait_s is not None
    assert int(wait_s[1]) > STOPS_WITHIN_S
    for name in ("nginx.conf", "Caddyfile"):
        assert f"127.0.0.1:{env['LLMOBSERVE_PORT']}" in page.files[name]
    limit = re.search(r"client_max_body_size (\d+)m", page.files["nginx.conf"])
    assert limit is not None
    assert int(limit[1]) == load_settings({}).max_body_mb


@pytest.mark.parametrize("name", PAGES)
def test_a_page_names_settings_commands_and_files_that_exist(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / name).read_text()
    of_sdk = {"LLMOBSERVE_API_KEY", "LLMOBSERVE_BACKEND"}
    assert set(re.findall(r"\bLLMOBSERVE_[A-Z_]+\b", text)) <= SETTINGS | of_sdk
    for target in re.findall(r"\]\(([^)#:]+)", text):
        assert (ROOT / "docs" / target).exists(), target
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = set(re.findall(r"│ (\w+) ", capsys.readouterr().out))
    assert set(re.findall(r"llmobserve db (\w+)", text)) <= commands
    options = set(re.findall(r"llmobserve (?:db \w+|serve)[^`\n]*?(--[a-z-]+)", text))
    known = {"--data-dir", "--from", "--to", "--project", "--port", "--check", "--db"}
    assert options <= known


def test_the_page_of_operation_lists_every_figure(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "operation.md").read_text()
    with running(tmp_path) as server, server.client() as client:
        assert client.post("/v1/events", json=batch(1)).status_code == 200
        server.app.state.retention.run_once()
        with server.browser() as browser:
            assert browser.post("/api/v1/backup").content
        shown = {
            re.split(r"[{ ]", line)[0] for line in client.get("/metrics").text.splitlines() if line.startswith("llmobs")
        }
    told = {f"{name}" for name in re.findall(r"`(llmobserve_\w+)", text)}
    without_created = {name for name in shown if not name.endswith("_created")}
    assert without_created <= told
    # Those that have no value yet, because nothing has happened.
    assert told - without_created <= {
        "llmobserve_retention_deleted_rows_total",
        "llmobserve_retention_last_success_timestamp_seconds",
        "llmobserve_sender_dropped_records_total",
    }
