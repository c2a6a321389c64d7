"""Calls over mutual TLS, and the rule by which they are repeated.

As a program it makes one such call and prints the answer, or the error that
the caller sees:

    client.py PORT [--ca FILE] [--cert FILE --key FILE]
"""

import argparse
import http.client
import json
import ssl
import time

# What a service looks like from outside while it restarts. A refused
# certificate is not among it: asking again does not mend that.
PASSING = (ConnectionError, TimeoutError, ssl.SSLEOFError, ssl.SSLZeroReturnError, http.client.HTTPException)
FAILURES = (OSError, ValueError, http.client.HTTPException)
PATIENCE = 20  # seconds
PAUSE = 0.1


def context(ca=None, cert=None, key=None):
    """Trusts the CA, or without one those of the system, and shows the certificate."""
    made = ssl.create_default_context(cafile=ca)
    if cert:
        made.load_cert_chain(cert, key)
    return made


def call_once(port, tls):
    """Returns the answer and the certificate that the callee showed."""
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=tls, timeout=5)
    try:
        connection.request("GET", "/")
        certificate = connection.sock.getpeercert()
        return json.load(connection.getresponse()), certificate
    finally:
        connection.close()


def call(port, tls):
    """Returns what call_once does, and how many attempts it took."""
    end = time.monotonic() + PATIENCE
    attempt = 1
    while True:
        try:
            return *call_once(port, tls), attempt
        except PASSING:
            if time.monotonic() > end:
                raise
        time.sleep(PAUSE)
        attempt += 1


def describe(error):
    """Names an error as a traceback does."""
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--ca")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    args = parser.parse_args()
    try:
        answer, _, _ = call(args.port, context(args.ca, args.cert, args.key))
        print(f"an answer from {answer['service']} to {answer['caller']}")
    except FAILURES as error:
        print(describe(error))
