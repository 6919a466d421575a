"""The process may have as many descriptors as its connections need, or says that it may not."""

import resource
from collections.abc import Iterator

import pytest
from twisted.logger import LogEvent, globalLogPublisher

from tw.services.descriptors import OWN_DESCRIPTORS, raise_limit


@pytest.fixture
def said() -> Iterator[list[str]]:
    texts: list[str] = []

    def note(event: LogEvent) -> None:
        texts.append(event["log_format"].format(**event))

    globalLogPublisher.addObserver(note)
    yield texts
    globalLogPublisher.removeObserver(note)


@pytest.fixture
def hard() -> Iterator[int]:
    """The hard limit, which no test may lower; the soft one is as it was at the end."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def soft() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_limit_that_is_too_low_is_raised_and_one_that_suffices_stays(hard: int, said: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    raise_limit(200)
    assert soft() == 200 + OWN_DESCRIPTORS
    raise_limit(100)
    assert soft() == 200 + OWN_DESCRIPTORS
    assert said == []


def test_it_is_raised_as_far_as_it_goes_and_the_rest_is_said(hard: int, said: list[str]) -> None:
    if hard == resource.RLIM_INFINITY:
        pytest.skip("no hard limit here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    raise_limit(hard)
    assert soft() == hard
    assert said == [
        f"room for {hard - OWN_DESCRIPTORS} connections, not {hard}: {hard} descriptors are allowed; raise the hard"
        f" limit (ulimit -Hn {hard + OWN_DESCRIPTORS}) or lower --max-connections"
    ]
