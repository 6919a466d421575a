"""What a name server may say of a mail domain, and the search for its servers."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.names import dns
from twisted.names.common import ResolverBase

from memory import Network
from running import Running
from tw.core.imap_types import Security
from tw.probes.mail_servers import find_mail_servers

DOMAIN = "example.org"
USUAL = ["imap.example.org", "mail.example.org", "example.org"]


def srv(target: str | bytes, port: int = 993, priority: int = 0, weight: int = 0, owner: str = "") -> dns.RRHeader:
    payload = dns.Record_SRV(priority, weight, port, target)
    return dns.RRHeader(owner or f"_imaps._tcp.{DOMAIN}", dns.SRV, payload=payload)


def alias(owner: str, target: str) -> dns.RRHeader:
    return dns.RRHeader(owner, dns.CNAME, payload=dns.Record_CNAME(target))


class Zone(ResolverBase):
    """A resolver that gives every question the same answer, as it comes out of a message."""

    def __init__(self, *answers: dns.RRHeader, additional: Sequence[dns.RRHeader] = ()) -> None:
        super().__init__()
        sent, self._got = dns.Message(answer=1, maxSize=0), dns.Message()
        sent.answers, sent.additional = list(answers), list(additional)
        self._got.fromStr(sent.toStr())
        self.asked: list[tuple[str, int]] = []

    def _lookup(self, name: bytes, cls: int, type: int, timeout: Any) -> Deferred[Any]:
        self.asked.append((name.decode(), type))
        return self.answer()

    def answer(self) -> Deferred[Any]:
        return succeed((self._got.answers, [], self._got.additional))


def least(most: int) -> int:
    return 0


def find(net: Network, zone: Any, security: Security = "tls", draw: Any = least, domain: str = DOMAIN) -> Running:
    return net.run(find_mail_servers(net, domain, security, 30.0, zone, draw))
