"""A language model that is a local server and gives one answer to everything."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any


@contextmanager
def serving(status: int, answer: object, **headers: str) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that gives one answer to everything: its address, and what it was asked."""
    asked: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({"path": self.path, "key": self.headers.get("Authorization"), **body})
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()


def said(text: str) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", "content": text}}]}


class Script:
    """A language model that behaves as it is told, question by question, and notes what it was asked.

    `acts`: for each request in turn what happens, the last of them for all that follow: a status with what is said and
    headers, "drop" (hangs up), "half" (sends half of its answer and hangs up), "late" (says nothing until it is ended),
    "trickle" (a byte now and then), or a function of the messages that gives the answer's text.
    """

    def __init__(self, *acts: Any) -> None:
        self.acts, self.asked, self.marks = acts, list[list[dict[str, str]]](), list[str | None]()
        self.ended, self.lock = threading.Event(), threading.Lock()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The endpoint."""
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with script.lock:
                    act = script.acts[min(len(script.asked), len(script.acts) - 1)]
                    script.asked.append(body["messages"])
                    script.marks.append(self.headers.get("Idempotency-Key"))
                with suppress(OSError):
                    script.act(self, act, body["messages"])

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            self.ended.set()
            server.shutdown()
            server.server_close()

    def act(self, handler: BaseHTTPRequestHandler, act: Any, messages: list[dict[str, str]]) -> None:
        """One answer, or none."""
        if act == "drop":
            handler.connection.close()
            return
        if act == "late":
            self.ended.wait(30)
            return
        status, answer, headers = act if isinstance(act, tuple) else (200, act, {})
        answer = said(answer(messages)) if callable(answer) else answer
        data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        data = json.dumps(said("half a caption")).encode() if act in ("half", "trickle") else data
        handler.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        if act == "trickle":
            for byte in data:
                if self.ended.wait(0.05):
                    return
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
            return
        handler.wfile.write(data[: len(data) // 2] if act == "half" else data)
        handler.wfile.flush()
        handler.connection.close()
