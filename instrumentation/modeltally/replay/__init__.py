"""Imports recorded operations from a CSV file through the same public wrappers a service uses."""

from modeltally.replay._feed import Delivered, Feed, PastOperation
from modeltally.replay._formats import FORMATS, Column, CsvFormat, Ending, Kind
from modeltally.replay._rows import BadRow, CsvRows
from modeltally.replay._run import Account, replay_file

__all__ = [
    "FORMATS",
    "Account",
    "BadRow",
    "Column",
    "CsvFormat",
    "CsvRows",
    "Delivered",
    "Ending",
    "Feed",
    "Kind",
    "PastOperation",
    "replay_file",
]
