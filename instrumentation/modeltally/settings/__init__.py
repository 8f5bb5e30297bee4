"""The settings: defaults, a file, environment variables, flags, in rising order of precedence.

A setting is a field of :class:`Settings`; its environment variable is ``MODELTALLY_`` and the field's name in upper
case, its key in the file ``modeltally.toml`` is the field's name. ``docs/settings.md`` is made from this record.
"""

from modeltally.settings.loading import load_settings
from modeltally.settings.record import Settings

__all__ = ["Settings", "load_settings"]
