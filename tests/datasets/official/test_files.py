"""files.py: downloads from a server on this machine, in the ways that servers fail."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dlib_bvae.datasets.official import files as module
from dlib_bvae.datasets.official.files import OfficialFile, Source, download
from dlib_bvae.errors import UserError

CONTENT = bytes(range(256)) * 4000
SIZE = len(CONTENT)
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """/whole ignores ranges, /ranges honours them, /wrong sends other bytes, /cut hangs up, /gone is 404,
    /moved leads to /ranges, /odd answers a range with another one.
    """

    def do_GET(self):
        kind = self.path.strip("/")
        begin = int(self.headers.get("Range", "bytes=0-")[6:-1])
        self.server.asked.append((kind, begin))
        if kind == "gone":
            self.send_error(404)
        elif kind == "moved":
            self.send_response(302)
            self.send_header("Location", "/ranges")
            self.end_headers()
        elif kind == "odd" and begin:
            self.answer(206, CONTENT[1:], 1)
        elif kind in ("ranges", "odd") and begin >= len(CONTENT):
            self.send_error(416)
        elif kind in ("ranges", "odd") and begin:
            self.answer(206, CONTENT[begin:], begin)
        elif kind == "cut":
            self.answer(206 if begin else 200, CONTENT[begin : begin + 300_000], begin, len(CONTENT) - begin)
        else:
            self.answer(200, b"x" * len(CONTENT) if kind == "wrong" else CONTENT, 0)

    def answer(self, status, content, begin, length=None):
        self.send_response(status)
        self.send_header("Content-Length", str(length or len(content)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {begin}-{begin + len(content) - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def source(server):
    def make(*kinds, checksum=MD5, size=SIZE):
        urls = tuple(f"http://127.0.0.1:{server.server_port}/{kind}" for kind in kinds)
        return Source("https://example.org/page", "free", (OfficialFile("data.bin", checksum, size, urls),))

    return make


def files(folder):
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


@pytest.mark.parametrize("kinds", [("whole",), ("moved",), ("gone", "ranges"), ("wrong", "whole")])
def test_a_mirror_that_has_it_is_found(kinds, source, tmp_path):
    (path,) = download(source(*kinds), tmp_path / "data")
    assert path.read_bytes() == CONTENT
    assert files(tmp_path / "data") == ["data.bin"]


def test_a_file_that_is_here_is_checked_and_not_fetched(source, server, tmp_path):
    (tmp_path / "data.bin").write_bytes(CONTENT)
    download(source("whole"), tmp_path)
    assert server.asked == []
    (tmp_path / "data.bin").write_bytes(CONTENT[:-1])
    with pytest.raises(UserError, match=r"data\.bin is not the official file: it has 1,023,999 bytes instead of"):
        download(source("whole"), tmp_path)


def test_a_download_goes_on_where_it_was_cut(source, server, tmp_path):
    with pytest.raises(UserError, match=r"cannot download data\.bin .*get it from .*/cut or https://example.org/page"):
        download(source("cut"), tmp_path)
    assert files(tmp_path) == ["data.bin.part"]
    assert 0 < (tmp_path / "data.bin.part").stat().st_size <= 300_000
    begun = (tmp_path / "data.bin.part").stat().st_size
    (path,) = download(source("ranges"), tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.asked[-1] == ("ranges", begun)
    assert files(tmp_path) == ["data.bin"]


@pytest.mark.parametrize("kind", ["whole", "odd", "ranges"])
@pytest.mark.parametrize("part", [CONTENT[:5000], b"y" * 5000, CONTENT + b"more", CONTENT])
def test_whatever_an_earlier_start_left_ends_well(kind, part, source, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(part)
    (path,) = download(source(kind), tmp_path)
    assert path.read_bytes() == CONTENT
    assert files(tmp_path) == ["data.bin"]


def test_a_server_that_sends_the_whole_file_is_asked_once(source, server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT[:5000])
    download(source("whole"), tmp_path)
    assert server.asked == [("whole", 5000)]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_a_finished_part_needs_no_server(source, server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    download(source("gone"), tmp_path)
    assert server.asked == []


def test_without_a_checksum_halves_are_never_joined(source, server, tmp_path):
    (tmp_path / "data.bin.part").write_bytes(b"y" * 5000)
    (path,) = download(source("ranges", checksum=None, size=None), tmp_path)
    assert path.read_bytes() == CONTENT
    assert server.asked == [("ranges", 0)]


def test_wrong_content_leaves_nothing(source, tmp_path):
    with pytest.raises(UserError, match="md5 checksum is .* instead of"):
        download(source("wrong", "gone"), tmp_path)
    assert files(tmp_path) == []


def test_no_network_is_one_sentence(tmp_path):
    urls = ("http://127.0.0.1:9/a", "http://127.0.0.1:9/b")
    source = Source("https://example.org/page", "free", (OfficialFile("data.bin", MD5, None, urls),))
    with pytest.raises(UserError) as caught:
        download(source, tmp_path)
    text = str(caught.value)
    assert "\n" not in text
    for word in ("data.bin", "127.0.0.1:9/b", "Connection refused", "example.org/page", str(tmp_path)):
        assert word in text


def test_a_file_that_needs_a_browser_says_so(source, tmp_path):
    with pytest.raises(
        UserError, match=r"data\.bin can only be had by a browser; get it from https://example.org/page"
    ):
        download(source(), tmp_path)


def test_a_folder_that_cannot_be_written_is_told(source, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot download data\.bin into .*set DLIB_BVAE_DATA_DIR to another folder"):
        download(source("whole"), tmp_path / "file" / "data")


def test_a_full_disk_is_told(source, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "full")

    monkeypatch.setattr(module.os, "replace", full)
    with pytest.raises(UserError, match=r"full; it needs 1\.0 MiB, and .* MiB are free; free some space"):
        download(source("whole"), tmp_path)
