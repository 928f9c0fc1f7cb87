"""Turns a helpdesk's events into exact live service numbers, exposed as Prometheus metrics."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("cxstream")
"""The installed release, as `cxstream_build_info` shows it."""
