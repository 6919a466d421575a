"""The options that judge a run, and the modes that have nothing to judge."""

import pytest

from command_lines import Shell
from tw.judge_options import JudgeOptions

PROBES = ["probe echo", "probe counter", "probe pubsub"]
SILENT = ["probe echo -i", "probe pubsub -i", "probe pubsub --subscribe"]
TYPED = {"--assert": "loss=0", "--junit": "f", "--hgrm": "f"}


@pytest.mark.parametrize("command", PROBES)
def test_assertions_add_up_and_files_are_named(shell: Shell, command: str) -> None:
    options = shell.start(f"{command} --assert 'p99<50ms' --assert loss=0 --junit a.xml --hgrm a.hgrm").options
    assert options.judge == JudgeOptions(asserted=("p99<50ms", "loss=0"), junit="a.xml", hgrm="a.hgrm")
    assert shell.start(command).options.judge == JudgeOptions()


@pytest.mark.parametrize("line", SILENT)
@pytest.mark.parametrize("option", TYPED)
def test_a_mode_without_a_report_cannot_be_judged(shell: Shell, line: str, option: str) -> None:
    mode = line.split()[-1]
    assert shell.refused(f"{line} {option} {TYPED[option]}").startswith(
        f"{option} beside {mode}, which measures nothing; "
    )


@pytest.mark.parametrize("line", SILENT)
def test_what_was_set_for_other_runs_does_not_stand_in_the_way(shell: Shell, line: str) -> None:
    table = line.split()[1]
    config = f"[probe.{table}]\nassert = ['loss=0']\njunit = 'f'\n"
    assert shell.start(line, config=config).options.judge == JudgeOptions()
    assert shell.start(f"probe {table}", config=config).options.judge == JudgeOptions(asserted=("loss=0",), junit="f")


def test_publishing_has_a_report(shell: Shell) -> None:
    assert shell.start("probe pubsub --publish x --assert loss=0").options.judge.asserted == ("loss=0",)


@pytest.mark.parametrize("command", PROBES)
def test_one_file_for_two_things_is_refused(shell: Shell, command: str) -> None:
    assert shell.refused(f"{command} --junit x --hgrm ./x").startswith("--junit and --hgrm name the same file (x); ")


@pytest.mark.parametrize("option", ["--junit", "--hgrm"])
def test_a_dash_is_no_file(shell: Shell, option: str) -> None:
    assert "'-' is no file here" in shell.refused(f"probe echo {option} -")
