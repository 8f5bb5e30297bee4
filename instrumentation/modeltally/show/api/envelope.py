"""How an answer is shaped: what it rests on is the same in each, beside rows of the topic's own type."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the models are read at run time
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

if TYPE_CHECKING:
    from modeltally.analytics.topic import Topic
    from modeltally.analytics.trust import Trust

__all__ = ["Envelope", "Page", "TrustModel", "WindowModel", "answer_model", "basis", "row_model"]


class WindowModel(BaseModel):
    """The window of an answer as it was served."""

    model_config = ConfigDict(title="Window")

    since: datetime = Field(description="Where it begins.")
    until: datetime = Field(description="Where it ends; what began then is not in it.")
    tz: str = Field(description="The time zone in which its days and hours begin.")


class TrustModel(BaseModel):
    """What an answer rests on."""

    model_config = ConfigDict(title="Trust")

    window_since: datetime = Field(description="Where the window as it was served begins.")
    window_until: datetime = Field(description="Where it ends.")
    as_of: datetime = Field(description="The time the answer goes by.")
    zone: str = Field(description="The time zone in which its days and hours begin.")
    n: int | None = Field(description="How many operations its figures are of; null where that is no single number.")
    coverage: str | None = Field(description="How much of what happened is counted; exact where nothing was sampled.")
    known_loss: int | None = Field(
        description="Operations that processes say they lost; null where none said anything."
    )
    newest_at: datetime | None = Field(description="When the newest of the window's events was received.")
    data_age_seconds: float | None = Field(description="How long that was before as_of.")
    dirty_hours: int = Field(description="Hours that were counted from their events.")
    quarantined: int = Field(description="Spans received in the window that cannot be counted.")
    late: int = Field(description="Events of the window that came after their month was closed.")
    answer_age_seconds: float = Field(description="How long ago the answer was computed; 0 unless it was kept.")


class Envelope(BaseModel):
    """What every answer carries."""

    window: WindowModel = Field(description="What the answer is about.")
    as_of: datetime = Field(description="The time the answer goes by.")
    coverage: str | None = Field(description="How much of what happened is counted; exact where nothing was sampled.")
    known_loss: int | None = Field(description="Operations that processes say they lost in the window.")
    data_age_seconds: float | None = Field(description="How old the newest data in the window were at as_of.")


class Page(Envelope):
    """A list, or a part of one."""

    trust: TrustModel = Field(description="All that the answer rests on.")
    empty: str | None = Field(description="Why there is nothing to tell; null where something is told.")
    total_rows: int = Field(description="How many rows the whole answer has.")
    next_cursor: str | None = Field(description="What to give as cursor to get the rows behind these; null at the end.")


def basis(trust: Trust) -> dict[str, Any]:
    """Give what every answer carries, as what JSON can hold."""
    told = trust.to_dict()
    return {
        "window": {"since": told["window_since"], "until": told["window_until"], "tz": told["zone"]},
        "as_of": told["as_of"],
        "coverage": told["coverage"],
        "known_loss": told["known_loss"],
        "data_age_seconds": told["data_age_seconds"],
    }


def row_model(row: type, *, sentence: str) -> type[BaseModel]:
    """Make the type of a topic's rows.

    Args:
        row: The typed dictionary.
        sentence: What a row is.
    """
    fields: dict[str, Any] = {}
    for (name, kind), hint in zip(
        get_type_hints(row).items(), get_type_hints(row, include_extras=True).values(), strict=True
    ):
        fields[name] = (kind, Field(description=hint.__metadata__[0]))
    return create_model(row.__name__, __doc__=sentence, **fields)


def answer_model(topic: Topic[Any]) -> type[BaseModel]:
    """Make the type of a topic's answer."""
    row = row_model(topic.row, sentence=str(topic.row.__doc__))
    name = "".join(part.capitalize() for part in topic.name.split("-"))
    return create_model(
        f"{name}Answer",
        __base__=Page,
        __doc__=topic.sentence,
        topic=(str, Field(description="What was asked.")),
        rows=(list[row], Field(description="The rows, in the order asked for.")),  # type: ignore[valid-type] # made here
    )
