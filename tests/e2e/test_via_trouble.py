"""Redis is away and comes back: what a server tells of it, whichever server it is."""

from pathlib import Path

import pytest

from e2e.harness import serving
from e2e.redis import redis

COUNTER, PUBSUB = ("counter", "key"), ("pubsub", "stream")


@pytest.mark.parametrize(("service", "shares", "more"), [(*COUNTER, ()), (*PUBSUB, ()), (*PUBSUB, ("--workers", "2"))])
def test_it_is_an_event_and_on_stderr_in_words(
    tmp_path: Path, service: str, shares: str, more: tuple[str, ...]
) -> None:
    with redis(tmp_path) as engine, open(tmp_path / "err", "wb") as err:
        via = ("--via", f"unix://{engine.path}?{shares}=n")
        with serving(service, *via, *more, "-q", stderr=err) as server:
            engine.kill()
            assert not server.wait_for("via")["ok"]
            engine.start()
            assert server.wait_for("via")["ok"]
            server.stop()
    problem = next(event["problem"] for event in server.events if event["event"] == "via")
    told = (tmp_path / "err").read_text().splitlines()
    assert [line for line in told if "there again" in line or problem in line] == [
        f"tw: {problem}",
        "tw: what is shared is there again",
    ]
