"""A real `celery worker` process does the work; results come back over the rpc backend."""

import os
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone

from check import check, done, same, unique, until

os.environ["CELERY_QUEUE"] = unique("celery")

from celery import chain, group  # noqa: E402
from celery_app import add, app, broken, echo, flaky, total  # noqa: E402

log = tempfile.TemporaryFile("w+")
worker = subprocess.Popen(
    [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "--pool", "solo", "--concurrency", "1",
     "--loglevel", "info", "--hostname", f"{unique('worker')}@%h", "--without-gossip"],
    stdout=log, stderr=subprocess.STDOUT,
)


def worker_log():
    log.seek(0)
    return log.read()


def steps():
    until("the worker", lambda: worker.poll() is not None or "ready." in worker_log(), 40)
    check(worker.poll() is None, "the worker runs")

    print("# results", flush=True)
    same(add.delay(2, 3).get(timeout=20), 5)
    results = [add.delay(n, n) for n in range(50)]
    same([result.get(timeout=20) for result in results], [2 * n for n in range(50)])
    same(echo.delay("ä" * 100_000).get(timeout=20), "ä" * 100_000)

    print("# group, chain", flush=True)
    same(group(add.s(n, 1) for n in range(10))().get(timeout=20), list(range(1, 11)))
    same(chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=20), 10)
    same(total.delay([1, 2, 3]).get(timeout=20), 6)

    print("# retry", flush=True)
    same(flaky.delay(2).get(timeout=20), 2)

    print("# failure", flush=True)
    try:
        broken.delay().get(timeout=20)
        check(False, "a failing task raised nothing")
    except ValueError as error:
        same(str(error), "on purpose")

    print("# countdown and eta", flush=True)
    # More delayed tasks than the prefetch: the worker must raise its prefetch, or the quick ones behind them stall.
    delayed = [add.apply_async((n, 100), countdown=3) for n in range(6)]
    eta = datetime.now(timezone.utc) + timedelta(seconds=2)
    delayed.append(add.apply_async((6, 100), eta=eta))
    started = time.monotonic()
    same([add.delay(n, 0).get(timeout=2.5) for n in range(5)], list(range(5)), "quick tasks pass the delayed ones")
    check(time.monotonic() - started < 2.5, "without waiting for them")
    same([result.get(timeout=20) for result in delayed], [100 + n for n in range(7)])
    check(time.monotonic() - started >= 1.9, "the delay was kept")

    print("# remote control", flush=True)
    replies = app.control.ping(timeout=2)
    check(len(replies) >= 1 and list(replies[0].values())[0] == {"ok": "pong"}, repr(replies))
    check(app.control.inspect(timeout=2).registered(), "inspect registered")
    revoked = add.apply_async((1, 1), countdown=30)
    revoked.revoke()


try:
    steps()
    worker.terminate()
    same(worker.wait(20), 0, "the worker's exit code")
except BaseException:
    worker.kill()
    print(worker_log()[-6000:], flush=True)
    raise
done("celery")
