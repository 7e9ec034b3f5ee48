"""A file on an HTTP server as a seekable Python file, so that `zipfile` reads one member of a wheel and no more."""

import io
from typing import Any

import requests

_TAIL_BYTES = 64 * 1024  # enough for the central directory of most wheels
_BLOCK_BYTES = 4 * 1024 * 1024  # asked for at once: what the reader turns out not to need is no more than that


class RangeFile(io.RawIOBase):
    """A read-only, seekable view of an HTTP resource, fetched by byte ranges as it is read.

    Raises OSError when the server does not honour `Range` or the connection breaks.
    """

    def __init__(self, session: requests.Session, url: str, timeout_s: float) -> None:
        self._session, self._url, self._timeout_s = session, url, timeout_s
        self._stream: requests.Response | None = None
        self._stream_at = self._stream_end = self._position = 0
        with self._request(f"bytes=-{_TAIL_BYTES}") as response:
            self._tail = response.content
            self.size = int(response.headers["Content-Range"].rpartition("/")[2])
        self._tail_at = self.size - len(self._tail)

    def _request(self, wanted: str) -> requests.Response:
        # identity: a range counts bytes of the file, not of a compressed transfer
        headers = {"Range": wanted, "Accept-Encoding": "identity"}
        response = self._session.get(self._url, headers=headers, stream=True, timeout=self._timeout_s)
        if response.status_code != 206 or "Content-Range" not in response.headers:
            response.close()
            raise OSError(f"the server answered {response.status_code} to a range request")
        return response

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Moves without asking the server for anything."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any, /) -> int:
        """Fills the buffer as far as one read of the connection goes; 0 at the end of the file."""
        wanted = min(len(buffer), self.size - self._position)
        if wanted <= 0:
            return 0
        if self._position >= self._tail_at:
            data = self._tail[self._position - self._tail_at :][:wanted]
        else:
            data = self._read_stream(wanted)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _read_stream(self, wanted: int) -> bytes:
        if self._stream is None or not self._stream_at == self._position < self._stream_end:
            self._drop_stream()
            self._stream_at, self._stream_end = self._position, min(self.size, self._position + _BLOCK_BYTES)
            self._stream = self._request(f"bytes={self._stream_at}-{self._stream_end - 1}")
        try:
            wanted = min(wanted, self._stream_end - self._position)
            data: bytes = self._stream.raw.read(wanted, decode_content=False)
        except Exception as error:  # urllib3 raises errors of its own tree here
            self._drop_stream()
            raise OSError(f"the connection broke: {error}") from error
        if not data:
            self._drop_stream()
            raise OSError("the connection closed before the file's end")
        self._stream_at = self._position + len(data)
        return data

    def _drop_stream(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def close(self) -> None:
        """Closes the connection."""
        self._drop_stream()
        super().close()
