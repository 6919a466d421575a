"""Several processes that serve one port (`--workers`): a parent that keeps them, and what it tells them.

The parent makes the listening sockets, one for each worker, and never accepts (`net.shared`). A worker is a process of
its own from the start, not a fork, with a socket to its parent that carries one JSON object a line each way. Where that
ends, the other side is gone: so a parent hears of each end, and no worker outlives its parent.
"""
