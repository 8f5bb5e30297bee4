"""What the work of models costs: as services say it, and by the prices that the team has set."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - the row types are read at run time
from typing import Annotated, TypedDict

from modeltally.analytics.arguments import BY_OR_USER, OPERATION
from modeltally.analytics.topic import Argument, Layout, Topic

__all__ = ["COST", "PRICES", "TOPICS", "CostRow", "PriceRow"]

# what costs is asked of a model, whoever's it is
_OPERATION = Argument(
    OPERATION.parameter, flag=OPERATION.flag, what=OPERATION.what, example=OPERATION.example, default="model.request"
)


class CostRow(TypedDict):
    """What the work of one subject cost in one currency."""

    subject: Annotated[str, "Whose work it was: a model, project, user (by the hash) or other; empty for all, or none."]
    currency: Annotated[str, "The currency; empty where a service said a cost without one, or there is no cost."]
    operations: Annotated[int, "Operations of the subject that began in the window, whatever they cost."]
    reported: Annotated[int, "Those of them for which a service said a cost in this currency."]
    cost_reported: Annotated[float | None, "Those costs together; empty where none was said."]
    priced: Annotated[int, "Operations that a price in this currency is valid for."]
    unpriced: Annotated[int, "Operations of the subject that no price is valid for, in any currency."]
    cost_by_price: Annotated[float | None, "What the priced ones cost by the team's prices; empty where none is."]
    cost_of_tokens: Annotated[float | None, "Of that, for tokens."]
    cost_of_requests: Annotated[float | None, "Of that, for requests that ended and were not cancelled."]
    cost_of_gpu_time: Annotated[float | None, "Of that, for the time that operations took, each on one device."]
    busy_hours: Annotated[float, "Hours that the subject's operations took which finished and were not cancelled."]


COST = Topic(
    name="cost",
    group="Cost",
    sentence="What the work of each model, project, user or other subject cost: as services said, and by your prices.",
    view="cost_by_subject",
    row=CostRow,
    layout=Layout(
        "Cost",
        columns=(
            "subject",
            "currency",
            "operations",
            "cost_reported",
            "cost_by_price",
            "cost_of_tokens",
            "cost_of_requests",
            "cost_of_gpu_time",
            "unpriced",
        ),
        first_to_give_way=("cost_of_requests", "cost_of_tokens", "cost_of_gpu_time"),
        when_empty="nothing is stored of this window: this is read from events, which expire",
    ),
    arguments=(BY_OR_USER, _OPERATION),
)


class PriceRow(TypedDict):
    """One price that the team has set."""

    model: Annotated[str, "The model it is for, or all."]
    is_of_every_model: Annotated[bool, "Whether it is for every model that has no price of its own."]
    unit: Annotated[str, "What it is for: a million input, cached or output tokens, a request, a gpu_hour."]
    amount: Annotated[float, "How much."]
    currency: Annotated[str, "In which currency."]
    valid_from: Annotated[date, "The first day (UTC) on which it is valid."]
    valid_until: Annotated[date | None, "The day from which it is not valid any more; empty where no end is set."]
    set_at: Annotated[datetime, "When it was set: of several that are valid on a day, the one set last counts."]


PRICES = Topic(
    name="prices",
    group="Cost",
    sentence="The prices that the team has set and that are valid in the window.",
    view="prices_by_model",
    row=PriceRow,
    layout=Layout(
        "Prices",
        columns=("model", "unit", "amount", "currency", "valid_from", "valid_until", "set_at"),
        first_to_give_way=("set_at",),
        when_empty="no price is set; set one: modeltally price flux gpu-hour 2.50 USD --from 2026-03-01",
    ),
    settings=(),
    has_as_of=False,
    is_of_operations=False,
)

TOPICS = (COST, PRICES)
