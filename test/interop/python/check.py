"""Counts what held; the run reads the closing lines."""

import os
import time
import uuid

URL = os.environ["AMQP_URL"]
HOST = os.environ["AMQP_HOST"]
PORT = int(os.environ["AMQP_PORT"])
DROPPABLE_URL = os.environ["AMQP_DROPPABLE_URL"]

_checks = 0


def check(condition, what="a check"):
    global _checks
    assert condition, what
    _checks += 1


def same(actual, expected, what=""):
    check(actual == expected, f"{what}: {actual!r} is not {expected!r}")


def until(what, condition, limit=10.0):
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {limit} s in vain: {what}")
        time.sleep(0.01)


def unique(name):
    return f"{name}-{uuid.uuid4().hex[:8]}"


def drop_connections():
    import urllib.request

    request = urllib.request.Request(os.environ["AMQP_DROP_CONTROL"], method="DELETE")
    urllib.request.urlopen(request, timeout=5).close()


def done(library):
    from importlib.metadata import version

    print(f"with: {library} {version(library)}")
    print(f"checks: {_checks}", flush=True)
