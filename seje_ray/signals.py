"""SIGTERM, by which clusters and service managers end a command, ends it as Ctrl-C does."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def sigterm_as_interrupt() -> Iterator[None]:
    """Let SIGTERM raise ``KeyboardInterrupt`` in the main thread; nothing elsewhere."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before if before is not None else signal.SIG_DFL)


def interrupt_main_thread() -> None:
    """What Ctrl-C does, from any thread, also where a shell (`nohup`, `&`) has Ctrl-C ignored.

    There it is SIGTERM, within ``sigterm_as_interrupt``. A real signal also ends a wait in C,
    unlike ``_thread.interrupt_main``.
    """
    is_heeded = callable(signal.getsignal(signal.SIGINT))
    number = signal.SIGINT if is_heeded else signal.SIGTERM
    signal.pthread_kill(threading.main_thread().ident or 0, number)


def _interrupt(number: int, frame: Any) -> None:
    """What Ctrl-C would do now; a background job's shell has it ignored."""
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.SIG_DFL, None):
        raise KeyboardInterrupt
    os.kill(os.getpid(), signal.SIGINT)
