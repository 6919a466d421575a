"""Endpoints, TLS, streams and the reactor: how `tw` reaches the network."""
