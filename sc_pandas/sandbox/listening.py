"""The listening side: a thread for each connection that reads requests and writes what the front answers."""

import contextlib
import http.server
import os
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from sc_pandas import forks
from sc_pandas.sandbox.messages import Answer, Request, Script

_IDLE_S: Final = 60.0
_PATIENCE_S: Final = 10.0
_ABRUPT: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST


# Answers a request; the event is set when the sandbox closes, and ends every wait.
Respond = Callable[[Request, threading.Event], "Answer | Script"]


class Listener:
    """Serves on the loopback address until it is closed."""

    def __init__(self, listening: socket.socket, respond: Respond) -> None:
        self.respond = respond
        self.closed = threading.Event()
        self._listening = listening
        self._lock = forks.new_lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._process = os.getpid()
        self._name = f"sc-pandas-sandbox-{listening.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, name=self._name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving: connections are torn, the socket is closed, the threads have ended."""
        if os.getpid() != self._process:
            return  # after a fork the sockets are the parent's
        self.closed.set()
        with contextlib.suppress(OSError):  # wakes the thread that accepts
            socket.create_connection(self._listening.getsockname(), timeout=1.0).close()
        self._thread.join(_PATIENCE_S)
        self._listening.close()
        with self._lock:
            connections = dict(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in connections.values():
            thread.join(_PATIENCE_S)

    def _accept(self) -> None:
        while not self.closed.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                # Too few file handles, or whoever called is gone already: others may come.
                self.closed.wait(0.05)
                continue
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(_IDLE_S)
            thread = threading.Thread(target=self._serve, args=(connection,), name=self._name, daemon=True)
            with self._lock:
                self._open[connection] = thread
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        # Whoever hangs up in the middle, or is cut off when the sandbox closes, is no error of the sandbox.
        try:
            with contextlib.suppress(OSError, ValueError):
                _Conversation(connection, ("", 0), cast("Any", self))
        finally:
            connection.close()
            with self._lock:
                del self._open[connection]


class _Conversation(http.server.BaseHTTPRequestHandler):
    """The requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer  # which methods are served is the front's to say
        raise AttributeError(name)

    def log_message(self, *_args: object) -> None:
        """Print nothing: the truth log has it."""

    def _answer(self) -> None:
        listener = cast("Listener", self.server)
        length = self.headers.get("Content-Length") or "0"
        is_plain = re.fullmatch(r"\d{1,7}", length, re.ASCII) and "Transfer-Encoding" not in self.headers
        if not is_plain or self.request_version == "HTTP/0.9":
            self.close_connection = True
            self.send_error(400)
            return
        path, _, query = self.path.partition("?")
        request = Request(
            method=self.command,
            target=self.path,
            path=path,
            pairs=tuple(parse_qsl(query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(length)),
        )
        answer = listener.respond(request, listener.closed)
        if listener.closed.is_set():
            self.close_connection = True
        elif isinstance(answer, Script):
            self._play(answer, listener.closed)
        else:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.all_headers():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self._headers_buffer: list[bytes]
        self._headers_buffer += [b"\r\n", b"" if self.command == "HEAD" else answer.body]
        self.flush_headers()  # one write for head and body

    def _play(self, script: Script, closed: threading.Event) -> None:
        """Write a script's bytes as they are, past everything that would refuse them, and hang up."""
        self.close_connection = True
        for piece in script.pieces:
            self.connection.sendall(piece)
            if closed.wait(script.pause_s):
                return
        _linger(self.connection, script.linger_s, closed)
        if script.end == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABRUPT)
        else:
            self.connection.shutdown(socket.SHUT_WR)


def _linger(connection: socket.socket, seconds: float, closed: threading.Event) -> None:
    """Wait until the time is over, the other side has gone or the sandbox closes."""
    end = time.monotonic() + seconds
    while not closed.is_set() and (left := end - time.monotonic()) > 0:
        readable, _, _ = select.select([connection], [], [], min(left, 0.1))
        if readable and not connection.recv(65_536):
            return
