"""Servers: the listener, one module a server, and the counter's state."""
