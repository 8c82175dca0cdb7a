"""P4 and P5: proxies, certificates and addresses, as the environment names them."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
import pytest
import trio

from qbatch.errors import ProviderError, Unavailable
from qbatch.manifest.models import Backend
from qbatch.providers import Surroundings, open_driver
from qbatch.providers.kit.permission import CredentialRule, Permission
from qbatch.providers.kit.proxies import proxy_for
from qbatch.providers.kit.wire import Reply, Wire
from tests.elsewhere import Elsewhere, elsewhere, say

RULE = CredentialRule(
    "cloud", permission=Permission(frozenset({"elsewhere.example", "other.example"}))
)


def ask(*urls: str) -> list[Reply]:
    async def talk() -> list[Reply]:
        async with Wire("cloud", rule=RULE) as wire:
            return [await wire.send("POST", url, json={"a": 1}, deadline_s=10) for url in urls]

    return trio.run(talk)


def set_environ(patch: pytest.MonkeyPatch, **variables: str) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        patch.delenv(name, raising=False)
        patch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        patch.setenv(name, value)


def test_a_proxy_is_used_and_its_connection_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with elsewhere(lambda _: say(b'{"from": "elsewhere"}')) as there:
        set_environ(monkeypatch, **there.environ)
        replies = ask(*["https://elsewhere.example/v1/jobs"] * 3)
    assert [reply.json() for reply in replies] == [{"from": "elsewhere"}] * 3
    assert there.asked == ["CONNECT elsewhere.example:443 HTTP/1.1"]
    assert there.heard.count(b"POST /v1/jobs HTTP/1.1") == 3


def test_a_proxys_user_and_password_go_to_the_proxy_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with elsewhere() as there:
        proxy = f"127.0.0.1:{there.port}"
        set_environ(
            monkeypatch,
            SSL_CERT_FILE=there.environ["SSL_CERT_FILE"],
            https_proxy=f"http://me:p%40ss@{proxy}",
        )
        ask("https://elsewhere.example/")
    assert b"Basic " + base64.b64encode(b"me:p@ss") in there.heads
    assert b"Basic" not in there.heard


def test_loopback_takes_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    set_environ(monkeypatch, HTTP_PROXY="http://127.0.0.1:1", ALL_PROXY="http://127.0.0.1:1")
    with elsewhere() as there:
        ask(f"http://127.0.0.1:{there.port}/straight")
    assert there.asked == ["POST /straight HTTP/1.1"]


PROXY = "http://proxy.example:3128"

#: Variables, address, and the proxy it takes.
CHOICES = [
    ({}, "https://a.example", None),
    ({"HTTPS_PROXY": PROXY}, "https://a.example", (PROXY, "HTTPS_PROXY")),
    (
        {"https_proxy": PROXY, "HTTPS_PROXY": "http://no"},
        "https://a.example",
        (PROXY, "https_proxy"),
    ),
    ({"HTTP_PROXY": PROXY}, "https://a.example", None),
    ({"ALL_PROXY": "proxy.example:3128"}, "https://a.example", (PROXY, "ALL_PROXY")),
    ({"HTTPS_PROXY": PROXY, "NO_PROXY": "a.example"}, "https://a.example", None),
    ({"HTTPS_PROXY": PROXY, "NO_PROXY": "b.example, a.example"}, "https://x.a.example", None),
    ({"HTTPS_PROXY": PROXY, "NO_PROXY": ".example"}, "https://a.example", None),
    ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, "https://a.example", None),
    ({"HTTPS_PROXY": PROXY, "NO_PROXY": "b.example"}, "https://a.example", (PROXY, "HTTPS_PROXY")),
    ({"ALL_PROXY": PROXY}, "http://localhost:8", None),
    ({"ALL_PROXY": PROXY}, "https://127.0.0.1", None),
    ({"HTTPS_PROXY": "https://u:p@h"}, "https://a.example", ("https://h", "HTTPS_PROXY")),
]


@pytest.mark.parametrize(("environ", "url", "taken"), CHOICES)
def test_the_variables_choose_the_proxy(
    environ: dict[str, str], url: str, taken: tuple[str, str] | None
) -> None:
    found = proxy_for(httpx.URL(url), environ)
    assert (found and (found.url, found.variable)) == taken


def told(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """What is said of a request that does not come about, which is certainly unsent."""
    set_environ(monkeypatch, **variables)
    with pytest.raises(Unavailable) as caught:
        ask("https://elsewhere.example/")
    assert caught.value.unsent
    return str(caught.value)


def test_a_proxy_that_is_none_is_told_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    said = told(monkeypatch, HTTPS_PROXY="socks5://me:secret@127.0.0.1:1")
    assert "HTTPS_PROXY=127.0.0.1:1 is no http or https proxy; write http://HOST:PORT" in said
    assert "secret" not in said


def test_a_proxy_out_of_reach_is_told_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    said = told(monkeypatch, HTTPS_PROXY="http://me:secret@127.0.0.1:1")
    assert "cannot connect to elsewhere.example: the proxy http://127.0.0.1:1 (HTTPS_PROXY)" in said
    assert "secret" not in said


def test_a_proxy_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with elsewhere(tunnel="407 Proxy Authentication Required") as there:
        said = told(monkeypatch, **there.environ)
    assert "(HTTPS_PROXY): 407 Proxy Authentication Required" in said
    assert not there.heard


def test_certificates_that_are_not_there_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said = told(monkeypatch, SSL_CERT_FILE="/no/such.pem")
    assert "SSL_CERT_FILE=/no/such.pem is not there; name a file of PEM certificates" in said


def test_certificates_that_are_none_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "x.pem").write_text("no PEM")
    said = told(monkeypatch, SSL_CERT_FILE=str(tmp_path / "x.pem"))
    assert "x.pem holds no PEM certificates" in said


@pytest.mark.parametrize("host", ["elsewhere.example", "other.example"])
def test_a_certificate_that_is_not_trusted_is_told(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    def is_trusted_for(there: Elsewhere) -> dict[str, str]:
        known = there.environ
        return known if host == "other.example" else {"HTTPS_PROXY": known["HTTPS_PROXY"]}

    with elsewhere() as there:
        set_environ(monkeypatch, **is_trusted_for(there))
        with pytest.raises(Unavailable, match=r"its certificate is not trusted: .*SSL_CERT_FILE"):
            ask(f"https://{host}/")
    assert not there.heard


VARIABLES = [
    ("oqc", "QBATCH_OQC_URL"),
    ("oqc", "OQC_URL"),
    ("marqov", "MARQOV_PLATFORM_URL"),
    ("scaleway", "SCW_API_URL"),
    ("open-quantum", "QBATCH_OPEN_QUANTUM_URL"),
    ("open-quantum", "OPENQUANTUM_SCHEDULER_URL"),
    ("ibm-direct-access", "QBATCH_IBM_DIRECT_ACCESS_URL"),
    ("ibm-direct-access", "machine_QRMI_IBM_QS_ENDPOINT"),
    ("ibm-direct-access", "QRMI_IBM_QS_IAM_ENDPOINT"),
]


@pytest.mark.parametrize("value", ["not-a-url", "https://", "ftp://x", "https://x:99999", "//x"])
@pytest.mark.parametrize(("provider", "variable"), VARIABLES)
def test_an_address_that_is_none_is_told_with_its_variable(
    provider: str, variable: str, value: str
) -> None:
    environ = {variable: value}
    if "IAM" in variable:
        environ["QRMI_IBM_QS_ENDPOINT"] = "https://x.cloud.ibm.com"
    backend = Backend(provider=provider, target="machine")
    around = Surroundings(environ=environ)
    with pytest.raises(ProviderError, match=f"{variable}: '{value}' is no address; write https"):
        open_driver(backend, name="b", folder=Path(), surroundings=around).base_urls()  # type: ignore[attr-defined]
