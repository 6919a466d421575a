"""Pure rules: bytes and numbers in, decisions out. No Twisted, click, rich, clock, I/O or logging."""
