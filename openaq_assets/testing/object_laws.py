"""The laws of an object store."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from openaq_assets.testing.lake import Lake


class ObjectStoreLaws:
    """The laws of the objects of every platform."""

    def test_only_the_first_of_many_writers_writes(self, lake: Lake) -> None:
        """Of eight threads that put the same new object, put_new is True for the one whose bytes stay."""
        store = lake.platform.objects
        for turn in range(20):
            uri = lake.home.uri("raw", f"object-{turn}.json")
            start = threading.Barrier(8)

            def put(number: int, uri: str = uri, start: threading.Barrier = start) -> bool:
                start.wait()
                return store.put_new(uri, b"%d" % number * 1000, {"by": str(number)})

            with ThreadPoolExecutor(8) as threads:
                won = list(threads.map(put, range(8)))
            assert won.count(True) == 1
            assert store.get(uri) == b"%d" % won.index(True) * 1000

    def test_put_new_leaves_what_is_there(self, lake: Lake) -> None:
        """A second put_new answers False and changes nothing."""
        store, uri = lake.platform.objects, lake.home.uri("a.json")
        assert store.put_new(uri, b"first", {"status": "200"})
        assert not store.put_new(uri, b"second", {"status": "500"})
        assert store.get(uri) == b"first"

    def test_put_replaces(self, lake: Lake) -> None:
        """A put replaces what is there, also by nothing; a put_new after it changes nothing."""
        store, uri = lake.platform.objects, lake.home.uri("a.json")
        for body in (b"first", b"second", b""):
            store.put(uri, body)
            assert store.get(uri) == body
        assert not store.put_new(uri, b"third")
        assert store.get(uri) == b""

    def test_a_reader_never_sees_half_an_object(self, lake: Lake) -> None:
        """While an object is replaced over and over, every read gives a whole body."""
        store, uri = lake.platform.objects, lake.home.uri("big.bin")
        bodies = [bytes([n]) * 300_000 for n in range(5)]
        store.put(uri, bodies[0])
        enough = threading.Event()

        def write() -> None:
            turn = 0
            while not enough.is_set():
                store.put(uri, bodies[turn % 5])
                turn += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            read = [store.get(uri) for _ in range(200)]
        finally:
            enough.set()
            writer.join()
        assert all(body in bodies for body in read)

    def test_listing_is_in_order_and_of_a_single_folder(self, lake: Lake) -> None:
        """Listing gives every object below a folder in order of names, and nothing beside it."""
        store = lake.platform.objects
        names = ["b/2.json", "a/1.json", "a-b/1.json", "a/é ü.json", "a/10.json", "ab.json", "a/x/y.json"]
        for name in names:
            store.put_new(lake.home.uri("raw", name), b"x", {"status": "200"})
        uris = list(store.list(lake.home.uri("raw")))
        assert uris == sorted(lake.home.uri("raw", name) for name in names)
        inside = [uri.rsplit("/raw/", 1)[1] for uri in store.list(lake.home.uri("raw", "a"))]
        assert inside == sorted(name for name in names if name.startswith("a/"))

    def test_a_folder_that_is_not_there_is_empty(self, lake: Lake) -> None:
        """Listing nothing is no error; getting nothing is FileNotFoundError."""
        assert list(lake.platform.objects.list(lake.home.uri("nowhere"))) == []
        with pytest.raises(FileNotFoundError):
            lake.platform.objects.get(lake.home.uri("nowhere", "a.json"))

    def test_delete_twice(self, lake: Lake) -> None:
        """Deleting what is gone does nothing, and what is gone can be written anew."""
        store, uri = lake.platform.objects, lake.home.uri("a.json")
        store.put(uri, b"x")
        store.delete(uri)
        store.delete(uri)
        assert list(store.list(lake.home.uri())) == []
        assert store.put_new(uri, b"y")
