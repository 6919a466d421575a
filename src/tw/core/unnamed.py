"""Counters told apart by their numbers alone, where no answer says who gave it.

One counter's numbers rise. Where a number comes that does not, there are two readings: several counters (others behind
a load balancer, or one that began anew), or a number that came twice (a cache). As many sequences as it takes can
explain any numbers at all, so the first reading can never be ruled out, only be far-fetched. This is what is decided:

- As long as one counter could have given all the numbers, there is one.
- Otherwise each number continues the sequence that ends closest below it; a new sequence begins where none can be
  continued, or only over a leap far wider than its steps. In the end a sequence that begins above one that had ended
  by then continues it, the closest ones first.
- A sequence with a number that nobody else had is a counter's. One in which every number had come before is a
  counter's if it counts on by itself: step by step, for as many steps as there are sequences; and scattered, or in
  blocks of one length, as a balancer makes them. Else its answers are copies. A cache gives the latest number again and
  again, for a time that fits into no pattern.

What cannot be told: a cache that answers each number equally often looks like as many counters side by side. One
counter that takes over from another at a higher number is a gap. Near a place where two counters cross or run side by
side, numbers may be put down to the wrong one.
"""

from typing import NamedTuple

from tw.core.sequences import REACH, REACH_STEPS, Chain, Sequence
from tw.core.series import Series

# Sequences that are told apart: each number is held against all of them.
HIGHEST_SEQUENCES = 32
# The longer a sequence has been silent, the less it is continued: for every so many turns of all of them, its distance
# counts once more. Of two that are equal then, the longer one is continued.
TURNS = 4
# Blocks are of one length if so many follow each other for every one that is not as long as the one before.
EVEN_BLOCKS = 8
# Numbers that come again are scattered if one of so many is not the highest so far. One that was asked for after a
# higher one had arrived is as good as so many: the others may have been under way when a cache took a new one.
SCATTERED = 4
SCATTERED_LATE = 8
# Sequences are linked when there are too many, but not again before so many answers: it takes a millisecond.
LINK_EVERY = 8 * HIGHEST_SEQUENCES
# So many answers are too few to say how wide a counter's steps are, or that a gap is wider.
FEW_ANSWERS = 16


class Judgement(NamedTuple):
    """What was made of the numbers: the counters, and how many answers were copies, or late.

    `gone` counters were forgotten, with so many gaps, since there were more than `HIGHEST_SEQUENCES`.
    """

    counters: list[Series | Chain]
    duplicates: int = 0
    reordered: int = 0
    gone: int = 0
    gone_gaps: int = 0


class Unnamed:
    """The account of answers that do not say who gave them.

    `whole` is their account as if one counter had given them. `doubtful` counts the answers whose number had come
    before, and that did not say themselves that they were stored: each may be a copy, or another counter's.
    """

    def __init__(self, number: int, position: int, mark: int) -> None:
        self.whole = Series(None, number, position, mark)
        self.doubtful = 0
        self._copies = 0
        self._gone = self._gone_gaps = 0
        self._link_from = 0
        self._parts: list[Sequence] | None = None
        # Blocks: the same number again and again, the highest so far. How long this one is and the last whole one was
        # (0: there was none yet), how many there were, and how often one was not as long as the one before.
        self._block = 1
        self._block_before = 0
        self._blocks = 0
        self._block_changes = 0
        # Numbers that had come before and were not the highest; late ones count for more.
        self._scattered = 0

    @property
    def is_one(self) -> bool:
        """Whether one counter could have given all of it."""
        return self._parts is None

    def feed(self, number: int, position: int, mark: int, *, is_stored: bool) -> None:
        """Note a number; `is_stored` says that its answer came from a cache, by its own word."""
        whole = self.whole
        has_come = number in whole.seen
        if has_come and is_stored:
            self._copies += 1
            return
        self.doubtful += has_come
        is_late = whole.is_late(number, mark)
        if self._parts is None and (has_come or is_late):
            self._parts = _parted(whole, REACH if has_come else 2 * (position - 1 - mark))
            self._blocks = whole.answers - 1
            self._block_before = int(self._blocks > 1)
        if self._parts is not None:
            self._note_block(number, has_come=has_come, is_late=is_late)
            if has_come and number == whole.highest and len(self._parts) == HIGHEST_SEQUENCES:
                self._copies += 1  # the same over and over: no need to hold it against all of them
            else:
                self._assign(self._parts, number, position, mark, has_come=has_come)
        whole.feed(number, position, mark)

    def _note_block(self, number: int, *, has_come: bool, is_late: bool) -> None:
        if number > self.whole.highest:
            self._blocks += 1
            if self._block_before not in (0, self._block):
                self._block_changes += 1
            if self._blocks > 1:  # the first one may have begun before the run did
                self._block_before = self._block
            self._block = 1
        elif number == self.whole.highest:
            self._block += 1
        elif has_come:
            self._scattered += SCATTERED_LATE if is_late else 1

    def _assign(self, parts: list[Sequence], number: int, position: int, mark: int, *, has_come: bool) -> None:
        # In blocks, those of equal height have the same future, and which has been silent for longer says nothing.
        turn = TURNS * len(parts) if self._is_scattered else position
        best = _next_of(parts, number, position - turn)
        if best is not None:
            best.steps += 1
            best.fresh += not has_come
            best.step(position, mark)
            return
        best = _closest(parts, number, position, mark, turn)
        may_begin = len(parts) < HIGHEST_SEQUENCES
        if best is None or (may_begin and not best.reaches(number, position - 1 - mark)):
            self._begin(parts, Sequence(number, position, mark, fresh=not has_come))
            return
        if number - 1 in best.seen:
            best.steps += 1
        elif number > best.highest:
            best.leaps += self._is_common(best.highest, number)
        best.fresh += not has_come
        best.feed(number, position, mark)

    def _is_common(self, low: int, high: int) -> bool:
        """Whether nobody had a number between these two."""
        return high - low > 1 and self.whole.seen.missing_between(low, high) == high - low - 1

    def _begin(self, parts: list[Sequence], part: Sequence) -> None:
        if len(parts) == HIGHEST_SEQUENCES and part.began >= self._link_from:
            parts[:] = [chain.merged() for chain in self._linked(parts)]
            self._link_from = part.began + LINK_EVERY
        if len(parts) == HIGHEST_SEQUENCES:
            # Copies first: whatever is no counter's is never continued.
            self._let_go(parts.pop(min(range(len(parts)), key=lambda at: (parts[at].fresh > 0, parts[at].touched))))
        parts.append(part)

    def _let_go(self, part: Sequence) -> None:
        if part.fresh:
            self._gone += 1
            self._gone_gaps += part.gaps
        else:
            self._copies += part.answers

    def judge(self) -> Judgement:
        """Decide, by all that has come so far."""
        if self._parts is None:
            return Judgement([self.whole], self._copies)
        chains = self._linked(self._parts)
        counters: list[Series | Chain] = []
        copies, reordered = self._copies, 0
        for chain in chains:
            if self._counts(chain, len(chains)):
                counters.append(chain)
                reordered += chain.reordered
            else:
                copies += chain.answers
        return Judgement(counters, copies, reordered, self._gone, self._gone_gaps)

    @property
    def _is_scattered(self) -> bool:
        """Whether numbers that came again were not just the latest one again and again."""
        return SCATTERED * self._scattered >= self.doubtful

    def _counts(self, chain: Chain, sequences: int) -> bool:
        """Whether a chain is a counter's: see the module's text."""
        if chain.fresh:
            return True
        # One may have gone or come in the middle: the blocks are then of another length.
        is_even = EVEN_BLOCKS * self._block_changes <= self._blocks
        counts_on = chain.steps > chain.leaps and chain.steps + 1 >= max(2, sequences)
        return (self._is_scattered or is_even) and counts_on

    def _linked(self, parts: list[Sequence]) -> list[Chain]:
        """The parts as chains: one may continue a lower one that had ended by then, the closest pairs first."""
        follower: dict[int, int] = {}
        followed: set[int] = set()
        for at, to in _links(parts):
            if at not in follower and to not in followed:
                follower[at] = to
                followed.add(to)
        chains: list[Chain] = []
        for at in range(len(parts)):
            if at in followed:
                continue
            chain = Chain(parts[at])
            while at in follower:
                at = follower[at]
                part = parts[at]
                reordered = chain.moved_after(part.began) if chain.asked >= part.began else 0
                chain.join(part, is_leap=self._is_common(chain.highest, part.first), reordered=reordered)
            chains.append(chain)
        return chains


def _links(parts: list[Sequence]) -> list[tuple[int, int]]:
    """Which part may continue which, the likeliest first: close by number, and close in time.

    Of those that end at the same number it is the latest time that counts, and the one that began first is chosen; so
    a counter is continued rather than a copy of it.
    """
    ended: dict[int, int] = {}
    for part in parts:
        ended[part.highest] = max(part.touched, ended.get(part.highest, 0))
    began: dict[int, int] = {}
    for part in parts:
        began[part.first] = min(part.began, began.get(part.first, part.began))
    links = [
        ((part.first - low.highest) * max(1, began[part.first] - ended[low.highest]), low.began, part.began, at, to)
        for at, low in enumerate(parts)
        for to, part in enumerate(parts)
        if low.highest < part.first and _may_link(low, part)
    ]
    return [(at, to) for *_, at, to in sorted(links)]


def _next_of(parts: list[Sequence], number: int, since: int) -> Sequence | None:
    """The longest sequence that this number is the next one of: what `_closest` nearly always comes to.

    None if one of them has been silent since then: it is not that simple.
    """
    last = number - 1
    best: Sequence | None = None
    for part in parts:
        if part.highest == last and (best is None or part.answers > best.answers):
            if part.touched <= since:
                return None
            best = part
    return best


def _closest(parts: list[Sequence], number: int, position: int, mark: int, turn: int) -> Sequence | None:
    """The sequence to continue with a number, if there is one that it can be in."""
    best: Sequence | None = None
    lowest = 0
    for part in parts:
        if number in part.seen or part.is_late(number, mark):
            continue
        cost = part.distance(number) * (1 + (position - part.touched) // turn)
        if best is None or cost < lowest or (cost == lowest and part.answers > best.answers):
            best, lowest = part, cost
    return best


def _parted(whole: Series, widest: int) -> list[Sequence]:
    """A series that has been orderly, cut where two counters may meet: at gaps far wider than its steps, or than this.

    What is cut too often is linked in the end. But the more answers are under way together, the more of the small gaps
    are only still open; and where the first fault is a number that came twice, there are less likely two counters.
    """
    runs = whole.runs()
    gaps = [(runs[at][0] - runs[at - 1][1], at) for at in range(1, len(runs))]
    if whole.answers > FEW_ANSWERS:
        steps = sorted([1] * (whole.answers - len(runs)) + [gap for gap, _ in gaps])
        widest = max(REACH, REACH_STEPS * steps[len(steps) // 2], widest)
    cuts = sorted(at for gap, at in sorted(gaps)[-HIGHEST_SEQUENCES // 2 :] if gap > widest)
    return [Sequence.of(whole, runs[begin:end]) for begin, end in zip([0, *cuts], [*cuts, len(runs)], strict=True)]


def _may_link(low: Sequence, part: Sequence) -> bool:
    """Whether the lower one had ended when the other began, or was but one late answer away from leading up to it."""
    if low.asked < part.began:
        return True
    return part.first == low.highest + 1 and low.began < part.began and low.highest - low.floor(part.began) <= 1
