"""Faults on purpose: `make chaos` for hours, `test_chaos.py` for two minutes."""
