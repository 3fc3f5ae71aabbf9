"""Settings: every mistake at once, in words, at its place; secrets named and never shown."""

from pathlib import Path
from typing import Any

import pytest

from careercenter.settings import Settings, SettingsError, load

ROOT = Path(__file__).parent.parent
KEY = "k" * 16 + "0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.delenv("CAREERCENTER_CONFIG", raising=False)
    made = tmp_path / "config"
    made.mkdir()
    return made


def write(folder: Path, main: str = "", key: str = 'secret_key = { env = "TEST_KEY" }', **files: str) -> Path:
    (folder / "careercenter.toml").write_text(f"{main}\n[server]\n{key}\n")
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    return folder


def problems(folder: Path) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(folder)
    return caught.value.problems


def test_a_minimal_file_gives_working_defaults(folder: Path) -> None:
    found = load(write(folder))
    assert found.database_url == f"sqlite:///{(folder / '../var').resolve()}/careercenter.db"
    assert found.server.public_url == "http://127.0.0.1:8000" and not found.server.secure


def test_the_shipped_files_load(folder: Path, tmp_path: Path) -> None:
    for name in ("careercenter.toml", "signon.toml", "platforms.toml"):
        (folder / name).write_text((ROOT / "config" / name).read_text())
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "secret_key").write_text(KEY)
    assert load(folder).signon.roles


def test_every_mistake_is_told_at_once_with_its_place(folder: Path) -> None:
    told = problems(
        write(
            folder,
            '[campus]\ntime_zone = "Ohio"\nprimary = "green"\n[mail]\nport = 70000',
            key='secret_key = "written down"\ntrusted_proxy = 1\nidle_minutes = "many"',
            signon='[[providers]]\nkind = "oidc"\nname = "Campus"\nlabel = "x"\nclient_ids = "x"\n[[providers]]\nname = "y"',
            platforms='[[sources]]\nplatform = "greenhouse"\nboard = ["a"]',
        )
    )
    text = "\n".join(told)
    for expected in (
        'careercenter.toml: campus.time_zone: "Ohio" is not a time zone',
        "careercenter.toml: campus.primary",
        "careercenter.toml: mail.port: write 65535 or less",
        "careercenter.toml: server.idle_minutes: write a whole number",
        "careercenter.toml: server.secret_key: write a secret as",
        'server.trusted_proxy: there is no such setting; did you mean "trusted_proxies"?',
        "signon.toml: providers.0.name",
        "signon.toml: providers.0.issuer: this setting is missing",
        'signon.toml: providers.0.client_ids: there is no such setting; did you mean "client_id"?',
        "signon.toml: providers.1: kind must be one of saml, federation, oidc",
        "platforms.toml: sources.0.board",
        'did you mean "boards"?',
    ):
        assert expected in text
    assert "written down" not in text


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ('secret_key = { env = "NOT_SET_ANYWHERE" }', "the environment variable NOT_SET_ANYWHERE is not set"),
        ('secret_key = { file = "no-such-file" }', "Make one: openssl rand -hex 32 > FILE"),
        ('secret_key = { env = "TEST_SHORT" }', "at least 32 characters"),
        ("", "server.secret_key: this setting is missing"),
    ],
)
def test_a_secret_key_that_cannot_be_used(folder: Path, monkeypatch: pytest.MonkeyPatch, key: str, says: str) -> None:
    monkeypatch.setenv("TEST_SHORT", "short and shown to nobody")
    (told,) = problems(write(folder, key=key))
    assert says in told and "shown to nobody" not in told


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://careers.example.edu", "sign-in needs https"),
        ("careers.example.edu", "write the address that people type"),
        ("https://careers.example.edu/app", "write the address that people type"),
        ("ftp://x", "write the address that people type"),
    ],
)
def test_an_address_that_cannot_be_served(folder: Path, url: str, says: str) -> None:
    (told,) = problems(write(folder, key=f'secret_key = {{ env = "TEST_KEY" }}\npublic_url = "{url}"'))
    assert says in told


def test_the_demo_refuses_a_public_address_and_a_real_database(folder: Path) -> None:
    demo = 'secret_key = { env = "TEST_KEY" }\ndemo = true'
    assert load(write(folder, key=demo)).server.demo
    assert "works on this machine" in problems(write(folder, '[database]\nurl = "postgresql://db/real"', key=demo))[0]
    public = f'{demo}\npublic_url = "https://careers.example.edu"'
    assert "works on this machine" in problems(write(folder, key=public))[0]


def test_broken_toml_names_the_file(folder: Path) -> None:
    (told,) = problems(write(folder, "this is = not [toml"))
    assert told.startswith(str(folder / "careercenter.toml")) and "not a readable TOML file" in told


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    (told,) = problems(tmp_path / "nowhere")
    assert "this configuration folder does not exist" in told


def test_the_environment_wins_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREERCENTER_CAMPUS__NAME", "Other University")
    monkeypatch.setenv("CAREERCENTER_MAIL__PORT", "2525")
    found = load(write(folder, '[campus]\nname = "Our University"'))
    assert (found.campus.name, found.mail.port) == ("Other University", 2525)


def test_settings_cannot_be_changed_and_never_show_a_secret(folder: Path) -> None:
    found = load(write(folder))
    assert KEY not in repr(found) and KEY not in found.model_dump_json()
    with pytest.raises(Exception, match="frozen"):
        found.campus.name = "Eve's"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@h/db", "postgresql+psycopg://u@h/db"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
    ],
)
def test_database_addresses(folder: Path, url: str, expected: str) -> None:
    assert load(write(folder, f'[database]\nurl = "{url}"')).database_url == expected


def test_other_databases_are_refused(folder: Path) -> None:
    assert "must start with" in problems(write(folder, '[database]\nurl = "mysql://x/y"'))[0]


def test_two_providers_need_two_names(folder: Path, tmp_path: Path) -> None:
    for name in ("m.xml", "k.pem", "c.pem"):
        (folder / name).write_text("x")
    one = '[[providers]]\nkind = "saml"\nname = "campus"\nlabel = "C"\nmetadata_file = "m.xml"\n'
    keys = '[service]\nkey_file = "k.pem"\ncert_file = "c.pem"\n'
    assert "share a name" in problems(write(folder, signon=keys + one * 2))[0]
    assert "make them with" in problems(write(folder, signon=one))[0]


@pytest.mark.parametrize(("line", "sentence"), [
    ('signed = "none"', "proves nothing"), ('metadata_url = "http://login.example.edu/idp"', "use https"),
    ("complete_from_directory = true", "there is no [directory]"),
])
def test_an_unsafe_or_half_set_provider_is_refused(folder: Path, line: str, sentence: str) -> None:
    for name in ("m.xml", "k.pem", "c.pem"):
        (folder / name).write_text("x")
    provider = f'[[providers]]\nkind = "saml"\nname = "campus"\nlabel = "C"\nmetadata_file = "m.xml"\n{line}\n'
    assert sentence in problems(write(folder, signon='[service]\nkey_file = "k.pem"\ncert_file = "c.pem"\n' + provider))[0]


def test_the_published_schema_describes_every_section() -> None:
    schema: dict[str, Any] = Settings.model_json_schema()
    assert {"campus", "server", "database", "mail", "log", "signon", "platforms", "data_dir"} <= set(
        schema["properties"]
    )
