"""The live view on a terminal: drawn in its place, gone at the end, and never waiting for whoever does not read."""

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from screens import Terminal
from snapshots import snapshot
from tw import view
from tw.options import CommonOptions
from tw.view import LiveView, Tty, make_view


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)


def made(terminal: Terminal, **common: Any) -> LiveView:
    drawn = make_view(CommonOptions(**common), terminal.stream)
    assert drawn is not None
    return drawn


def test_a_frame_takes_the_place_of_the_one_before(terminal: Terminal) -> None:
    shown = made(terminal)
    terminal.stream.write("$ tw probe\r\n")
    terminal.stream.flush()
    for received in (1000, 2000, 3000):
        shown.show(snapshot(received=received))
    prompt, rate, counts, times, progress = terminal.lines()
    assert prompt == "$ tw probe"
    assert rate.startswith("12,340/s")
    assert "3,000 answers" in counts
    assert times == "p50 0.200  p99 0.500  max 0.700 ms"
    assert progress.endswith("40 %  6.0 s left")
    shown.clear()


def test_at_the_end_the_terminal_is_as_it_was(terminal: Terminal) -> None:
    shown = made(terminal)
    shown.show(snapshot())
    shown.clear()
    terminal.stream.write("done\r\n")
    assert terminal.lines() == ["done"]
    assert not terminal.screen.cursor.hidden
    shown.show(snapshot())
    shown.clear()
    assert terminal.lines() == ["done"]


def test_the_end_leaves_no_frame_in_tmuxs_history(terminal: Terminal) -> None:
    shown = made(terminal)
    shown.show(snapshot())
    shown.clear()
    assert terminal.lines() == [""]
    assert terminal.screen.cleared == 0


def test_a_view_that_never_showed_anything_writes_nothing(terminal: Terminal) -> None:
    made(terminal).clear()
    assert terminal.read() == b""


def test_the_frame_stands_at_the_bottom_of_a_full_screen_as_well(terminal: Terminal) -> None:
    shown = made(terminal)
    terminal.stream.write("\r\n".join(str(number) for number in range(24)))
    terminal.stream.write("\r\n")
    terminal.stream.flush()
    for _ in range(3):
        shown.show(snapshot())
    lines = terminal.lines()
    assert lines[-5] == "23"
    assert [line[:3] for line in lines[-4:]] == ["12,", "0 e", "p50", "━━━"]
    shown.clear()
    assert terminal.lines()[-1] == "23"


def test_a_shorter_line_leaves_nothing_of_a_longer_one(terminal: Terminal) -> None:
    shown = made(terminal)
    shown.show(snapshot(received=10**12))
    shown.show(snapshot(received=1, connections=1, under_way=1))
    assert terminal.lines()[1] == "0 errors  1 answers  1 under way  1 connections"
    shown.clear()


def test_a_terminal_that_became_narrow_is_not_written_past_its_edge(terminal: Terminal) -> None:
    shown = made(terminal)
    shown.show(snapshot())
    terminal.lines()
    terminal.resize(20, 10)
    shown.show(snapshot())
    assert [line[:8] for line in terminal.lines()] == ["12,340/s", "0 errors", "p99 0.50", "40 %  6."]
    shown.clear()
    assert terminal.lines() == [""]


def test_a_terminal_that_is_narrower_than_it_says_keeps_the_frame_in_its_place(terminal: Terminal) -> None:
    shown = made(terminal)
    terminal.screen.resize(24, 20)
    for _ in range(3):
        shown.show(snapshot())
    assert len(terminal.lines()) == 4
    shown.clear()
    assert terminal.lines() == [""]


def test_what_others_write_is_not_drawn_over(terminal: Terminal) -> None:
    shown = made(terminal)
    shown.show(snapshot())
    terminal.stream.write("tw: out of files, and that is something one should know of\r\n")
    terminal.stream.flush()
    shown.show(snapshot())
    shown.clear()
    assert terminal.lines()[0].startswith("tw: out of files, and that is something one should know of")


def test_the_warm_ups_rate_is_not_part_of_the_runs(terminal: Terminal) -> None:
    shown = made(terminal)
    for _ in range(20):
        shown.show(snapshot(warming=True, interval_received=100_000))
    assert "warming up" in terminal.lines()[3]
    shown.show(snapshot(interval_received=100))
    assert terminal.lines()[0] == "1,000/s     █"
    shown.clear()


def test_the_time_of_connecting_is_not_part_of_the_course(terminal: Terminal) -> None:
    shown = made(terminal)
    for _ in range(20):
        shown.show(snapshot(sent=0, received=0, interval_received=0))
    assert terminal.lines()[3] == "connecting, 4.0 s"
    shown.show(snapshot(interval_received=100))
    assert terminal.lines()[0] == "1,000/s     █"
    shown.clear()


@pytest.mark.parametrize(
    ("env", "common", "colored"),
    [
        ({}, {}, True),
        ({"NO_COLOR": "1"}, {}, False),
        ({}, {"color": "never"}, False),
        ({"NO_COLOR": "1"}, {"color": "always"}, True),
    ],
)
def test_colour_is_as_everywhere(
    env: dict[str, str], common: dict[str, Any], colored: bool, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    shown = made(terminal, **common)
    shown.show(snapshot(bad=1))
    assert (b"\x1b[31m1 errors\x1b[0m" in terminal.read()) is colored
    shown.clear()


def test_a_terminal_without_block_characters_gets_ascii() -> None:
    latin = Terminal(encoding="latin-1")
    shown = made(latin, color="never")
    shown.show(snapshot())
    assert latin.read().isascii()
    shown.clear()
    latin.close()


@pytest.mark.parametrize(
    ("env", "common"),
    [({"TERM": "dumb"}, {}), ({"TERM": None}, {}), ({}, {"quiet": True}), ({}, {"verbosity": 1})],
)
def test_who_cannot_or_does_not_want_to_see_it_does_not(
    env: dict[str, str | None], common: dict[str, Any], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    assert make_view(CommonOptions(**common), terminal.stream) is None


def test_a_file_is_no_terminal(tmp_path: Path) -> None:
    with open(tmp_path / "err", "w") as file:
        assert make_view(CommonOptions(), file) is None
    assert make_view(CommonOptions(), io.StringIO()) is None


def test_a_terminal_that_cannot_be_opened_anew_has_no_view(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> int:
        raise PermissionError

    monkeypatch.setattr(view.os, "open", refused)
    assert make_view(CommonOptions(), terminal.stream) is None


def test_a_terminal_without_a_name_here_is_reached_by_the_one_that_controls(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that was entered: its `/dev/pts` does not have the terminal."""
    name, opening = os.ttyname(terminal.stream.fileno()), os.open

    def nameless(_: int) -> str:
        raise OSError

    def controlling(path: str, how: int) -> int:
        assert path == "/dev/tty"
        return opening(name, how)

    monkeypatch.setattr(view.os, "ttyname", nameless)
    assert make_view(CommonOptions(), terminal.stream) is None  # it does not control this process
    monkeypatch.setattr(view.os, "tcgetpgrp", lambda _: os.getpgrp())
    monkeypatch.setattr(view.os, "open", controlling)
    shown = made(terminal)
    shown.show(snapshot())
    assert len(terminal.lines()) == 4
    shown.clear()


def test_the_descriptor_that_the_shell_shares_goes_on_blocking(terminal: Terminal) -> None:
    shown = made(terminal)
    shown.show(snapshot())
    assert os.get_blocking(terminal.stream.fileno())
    shown.clear()


# Terminals that do not read ------------------------------------------------------------------------------------------


def test_frames_that_a_stuck_terminal_does_not_take_are_left_out_and_none_is_torn(terminal: Terminal) -> None:
    """It takes some 4 to 64 KiB, in the end a part of a frame. Were it waited for, the test would hang."""
    shown = made(terminal)
    for received in range(2000):
        shown.show(snapshot(received=received))
    came = terminal.drain()
    shown.show(snapshot(received=77_777))  # the rest of the frame that was cut, and a new one
    came += terminal.drain()
    frames = came.split(b"\r" + view.NO_WRAP.encode())[1:]
    assert 10 < len(frames) < 1500
    assert all(frame.endswith(f"{view.CLEAR_BELOW}{view.WRAP}\r\x1b[3A".encode()) for frame in frames)
    assert b"77,777 answers" in frames[-1]
    shown.clear()


def test_the_end_waits_for_a_stuck_terminal_only_for_a_moment(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "PARTING_S", 0.05)
    shown = made(terminal)
    for _ in range(2000):
        shown.show(snapshot())
    began = time.monotonic()
    shown.clear()
    assert time.monotonic() - began >= 0.05
    terminal.drain()


def test_a_terminal_that_hung_up_is_left_alone(terminal: Terminal) -> None:
    shown = made(terminal)
    terminal.hang_up()
    for _ in range(3):
        shown.show(snapshot())
    shown.clear()


def test_a_terminal_without_a_size_has_the_usual_one(terminal: Terminal) -> None:
    terminal.tell_size(0, 0)
    tty = Tty.of(terminal.stream)
    assert tty is not None
    assert tty.size() == (80, 24)
    tty.close()
    tty.close()
    assert tty.size() == (80, 24)  # nor has one that is closed
