"""`--json-stream`, and what it does not go with."""

import pytest

from command_lines import Shell
from tw.cli.command import Session

PROBES = ["probe echo", "probe counter", "probe pubsub"]


@pytest.mark.parametrize("command", PROBES)
@pytest.mark.parametrize("load", ["", " --rate 5 --duration 2s"])
def test_it_is_for_pings_and_for_loads(shell: Shell, command: str, load: str) -> None:
    options = shell.start(f"{command}{load} --json-stream").options
    assert (options.json_stream, options.json) == (True, False)


def test_it_goes_beside_json_which_it_contains(shell: Shell) -> None:
    options = shell.start("probe echo --json --json-stream").options
    assert (options.json_stream, options.json) == (True, True)
    assert shell.start("probe echo --json-stream", config="[probe.echo]\njson = true\n").options.json_stream


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("probe echo -i --json-stream", "-i beside --json-stream; talk mode writes what the server sends"),
        ("probe pubsub -i --json-stream", "-i beside --json-stream; talk mode writes what the server sends"),
        (
            "probe pubsub --subscribe --json-stream",
            "--subscribe beside --json-stream; use --json: there it is one object a line already",
        ),
    ],
)
def test_what_writes_something_else_cannot_have_it(
    shell: Shell, capsys: pytest.CaptureFixture[str], line: str, problem: str
) -> None:
    assert shell.run(line) == 2
    assert capsys.readouterr().err == f"tw: {problem}\n"


@pytest.mark.parametrize(
    ("forms", "asked"), [([], False), (["json"], True), (["json_stream"], True), (["json", "json_stream"], True)]
)
def test_either_form_makes_the_edge_write_json(forms: list[str], asked: bool) -> None:
    session = Session()
    session.json_forms.update(forms)
    assert session.json_client is asked
