"""Several TARGETs of a probe of pub/sub, and what they make no sense with."""

import pytest

from command_lines import Shell

THREE = "a:1 tcp:b:2 unix:/c"


def test_targets_are_taken_in_their_order_wherever_they_stand(shell: Shell) -> None:
    options = shell.start("probe pubsub a:1 --publishers 2 tcp:b:2 --subscribers=2 unix:/c a:1").options
    assert (options.target, options.more_targets) == ("a:1", ("tcp:b:2", "unix:/c", "a:1"))


def test_two_targets_need_no_load(shell: Shell) -> None:
    options = shell.start("probe pubsub a:1 b:2 --count 7").options
    assert (options.target, options.more_targets, options.matrix) == ("a:1", ("b:2",), None)


@pytest.mark.parametrize(("typed", "more"), [("", ()), ("a:1", ())])
def test_one_target_or_none_has_no_more(shell: Shell, typed: str, more: tuple[str, ...]) -> None:
    options = shell.start(f"probe pubsub {typed}").options
    assert (options.target, options.more_targets) == (typed or None, more)


@pytest.mark.parametrize(
    "load", ["--connections 2", "--duration 1s --publishers 3", "--rate 9 --subscribers 2"], ids=str
)
def test_every_load_may_have_several(shell: Shell, load: str) -> None:
    assert len(shell.start(f"probe pubsub {THREE} {load}").options.more_targets) == 2


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (
            THREE,
            "3 targets without a load; "
            "add --publishers P --subscribers S, or name two, for lines from the first to the second",
        ),
        (
            f"{THREE} --subscribers 1",
            "3 targets, and 2 publishers and subscribers; "
            "add --publishers or --subscribers: each target gets one at least",
        ),
        ("a:1 b:2 -i", "-i beside 2 targets; name one: tw probe pubsub HOST:PORT -i"),
        ("a:1 b:2 --subscribe", "--subscribe beside 2 targets; name one: tw probe pubsub HOST:PORT --subscribe"),
        (
            "a:1 --publish hello world",
            "--publish beside 2 targets; "
            "name one: tw probe pubsub HOST:PORT --publish 'LINE', with quotes where it has spaces in it",
        ),
        ("a:1 b:2 --self", "--self beside a TARGET; leave one of them out: --self starts its own server"),
        (f"{THREE} --self --publishers 3", "--self beside a TARGET; leave one of them out: --self starts its own"),
    ],
)
def test_what_takes_one_target_is_refused_with_the_right_form(shell: Shell, typed: str, said: str) -> None:
    assert shell.refused(f"probe pubsub {typed}").lower().startswith(said.lower())


def test_an_empty_target_is_refused_in_any_place(shell: Shell) -> None:
    assert shell.refused("probe pubsub a:1 '' --publishers 3").startswith("invalid value for 'TARGET': an empty text; ")


@pytest.mark.parametrize("command", ["probe echo a:1 b:2", "probe counter a:1 b:2"])
def test_other_probes_have_one_target(shell: Shell, command: str) -> None:
    assert shell.refused(command).lower().startswith(("got unexpected", "got more"))
