"""Publishes with confirms and consumes with manual acknowledgements over pika until the broker is no more.

Usage: work.py URL FILE RUN QUEUE,QUEUE,... MARKER. Lines of FILE as in ../go/main.go, each written through.
"""

import os
import random
import sys

import pika

URL, FILE, RUN, QUEUES, MARKER = sys.argv[1:]
QUEUES = QUEUES.split(",")
WINDOW = 200
PROVE_EVERY = 20
PERSISTENT = pika.BasicProperties(delivery_mode=2)
lines = os.open(FILE, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o644)


def say(*words):
    os.write(lines, (" ".join(map(str, words)) + "\n").encode())


class Worker:
    """Publishes to all queues and consumes from some, on one channel."""

    def __init__(self, number, loop):
        self.number = number
        self.published = 0
        self.tag = 0
        self.waiting = {}
        self.unproven = []
        parameters = pika.URLParameters(URL)
        self.connection = pika.SelectConnection(
            parameters,
            on_open_callback=lambda connection: connection.channel(on_open_callback=self.on_channel),
            on_close_callback=self.on_close,
            on_open_error_callback=self.on_close,
            custom_ioloop=loop,
        )
        self.is_over = False

    def on_close(self, _connection, _reason):
        self.is_over = True
        if all(worker.is_over for worker in workers):
            self.connection.ioloop.stop()

    def on_channel(self, channel):
        self.channel = channel
        channel.confirm_delivery(self.on_confirm)
        channel.basic_qos(prefetch_count=50, callback=self.on_ready)

    def on_ready(self, _frame):
        for queue in QUEUES[self.number :: 2]:
            self.channel.basic_consume(queue, self.on_message, consumer_tag=queue)
        self.publish()

    def publish(self):
        for _ in range(10):
            if self.is_over or not self.channel.is_open or len(self.waiting) >= WINDOW:
                break
            self.published += 1
            queue, message = random.choice(QUEUES), f"{RUN}.{self.number}-{self.published}"
            say("p", queue, message)
            padding = "." * random.choice([0, 0, 0, 200, 200, 3000, 60000])
            self.send(queue, f"{queue} {message} {padding}", [f"c {queue} {message}"])
        if not self.is_over:
            self.connection.ioloop.call_later(0.001, self.publish)

    def send(self, queue, body, when_confirmed):
        self.tag += 1
        self.waiting[self.tag] = when_confirmed
        self.channel.basic_publish("", queue, body, PERSISTENT)

    def on_confirm(self, frame):
        method = frame.method
        tags = [tag for tag in self.waiting if tag <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        for tag in tags:
            for line in self.waiting.pop(tag):
                if isinstance(method, pika.spec.Basic.Ack):
                    say(line)

    def on_message(self, channel, method, _properties, body):
        queue = method.consumer_tag
        message = body.split(b" ", 2)[1].decode()
        say("d", queue, message, int(method.redelivered))
        if random.randrange(20) == 0:
            say("r", queue, message)
            channel.basic_nack(method.delivery_tag, requeue=True)
            return
        say("a", queue, message)
        channel.basic_ack(method.delivery_tag)
        self.unproven.append(f"h {queue} {message}")
        if len(self.unproven) >= PROVE_EVERY:
            proven, self.unproven = self.unproven, []
            self.send(MARKER, f"{MARKER} {RUN}.c{self.number}-{self.tag} ", proven)


loop = pika.adapters.select_connection.IOLoop()
workers = []
workers.extend(Worker(number, loop) for number in range(2))
loop.start()
