"""`--describe` and `--diff` around real proxies: what they do is told, and nothing else."""

from pathlib import Path
from typing import Any

import pytest

from e2e.certificates import Certificates, make_certificates
from e2e.haproxy import haproxy
from e2e.harness import Ran, Server, serving, tw
from e2e.nginx import nginx

SECRET = "Basic c2VjcmV0"
UNCHANGED = {"added": [], "removed": [], "changed": [], "respelled": [], "reordered": False}
services = pytest.mark.parametrize("service", ["echo", "counter"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A server's certificate for 127.0.0.1, with its key in the same file, as HAProxy wants it."""
    made = make_certificates(tmp_path_factory.mktemp("certificates"), "127.0.0.1", "front.example")
    with Path(made.cert).open("ab") as cert:
        cert.write(Path(made.key).read_bytes())
    Path(made.cert).chmod(0o600)
    return made


def diff(service: str, place: str, *more: str) -> Any:
    """What the probe tells of the path."""
    ran = tw("probe", service, place, "--diff", "--json", *more)
    assert (ran.code, ran.json["ok"], ran.err) == (0, True, ""), ran
    return ran.json["diff"]


def names(pairs: list[list[str]]) -> set[str]:
    return {pair[0].lower() for pair in pairs}


# Without a proxy ------------------------------------------------------------------------------------------------------


@services
@pytest.mark.parametrize("tls", [False, True])
def test_a_straight_path_changes_nothing(service: str, tls: bool) -> None:
    ran = tw("probe", service, "--self", "--diff", *["--tls"] * tls)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0].endswith(": ok, nothing changed")
    assert not [line for line in lines[1:] if line.strip()[0] in "+-~"]
    assert ("  = TLS passed through" in ran.out) is tls


@services
def test_a_server_that_does_not_describe_is_named(service: str) -> None:
    with serving(service) as server:
        ran = tw("probe", service, server.target, "--diff")
        assert ran.code == 7
        assert f"start {'the server' if service == 'counter' else 'it'} with `tw serve {service} --describe`" in ran.err
        report = tw("probe", service, server.target, "--diff", "--json").json
        assert (report["ok"], report["error"]["exit"], "diff" in report) == (False, 7, False)


def test_one_that_describes_is_an_echo_and_a_counter_all_the_same() -> None:
    with serving("counter", "--describe") as server:
        ran = tw("probe", "counter", server.target, "--count", "3", "--interval", "0", "--json")
        assert (ran.code, ran.json["numbers"]["last"]) == (0, 3)


def test_a_client_certificate_is_told_to_its_owner(files: Certificates) -> None:
    with serving(
        "echo", "--describe", "--tls-cert", files.cert, "--tls-key", files.key, "--tls-client-ca", files.ca
    ) as server:
        shown = ("--client-cert", files.client_cert, "--client-key", files.client_key)
        found = diff("echo", server.target, "--tls", "--ca-file", files.ca, *shown)["connection"]
    client = found["server"]["tls"]["client"]
    assert (found["tls"], client["verified"], len(client["sha256"])) == ("passed through", True, 64)
    assert "CN=" in client["issuer"] or "O=" in client["issuer"]


# nginx ----------------------------------------------------------------------------------------------------------------


def test_what_nginx_makes_of_a_request_and_its_answer_is_told() -> None:
    with serving("counter", "--describe", "--access-log") as server:
        passes = (
            f"location / {{ proxy_pass http://{server.target}; add_header X-Via nginx;"
            "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header Authorization other;"
            "proxy_set_header Accept ''; }"
        )
        with nginx(passes) as front:
            ran = tw("probe", "counter", front.target, "--diff", "--json", "-H", f"Authorization: {SECRET}")
            words = tw("probe", "counter", front.target, "--diff", "-H", f"Authorization: {SECRET}")
            found = ran.json["diff"]
        server.stop()
    request = found["request"]
    assert request["version"] == {"sent": "1.1", "arrived": "1.0"}
    assert (request["method"], request["target"]) == (None, None)
    assert ["X-Forwarded-For", "127.0.0.1"] in request["headers"]["added"]
    assert ["Accept", "*/*"] in request["headers"]["removed"]
    changed = request["headers"]["changed"]
    assert ["Host", front.target, server.target] in changed
    assert ["Authorization", None, None] in changed
    assert request["keep_alive"] == {"sent": True, "arrived": False}
    response = found["response"]
    assert (response["body"], response["status"]) == ("same", {"sent": 200, "arrived": 200})
    assert names(response["headers"]["added"]) == {"server", "x-via"}
    connection = found["connection"]
    assert (connection["source_kept"], connection["told_by"]) == (False, ["X-Forwarded-For"])
    assert (words.code, words.err) == (0, "")
    for line in ("request: ~ version 1.1 -> 1.0", "  + X-Forwarded-For: 127.0.0.1", "  + X-Via: nginx"):
        assert line in words.out.splitlines()
    assert "  ~ Authorization: changed (not shown)" in words.out
    told = ran.out + words.out + str(server.events)
    assert "c2VjcmV0" not in told


def test_a_path_of_nginx_s_that_is_rewritten_is_told() -> None:
    with serving("counter", "--describe") as server:
        with nginx(f"location /api/ {{ proxy_pass http://{server.target}/; }}") as front:
            request = diff("counter", front.target, "--path", "/api/x?y=1")["request"]
    assert request["target"] == {"sent": "/api/x?y=1", "arrived": "/x?y=1"}


def test_compression_and_a_changed_body_are_told_apart() -> None:
    asks = ("-H", "Accept-Encoding: gzip")
    gzip = "gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any; gzip_http_version 1.0;"
    replaces = "sub_filter_types application/json; sub_filter '\"v\": 1' '\"v\":  1';"
    with serving("counter", "--describe") as server:
        with nginx(f"location / {{ proxy_pass http://{server.target}; {gzip} }}") as front:
            packed = diff("counter", front.target, *asks)["response"]
            plain = diff("counter", front.target)["response"]
        with nginx(f"location / {{ proxy_pass http://{server.target}; {replaces} }}") as front:
            other = diff("counter", front.target)["response"]
    assert (packed["body"], plain["body"], other["body"]) == ("recoded", "same", "changed")
    assert packed["body_bytes"]["arrived"] < packed["body_bytes"]["sent"]
    assert "content-encoding" in names(packed["headers"]["added"])
    assert other["body_bytes"]["arrived"] == other["body_bytes"]["sent"] + 1


def test_an_error_page_of_the_proxy_s_describes_nothing() -> None:
    with nginx("location / { return 502; }") as front:
        ran = tw("probe", "counter", front.target, "--diff")
    assert ran.code == 7
    assert "a proxy on the path answered 502, in place of the server" in ran.err


# HAProxy --------------------------------------------------------------------------------------------------------------


def through(server: Server, service: str, front: int, tls: bool) -> Any:
    return diff(service, f"127.0.0.1:{front}", *(["--tls", "--insecure"] if tls else []))["connection"]


@services
@pytest.mark.parametrize(
    ("before", "behind", "path"),
    [
        (False, False, "none"),
        (True, False, "terminated"),
        (False, True, "added"),
        (True, True, "terminated and re-encrypted"),
    ],
)
def test_what_haproxy_does_with_tls_is_told(
    files: Certificates, service: str, before: bool, behind: bool, path: str
) -> None:
    with serving(service, "--describe", *["--tls-self-signed"] * behind) as server:
        door = f"ssl crt {files.cert}" if before else ""
        with haproxy(server.target, "ssl verify none" if behind else "", door) as front:
            found = through(server, service, front, tls=before)
    assert found["tls"] == path
    assert (found["probe"]["tls"] is None, found["server"]["tls"] is None) == (not before, not behind)


@services
def test_tls_that_only_passes_haproxy_is_proven_to_be_one_session(service: str) -> None:
    with serving(service, "--describe", "--tls-self-signed") as server:
        with haproxy(server.target, "") as front:
            found = through(server, service, front, tls=True)
    assert (found["tls"], found["source_kept"]) == ("passed through", False)
    assert found["probe"]["tls"]["exporter"] == found["server"]["tls"]["exporter"]


@services
def test_haproxy_s_header_is_told_with_what_it_tells_of_tls(files: Certificates, service: str) -> None:
    options = "send-proxy-v2-ssl proxy-v2-options ssl,authority"
    with serving(service, "--describe", "--proxy-protocol") as server:
        with haproxy(server.target, options, f"ssl crt {files.cert}") as front:
            more = ("--tls", "--insecure", "--server-name", "front.example")
            found = diff(service, f"127.0.0.1:{front}", *more)["connection"]
    header = found["server"]["proxy"]
    assert (header["version"], header["source"]) == (2, found["probe"]["local"])
    assert header["told"]["authority"] == "front.example"
    assert header["told"]["tls_version"] == found["probe"]["tls"]["version"]
    assert found["told_by"] == ["the PROXY header"]


def test_haproxy_in_http_mode_respells_names_and_nothing_more() -> None:
    with serving("counter", "--describe") as server:
        with haproxy(server.target, "", more="mode http") as front:
            found = diff("counter", f"127.0.0.1:{front}")
    headers = found["request"]["headers"]
    assert headers == UNCHANGED | {"respelled": headers["respelled"]}
    assert ["Host", "host"] in headers["respelled"]
    assert found["response"]["body"] == "same"


def test_the_probe_s_own_header_is_known_when_it_arrives() -> None:
    with serving("echo", "--describe", "--proxy-protocol") as server:
        ran: Ran = tw("probe", "echo", server.target, "--diff", "--send-proxy", "v2")
    assert ran.code == 0
    assert ran.out.splitlines()[0].endswith("ok, nothing changed")
    assert "  = PROXY header, version 2: 127.0.0.1:" in ran.out
