"""What the tests of libraries share."""

from modeltally.testing import captured

__all__ = ["captured"]
