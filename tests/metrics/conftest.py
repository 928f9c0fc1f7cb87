"""Fixtures: a worker without Kafka, and its settings."""

import pytest

from .observed import Options, Worker


@pytest.fixture
def options():
    return Options()


@pytest.fixture
def worker():
    return Worker()
