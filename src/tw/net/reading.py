"""How much of a connection is read at once."""

READ_BYTES = 256 * 1024
"""Twisted reads 64 KiB at a time. Four times that takes a bulk echo from 1.7 to 1.1 of a C server's cost for a byte,
and costs no more than 64 KiB do: what is not used of the buffer is given back at once."""

SMALL_BYTES = 479
"""As much as fits into the largest object of Python's own allocator (512 bytes, 33 of them a bytes object's head). Room
for more is malloc's, and taking and giving back 256 KiB costs 0.3 us, a fifteenth of an echo. So whoever sends no more
at a time is read so."""

FIRST_READ_BYTES = READ_BYTES - 8
"""What a connection's first read may have: if it is small, the next one is `SMALL_BYTES`. One that is not makes it
`READ_BYTES`, and each small one after that one byte less, until it is this again: who sends little only now and then,
the end of a long message, say, goes on being read as whoever sends much."""
