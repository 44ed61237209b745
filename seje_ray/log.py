"""Structured logs: JSON lines in files beside the run; the terminal is for people."""

import json
import logging
import os
import socket
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seje_ray import __version__
from seje_ray.plain_text import as_json_line

LOGGER = logging.getLogger("seje_ray")


class JsonLines(logging.Formatter):
    """A record as one line: time in UTC, level, event, then the event's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without its end."""
        moment = time.gmtime(record.created)
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", moment) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        return as_json_line(json.dumps(line, ensure_ascii=False, default=str))


class _LogFile(logging.FileHandler):
    """A file that is full or gone costs lines of the log, and nothing of the work or the screen."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # of logging
        """Write nothing elsewhere."""


def event(name: str, *, error: BaseException | None = None, **fields: Any) -> None:
    """Log that something happened; ``error`` adds its type, text and traceback."""
    if error is not None:
        trace = traceback.format_exception(error)
        fields |= {"error": type(error).__name__, "text": str(error), "traceback": "".join(trace)}
    level = logging.INFO if error is None else logging.ERROR
    LOGGER.log(level, name, extra={"fields": fields})


def log_file() -> Path | None:
    """The file that this process's events go to; None where there is none."""
    files = [h.baseFilename for h in LOGGER.handlers if isinstance(h, logging.FileHandler)]
    return Path(files[-1]) if files else None


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Append this process's events, and Python's warnings, to the file ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = _LogFile(path, encoding="utf-8", delay=True)
    handler.setFormatter(JsonLines())
    loggers = (LOGGER, logging.getLogger("py.warnings"))
    kept = [(logger, logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
        logger.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        for logger, propagates, level in kept:
            logger.removeHandler(handler)
            logger.propagate = propagates
            logger.setLevel(level)
        handler.close()


@contextmanager
def logged(path: Path, **fields: Any) -> Iterator[None]:
    """``logged_to`` around a whole piece of work: how it began and how it ended are events."""
    started = time.monotonic()
    with logged_to(path):
        event("started", version=__version__, host=socket.gethostname(), pid=os.getpid(), **fields)
        try:
            yield
        except BaseException as error:
            outcome = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            event(outcome, error=error, seconds=round(time.monotonic() - started, 1))
            raise
        event("finished", seconds=round(time.monotonic() - started, 1))
