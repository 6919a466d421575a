"""The command line: click only. Parse, build one options object, call a run. No try/except, no async def."""
