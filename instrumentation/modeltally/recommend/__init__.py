"""What to do about it: advice with evidence, window and expiry, or a refusal that says why."""

from modeltally.recommend.advise import ADVICE_JOBS

__all__ = ["ADVICE_JOBS"]
