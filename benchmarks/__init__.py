"""Timings as ratios that were measured side by side: ``python -m benchmarks`` (``make bench``, ``make bench-full``)."""
