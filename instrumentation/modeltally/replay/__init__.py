"""Imports recorded operations from a log through the same public wrappers a service uses."""

from modeltally.replay._feed import Delivered, Feed, PastOperation
from modeltally.replay._formats import FORMATS, Column, Ending, Kind, LogFormat
from modeltally.replay._rows import BadRow, LogRows
from modeltally.replay._run import MAPPING, Account, replay_file

__all__ = [
    "FORMATS",
    "MAPPING",
    "Account",
    "BadRow",
    "Column",
    "Delivered",
    "Ending",
    "Feed",
    "Kind",
    "LogFormat",
    "LogRows",
    "PastOperation",
    "replay_file",
]
