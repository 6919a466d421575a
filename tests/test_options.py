"""Which combinations make no sense, and are refused before anything starts."""

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from tw.errors import UsageError
from tw.mail_options import ImapOptions
from tw.options import CommonOptions, TlsClientOptions
from tw.probe_options import MAX_DATAGRAM_BYTES, ProbeCounterOptions, ProbeEchoOptions, ProbePubSubOptions
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServeOptions, ServePubSubOptions

PEM = {"tls_cert": "c.pem", "tls_key": "k.pem"}
SERVERS = (ServeEchoOptions, ServeCounterOptions, ServePubSubOptions)
PROBES = (ProbeEchoOptions, ProbeCounterOptions, ProbePubSubOptions)


def _refused(make: type, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        make(**options)
    assert caught.value.hint, "a usage error says what to do instead"
    return caught.value.what


@pytest.mark.parametrize("make", SERVERS)
@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"tls_cert": "c.pem"}, "a certificate needs its key, and a key its certificate"),
        ({"tls_key": "k.pem"}, "a certificate needs its key, and a key its certificate"),
        ({**PEM, "tls_self_signed": True}, "--tls-self-signed beside --tls-cert"),
        ({"tls_client_ca": "ca.pem"}, "--tls-client-ca without TLS"),
        ({"proxy_trust": ("::1",)}, "--proxy-trust without --proxy-protocol"),
    ],
)
def test_no_server_takes_half_of_tls_or_two_kinds_of_it(make: type, options: dict[str, Any], what: str) -> None:
    assert _refused(make, **options) == what


@pytest.mark.parametrize("make", SERVERS)
@pytest.mark.parametrize("options", [PEM, {"tls_self_signed": True}])
def test_a_server_with_a_certificate_speaks_tls_and_may_ask_for_one(make: type, options: dict[str, Any]) -> None:
    assert make(**options).tls
    assert make(**options, tls_client_ca="ca.pem").tls
    assert not make().tls


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"listen": ("tcp:0",)}, "--udp beside --listen"),
        (PEM, "--udp beside TLS"),
        ({"tls_self_signed": True}, "--udp beside TLS"),
        ({"proxy_protocol": True}, "--udp beside --proxy-protocol"),
    ],
)
def test_udp_goes_with_host_and_port_alone(options: dict[str, Any], what: str) -> None:
    assert _refused(ServeEchoOptions, udp=True, **options) == what
    assert not ServeEchoOptions(**options).udp


def test_each_server_has_a_port_of_its_own_on_loopback() -> None:
    assert [(make().host, make().port) for make in SERVERS] == [
        ("127.0.0.1", 1234),
        ("127.0.0.1", 8080),
        ("127.0.0.1", 1025),
    ]
    assert ServeOptions().port == 0


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"client_key": "k.pem"}, "--client-key without --client-cert"),
        ({"insecure": True, "ca_file": "ca.pem"}, "--insecure beside --ca-file"),
    ],
)
def test_certificate_options_that_contradict_each_other(options: dict[str, Any], what: str) -> None:
    assert _refused(TlsClientOptions, **options) == what


@pytest.mark.parametrize(
    "options",
    [
        {"client_cert": "c.pem"},
        {"client_cert": "c.pem", "client_key": "k.pem"},
        {"insecure": True, "pin": "sha256//x"},
        {"ca_file": "ca.pem", "server_name": "n"},
    ],
)
def test_certificate_options_that_go_together(options: dict[str, Any]) -> None:
    chosen = TlsClientOptions(**options)
    assert {name: getattr(chosen, name) for name in options} == options


@pytest.mark.parametrize("make", PROBES)
def test_a_probe_of_its_own_server_has_no_target(make: type) -> None:
    assert _refused(make, self_test=True, target="h") == "--self beside a TARGET"
    assert make(self_test=True, tls=True).target is None


@pytest.mark.parametrize("make", PROBES)
@pytest.mark.parametrize(
    "options",
    [{"ca_file": "f"}, {"pin": "p"}, {"server_name": "n"}, {"client_cert": "f"}, {"insecure": True}],
    ids=lambda options: next(iter(options)),
)
def test_a_probe_of_its_own_server_knows_the_certificate(make: type, options: dict[str, Any]) -> None:
    verify = TlsClientOptions(**options)
    assert _refused(make, self_test=True, tls=True, verify=verify) == "--self beside certificate options"
    assert make(tls=True, verify=verify).verify == verify


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"udp": True, "tls": True}, "--udp beside --tls"),
        ({"udp": True, "send_proxy": "v1"}, "--send-proxy beside --udp"),
        ({"proxy_source": ("192.0.2.1", 5)}, "--proxy-source without --send-proxy"),
        ({"udp": True, "interactive": True}, "-i beside --udp"),
        ({"udp": True, "size_bytes": MAX_DATAGRAM_BYTES + 1}, "--size 65508 does not fit into a datagram"),
        ({"interactive": True, "json": True}, "-i beside --json"),
        ({"self_test": True, "target": "h"}, "--self beside a TARGET"),
    ],
)
def test_what_the_echo_probe_cannot_do_at_once(options: dict[str, Any], what: str) -> None:
    assert _refused(ProbeEchoOptions, **options) == what


def test_the_greatest_datagram_goes_over_udp_and_more_over_tcp() -> None:
    assert ProbeEchoOptions(udp=True, size_bytes=MAX_DATAGRAM_BYTES).size_bytes == 65_507
    assert ProbeEchoOptions(size_bytes=MAX_DATAGRAM_BYTES + 1).size_bytes == 65_508


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"interactive": True, "subscribe": True}, "-i beside --subscribe"),
        ({"interactive": True, "publish": ("x",)}, "-i beside --publish"),
        ({"publish": ("x",), "subscribe": True}, "--publish beside --subscribe"),
        (
            {"interactive": True, "publish": ("x",), "subscribe": True},
            "-i beside --publish beside --subscribe",
        ),
        ({"interactive": True, "json": True}, "-i beside --json"),
        ({"wait": False}, "--no-wait without --publish"),
        ({"wait": False, "subscribe": True}, "--no-wait without --publish"),
        ({"publish": ("-", "x", "-")}, "--publish - given twice"),
        ({"publish": ("x", "a\nb")}, "a line end inside --publish"),
        ({"publish": ("a\r",)}, "a line end inside --publish"),
        ({"self_test": True, "target": "h"}, "--self beside a TARGET"),
    ],
)
def test_what_the_pubsub_probe_cannot_do_at_once(options: dict[str, Any], what: str) -> None:
    assert _refused(ProbePubSubOptions, **options) == what


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"interactive": True},
        {"subscribe": True, "json": True, "subscribe_count": 3},
        {"publish": ("", "-", "x y")},
        {"publish": ("x",), "wait": False, "json": True},
    ],
)
def test_the_modes_of_the_pubsub_probe(options: dict[str, Any]) -> None:
    chosen = ProbePubSubOptions(**options)
    assert {name: getattr(chosen, name) for name in options} == options


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"user": ""}, "no user"),
        ({"user": "a\r\nb LOGOUT"}, "a line end or NUL in --user"),
        ({"user": "a\0"}, "a line end or NUL in --user"),
        ({"user": "me", "mailbox": "IN\nBOX"}, "a line end or NUL in --mailbox"),
        ({"user": "me", "mailbox": "\0"}, "a line end or NUL in --mailbox"),
    ],
)
def test_mail_needs_a_user_and_no_name_can_end_a_command_of_imap(options: dict[str, Any], what: str) -> None:
    assert _refused(ImapOptions, **options) == what


def test_mail_is_read_from_the_inbox_over_tls_unless_said_otherwise() -> None:
    chosen = ImapOptions(user="Jürgen Ä")
    assert (chosen.security, chosen.mailbox, chosen.timeout_s) == ("tls", "INBOX", 30.0)


def test_every_command_is_calm_and_plain_unless_said_otherwise() -> None:
    chosen = CommonOptions()
    assert (chosen.verbosity, chosen.quiet, chosen.color, chosen.reactor) == (0, False, "auto", "auto")


@pytest.mark.parametrize(
    "made",
    [
        CommonOptions(),
        TlsClientOptions(),
        ImapOptions(user="me"),
        ServeOptions(),
        *[make() for make in SERVERS + PROBES],
    ],
    ids=lambda made: type(made).__name__,
)
def test_options_stay_as_they_were_checked(made: Any) -> None:
    name = next(iter(made.__slots__), "host")
    with pytest.raises(FrozenInstanceError):
        setattr(made, name, None)
