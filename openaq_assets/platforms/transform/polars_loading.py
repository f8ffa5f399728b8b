"""Settings of Python and Polars for days of rows: fast loading, few threads, no garbage collection."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

THREADS = "POLARS_MAX_THREADS"


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause garbage collection inside a ``with`` block, where many objects are made and all are needed."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def loading_polars() -> Iterator[None]:
    """Pause garbage collection while Polars is imported inside a ``with`` block, and exempt it afterwards.

    Otherwise collections would take a tenth of the time of a process that transforms a day. Polars gets one
    thread, unless the environment sets another number: to sort the rows of a day takes less time than to
    wake up another thread, and days are transformed in parallel.
    """
    if "polars" in sys.modules or not gc.isenabled():
        yield
        return
    chosen = os.environ.get(THREADS)
    with uncollected():
        os.environ.setdefault(THREADS, "1")
        try:
            import polars

            polars.thread_pool_size()  # fixes the number of threads
        finally:
            if chosen is None:
                del os.environ[THREADS]
        yield
        gc.freeze()
