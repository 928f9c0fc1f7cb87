"""Tests of `cxstream.metrics`."""
