"""What each failure is called, and what the shell sees of it."""

import pytest

from tw.errors import (
    EXIT_CODE_HELP,
    AnswerTimeout,
    AuthError,
    ConnectError,
    ExitCode,
    Interrupted,
    LocalError,
    NothingThere,
    ProtocolError,
    TlsError,
    TwError,
    UsageError,
)

KINDS: dict[type[TwError], tuple[int, str]] = {
    TwError: (70, "bug"),
    UsageError: (2, "usage"),
    ConnectError: (3, "connect"),
    AnswerTimeout: (4, "timeout"),
    TlsError: (5, "tls"),
    AuthError: (6, "auth"),
    ProtocolError: (7, "protocol"),
    NothingThere: (8, "nothing"),
    LocalError: (9, "local"),
}


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("it broke",), "it broke"),
        (("it broke", "here"), "it broke (here)"),
        (("it broke", "", "mend it"), "it broke; mend it"),
        (("it broke", "here", "mend it"), "it broke (here); mend it"),
    ],
)
def test_an_error_reads_what_where_and_what_to_try(parts: tuple[str, ...], text: str) -> None:
    error = TwError(*parts)
    assert str(error) == text
    assert (error.what, error.where, error.hint) == (*parts, "", "")[:3]


def test_the_exit_codes_are_the_ones_that_scripts_branch_on() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "BAD_VERDICT": 1,
        "USAGE": 2,
        "CONNECT": 3,
        "TIMEOUT": 4,
        "TLS": 5,
        "AUTH": 6,
        "PROTOCOL": 7,
        "NOTHING": 8,
        "LOCAL": 9,
        "BUG": 70,
        "SIGHUP": 129,
        "SIGINT": 130,
        "SIGTERM": 143,
    }


@pytest.mark.parametrize("error", KINDS, ids=lambda error: error.__name__)
def test_an_error_has_the_code_and_the_kind_of_the_contract(error: type[TwError]) -> None:
    assert (error("x").exit_code, error("x").kind) == KINDS[error]


def test_every_error_that_there_is_stands_in_this_contract_with_a_code_of_its_own() -> None:
    known = set(TwError.__subclasses__()) | {TwError}
    # test modules may define errors of their own
    assert {error for error in known if error.__module__ == "tw.errors"} == {*KINDS, Interrupted}
    assert len({code for code, _ in KINDS.values()}) == len({kind for _, kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize(("name", "code"), [("SIGHUP", 129), ("SIGINT", 130), ("SIGTERM", 143)])
def test_an_interruption_exits_as_a_shell_reports_its_signal(name: str, code: int) -> None:
    error = Interrupted(name)
    assert (str(error), error.exit_code, error.kind) == (f"ended by {name}", code, "interrupted")


def test_a_signal_without_an_exit_code_is_refused() -> None:
    with pytest.raises(KeyError):
        Interrupted("SIGUSR1")


def test_every_code_is_explained_and_no_two_alike() -> None:
    assert list(EXIT_CODE_HELP) == list(ExitCode)
    assert len(set(EXIT_CODE_HELP.values())) == len(ExitCode)
    assert all(EXIT_CODE_HELP.values())


def test_an_error_starts_out_unreported_and_telling_of_one_leaves_the_others() -> None:
    told, other = TwError("x"), TwError("x")
    told.reported = True
    assert (other.reported, TwError.reported) == (False, False)
