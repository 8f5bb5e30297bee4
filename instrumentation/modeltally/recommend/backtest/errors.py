"""What a policy did wrong; the command names the policy and goes on with the others."""

from __future__ import annotations

from modeltally.errors import ModelTallyError

__all__ = ["PolicyError"]


class PolicyError(ModelTallyError):
    """A policy gave something that is no answer; the message says what, without the policy's name."""
