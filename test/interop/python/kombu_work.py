import socket

from check import DROPPABLE_URL, URL, check, done, drop_connections, same, unique
from kombu import Connection, Consumer, Exchange, Producer, Queue
from kombu.exceptions import OperationalError
from kombu.mixins import ConsumerMixin


def produce_and_consume(connection):
    exchange = Exchange(unique("kombu"), "topic", durable=False, auto_delete=True)
    queue = Queue(unique("kombu"), exchange, routing_key="a.#", durable=False, auto_delete=True, max_priority=9)
    channel = connection.channel()
    producer = Producer(channel, exchange, serializer="json", auto_declare=True)
    seen = []

    def on_message(body, message):
        seen.append((body["n"], message.headers.get("h"), message.properties["priority"]))
        message.ack()

    with Consumer(channel, [queue], callbacks=[on_message], prefetch_count=10):
        for n in range(50):
            producer.publish({"n": n}, routing_key=f"a.{n}", headers={"h": {"deep": [n]}}, priority=3, declare=[queue])
        while len(seen) < 50:
            connection.drain_events(timeout=5)
    same(seen, [(n, {"deep": [n]}, 3) for n in range(50)])


def compression_and_large_bodies(connection):
    queue = connection.SimpleQueue(unique("simple"), queue_opts={"durable": False, "auto_delete": True})
    bodies = [({"text": "ä" * 50_000}, "zlib"), ([1, "two", None], "bzip2"), ("plain", None)]
    for body, compression in bodies:
        queue.put(body, serializer="json", compression=compression)
    for body, _ in bodies:
        message = queue.get(timeout=5)
        same(message.payload, body)
        message.ack()
    queue.close()


def requeue_reject_and_get(connection):
    channel = connection.channel()
    queue = Queue(unique("get"), exclusive=True, durable=False, channel=channel)
    queue.declare()
    Producer(channel).publish("job", routing_key=queue.name)
    message = queue.get()
    message.requeue()
    message = queue.get()
    check(message.delivery_info["redelivered"])
    message.reject()
    same(queue.get(), None)
    same(queue.purge(), 0)


def confirms():
    with Connection(URL, transport_options={"confirm_publish": True}) as connection:
        channel = connection.channel()
        queue = Queue(unique("confirmed"), exclusive=True, durable=False, channel=channel)
        queue.declare()
        for n in range(20):
            Producer(channel).publish({"n": n}, routing_key=queue.name, delivery_mode=2)
        same(queue.queue_declare(passive=True).message_count, 20)


def heartbeat():
    with Connection(URL, heartbeat=4) as connection:
        connection.ensure_connection(max_retries=1)
        check(connection.get_heartbeat_interval() > 0)
        for _ in range(3):
            connection.heartbeat_check(rate=2)
        check(connection.connected)


class Sturdy(ConsumerMixin):
    """kombu's own way to survive a cut connection."""

    def __init__(self, connection, queue):
        self.connection = connection
        self.queue = queue
        self.seen = []
        self.connects = 0

    def get_consumers(self, consumer_class, channel):
        return [consumer_class([self.queue], callbacks=[self.keep], prefetch_count=1)]

    def on_consume_ready(self, connection, channel, consumers, **options):
        self.connects += 1
        with Connection(URL) as other:
            Producer(other.channel()).publish(self.connects, routing_key=self.queue.name)

    def keep(self, body, message):
        self.seen.append(body)
        message.ack()
        if self.connects == 3:
            self.should_stop = True
        else:
            drop_connections()


def reconnects():
    queue = Queue(unique("sturdy"), durable=True)
    sturdy = Sturdy(Connection(DROPPABLE_URL), queue)
    sturdy.run()
    check({1, 2, 3} <= set(sturdy.seen), repr(sturdy.seen))
    with Connection(URL) as connection:
        queue(connection.channel()).delete()


def refusals():
    try:
        with Connection(URL.replace("guest:guest", "guest:wrong")) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
        check(False, "a wrong password was let in")
    except (OperationalError, socket.error) as error:
        check(True, str(error))
    except Exception as error:
        check("403" in str(error) or "ACCESS_REFUSED" in str(error), repr(error))


with Connection(URL) as main:
    for step in (produce_and_consume, compression_and_large_bodies, requeue_reject_and_get):
        print(f"# {step.__name__}", flush=True)
        step(main)
for step in (confirms, heartbeat, reconnects, refusals):
    print(f"# {step.__name__}", flush=True)
    step()
done("kombu")
