"""Django: who asks, as the header that ``MODELTALLY_USER_HEADER`` names says, for what is asked of models meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument.libraries._asked import answered_asgi, answered_wsgi
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DjangoInstrumentor"]

_WSGI: Final = "django.core.handlers.wsgi"
_ASGI: Final = "django.core.handlers.asgi"


class DjangoInstrumentor(Instrumentor):
    """Watches applications."""

    library = "django"
    versions = ("5.2", "7")
    loss = "requests do not say who asked for them"
    modules = (_WSGI, _ASGI)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into the handler."""
        if module.__name__ == _WSGI:
            yield self.patch(module.WSGIHandler, "__call__", answered_wsgi)
        else:
            yield self.patch(module.ASGIHandler, "__call__", answered_asgi)
