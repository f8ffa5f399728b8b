"""Python and Polars as days of rows need them: loaded quickly, few threads, no searches for garbage."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

THREADS = "POLARS_MAX_THREADS"


@contextmanager
def uncollected() -> Iterator[None]:
    """Search for no garbage meanwhile: what makes many objects at once needs all of them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def loading_polars() -> Iterator[None]:
    """Import here what needs Polars. Its loading is not searched for garbage, nor is it at the end.

    Those searches would be a tenth of the time of a process that transforms a day. The rows of a day
    are sorted in less time than another thread takes to wake up, so there is one, unless the
    environment says otherwise; it is days that are done at the same time.
    """
    if "polars" in sys.modules or not gc.isenabled():
        yield
        return
    chosen = os.environ.get(THREADS)
    with uncollected():
        os.environ.setdefault(THREADS, "1")
        try:
            import polars

            polars.thread_pool_size()  # as many from now on
        finally:
            if chosen is None:
                del os.environ[THREADS]
        yield
        gc.freeze()
