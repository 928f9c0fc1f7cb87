"""Measurements of cxstream: `python -m benchmarks` runs all and prints them; README.md says what they mean."""
