"""The machine that was measured on: what bears on time, and nothing that tells whose it is."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("duckdb", "polars", "pandas", "numpy", "pyarrow", "scikit-learn", "lightgbm", "statsmodels")


def description() -> list[str]:
    """Lines about processor, memory and versions."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        f"{os.cpu_count()} cores, {_processor()}; {_memory_gb():.0f} GB of memory; {platform.system()} {platform.machine()}.",
        f"Python {platform.python_version()}, {packages}.",
    ]


def load_average() -> str:
    """How busy the machine was over the last minutes."""
    return " / ".join(f"{load:.1f}" for load in os.getloadavg())


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "processor unknown"


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
