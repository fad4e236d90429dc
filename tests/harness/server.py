#!/usr/bin/env python3
"""A server that says who it is and whom it saw. One process answers HTTP on TCP and questions on UDP.

GET /           "NAME CLIENT-ADDRESS CLIENT-PORT"
GET /blob       the file given with --blob
POST /sum       the SHA-256 of the body
GET /bye        as /, and the server closes the connection first
GET /slow/N     as /, after N seconds
UDP             any datagram is answered as GET / is, followed by the question
Every request is a line in --log: "http|udp CLIENT-ADDRESS WHAT".
"""

import argparse
import hashlib
import http.server
import socket
import socketserver
import threading
import time


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def who(self):
        return f"{self.server.options.name} {self.client_address[0]} {self.client_address[1]}\n".encode()

    def reply(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/blob":
            with open(self.server.options.blob, "rb") as blob:
                self.reply(blob.read())
            return
        if self.path == "/bye":
            self.close_connection = True
        if self.path.startswith("/slow/"):
            time.sleep(float(self.path.removeprefix("/slow/")))
        self.reply(self.who())

    def do_POST(self):
        left = int(self.headers["Content-Length"])
        digest = hashlib.sha256()
        while left and (piece := self.rfile.read(min(left, 65536))):
            digest.update(piece)
            left -= len(piece)
        self.reply(digest.hexdigest().encode() + b"\n")

    def log_request(self, code="-", size="-"):
        write_log(self.server.options, f"http {self.client_address[0]} {self.path}")

    def log_error(self, *arguments):
        pass


class WebServer(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that goes away in the middle


class QuestionServer(socketserver.UDPServer):
    max_packet_size = 65535


class Question(socketserver.BaseRequestHandler):
    def handle(self):
        question, sock = self.request
        options = self.server.options
        write_log(options, f"udp {self.client_address[0]} {len(question)}")
        who = f"{options.name} {self.client_address[0]} {self.client_address[1]} "
        sock.sendto(who.encode() + question, self.client_address)


def write_log(options, line):
    if options.log:
        with open(options.log, "a", encoding="ascii") as log:
            log.write(line + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--http", type=int, default=80)
    parser.add_argument("--udp", type=int, default=53)
    parser.add_argument("--blob")
    parser.add_argument("--log")
    parser.add_argument("--family", type=int, choices=[4, 6], default=4)
    options = parser.parse_args()
    anywhere = "0.0.0.0"
    if options.family == 6:
        anywhere = "::"
        WebServer.address_family = QuestionServer.address_family = socket.AF_INET6
    servers = [WebServer((anywhere, options.http), Web), QuestionServer((anywhere, options.udp), Question)]
    for server in servers:
        server.options = options
    threading.Thread(target=servers[1].serve_forever, daemon=True).start()
    servers[0].serve_forever()


if __name__ == "__main__":
    main()
