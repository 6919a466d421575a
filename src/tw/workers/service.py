"""The server that one worker is, as its job asks for it."""

from typing import Any, Protocol

from tw.events import Listening, ServerSummary
from tw.net.redis_access import take_over_access
from tw.serve_options import ServeCounterOptions, ServeEchoOptions, ServePubSubOptions
from tw.services.listener import Emit, Listener
from tw.services.state import Numbers
from tw.workers.messages import Job


class Service(Protocol):
    """A server that can say what it has done while it still does it."""

    @property
    def listener(self) -> Listener: ...

    async def start(self) -> list[Listening]: ...
    async def stop(self) -> ServerSummary: ...
    def summary(self) -> ServerSummary: ...


def make_service(reactor: Any, job: Job, emit: Emit, numbers: Numbers | None) -> Service:
    """The server of `job`; `numbers` are the counter's own, where they are no others' as well."""
    options = job.options
    if isinstance(options, ServePubSubOptions):
        from tw.services.pubsub import PubSubService
        from tw.services.redis_relay import redis_relay

        assert job.via is not None
        return PubSubService(reactor, options, emit, redis_relay(reactor, options, take_over_access(job.via), emit))
    if isinstance(options, ServeCounterOptions):
        if job.via is None:
            from tw.services.counter import CounterService

            return CounterService(reactor, options, emit, numbers=numbers)
        from tw.services.shared_counter import SharedCounterService

        access = take_over_access(job.via)
        return SharedCounterService(reactor, options, emit, access, anyhow=job.replaces)
    from tw.services.echo import EchoService

    assert isinstance(options, ServeEchoOptions)
    return EchoService(reactor, options, emit)
