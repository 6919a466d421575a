"""One protocol class a file: callbacks in, core calls out, no policy."""
