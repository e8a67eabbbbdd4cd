import asyncio

import aio_pika
from aio_pika.patterns import RPC, Master
from check import DROPPABLE_URL, URL, check, done, drop_connections, same, unique


async def until(what, condition, limit=10.0):
    end = asyncio.get_running_loop().time() + limit
    while not condition():
        if asyncio.get_running_loop().time() > end:
            raise AssertionError(f"waited {limit} s in vain: {what}")
        await asyncio.sleep(0.01)


async def publish_and_consume(connection):
    async with connection.channel() as channel:
        await channel.set_qos(prefetch_count=10)
        exchange = await channel.declare_exchange(unique("events"), aio_pika.ExchangeType.TOPIC, auto_delete=True)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "events.*.done")
        for n in range(100):
            message = aio_pika.Message(
                str(n).encode(), headers={"n": n, "deep": {"list": [1, None, "x"]}},
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT, correlation_id=str(n),
            )
            confirmation = await exchange.publish(message, f"events.{n}.done")
            check(confirmation is not None)
        seen = []
        async with queue.iterator() as messages:
            async for message in messages:
                async with message.process():
                    seen.append(int(message.body))
                    same(message.headers, {"n": seen[-1], "deep": {"list": [1, None, "x"]}})
                if len(seen) == 100:
                    break
        same(seen, list(range(100)))


async def returns_and_errors(connection):
    channel = await connection.channel(on_return_raises=True)
    try:
        await channel.default_exchange.publish(aio_pika.Message(b"lost"), unique("nowhere"))
        check(False, "an unroutable message")
    except aio_pika.exceptions.PublishError as error:
        check("NO_ROUTE" in str(error) or error.message is not None)
    await channel.close()
    channel = await connection.channel()
    try:
        await channel.get_queue(unique("missing"))
        check(False, "a missing queue")
    except aio_pika.exceptions.ChannelNotFoundEntity as error:
        check("NOT_FOUND - no queue" in str(error), str(error))


async def large_body(connection):
    async with connection.channel() as channel:
        queue = await channel.declare_queue(exclusive=True)
        body = bytes(range(256)) * 12_000
        await channel.default_exchange.publish(aio_pika.Message(body), queue.name)
        message = await queue.get(no_ack=True)
        check(message.body == body, "3 MB came back")


async def dead_letters(connection):
    async with connection.channel() as channel:
        dead = await channel.declare_queue(exclusive=True)
        work = await channel.declare_queue(
            exclusive=True, arguments={"x-dead-letter-exchange": "", "x-dead-letter-routing-key": dead.name}
        )
        await channel.default_exchange.publish(aio_pika.Message(b"soon gone", expiration=0.05), work.name)
        async with asyncio.timeout(10):
            async with dead.iterator() as messages:
                async for message in messages:
                    await message.ack()
                    break
        same(message.headers["x-death"][0]["reason"], "expired")


async def patterns(connection):
    async with connection.channel() as channel:
        rpc = await RPC.create(channel)

        async def multiply(*, x, y):
            return x * y

        name = unique("multiply")
        await rpc.register(name, multiply, auto_delete=True)
        same([await rpc.call(name, {"x": n, "y": n}) for n in range(10)], [n * n for n in range(10)])
        await rpc.close()
    async with connection.channel() as channel:
        master = Master(channel)
        done_tasks = []

        async def task(*, number):
            done_tasks.append(number)

        name = unique("tasks")
        worker = await master.create_worker(name, task, auto_delete=True)
        for n in range(20):
            await master.create_task(name, {"number": n})
        await until("20 tasks", lambda: len(done_tasks) == 20)
        same(done_tasks, list(range(20)))
        await worker.close()


async def transactions(connection):
    async with connection.channel(publisher_confirms=False) as channel:
        queue = await channel.declare_queue(exclusive=True)
        async with channel.transaction():
            await channel.default_exchange.publish(aio_pika.Message(b"in"), queue.name)
            check(await queue.get(fail=False, no_ack=True) is None)
        check(await queue.get(fail=False, no_ack=True) is not None)


async def robust():
    connection = await aio_pika.connect_robust(DROPPABLE_URL, reconnect_interval=0.1)
    channel = await connection.channel()
    queue = await channel.declare_queue(unique("robust"), durable=True)
    seen = []

    async def keep(message):
        async with message.process(ignore_processed=True):
            seen.append(message.body)

    await queue.consume(keep)
    for cut in range(3):
        await channel.default_exchange.publish(aio_pika.Message(b"%d" % cut), queue.name)
        await until(f"message {cut}", lambda cut=cut: b"%d" % cut in seen)
        restored = asyncio.Event()
        connection.reconnect_callbacks.add(lambda *_: restored.set())
        await asyncio.to_thread(drop_connections)
        await asyncio.wait_for(restored.wait(), 10)
        await channel.ready()
        check(not connection.is_closed)
    await channel.default_exchange.publish(aio_pika.Message(b"last"), queue.name)
    await until("the last message", lambda: b"last" in seen)
    check(True)
    await queue.delete(if_unused=False, if_empty=False)
    await connection.close()


async def main():
    connection = await aio_pika.connect(URL, heartbeat=5)
    for step in (publish_and_consume, returns_and_errors, large_body, dead_letters, patterns, transactions):
        print(f"# {step.__name__}", flush=True)
        await asyncio.wait_for(step(connection), 30)
    await connection.close()
    check(connection.is_closed)
    print("# robust", flush=True)
    await asyncio.wait_for(robust(), 60)


asyncio.run(main())
done("aio-pika")
