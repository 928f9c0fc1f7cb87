"""The worker's HTTP side: Prometheus metrics, probes, the snapshot and the live page.

    app = application(worker, settings)
    runner, port = await serve(app, "127.0.0.1", 6066)

``worker`` is anything that satisfies :class:`Observed`.
"""

from cxstream.metrics.observed import Observed, Options
from cxstream.metrics.server import application, serve

__all__ = ["Observed", "Options", "application", "serve"]
