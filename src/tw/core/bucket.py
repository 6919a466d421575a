"""A token bucket: how often something may happen, with a burst. Time comes in as an argument, in seconds."""

WHOLE = 0.99
"""What counts as one token: a clock of large numbers has coarse steps, and who waited as long as he was told to gets
one. What is missing is owed, so that the rate stays what it is."""


class TokenBucket:
    """Holds at most `burst` tokens, gains `rate_per_s` of them each second, and begins full.

    `now_s` may be of any clock that does not go back. Raises ValueError where `rate_per_s` is not above 0, or `burst`
    below 1: nothing could ever happen.
    """

    __slots__ = ("_at_s", "_tokens", "burst", "rate_per_s")

    def __init__(self, rate_per_s: float, burst: float, now_s: float) -> None:
        if not rate_per_s > 0 or not burst >= 1:
            raise ValueError(f"nothing passes a bucket of {burst} tokens at {rate_per_s} a second")
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._tokens = burst
        self._at_s = now_s

    def wait_s(self, now_s: float) -> float:
        """Seconds until there is a token; 0 if there is one."""
        self._fill(now_s)
        return 0.0 if self._tokens >= WHOLE else (1 - self._tokens) / self.rate_per_s

    def take(self, now_s: float) -> bool:
        """Take a token; False if there is none."""
        self._fill(now_s)
        if self._tokens < WHOLE:
            return False
        self._tokens -= 1
        return True

    def _fill(self, now_s: float) -> None:
        gained = max(0.0, now_s - self._at_s) * self.rate_per_s
        self._tokens = min(self.burst, self._tokens + gained)
        self._at_s = now_s
