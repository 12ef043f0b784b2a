"""The compose file: valid, closed by default, and with settings that the services accept."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose
from evalstream_cluster.settings import ServiceSettings

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docker-compose.yml"
DOCKER = ROOT / "deploy" / "docker"
OURS = ("ingest", "matcher", "query")
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def compose(**variables: str) -> dict[str, Any]:
    """Read the file as Docker Compose does: variables first, then YAML with its anchors."""
    text = VARIABLE.sub(lambda found: variables.get(found[1], found[2] or ""), FILE.read_text(encoding="utf-8"))
    return dict(yaml.safe_load(text))


def services() -> dict[str, dict[str, Any]]:
    return dict(compose()["services"])


def make_secrets(folder: Path) -> None:
    subprocess.run([str(DOCKER / "make-secrets.sh"), str(folder)], check=True, stdout=subprocess.DEVNULL, timeout=60)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "secrets"
    make_secrets(folder)
    return folder


def test_it_is_valid() -> None:
    parsed = PyCompose.from_yaml(yaml.safe_dump(compose()))
    assert set(parsed.service_names()) == {"kafka", "clickhouse", *OURS, "prometheus", "grafana"}


@pytest.mark.parametrize("wrong", [{"imagine": "a key"}, {"depends_on": {"kafka": {"condition": "in_good_mood"}}}])
def test_what_is_invalid_would_be_noticed(wrong: dict[str, Any]) -> None:
    file = compose()
    file["services"]["ingest"].update(wrong)
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PyCompose.from_yaml(yaml.safe_dump(file))


def test_what_one_service_names_another_has() -> None:
    file = compose()
    for name, service in file["services"].items():
        assert set(service.get("depends_on", {})) <= set(file["services"]), name
        assert set(service["networks"]) <= set(file["networks"]), name
        for secret in service.get("secrets", []):
            assert (secret if isinstance(secret, str) else secret["source"]) in file["secrets"], name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).is_dir() if source.startswith(".") else source in file["volumes"], volume


def test_dependencies_are_waited_for() -> None:
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy", name
            assert "healthcheck" in services()[other] or other in OURS, other


def test_ports_are_published_on_loopback_only() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports), ports


def test_every_container_is_confined() -> None:
    for name, service in services().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["restart"] == "unless-stopped", name
        assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"]), name
        assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service), name
        if name != "kafka":  # whose image names its user itself
            assert int(service["user"].split(":")[0]) > 0, name


def test_images_are_pinned() -> None:
    for name, service in services().items():
        if name not in OURS:
            assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(\.\d+)*", service["image"]), service["image"]


def test_no_secret_is_in_the_environment() -> None:
    for name, service in services().items():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|KEY|TOKEN", variable):
                assert value.startswith(("/run/secrets", "/var/lib/evalstream/")), f"{name}: {variable}"


def test_services_have_the_time_to_stop_that_they_take() -> None:
    # uvicorn waits 70 s for requests, then the consumer 60 s for the batch in hand.
    for name in OURS:
        assert int(services()[name]["stop_grace_period"].removesuffix("s")) > 70 + 60


def test_the_example_explains_every_variable_and_has_its_default() -> None:
    text = FILE.read_text(encoding="utf-8")
    used = dict(VARIABLE.findall(text))
    example = (DOCKER / ".env.example").read_text(encoding="utf-8")
    assert dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE)) == used


def test_every_setting_exists() -> None:
    known = {f"EVALSTREAM_{name.upper()}" for name in ServiceSettings.model_fields} | {"EVALSTREAM_SECRETS_DIR"}
    files = [FILE, *(path for path in (ROOT / "deploy").rglob("*") if path.suffix in {".md", ".yml", ".sh"})]
    files += [DOCKER / "Dockerfile", DOCKER / ".env.example"]
    for file in files:
        named = set(re.findall(r"\bEVALSTREAM_[A-Z_]+\b", file.read_text(encoding="utf-8")))
        assert named <= known, file


@pytest.mark.parametrize("name", OURS)
def test_a_service_starts_on_its_settings(name: str, secrets: Path, tmp_path: Path) -> None:
    """In a process of its own, for the folder of the secrets is read when the settings are imported."""
    service = services()[name]
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    for secret in service["secrets"]:
        (mounted / secret).write_text((secrets / secret).read_text(encoding="utf-8"), encoding="utf-8")
    assert service["environment"]["EVALSTREAM_SECRETS_DIR"] == "/run/secrets"
    code = """if True:
        from evalstream_service.security import checked_keys
        from evalstream_cluster.settings import ServiceSettings
        settings = ServiceSettings()
        if NAME != "matcher":
            keys = checked_keys(settings.api_keys.get_secret_value(), settings.keys_file, settings.host).in_force()
            scopes = [key.scopes for key in keys]
            assert scopes == [("read",), ("read", "write"), ("read", "write", "admin")], "the keys' scopes"
        print(settings.host, settings.port, settings.clickhouse_user, settings.clickhouse_password.get_secret_value())
        print(settings.kafka_password.get_secret_value())
    """.replace("NAME", repr(name))
    answer = run_python(code, {**service["environment"], "EVALSTREAM_SECRETS_DIR": str(mounted)}, tmp_path)
    first, _, kafka = answer.partition("\n")
    password = (secrets / "evalstream_clickhouse_password").read_text(encoding="utf-8").strip()
    assert first == f"0.0.0.0 8000 evalstream {password}"
    assert kafka.strip() == (secrets / "evalstream_kafka_password").read_text(encoding="utf-8").strip()


def run_python(code: str, environment: Mapping[str, str], folder: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("EVALSTREAM_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_secret_is_made_and_the_folder_is_closed(secrets: Path) -> None:
    wanted = {Path(secret["file"]).name for secret in compose(SECRETS_DIR="x")["secrets"].values()}
    assert {path.name for path in secrets.iterdir()} == wanted
    assert secrets.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o777 == 0o444 for path in secrets.iterdir())


def test_kafka_and_clickhouse_are_told_the_same_passwords(secrets: Path) -> None:
    def text(name: str) -> str:
        return (secrets / name).read_text(encoding="utf-8").strip()

    assert f'user_evalstream="{text("evalstream_kafka_password")}"' in text("kafka_jaas.conf")
    digest = hashlib.sha256(text("evalstream_clickhouse_password").encode()).hexdigest()
    assert f"<password_sha256_hex>{digest}</password_sha256_hex>" in text("clickhouse_users.xml")


def test_secrets_are_random_and_kept(secrets: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    make_secrets(secrets)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    make_secrets(tmp_path / "other")
    assert all((tmp_path / "other" / name).read_bytes() != content for name, content in before.items())
