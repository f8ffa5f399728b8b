"""The object stores of one machine beyond the laws: killed writers, metadata, permissions, locks."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.runner_fixtures import Lake, eventually

from openaq_assets.errors import PlatformError
from openaq_assets.platforms.files import FileStore

_PUT_FOREVER = """
import sys
from openaq_assets.platforms.files import FileStore
store, body = FileStore(), b"x" * 4_000_000
for n in range(100_000):
    store.put_new(f"{sys.argv[1]}/new/{n:06d}.json", body, {"status": "200"})
    store.put(f"{sys.argv[1]}/one.json", body)
    print(n, flush=True)
    if n > 30:
        import os; os.unlink(f"{sys.argv[1]}/new/{n - 30:06d}.json")
"""


@pytest.mark.parametrize("after", [1, 4, 9])
def test_a_killed_writer_leaves_no_half_object(tmp_path: Path, after: int) -> None:
    """After kill -9 in the middle of writing, every listed object is whole."""
    command = [sys.executable, "-c", _PUT_FOREVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        for _ in range(after):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
    uris = list(FileStore().list(str(tmp_path)))
    assert len(uris) >= after
    assert {len(FileStore().get(uri)) for uri in uris} == {4_000_000}


def test_sidecars_lie_beside_and_are_the_winners(tmp_path: Path) -> None:
    """The facts of an object are in a hidden file of its folder, written once."""
    uri = str(tmp_path / "a.json")
    FileStore().put_new(uri, b"x", {"status": "200"})
    FileStore().put_new(uri, b"x", {"status": "500"})
    assert (tmp_path / ".a.json.meta").read_text() == '{"status": "200"}'
    assert list(FileStore().list(str(tmp_path))) == [uri]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.json.meta", "a.json"]


def test_files_have_the_permissions_of_the_user(tmp_path: Path) -> None:
    """Threads that write at once neither read nor change the umask of the process."""
    before = os.umask(0o027)
    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda n: FileStore().put(f"{tmp_path}/{n}.json", b"x"), range(200)))
        modes = {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.json")}
        assert modes == {0o640}
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_what_cannot_be_written_is_reported_in_a_line(tmp_path: Path) -> None:
    """A root that is a file gives PlatformError with the path and the reason, and leaves nothing behind."""
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(PlatformError, match=r"cannot write .*/file/a/b\.json: .*\. Check the folder") as error:
        FileStore().put(f"{tmp_path}/file/a/b.json", b"x")
    assert "\n" not in str(error.value)
    (tmp_path / "folder.json" / "x").mkdir(parents=True)
    with pytest.raises(PlatformError, match="cannot write"):
        FileStore().put(f"{tmp_path}/folder.json", b"x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.json"]


def test_a_folder_is_locked_by_a_single_writer(lake: Lake) -> None:
    """Whoever holds a folder alone keeps every other writer of it waiting."""
    store = lake.platform.objects
    if not hasattr(store, "alone"):
        pytest.skip("only where one machine holds the lake")
    inside, most = [0], [0]

    def work(_: int) -> None:
        with store.alone(lake.home.uri("processed")):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            threading.Event().wait(0.002)
            inside[0] -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(40)))
    assert most[0] == 1
    assert list(store.list(lake.home.uri())) == []


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    """A folder held by a process that is killed can be held by the next."""
    hold = (
        "import sys, time; from openaq_assets.platforms.files import FileStore\n"
        "with FileStore().alone(sys.argv[1]): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline()
        got = threading.Event()

        def take() -> None:
            with FileStore().alone(str(tmp_path)):
                got.set()

        thread = threading.Thread(target=take)
        thread.start()
        assert not got.wait(0.2)
        holder.kill()
        eventually(got.is_set)
        thread.join()


def test_what_killed_writers_left_goes(tmp_path: Path) -> None:
    """Whoever holds a folder removes what lies there half-written for a day; nothing younger, and no object."""
    for name, age in ((".a.tmp", 90_000), (".b.tmp", 60), ("c.tmp", 90_000), (".d.meta", 90_000)):
        (tmp_path / name).write_bytes(b"x")
        os.utime(tmp_path / name, (time.time() - age, time.time() - age))
    with FileStore().alone(str(tmp_path)):
        assert {path.name for path in tmp_path.iterdir()} == {".b.tmp", "c.tmp", ".d.meta", ".lock"}
