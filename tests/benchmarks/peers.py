"""The plain programs that tw is held against: `python peers.py KIND PORT [CERTIFICATE KEY]`. Each is what a good
tutorial would write."""

import sys


def plain_echo(port: int, certificate: str = "", key: str = "") -> None:
    from twisted.internet import protocol, reactor, ssl

    class Echo(protocol.Protocol):
        def dataReceived(self, data: bytes) -> None:
            self.transport.write(data)

    factory = protocol.Factory.forProtocol(Echo)
    factory.noisy = False
    if certificate:
        context = ssl.DefaultOpenSSLContextFactory(key, certificate)
        reactor.listenSSL(port, factory, context, interface="127.0.0.1", backlog=1024)
    else:
        reactor.listenTCP(port, factory, interface="127.0.0.1", backlog=1024)
    reactor.run()


def uvloop_echo(port: int, certificate: str = "", key: str = "") -> None:
    import asyncio
    import ssl

    import uvloop

    class Echo(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Echo, "127.0.0.1", port, backlog=1024, ssl=context)
        await server.serve_forever()

    uvloop.run(main())


def plain_pubsub(port: int) -> None:
    from twisted.internet import reactor
    from twisted.internet.protocol import Factory
    from twisted.protocols.basic import LineReceiver

    clients: set[LineReceiver] = set()

    class Publisher(LineReceiver):
        delimiter = b"\n"

        def connectionMade(self) -> None:
            peer = self.transport.getPeer()
            self.prefix = f"<{peer.host}:{peer.port}> ".encode()
            clients.add(self)

        def connectionLost(self, reason: object) -> None:
            clients.discard(self)

        def lineReceived(self, line: bytes) -> None:
            for client in clients:
                client.sendLine(self.prefix + line)

    factory = Factory.forProtocol(Publisher)
    factory.noisy = False
    reactor.listenTCP(port, factory, interface="127.0.0.1", backlog=1024)
    reactor.run()


def plain_counter(port: int) -> None:
    from itertools import count

    from twisted.internet import reactor
    from twisted.web.resource import Resource
    from twisted.web.server import Site

    numbers = count(1)

    class Counter(Resource):
        isLeaf = True

        def render_GET(self, request: object) -> bytes:
            request.setHeader(b"content-type", b"text/plain; charset=utf-8")
            return b"I am request #%d\n" % next(numbers)

    reactor.listenTCP(port, Site(Counter()), interface="127.0.0.1", backlog=1024)
    reactor.run()


if __name__ == "__main__":
    globals()[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
