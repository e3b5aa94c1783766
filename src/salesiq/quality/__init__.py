"""Quality: which records can be trusted, and whose to look at."""

from __future__ import annotations

from salesiq.quality.record_score import record_score
from salesiq.quality.rep_scores import rep_scores
from salesiq.quality.watch_list import watch_list

__all__ = ["record_score", "rep_scores", "watch_list"]
