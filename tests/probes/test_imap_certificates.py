"""Certificate options of the IMAP command: where they count, and what is said where they are needed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.protocols.tls import TLSMemoryBIOFactory

from e2e.certificates import make_certificates
from imap_runs import PORT, answers, first_subject, greets, options
from memory import Network
from running import Running
from tw.core.imap_errands import FirstMessage
from tw.errors import TlsError, UsageError
from tw.mail_options import ImapOptions
from tw.net.tls import server_tls
from tw.options import TlsClientOptions
from tw.probes.imap import MailRun
from tw.secret import Secret


def visit(net: Network, security: str, **verify: Any) -> Running:
    options: Any = {"user": "alice", "security": security, "verify": TlsClientOptions(**verify)}
    return net.run(first_subject(net, ImapOptions(**options), Secret("s3cret")))


@pytest.mark.parametrize(
    ("verify", "option"),
    [({"pin": "sha256//x"}, "--pin"), ({"ca_file": "/ca"}, "--ca-file"), ({"insecure": True}, "--insecure")],
)
def test_they_do_nothing_for_a_plain_connection(net: Network, verify: dict[str, Any], option: str) -> None:
    error = visit(net, "plain", **verify).error
    assert isinstance(error, UsageError)
    assert str(error) == f"{option} without TLS (localhost:143); leave it out, or use --security tls"
    assert net.dialled == []


@pytest.mark.parametrize(("security", "port"), [("starttls", 143), ("tls", 993)])
def test_they_count_for_tls_and_starttls(net: Network, security: str, port: int) -> None:
    visit(net, security, insecure=True)
    assert net.dialled == [(("127.0.0.1", port), None)]


def test_a_certificate_for_another_name_is_told_without_an_option_that_is_not_there(
    net: Network, tmp_path: Path
) -> None:
    ours = make_certificates(tmp_path, "other.test")
    context = server_tls(ours.cert, ours.key, None).context
    net.scripted(993, wrapped=lambda factory: TLSMemoryBIOFactory(context, False, factory, net))
    error = visit(net, "tls", ca_file=ours.ca).error
    assert isinstance(error, TlsError)
    assert str(error).startswith("the certificate is for another name (localhost:993")
    assert str(error).endswith("; name the server as its certificate does, or add --pin")


def end_of_certificate(net: Network, asked: ImapOptions) -> float | None:
    """When the server's certificate expires, as a run that is done knows it."""
    run = MailRun(net, asked, FirstMessage("INBOX"), password=Secret("s3cret"))
    assert run.certificate_end_s is None
    running = net.run(run.run())
    net.pass_s(asked.timeout_s)
    assert running.result is None
    return run.certificate_end_s


@pytest.mark.parametrize("left", [timedelta(days=30), timedelta(days=-1)])
def test_a_run_knows_when_the_servers_certificate_expires(net: Network, tmp_path: Path, left: timedelta) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + left
    server = trustme.CA().issue_cert("localhost", not_before=end - timedelta(days=90), not_after=end)
    pem = tmp_path / "server.pem"
    server.private_key_and_cert_chain_pem.write_to_path(str(pem))
    context = server_tls(str(pem), str(pem), None).context
    net.scripted(993, answers, greets, lambda factory: TLSMemoryBIOFactory(context, False, factory, net))
    asked = options(security="tls", verify=TlsClientOptions(insecure=True))
    assert end_of_certificate(net, asked) == end.timestamp()


def test_there_is_none_without_tls(net: Network) -> None:
    net.scripted(PORT, answers, greets)
    assert end_of_certificate(net, options()) is None
