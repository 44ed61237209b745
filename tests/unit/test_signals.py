"""SIGTERM is Ctrl-C."""

import os
import signal
import threading

import pytest

from seje_ray.signals import sigterm_as_interrupt


def terminate_this_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(10)


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN, signal.SIG_DFL])
def test_sigterm_interrupts_whatever_a_shell_has_made_of_ctrl_c(handler):
    """Background jobs of a shell ignore Ctrl-C, and still end; the handler before comes back."""
    before, term = signal.signal(signal.SIGINT, handler), signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(KeyboardInterrupt), sigterm_as_interrupt():
            terminate_this_process()
        assert signal.getsignal(signal.SIGTERM) == term
    finally:
        signal.signal(signal.SIGINT, before)


def test_elsewhere_than_in_the_main_thread_nothing_changes():
    """Python lets no other thread set handlers."""
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with sigterm_as_interrupt():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
