"""The relay over a stream of Redis's, as the options of `tw serve pubsub` ask for it."""

import os
from collections.abc import Callable
from typing import Any

from tw.net.redis import RedisLink
from tw.net.redis_access import RedisAccess
from tw.serve_options import ServePubSubOptions
from tw.services.listener import Emit
from tw.services.relay import Floor, Relay
from tw.services.stream_reader import Link
from tw.services.stream_relay import DEFAULT_MAXLEN, StreamRelay


def redis_relay(reactor: Any, options: ServePubSubOptions, access: RedisAccess, emit: Emit) -> Callable[[Floor], Relay]:
    """What makes the relay that `options` ask for, over the stream that `access` names."""

    def open_link(away: Callable[[str], object], back: Callable[[], object]) -> Link:
        return RedisLink(reactor, access, away=away, back=back)

    def make(floor: Floor) -> Relay:
        maxlen = options.via_maxlen or DEFAULT_MAXLEN
        chance = os.urandom(8)
        return StreamRelay(
            reactor, floor, emit, open_link, name=access.place.name, chance=chance, echo=options.echo, maxlen=maxlen
        )

    return make
