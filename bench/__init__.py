"""Timings and peak memory, side by side in one run: `make bench`."""
