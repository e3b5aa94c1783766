"""Timings and peak memory of salesiq, beside plain pandas and a bare DuckDB scan: `python -m bench --help`."""
