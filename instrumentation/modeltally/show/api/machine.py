"""What endpoints about the server's own machine share: only some servers manage models, and what is refused is told."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from modeltally.errors import InputError, ModelTallyError, UnknownNameError
from modeltally.show.api.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.show.backend import Backend
    from modeltally.show.downloads import Downloads

__all__ = ["desk_of", "usable"]

T = TypeVar("T")


def desk_of(backend: Backend) -> Downloads:
    """Give what manages the models of the server's machine.

    Args:
        backend: What answers.

    Raises:
        ProblemError: This server manages none.
    """
    if backend.downloads is None:
        raise ProblemError(
            HTTPStatus.CONFLICT,
            "this server manages no models: `modeltally up` does, on the machine that has them",
            thing="server",
        )
    return backend.downloads


def usable(
    ask: Callable[[], T], *, missing: str, thing: str, refusals: tuple[type[ModelTallyError], ...] = (InputError,)
) -> T:
    """Do it; what is refused is a problem.

    Args:
        ask: What to do.
        missing: What an unknown name is the name of.
        thing: What refuses.
        refusals: How it refuses.

    Raises:
        ProblemError: A name is unknown, or it refused.
    """
    try:
        return ask()
    except UnknownNameError as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, str(error), thing=missing, value=error.name) from error
    except refusals as error:
        raise ProblemError(HTTPStatus.CONFLICT, str(error), thing=thing) from error
