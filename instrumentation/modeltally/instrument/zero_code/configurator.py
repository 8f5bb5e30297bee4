"""The configurator for ``opentelemetry-instrument`` where nobody else has brought one.

Without one it leaves the API's own providers in place, and whatever else is instrumented there is silently not
recorded. Operations of ours do not need it: they have a way out of their own.
"""

from __future__ import annotations

from typing import Any, Final

from modeltally.instrument._guard import guarded, log_info

__all__ = ["Configurator"]

GROUP: Final = "opentelemetry_configurator"


class Configurator:
    """Configures OpenTelemetry as the environment says; steps back where another configurator is installed."""

    def configure(self, **kwargs: Any) -> None:
        """Configure the providers of this process.

        Args:
            **kwargs: What ``opentelemetry-instrument`` passes.
        """
        other = _other()
        if other is None:
            other = _of_the_sdk()
        if other is not None:
            other().configure(**kwargs)


@guarded(None)
def _other() -> Any:
    """Load the first configurator that is not ours."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - reads every installed package's files

    for entry_point in entry_points(group=GROUP):
        if entry_point.value != f"{__name__}:{Configurator.__qualname__}":
            log_info("the configurator %s is there and configures OpenTelemetry", entry_point.name)
            return entry_point.load()
    return None


@guarded(None)
def _of_the_sdk() -> Any:
    """Load the SDK's, which distributions derive theirs from; it exports where ``OTEL_TRACES_EXPORTER`` says so."""
    from opentelemetry.sdk._configuration import _OTelSDKConfigurator  # noqa: PLC0415 - most processes do not need it

    return _OTelSDKConfigurator
