"""The names that may pass are the local receiver's."""

from __future__ import annotations

from collector.allow_list import CONFIGURATION, filled


def test_the_configuration_names_what_the_local_receiver_names() -> None:
    """The sections between markers are what the generator writes: ``make collector-names`` mends a difference."""
    text = CONFIGURATION.read_text()
    assert filled(text) == text
