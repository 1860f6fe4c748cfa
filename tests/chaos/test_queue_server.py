"""The queue server of the testbed dies and comes back as a real one would."""

from pathlib import Path

from testbed.queue_server import QueueServer


def test_a_killed_server_comes_back_with_what_was_written_and_without_what_was_cut_off(tmp_path: Path) -> None:
    server = QueueServer(tmp_path, persist=True)
    try:
        with server.client() as client:
            client.set("first", "kept")
            on_disk = server.append_only_file().stat().st_size
            client.set("second", "lost")
        server.part.kill()
        server.cut_append_only_file(on_disk + 3)  # in the middle of the second command
        server.start()
        with server.client() as client:
            assert client.mget("first", "second") == ["kept", None]
            client.set("third", "kept")
        server.part.kill()
        server.start()
        with server.client() as client:
            assert client.get("third") == "kept"
    finally:
        server.part.end()
