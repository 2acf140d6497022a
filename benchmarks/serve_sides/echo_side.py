"""The least that can answer: one thread that sends the same bytes for each request, the ceiling of the load.

The arguments are the port, and the answer as hexadecimal text.
"""

from __future__ import annotations

import select
import socket
import sys


def main(port: str, answer: str) -> None:
    body = bytes.fromhex(answer)
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=128)
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    while True:
        for descriptor, _ in epoll.poll():
            if descriptor == listener.fileno():
                connection, _ = listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[connection.fileno()] = connection
                epoll.register(connection, select.EPOLLIN)
            elif connections[descriptor].recv(1 << 16):
                connections[descriptor].sendall(response)
            else:
                epoll.unregister(descriptor)
                connections.pop(descriptor).close()


if __name__ == "__main__":
    main(*sys.argv[1:])
