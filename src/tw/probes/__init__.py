"""Runs of clients: connect, drive a protocol, return a report."""
