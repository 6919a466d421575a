"""A network bench for the shell: known-good servers, matching probes, and a verdict."""
