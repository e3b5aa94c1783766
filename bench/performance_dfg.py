"""pm4py's performance DFG on the same events, in an interpreter of its own: `PYTHON bench/performance_dfg.py EVENTS.parquet`.

pm4py is AGPL and no dependency: it is installed in a scratch environment, called as it stands, and only the time is told.
Reading the file is not timed. Prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import pandas as pd
import pm4py  # type: ignore[import-not-found]


def main(events: str) -> None:
    log = pd.read_parquet(events, columns=["deal_id", "stage", "entered_at"])
    wall = time.perf_counter()
    found, _, _ = pm4py.discover_performance_dfg(log, case_id_key="deal_id", activity_key="stage", timestamp_key="entered_at")
    taken = time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"wall": taken, "peak_bytes": peak, "n_edges": len(found), "version": pm4py.__version__}))


if __name__ == "__main__":
    main(sys.argv[1])
