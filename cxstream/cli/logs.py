"""Logs: structlog through the standard library, so that Faust's and aiokafka's lines look like ours.

Lines go to stderr: ``console`` for people, ``json`` (one object per line) for machines. Nothing logs the body
of an event.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from structlog.typing import Processor

    from cxstream.settings import Settings

# Libraries that tell at INFO and WARNING what we tell ourselves: every rebalance step, every poll that waits.
_QUIET: Final = {
    "aiokafka": "ERROR",
    "cxstream.stream.delivery": "WARNING",  # here Faust's services log under the name of the module that extends them
    "cxstream.stream.table": "WARNING",
    "faust": "WARNING",
    "mode": "WARNING",
    "mode.timers": "ERROR",  # a commit that waits for the broker is late
    "aiohttp.access": "WARNING",
    "asyncio": "WARNING",
}


_CLIENTS: Final = ("aiokafka", "faust", "mode", "cxstream.stream.delivery")
"""Whose log lines are those of a Kafka client."""


def _worth_telling(record: logging.LogRecord) -> bool:
    """Leave out what a Kafka client tells of an attempt that it will repeat.

    While a broker is away that is a hundred lines a second, and no line says when it is over; the worker tells both
    once. Of what a client does not get over, it logs the traceback or raises.
    """
    if record.exc_info is None:
        return record.levelno >= logging.CRITICAL
    # Faust crashes when the broker is away while it starts (it is started again), and its agents when they are ended.
    return type(record.exc_info[1]).__name__ not in {"KafkaConnectionError", "CancelledError"}


def set_up(settings: Settings) -> None:
    """Send all logs of the process to stderr as the settings want them; replaces what was set up before."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[Processor]
    if settings.log_format == "json":
        last = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        # The default formatter of exceptions shows local variables: events, and what else nobody should read.
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name, level in _QUIET.items():
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel("DEBUG" if settings.log_level == "debug" else level)
    if settings.log_level != "debug":
        handler.addFilter(lambda record: not record.name.startswith(_CLIENTS) or _worth_telling(record))
