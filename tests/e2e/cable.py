"""The network between browser and server, as something a test can pull out and plug in again."""

import selectors
import socket
import threading
import time
from contextlib import suppress

CHUNK = 64 * 1024
PIECE = 512


class Cable:
    """Forwards one local port to `target`, a port that may change while it runs."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.target = 0
        self.pause_seconds = 0.0  # between pieces of PIECE bytes; 0 for whatever comes at once
        self._lock = threading.Lock()
        self._is_cut = False
        self._flows = threading.Event()
        self._flows.set()
        self._ends: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Drop every connection; new ones are dropped too until `plug`."""
        with self._lock:
            self._is_cut = True
            for end in self._ends:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def plug(self) -> None:
        with self._lock:
            self._is_cut = False

    def hold(self) -> None:
        """Carry nothing more, and keep every connection: as a server that has stopped."""
        self._flows.clear()

    def release(self) -> None:
        self._flows.set()

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            try:
                with self._lock:
                    if self._is_cut:
                        raise OSError("cut")
                    far = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                    far.settimeout(None)
                    self._ends |= {near, far}
            except OSError:
                near.close()
                continue
            threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with selectors.DefaultSelector() as selector, suppress(OSError):
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while True:
                for key, _events in selector.select():
                    data = key.fileobj.recv(CHUNK)  # type: ignore[union-attr]  # a socket
                    self._flows.wait()
                    if not data:
                        raise OSError("closed")
                    self._send(key.data, data)
        with self._lock:
            self._ends -= {near, far}
        near.close()
        far.close()

    def _send(self, end: socket.socket, data: bytes) -> None:
        pause = self.pause_seconds
        if not pause:
            end.sendall(data)
            return
        for start in range(0, len(data), PIECE):
            end.sendall(data[start : start + PIECE])
            time.sleep(pause)
