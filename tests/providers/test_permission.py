"""M2: where a credential may go, and which of a person's a manifest may point at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from qbatch.errors import CredentialsError, Elsewhere, SourceError
from qbatch.manifest.models import Backend
from qbatch.providers import Surroundings, open_driver
from qbatch.providers.kit.credentials import Secret
from qbatch.providers.kit.permission import CredentialRule, Permission, Vendor, read_permission
from qbatch.providers.kit.wire import Wire

VENDOR = Vendor(("cloud.example",), ("CLOUD_URL",), ("CLOUD_TOKEN",))
ENVIRON = {"CLOUD_URL": "https://told.example", "LAB_CLOUD_URL": "https://lab.example:8443/api"}

#: Address -> whether a credential may go there by itself, and after --trust.
ROADS = [
    ("https://cloud.example/v1", True, True),
    ("https://eu.cloud.example", True, True),
    ("https://CLOUD.example", True, True),
    ("https://told.example/x", True, True),
    ("https://lab.example", True, True),
    ("https://allowed.example", True, True),
    ("https://sub.allowed.example", True, True),
    ("http://127.0.0.1:9", True, True),
    ("http://127.8.9.1", True, True),
    ("http://[::1]:8", True, True),
    ("http://localhost:8", True, True),
    ("https://elsewhere.example", False, True),
    ("https://notcloud.example", False, True),
    ("https://cloud.example.evil.example", False, True),
    ("https://cloud.example@evil.example", False, True),
    ("https://sub.told.example", False, True),
    ("https://10.0.0.1", False, True),
    ("http://cloud.example", False, False),
    ("http://told.example", False, False),
    ("http://allowed.example", False, False),
    ("http://elsewhere.example", False, False),
    ("http://localhost.evil.example", False, False),
    ("http://127.0.0.1.evil.example", False, False),
    ("http://0.0.0.0", False, False),
    ("http://127.1", False, False),
    ("http://[::ffff:10.0.0.1]", False, False),
]


def rule(*, is_trusted: bool = False) -> CredentialRule:
    permission = Permission(frozenset({"allowed.example"}), is_trusted=is_trusted)
    return CredentialRule("cloud", VENDOR, permission, ENVIRON, "env:CLOUD_TOKEN")


@pytest.mark.parametrize("is_trusted", [False, True])
@pytest.mark.parametrize(("url", "by_itself", "trusted"), ROADS)
def test_a_credential_goes_where_the_person_said_and_nowhere_else(
    url: str, by_itself: bool, trusted: bool, is_trusted: bool
) -> None:
    asked = rule(is_trusted=is_trusted)
    if trusted if is_trusted else by_itself:
        asked.admit(url)
        asked.check(httpx.URL(url))
        return
    for _ in range(2):  # asking again helps nobody
        with pytest.raises(Elsewhere, match="CLOUD_TOKEN would go to"):
            asked.admit(url)


def test_trust_is_for_what_the_manifest_says_not_for_what_answers_say() -> None:
    asked = rule(is_trusted=True)
    asked.admit("https://elsewhere.example")
    asked.check(httpx.URL("https://elsewhere.example/v1"))
    with pytest.raises(Elsewhere, match=r"other\.example"):
        asked.check(httpx.URL("https://other.example"))
    with pytest.raises(Elsewhere, match="plain http"):
        asked.check(httpx.URL("http://elsewhere.example"))


class Line(httpx.AsyncBaseTransport):
    """Keeps what was sent, and answers with a redirect."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        there = {"location": "https://elsewhere.example/x"}
        return httpx.Response(307, headers=there, content=b"")


def send(wire: Wire, url: str, token: str = "", **request: object) -> int:
    async def talk() -> int:
        headers = {"x-token": wire.reveal(Secret(token, "env:CLOUD_TOKEN"))} if token else {}
        return (await wire.send("GET", url, headers=headers, **request)).status  # type: ignore[arg-type]

    return trio.run(talk)


def test_the_wire_asks_before_it_sends_and_follows_no_redirect() -> None:
    line = Line()
    wire = Wire("cloud", transport=line, rule=rule())
    assert send(wire, "https://cloud.example/a", "tok-5fa9c0ffee") == 307
    assert [str(one.url) for one in line.sent] == ["https://cloud.example/a"]
    with pytest.raises(Elsewhere):
        send(wire, "https://elsewhere.example/a", "tok-5fa9c0ffee")
    assert len(line.sent) == 1


def test_a_signed_address_may_be_anywhere_but_carries_no_credential_there() -> None:
    line = Line()
    wire = Wire("cloud", transport=line, rule=rule())
    send(wire, "https://store.example/a?sig=1", is_bare=True)
    with pytest.raises(Elsewhere, match="plain http"):
        send(wire, "http://store.example/a?sig=1", is_bare=True)
    with pytest.raises(Elsewhere, match=r"store\.example"):
        send(wire, "https://store.example/a", "tok-5fa9c0ffee", is_bare=True)
    with pytest.raises(Elsewhere, match=r"store\.example"):
        send(wire, "https://store.example/tok-5fa9c0ffee", is_bare=True)
    with pytest.raises(Elsewhere, match=r"store\.example"):
        send(wire, "https://store.example/", is_bare=True, content=b"a tok-5fa9c0ffee b")
    assert len(line.sent) == 1


def test_a_wire_without_a_gate_leads_to_loopback_alone() -> None:
    line = Line()
    assert send(Wire("theirs", transport=line), "http://127.0.0.1:1/a") == 307
    with pytest.raises(Elsewhere):
        send(Wire("theirs", transport=line), "https://cloud.example/a")


PROVIDERS = ["oqc", "marqov", "scaleway", "open-quantum", "ibm-direct-access"]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "url", ["https://elsewhere.example", "http://elsewhere.example", "https://cloud.example"]
)
def test_no_driver_opens_that_would_send_elsewhere(provider: str, url: str) -> None:
    with pytest.raises(CredentialsError):
        open_driver(Backend(provider=provider, url=url), name="b", folder=Path())


@pytest.mark.parametrize(
    "options",
    [
        {"iam_endpoint": "https://elsewhere.example"},
        {"storage": {"endpoint": "https://elsewhere.example", "bucket": "abc"}},
        {"storage": {"endpoint_for_service": "https://elsewhere.example"}},
    ],
)
def test_an_option_leads_a_credential_nowhere_else(options: Mapping[str, object]) -> None:
    environ = {
        "QRMI_IBM_QS_ENDPOINT": "https://eu-de.quantum.cloud.ibm.com",
        "QRMI_IBM_QS_S3_ENDPOINT": "https://store.example",
        "QRMI_IBM_QS_S3_BUCKET": "bucket",
        "QRMI_IBM_QS_AWS_ACCESS_KEY_ID": "key",
        "QRMI_IBM_QS_AWS_SECRET_ACCESS_KEY": "secret",
    }
    around = Surroundings(environ=environ)
    backend = Backend(provider="ibm-direct-access", target="m")
    open_driver(backend, name="b", folder=Path(), surroundings=around)
    wrong = backend.model_copy(update={"options": options})
    with pytest.raises(Elsewhere, match=r"elsewhere\.example"):
        open_driver(wrong, name="b", folder=Path(), surroundings=around)


#: Pointer -> whether a manifest's backend at OQC may name it, when nothing is configured.
POINTERS = [
    ("env:OQC_TOKEN", True),
    ("env:LAB_OQC_TOKEN", True),
    ("env:AWS_SECRET_ACCESS_KEY", False),
    ("env:MARQOV_PLATFORM_KEY", False),
    ("env:OQC_TOKEN_OF_MINE", False),
    ("env:NOQC_TOKEN", False),
    ("file:~/token", False),
    ("file:/etc/passwd", False),
    ("keyring:oqc/me", False),
]


@pytest.mark.parametrize(("pointer", "may"), POINTERS)
def test_a_manifest_may_point_at_the_vendors_own_variables_and_nothing_else(
    pointer: str, may: bool
) -> None:
    backend = Backend(provider="oqc", credentials=pointer)
    trusted = Surroundings(permission=Permission(is_trusted=True))
    if may:
        open_driver(backend, name="b", folder=Path(), surroundings=trusted)
        return
    with pytest.raises(CredentialsError, match="a manifest may not name that"):
        open_driver(backend, name="b", folder=Path(), surroundings=trusted)


def configured(folder: Path, text: str) -> Permission:
    (folder / "qbatch").mkdir()
    (folder / "qbatch" / "config.toml").write_text(text)
    return read_permission({"XDG_CONFIG_HOME": str(folder)})


def test_the_persons_configuration_allows_pointers_and_hosts(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("tok-5fa9c0ffee")
    (tmp_path / "link").symlink_to(key)
    permission = configured(
        tmp_path,
        f'[manifests]\ncredentials = ["env:LAB_TOKEN", "file:{key}"]\nhosts = ["Lab.example."]\n',
    )
    for pointer in ("env:LAB_TOKEN", f"file:{key}", f"file:{tmp_path}/./link"):
        around = Surroundings(environ={"LAB_TOKEN": "x"}, permission=permission)
        backend = Backend(provider="oqc", credentials=pointer, url="https://qpu.lab.example")
        open_driver(backend, name="b", folder=Path(), surroundings=around)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[manifests]\nhosts = [\nx", "config.toml: cannot be read: .*line 3"),
        ("[manifest]\nhosts = []", "unknown key 'manifest'"),
        ("[manifests]\nhost = []", "unknown key 'host'"),
        ('[manifests]\nhosts = "a"', "manifests.hosts: write a list"),
        ("[manifests]\ncredentials = [1]", "manifests.credentials: write a list"),
        ('[manifests]\nhosts = ["https://a"]', "'https://a' is no host"),
        ('[manifests]\nhosts = ["*"]', r"'\*' is no host"),
        ("manifests = 3", "manifests: write a table"),
        ('accounts = "env:A"', "accounts: write a table"),
        ("[accounts]\noqc = 3", "accounts.oqc: write a text"),
        (
            '[accounts]\noqc = "tok-5fa9c0ffee"',
            "accounts.oqc: is no pointer to a secret; write env:N",
        ),
    ],
)
def test_a_wrong_configuration_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        configured(tmp_path, text)


#: Credential in the manifest, variables that are set -> where a backend at OQC takes its own.
ACCOUNTS: list[tuple[str | None, dict[str, str], str]] = [
    (None, {}, "file:{key}"),
    (None, {"OQC_TOKEN": ""}, "file:{key}"),
    (None, {"MARQOV_PLATFORM_KEY": "x"}, "file:{key}"),
    (None, {"OQC_TOKEN": "x"}, "env:OQC_TOKEN"),
    ("env:LAB_OQC_TOKEN", {"LAB_OQC_TOKEN": "x"}, "env:LAB_OQC_TOKEN"),
    ("env:LAB_OQC_TOKEN", {"LAB_OQC_TOKEN": "x", "OQC_TOKEN": "y"}, "env:LAB_OQC_TOKEN"),
]


@pytest.mark.parametrize(("pointer", "environ", "source"), ACCOUNTS)
def test_an_account_of_the_persons_is_taken_where_nobody_says_more(
    tmp_path: Path, pointer: str | None, environ: dict[str, str], source: str
) -> None:
    (tmp_path / "qbatch").mkdir()
    (tmp_path / "qbatch" / "key").write_text("tok-5fa9c0ffee")
    (tmp_path / "qbatch" / "config.toml").write_text('[accounts]\noqc = "file:key"\n')
    permission = read_permission({"XDG_CONFIG_HOME": str(tmp_path)})
    around = Surroundings(environ=environ, permission=permission)
    backend = Backend(provider="oqc", credentials=pointer)
    driver: Any = open_driver(backend, name="b", folder=Path(), surroundings=around)
    assert driver.credential_source() == source.format(key=tmp_path / "qbatch" / "key")
    marqov = Backend(provider="marqov", target="m")
    other: Any = open_driver(
        marqov, name="m", folder=Path(), surroundings=Surroundings(permission=permission)
    )
    with pytest.raises(CredentialsError, match="no credential"):
        other.credential_source()


def test_without_a_configuration_nothing_is_allowed(tmp_path: Path) -> None:
    permission = read_permission({"XDG_CONFIG_HOME": str(tmp_path)})
    assert permission.hosts | permission.pointers == set()
    assert not permission.is_trusted


class Named(httpx.AsyncBaseTransport):
    """A cloud whose one QPU is said to be elsewhere."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sent: list[httpx.URL] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.url)
        record = {"id": "qpu:uk:1", "name": "q", "url": self.url, "active": True}
        return httpx.Response(200, json={"items": [record], "qpus": [record]})


@pytest.mark.parametrize("url", ["https://elsewhere.example", "http://qpu.oqc.app"])
def test_a_record_that_names_another_host_gets_no_credential(url: str) -> None:
    """M8: an answer's address is held to the rule, and --trust does not widen it."""
    cloud = Named(url)
    permission = Permission(is_trusted=True)
    around = Surroundings({"OQC_TOKEN": "tok-5fa9c0ffee"}, cloud, permission=permission)
    backend = Backend(provider="oqc", target="qpu:uk:1")
    driver = open_driver(backend, name="b", folder=Path(), surroundings=around)
    with pytest.raises(Elsewhere):
        trio.run(driver.describe)
    assert {one.host for one in cloud.sent} == {"cloud.oqc.app"}
