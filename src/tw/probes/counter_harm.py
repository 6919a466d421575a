"""What came of a counter's answer on its way: whether its body is the one that its number has, and what differs."""

from tw.errors import AnswerTimeout, TwError
from tw.probes.failures import RESET
from tw.protocols.http_exchange import Answer, CutShort
from tw.report import FirstFault


def is_corrupted(answer: Answer, number: int | None, body_number: int | None) -> bool:
    """Whether header and body of an answer contradict each other: two numbers, or a counter's 200 (which names its
    instance) whose body is no counter's. `answer` may be one that is like it but for its number."""
    if number == body_number:
        return False
    if body_number is not None:
        return True
    return (
        answer.status == 200
        and answer.instance is not None
        and bool(answer.body)
        and answer.header("content-encoding") is None
    )


def corruption(answer: Answer) -> FirstFault:
    """What differs in an answer that `is_corrupted`."""
    return FirstFault.between(_body(answer), answer.body, answer.number, truncated=False)


def truncation(error: CutShort) -> FirstFault:
    """Where an answer was cut; without a number, if that was in its header."""
    answer = error.answer
    expected = b"" if answer.number is None else _body(answer)
    return FirstFault.between(expected, answer.body, answer.number, truncated=True)


def _body(answer: Answer) -> bytes:
    if "json" in (answer.header("content-type") or "").lower():
        return b'{"v": 1, "request": %d}\n' % (answer.number or 0)
    return b"I am request #%d\n" % (answer.number or 0)


def may_get_better(error: TwError) -> bool:
    """Whether the next sample may be answered though none has been so far."""
    return isinstance(error, AnswerTimeout | CutShort) or error.reason == RESET
