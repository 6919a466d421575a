"""What a client's options mean for its connection: where to, under which name, and which options would do nothing."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import fields, replace
from itertools import chain, zip_longest
from typing import TypeVar

from tw.core.imap_types import ImapRequest
from tw.core.target import HostTarget, Target, parse_endpoint
from tw.core.text import safe
from tw.errors import ConnectError, UsageError
from tw.mail_options import ImapOptions, mail_domain_of
from tw.options import TlsClientOptions
from tw.secret import Secret

T = TypeVar("T")

PORTS = {"tls": 993, "starttls": 143, "plain": 143}
"""RFC 8314, 3.2, and RFC 3501, 2.1."""

STAGGER_S = 0.25
"""How long an address may be silent before the next one is tried beside it (RFC 8305, section 5)."""

GOODBYE_S = 1.0
"""How long a mail server may take over its goodbye, once the answer is in hand."""

NAME_A_HOST = "name a server with --host, TW_IMAP_HOST, or host in [imap] of the settings file"


def imap_target(options: ImapOptions) -> Target:
    """Where to connect. Raises UsageError where the endpoint contradicts `--security`."""
    wants_tls = options.security == "tls"
    if options.endpoint is None:
        port = PORTS[options.security] if options.port is None else options.port
        return HostTarget(options.host, port, wants_tls)
    target = parse_endpoint(options.endpoint, where=f"--endpoint {options.endpoint}")
    if target.tls and not wants_tls:
        raise UsageError(
            f"a TLS endpoint beside --security {options.security}", options.endpoint, "leave one of them out"
        )
    return replace(target, tls=wants_tls)


def imap_request(options: ImapOptions, where: str, password: Secret | None, token: Secret | None) -> ImapRequest:
    """What a session is asked for. Raises UsageError for what could not be sent as one argument of a command."""
    return ImapRequest(
        where=where,
        user=options.user,
        password=password,
        token=token,
        mailbox=options.mailbox,
        security=options.security,
        auth=options.auth,
        send_id=options.send_id,
    )


def unreachable(error: ConnectError, options: ImapOptions) -> ConnectError:
    """The same failure with a hint for who has named no mail server."""
    if options.host_given or (error.hint and mail_domain_of(options) is not None):
        return error
    return ConnectError(error.what, error.where, NAME_A_HOST)


def refuse_idle_tls_options(verify: TlsClientOptions, where: str, hint: str) -> None:
    """Raises UsageError for a certificate option: there is no TLS, and whoever typed one believes in its protection."""
    for option in fields(verify):
        if option.compare and option.name not in verify.settled and getattr(verify, option.name) != option.default:
            raise UsageError(f"--{option.name.replace('_', '-')} without TLS", where, hint)


def tls_name(target: Target, verify: TlsClientOptions, hint: str) -> str:
    """The name that the server's certificate has to show. Raises UsageError, with `hint`, where there is none."""
    if verify.server_name:
        return verify.server_name
    if isinstance(target, HostTarget):
        return target.host
    if verify.pin or verify.insecure:
        return "localhost"
    raise UsageError("TLS needs a name to verify", safe(str(target)), hint)


def interleaved(addresses: Sequence[T], family: Callable[[T], Hashable]) -> list[T]:
    """The families in turn, beginning with the first address's, and in order within each (RFC 8305, section 4)."""
    first = [address for address in addresses if family(address) == family(addresses[0])]
    second = [address for address in addresses if family(address) != family(addresses[0])]
    return [address for address in chain.from_iterable(zip_longest(first, second)) if address is not None]
