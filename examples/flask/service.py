"""One of two services that call each other over mutual TLS.

    PORT=20001 PEER=20002 service.py a

It reads a/ca.crt, a/tls.crt and a/tls.key once, when it starts; to make it read
them again the agent restarts it. What happens it prints as lines of JSON.
"""

import json
import logging
import os
import signal
import socket
import ssl
import sys
import threading

from flask import Flask, request
from werkzeug.serving import make_server

import client

NAME = sys.argv[1]
CA, CERT, KEY = f"{NAME}/ca.crt", f"{NAME}/tls.crt", f"{NAME}/tls.key"
PEER = int(os.environ["PEER"])

app = Flask(__name__)


@app.get("/")
def index():
    caller = request.environ["werkzeug.socket"].getpeercert()
    return {"service": NAME, "caller": common_name(caller), "caller_serial": caller["serialNumber"]}


def common_name(certificate):
    return next(value for ((name, value),) in certificate["subject"] if name == "commonName")


def server_context():
    """Demands a certificate of the CA from every client."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=CA)
    made.load_cert_chain(CERT, KEY)
    made.verify_mode = ssl.CERT_REQUIRED
    return made


def say(event, **facts):
    print(json.dumps({"event": event, "service": NAME, "pid": os.getpid(), **facts}), flush=True)


def call_peer(tls):
    try:
        answer, certificate, attempts = client.call(PEER, tls)
    except client.FAILURES as error:
        say("failed", error=client.describe(error))
    else:
        say("called", attempts=attempts, answer=answer, serial=certificate["serialNumber"])


def main():
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    socket.setdefaulttimeout(5)  # a client that says nothing must not hold up the others
    server = make_server("127.0.0.1", int(os.environ["PORT"]), app, ssl_context=server_context())
    tls = client.context(CA, CERT, KEY)

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    serving = threading.Thread(target=server.serve_forever, args=(0.1,))
    serving.start()
    say("started")
    # A call under way is ended first, and the peer's calls are answered until then.
    while True:
        call_peer(tls)
        if stop.wait(1):
            break
    server.shutdown()
    serving.join()


if __name__ == "__main__":
    main()
