"""The command line: `salesiq VERB`. Exit codes are those of docs/command_line.md; a fault never shows a traceback.

The libraries behind the verbs take seconds to import, so each verb imports what it needs when it runs: that is why modules
here have imports inside functions.
"""

from __future__ import annotations

from salesiq.cli.app import app, main

__all__ = ["app", "main"]
