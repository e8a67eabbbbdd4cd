import datetime
import decimal
import threading

import pika
from check import DROPPABLE_URL, URL, check, done, drop_connections, same, unique, until

parameters = pika.URLParameters(f"{URL}?heartbeat=5&blocked_connection_timeout=10")
parameters.client_properties = {"connection_name": "interop"}


def own_queue(channel, **options):
    return channel.queue_declare("", exclusive=True, **options).method.queue


def confirms_and_acks(connection):
    channel = connection.channel()
    channel.confirm_delivery()
    queue = own_queue(channel)
    persistent = pika.BasicProperties(delivery_mode=2)
    for n in range(100):
        channel.basic_publish("", queue, f"message {n}", persistent, mandatory=True)
    same(channel.queue_declare(queue, passive=True).method.message_count, 100)
    channel.basic_qos(prefetch_count=10)
    seen = []
    for method, _, body in channel.consume(queue, inactivity_timeout=5):
        check(method is not None, "a delivery")
        seen.append(body.decode())
        if len(seen) % 10 == 0:
            channel.basic_ack(method.delivery_tag, multiple=True)
        if len(seen) == 100:
            break
    same(seen, [f"message {n}" for n in range(100)])
    channel.cancel()
    same(channel.queue_declare(queue, passive=True).method.message_count, 0)
    channel.close()


def unroutable(connection):
    channel = connection.channel()
    channel.confirm_delivery()
    try:
        channel.basic_publish("amq.direct", unique("nowhere"), "lost", mandatory=True)
        check(False, "an unroutable message was not returned")
    except pika.exceptions.UnroutableError as error:
        same(error.messages[0].method.reply_code, 312)
        same(error.messages[0].method.reply_text, "NO_ROUTE")
        same(error.messages[0].body, b"lost")
    channel.close()


def rejected_by_a_full_queue(connection):
    channel = connection.channel()
    channel.confirm_delivery()
    queue = own_queue(channel, arguments={"x-max-length": 1, "x-overflow": "reject-publish"})
    channel.basic_publish("", queue, "fits")
    try:
        channel.basic_publish("", queue, "too much")
        check(False, "basic.nack from a full queue")
    except pika.exceptions.NackError:
        check(True)
    channel.close()


def header_types(connection):
    channel = connection.channel()
    queue = own_queue(channel)
    headers = {
        "text": "ä",
        "bytes": b"\x00\xff",
        "yes": True,
        "no": False,
        "none": None,
        "int": -5,
        "big": 2**40,
        "decimal": decimal.Decimal("3.14"),
        "date": datetime.datetime(2026, 1, 2, 3, 4, 5),
        "list": [1, "two", [3, None]],
        "table": {"a": {"b": 1}},
    }
    properties = pika.BasicProperties(
        content_type="text/plain",
        content_encoding="identity",
        headers=headers,
        delivery_mode=1,
        priority=7,
        correlation_id="c",
        reply_to="r",
        expiration="60000",
        message_id="m",
        timestamp=1_700_000_000,
        type="t",
        user_id="guest",
        app_id="a",
        cluster_id="k",
    )
    channel.basic_publish("", queue, "body", properties)
    _, back, body = until("the message", lambda: next(iter([m for m in [channel.basic_get(queue, True)] if m[0]]), None))
    same(body, b"body")
    for name in ("content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to",
                 "expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id"):
        same(getattr(back, name), getattr(properties, name), name)
    for name, value in headers.items():
        if name == "date":
            same(back.headers[name].replace(tzinfo=None), value, name)
        else:
            same(back.headers[name], value, name)
    channel.close()


def large_bodies(connection):
    channel = connection.channel()
    channel.confirm_delivery()
    queue = own_queue(channel)
    for size in (0, 300_000, 3_000_000):
        body = bytes(n % 251 for n in range(1000)) * (size // 1000)
        channel.basic_publish("", queue, body)
        _, _, back = channel.basic_get(queue, auto_ack=True)
        check(back == body, f"{size} bytes came back")
    channel.close()


def requeue_and_dead_letter(connection):
    channel = connection.channel()
    dead = own_queue(channel)
    work = own_queue(
        channel, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead, "x-message-ttl": 60000}
    )
    channel.basic_publish("", work, "job")
    first, _, _ = until("the job", lambda: next(iter([m for m in [channel.basic_get(work)] if m[0]]), None))
    channel.basic_nack(first.delivery_tag, requeue=True)
    second, _, _ = until("the job again", lambda: next(iter([m for m in [channel.basic_get(work)] if m[0]]), None))
    check(second.redelivered)
    channel.basic_reject(second.delivery_tag, requeue=False)
    _, properties, _ = until("the dead letter", lambda: next(iter([m for m in [channel.basic_get(dead, True)] if m[0]]), None))
    death = properties.headers["x-death"][0]
    same((death["queue"], death["reason"], death["count"]), (work, "rejected", 1))
    check(isinstance(death["time"], datetime.datetime))
    channel.basic_publish("", work, "short-lived", pika.BasicProperties(expiration="20"))
    _, properties, _ = until("the expired", lambda: next(iter([m for m in [channel.basic_get(dead, True)] if m[0]]), None))
    same(properties.headers["x-first-death-reason"], "expired")
    channel.close()


def errors(connection):
    def refused(act):
        channel = connection.channel()
        try:
            act(channel)
        except pika.exceptions.ChannelClosedByBroker as error:
            return error.reply_code, error.reply_text
        raise AssertionError("the broker did not close the channel")

    missing = unique("missing")
    same(refused(lambda c: c.queue_declare(missing, passive=True)), (404, f"NOT_FOUND - no queue '{missing}' in vhost '/'"))
    same(refused(lambda c: c.exchange_declare(missing, passive=True)), (404, f"NOT_FOUND - no exchange '{missing}' in vhost '/'"))
    same(refused(lambda c: c.queue_bind(missing, "amq.direct", "k"))[0], 404)
    same(refused(lambda c: c.exchange_declare("amq.mine"))[0], 403)
    same(refused(lambda c: c.exchange_declare("amq.direct", "fanout", durable=True))[0], 406)
    same(refused(lambda c: c.basic_publish("", "x", "y", pika.BasicProperties(expiration="soon")) or c.queue_declare("", exclusive=True))[0], 406)
    same(refused(lambda c: c.basic_publish("", "x", "y", pika.BasicProperties(user_id="somebody")) or c.queue_declare("", exclusive=True))[0], 406)
    check(connection.is_open)


def transactions(connection):
    channel = connection.channel()
    queue = own_queue(channel)
    channel.tx_select()
    channel.basic_publish("", queue, "lost")
    channel.tx_rollback()
    channel.basic_publish("", queue, "kept")
    same(channel.queue_declare(queue, passive=True).method.message_count, 0)
    channel.tx_commit()
    same(channel.queue_declare(queue, passive=True).method.message_count, 1)
    channel.close()


def consuming_loop_and_rpc(_):
    """start_consuming in a thread of its own, asked over direct reply-to from another connection."""
    ready = threading.Event()
    queue = unique("rpc")
    stop = []

    def serve():
        connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        channel.queue_declare(queue, auto_delete=True)

        def answer(ch, method, properties, body):
            ch.basic_publish("", properties.reply_to, body.upper(), pika.BasicProperties(correlation_id=properties.correlation_id))
            ch.basic_ack(method.delivery_tag)

        channel.basic_consume(queue, answer)
        stop.append(lambda: connection.add_callback_threadsafe(channel.stop_consuming))
        ready.set()
        channel.start_consuming()
        connection.close()

    server = threading.Thread(target=serve)
    server.start()
    check(ready.wait(10), "the server")
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    answers = {}
    channel.basic_consume("amq.rabbitmq.reply-to", lambda _c, _m, p, body: answers.update({p.correlation_id: body}), auto_ack=True)
    for n in range(20):
        properties = pika.BasicProperties(reply_to="amq.rabbitmq.reply-to", correlation_id=str(n))
        channel.basic_publish("", queue, f"ask {n}", properties)
    until("20 answers", lambda: connection.process_data_events(0.05) or len(answers) == 20)
    for n in range(20):
        same(answers[str(n)], f"ASK {n}".encode())
    connection.close()
    stop[0]()
    server.join(10)
    check(not server.is_alive(), "the consuming loop stopped")


def heartbeats(_):
    """With a heartbeat of 1 s, three quiet seconds must pass on both sides."""
    connection = pika.BlockingConnection(pika.URLParameters(f"{URL}?heartbeat=1"))
    channel = connection.channel()
    connection.sleep(3.2)
    check(connection.is_open)
    queue = own_queue(channel)
    check(queue.startswith("amq.gen-"))
    connection.close()


def a_cut_connection_is_noticed(_):
    connection = pika.BlockingConnection(pika.URLParameters(DROPPABLE_URL))
    queue = unique("kept")
    connection.channel().queue_declare(queue, durable=True)
    drop_connections()
    try:
        until("the cut", lambda: connection.process_data_events(0.1))
    except pika.exceptions.AMQPConnectionError:
        check(True)
    again = pika.BlockingConnection(pika.URLParameters(DROPPABLE_URL))
    same(again.channel().queue_delete(queue).method.message_count, 0)
    again.close()


def refused_login(_):
    bad = pika.URLParameters(URL)
    bad.credentials = pika.PlainCredentials("guest", "wrong")
    try:
        pika.BlockingConnection(bad)
        check(False, "a wrong password was let in")
    except pika.exceptions.ProbableAuthenticationError as error:
        check("403" in str(error) or "ACCESS_REFUSED" in str(error), str(error))
    nowhere = pika.URLParameters(URL)
    nowhere.virtual_host = "nowhere"
    try:
        pika.BlockingConnection(nowhere)
        check(False, "an unknown vhost was opened")
    except pika.exceptions.ProbableAccessDeniedError as error:
        check("530" in str(error), str(error))


steps = [
    confirms_and_acks, unroutable, rejected_by_a_full_queue, header_types, large_bodies, requeue_and_dead_letter,
    errors, transactions, consuming_loop_and_rpc, heartbeats, a_cut_connection_is_noticed, refused_login,
]
main = pika.BlockingConnection(parameters)
for step in steps:
    print(f"# {step.__name__}", flush=True)
    step(main)
main.close()
check(main.is_closed)
done("pika")
