"""The options that ask about the path to a server, and what they do not go with."""

import pytest

from command_lines import Shell
from tw.survey_options import SurveyOptions

BOTH = pytest.mark.parametrize("command", ["probe echo", "probe counter"])
DIFF = "--diff"
IDLE = "--find-idle-timeout"


@BOTH
def test_without_a_word_nothing_is_asked_about_the_path(shell: Shell, command: str) -> None:
    assert shell.start(command).options.survey is None


@BOTH
def test_each_question_is_one_object(shell: Shell, command: str) -> None:
    assert shell.start(f"{command} --diff").options.survey == SurveyOptions(kind="diff")
    asked = SurveyOptions(kind="idle", max_idle_s=300.0, precision_s=1.0)
    assert shell.start(f"{command} --find-idle-timeout").options.survey == asked
    closer = SurveyOptions(kind="idle", max_idle_s=3600.0, precision_s=0.25)
    line = f"{command} --find-idle-timeout --max-idle 1h --idle-precision 250ms"
    assert shell.start(line).options.survey == closer


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("probe echo --diff --find-idle-timeout", "--diff beside --find-idle-timeout"),
        ("probe counter --find-idle-timeout --diff", "--diff beside --find-idle-timeout"),
        ("probe echo --max-idle 1m", "--max-idle without --find-idle-timeout"),
        ("probe echo --diff --max-idle 1m", "--max-idle without --find-idle-timeout"),
        ("probe counter --idle-precision 1s", "--idle-precision without --find-idle-timeout"),
        ("probe echo --find-idle-timeout --max-idle 1s --idle-precision 2s", "--idle-precision 2s is more than --max"),
        ("probe counter --diff -X POST", "--diff beside --method POST"),
        ("probe counter --diff -X HEAD", "--diff beside --method HEAD"),
        ("probe counter --find-idle-timeout --no-keepalive", "--find-idle-timeout beside --no-keepalive"),
        ("probe counter --diff --expect-status 404", "--expect-status beside --diff"),
        ("probe pubsub --diff", "no such option '--diff'"),
        ("serve echo --udp --describe", "--udp beside --describe"),
        ("serve pubsub --describe", "no such option '--describe'"),
    ],
)
def test_what_does_not_go_together_is_refused(shell: Shell, line: str, problem: str) -> None:
    assert shell.refused(line).startswith(problem)


@pytest.mark.parametrize("flag", [DIFF, IDLE])
@pytest.mark.parametrize(
    ("typed", "named"),
    [
        ("--count 5", "--count"),
        ("--interval 1s", "--interval"),
        ("--connections 5", "a load"),
        ("--rate 5", "a load"),
        ("--udp", "--udp"),
        ("-i", "-i"),
    ],
)
def test_other_modes_do_not_go_with_it(shell: Shell, flag: str, typed: str, named: str) -> None:
    said = shell.refused(f"probe echo {flag} {typed}")
    assert f"{flag} beside {named}" in said or f"{named} beside {flag}" in said


@pytest.mark.parametrize("flag", [DIFF, IDLE])
def test_it_says_why_it_does_not_go_over_udp(shell: Shell, flag: str) -> None:
    assert shell.refused(f"probe echo {flag} --udp").startswith(f"{flag} beside --udp; it asks about a connection")


@BOTH
def test_standing_settings_of_other_modes_do_not_stand_in_the_way(shell: Shell, command: str) -> None:
    """Only what was typed is a contradiction."""
    table = command.replace(" ", ".")
    config = f"[{table}]\ninterval = '2s'\ncount = 3\nmax-idle = '1m'\n"
    assert shell.start(f"{command} --diff", config=config).options.survey is not None
    survey = shell.start(f"{command} --find-idle-timeout", config=config).options.survey
    assert survey.max_idle_s == 60.0
    assert shell.start(command, config=config).options.survey is None


def test_a_server_describes_where_it_is_told_to(shell: Shell) -> None:
    for command in ("serve echo", "serve counter"):
        assert shell.start(command).options.describe is False
        assert shell.start(f"{command} --describe").options.describe is True


def test_the_help_says_that_nobody_is_told_of_others(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("serve echo", "serve counter"):
        assert shell.run(f"{command} --help") == 0
        assert "and of nobody else's" in " ".join(capsys.readouterr().out.split())
