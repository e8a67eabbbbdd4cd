"""pika's callback style: one SelectConnection that confirms, consumes and closes, then one over asyncio."""

import asyncio

import pika
from check import URL, check, done, same
from pika.adapters.asyncio_connection import AsyncioConnection

MESSAGES = 200


class Worker:
    def __init__(self, adapter, **options):
        self.acked = set()
        self.received = []
        self.closed_with = None
        self.connection = adapter(
            pika.URLParameters(URL),
            on_open_callback=self.on_open,
            on_open_error_callback=lambda _, error: self.fail(error),
            on_close_callback=self.on_close,
            **options,
        )

    def fail(self, error):
        raise AssertionError(f"could not connect: {error}")

    def on_open(self, connection):
        connection.channel(on_open_callback=self.on_channel)

    def on_channel(self, channel):
        self.channel = channel
        channel.confirm_delivery(self.on_confirm)
        channel.basic_qos(prefetch_count=7, callback=lambda _: channel.queue_declare("", exclusive=True, callback=self.on_queue))

    def on_queue(self, frame):
        self.channel.basic_consume(frame.method.queue, self.on_message)
        for n in range(MESSAGES):
            self.channel.basic_publish("", frame.method.queue, str(n))

    def on_confirm(self, frame):
        # Not counted: how many acks confirm 200 publishes is up to the broker.
        assert isinstance(frame.method, pika.spec.Basic.Ack), "basic.ack"
        last = frame.method.delivery_tag
        first = min(set(range(1, last + 1)) - self.acked) if frame.method.multiple else last
        self.acked.update(range(first, last + 1))
        self.finish()

    def on_message(self, channel, method, _properties, body):
        self.received.append(int(body))
        channel.basic_ack(method.delivery_tag)
        self.finish()

    def finish(self):
        if len(self.acked) == MESSAGES and len(self.received) == MESSAGES and self.connection.is_open:
            self.connection.close()

    def on_close(self, connection, reason):
        self.closed_with = reason
        connection.ioloop.stop()

    def judge(self):
        same(self.received, list(range(MESSAGES)), "order")
        same(self.acked, set(range(1, MESSAGES + 1)), "confirms")
        check(isinstance(self.closed_with, pika.exceptions.ConnectionClosedByClient), repr(self.closed_with))


worker = Worker(pika.SelectConnection)
worker.connection.ioloop.start()
worker.judge()

loop = asyncio.new_event_loop()
worker = Worker(AsyncioConnection, custom_ioloop=loop)
loop.run_forever()
worker.judge()
done("pika")
