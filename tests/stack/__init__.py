"""The whole of `docker-compose.yml` without Docker: the same files, programs of this machine."""

from tests.stack.stack import Stack, StackError

__all__ = ["Stack", "StackError"]
