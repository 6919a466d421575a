"""The relay over a stream of Redis's, as the options of `tw serve pubsub` ask for it."""

import os
from collections.abc import Callable
from typing import Any

from tw.core.via import parse_via
from tw.net.redis import RedisLink
from tw.secret import Secret
from tw.serve_options import ServePubSubOptions
from tw.services.listener import Emit
from tw.services.relay import Floor, Relay
from tw.services.stream_reader import Link
from tw.services.stream_relay import DEFAULT_MAXLEN, StreamRelay
from tw.via_options import ViaOptions


def redis_relay(
    reactor: Any, options: ServePubSubOptions, via: ViaOptions, secret: Secret | None, emit: Emit
) -> Callable[[Floor], Relay]:
    """What makes the relay that `options` ask for. Raises UsageError for a URL that can be none."""
    place = parse_via(via.url, "stream")

    def open_link(away: Callable[[str], object], back: Callable[[], object]) -> Link:
        return RedisLink(reactor, place, secret, via.ca_file, away=away, back=back)

    def make(floor: Floor) -> Relay:
        maxlen = options.via_maxlen or DEFAULT_MAXLEN
        chance = os.urandom(8)
        return StreamRelay(
            reactor, floor, emit, open_link, name=place.name, chance=chance, echo=options.echo, maxlen=maxlen
        )

    return make
