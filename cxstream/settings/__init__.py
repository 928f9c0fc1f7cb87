"""The settings: environment variables with the prefix ``CXSTREAM_`` and, below them, a YAML file.

    settings = load(Path("cxstream.yaml"))
    settings.rules                          # what a calculation needs to know
    settings.topic_name("agent-replied")    # "acme.agent-replied" with CXSTREAM_TOPIC_PREFIX=acme.

A wrong setting raises ``SettingsError``, whose text is one line that names the variable (or the file), the
cause and the remedy. Durations are whole milliseconds once read.
"""

from cxstream.settings.model import Settings
from cxstream.settings.policy_text import parse_policies
from cxstream.settings.security import Security
from cxstream.settings.source import SettingsError, load

__all__ = ["Security", "Settings", "SettingsError", "load", "parse_policies"]
