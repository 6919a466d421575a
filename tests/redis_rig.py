"""A link to a scripted Redis in memory, and what it tells."""

from collections.abc import Callable
from typing import Any

from memory import Network
from redis_memory import FakeRedis
from running import Running
from tw.core.via import ViaPlace, parse_via
from tw.errors import TwError
from tw.net.redis import RedisLink
from tw.net.redis_access import RedisAccess
from tw.secret import Secret

PLACE = parse_via("redis://127.0.0.1", "key")


class Rig:
    """A link, a Redis, and what the link tells."""

    def __init__(self, place: ViaPlace = PLACE, password: str | None = None, jitter: float = 1.0) -> None:
        self.net = Network()
        self.redis = FakeRedis(self.net, place.path or place.port)
        self.told: list[str] = []
        self.on_back: Callable[[], object] = lambda: None
        self.link = RedisLink(
            self.net,
            RedisAccess(place, Secret(password) if password is not None else None),
            away=lambda reason: self.told.append(f"away: {reason}"),
            back=self._is_back,
            jitter=lambda: jitter,
        )

    def _is_back(self) -> None:
        self.told.append("back")
        self.on_back()

    def start(self) -> "Rig":
        assert self.net.run(self.link.start()).result is None
        return self

    def fails(self) -> TwError:
        running = self.net.run(self.link.start())
        self.net.pass_s(60)
        error = running.error
        assert isinstance(error, TwError)
        assert all(not peer.connected or peer.lost for peer in self.net.peers), "a connection was left behind"
        return error

    def call(self, *words: Any, **kwargs: float) -> Running:
        running = Running(self.link.call(*words, **kwargs))
        self.net.settle()
        return running

    def stop(self) -> None:
        assert self.net.run(self.link.stop()).over
        assert self.net.getDelayedCalls() == []
