//! Real work over lapin, with everything asserted; ends with the lines that the interop run reads.

use futures_lite::StreamExt;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ErrorKind, ExchangeKind,
    message::BasicGetMessage,
    options::*,
    types::{AMQPValue, DecimalValue, FieldArray, FieldTable, ShortString},
};
use std::time::Duration;

struct Checks(u32);

impl Checks {
    fn check(&mut self, holds: bool, what: &str) {
        assert!(holds, "not so: {what}");
        self.0 += 1;
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

async fn own_queue(channel: &Channel, arguments: FieldTable) -> ShortString {
    let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    channel.queue_declare("".into(), options, arguments).await.unwrap().name().clone()
}

async fn get(channel: &Channel, queue: &ShortString, no_ack: bool) -> BasicGetMessage {
    for _ in 0..1000 {
        if let Some(message) = channel.basic_get(queue.clone(), BasicGetOptions { no_ack }).await.unwrap() {
            return message;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited 10 s in vain for a message in {queue}");
}

async fn publish(channel: &Channel, exchange: &str, key: &str, mandatory: bool, body: &[u8], properties: BasicProperties) -> Confirmation {
    let options = BasicPublishOptions { mandatory, ..BasicPublishOptions::default() };
    channel.basic_publish(exchange.into(), key.into(), options, body, properties).await.unwrap().await.unwrap()
}

async fn confirms_and_acks(connection: &Connection, checks: &mut Checks) {
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let queue = own_queue(&channel, FieldTable::default()).await;
    let mut confirms = Vec::new();
    for n in 0..500 {
        let properties = BasicProperties::default().with_delivery_mode(2);
        let body = n.to_string();
        let sent = channel.basic_publish("".into(), queue.clone(), BasicPublishOptions::default(), body.as_bytes(), properties);
        confirms.push(sent.await.unwrap());
    }
    let mut acked = 0;
    for confirm in confirms {
        acked += u32::from(confirm.await.unwrap().is_ack());
    }
    checks.check(acked == 500, "500 confirms");
    channel.basic_qos(20, BasicQosOptions::default()).await.unwrap();
    let mut consumer = channel
        .basic_consume(queue.clone(), "worker".into(), BasicConsumeOptions::default(), FieldTable::default())
        .await
        .unwrap();
    for n in 0..500 {
        let delivery = consumer.next().await.unwrap().unwrap();
        assert_eq!(delivery.data, n.to_string().as_bytes());
        if n % 10 == 9 {
            delivery.ack(BasicAckOptions { multiple: true }).await.unwrap();
        }
    }
    checks.check(true, "500 deliveries in order");
    channel.basic_cancel("worker".into(), BasicCancelOptions::default()).await.unwrap();
    let options = QueueDeclareOptions { passive: true, exclusive: true, ..QueueDeclareOptions::default() };
    let state = channel.queue_declare(queue, options, FieldTable::default()).await.unwrap();
    checks.check(state.message_count() == 0 && state.consumer_count() == 0, "the queue is empty");

    let confirm = publish(&channel, "amq.direct", "nowhere at all", true, b"lost", BasicProperties::default()).await;
    checks.check(confirm.is_ack(), "an unroutable message is confirmed");
    let returned = confirm.take_message().expect("basic.return before the confirm");
    checks.check(returned.reply_code == 312 && returned.reply_text.as_str() == "NO_ROUTE", "basic.return");
    checks.check(returned.delivery.data == b"lost", "the returned body");
    channel.close(200, "done".into()).await.unwrap();
}

async fn headers_and_bodies(connection: &Connection, checks: &mut Checks) {
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let queue = own_queue(&channel, FieldTable::default()).await;
    let mut deep = FieldTable::default();
    deep.insert("er".into(), AMQPValue::LongInt(1));
    let mut headers = FieldTable::default();
    for (name, value) in [
        ("bool", AMQPValue::Boolean(true)),
        ("i8", AMQPValue::ShortShortInt(-5)),
        ("u8", AMQPValue::ShortShortUInt(200)),
        ("i16", AMQPValue::ShortInt(-500)),
        ("i32", AMQPValue::LongInt(-70_000)),
        ("u32", AMQPValue::LongUInt(4_000_000_000)),
        ("i64", AMQPValue::LongLongInt(-(1 << 40))),
        ("f32", AMQPValue::Float(0.5)),
        ("f64", AMQPValue::Double(0.25)),
        ("decimal", AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 314 })),
        ("text", AMQPValue::LongString("ä".into())),
        ("time", AMQPValue::Timestamp(1_700_000_000)),
        ("list", AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::LongInt(1), AMQPValue::Void]))),
        ("table", AMQPValue::FieldTable(deep)),
        ("bytes", AMQPValue::ByteArray(vec![0u8, 255].into())),
        ("void", AMQPValue::Void),
    ] {
        headers.insert(name.into(), value);
    }
    let properties = BasicProperties::default()
        .with_headers(headers.clone())
        .with_content_type("text/plain".into())
        .with_priority(3)
        .with_correlation_id("c".into())
        .with_timestamp(1_700_000_000)
        .with_user_id("guest".into());
    publish(&channel, "", queue.as_str(), false, b"body", properties.clone()).await;
    let message = get(&channel, &queue, true).await;
    checks.check(message.properties == properties, "properties and headers come back as they went");
    for size in [0usize, 1, 300_000, 3_000_000] {
        let body: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        publish(&channel, "", queue.as_str(), false, &body, BasicProperties::default()).await;
        checks.check(get(&channel, &queue, true).await.data == body, "a large body");
    }
    channel.close(200, "done".into()).await.unwrap();
}

async fn dead_letters(connection: &Connection, checks: &mut Checks) {
    let channel = connection.create_channel().await.unwrap();
    let dead = own_queue(&channel, FieldTable::default()).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-dead-letter-exchange".into(), AMQPValue::LongString("".into()));
    arguments.insert("x-dead-letter-routing-key".into(), AMQPValue::LongString(dead.as_str().into()));
    let work = own_queue(&channel, arguments).await;
    publish(&channel, "", work.as_str(), false, b"job", BasicProperties::default()).await;
    get(&channel, &work, false).await.nack(BasicNackOptions { multiple: false, requeue: true }).await.unwrap();
    let again = get(&channel, &work, false).await;
    checks.check(again.redelivered, "redelivered");
    again.reject(BasicRejectOptions { requeue: false }).await.unwrap();
    let buried = get(&channel, &dead, true).await;
    let headers = buried.properties.headers().clone().unwrap();
    let reason = headers.inner().get("x-first-death-reason").unwrap();
    checks.check(*reason == AMQPValue::LongString("rejected".into()), "x-first-death-reason");
    let brief = BasicProperties::default().with_expiration("20".into());
    publish(&channel, "", work.as_str(), false, b"brief", brief).await;
    checks.check(get(&channel, &dead, true).await.data == b"brief", "an expired message");
    channel.close(200, "done".into()).await.unwrap();
}

async fn routing(connection: &Connection, checks: &mut Checks) {
    let channel = connection.create_channel().await.unwrap();
    let queue = own_queue(&channel, FieldTable::default()).await;
    let name = format!("lapin-topic-{}", std::process::id());
    let options = ExchangeDeclareOptions { auto_delete: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(name.as_str().into(), ExchangeKind::Topic, options, FieldTable::default()).await.unwrap();
    let bind = QueueBindOptions::default();
    channel.queue_bind(queue.clone(), name.as_str().into(), "a.*.c".into(), bind, FieldTable::default()).await.unwrap();
    for key in ["a.b.c", "a.b.b.c", "a.x.c"] {
        publish(&channel, &name, key, false, key.as_bytes(), BasicProperties::default()).await;
    }
    checks.check(get(&channel, &queue, true).await.data == b"a.b.c", "a.b.c");
    checks.check(get(&channel, &queue, true).await.data == b"a.x.c", "a.x.c");
    checks.check(channel.queue_purge(queue, QueuePurgeOptions::default()).await.unwrap() == 0, "nothing else");
    channel.close(200, "done".into()).await.unwrap();
}

async fn errors(connection: &Connection, checks: &mut Checks) {
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let error = channel.queue_declare("lapin-missing".into(), options, FieldTable::default()).await.unwrap_err();
    let ErrorKind::ProtocolError(error) = error.kind() else { panic!("{error}") };
    checks.check(error.get_id() == 404, "404");
    checks.check(error.get_message().as_str() == "NOT_FOUND - no queue 'lapin-missing' in vhost '/'", "its text");
    let wrong = variable("AMQP_URL").replace("guest:guest", "guest:wrong");
    let error = Connection::connect(&wrong, ConnectionProperties::default()).await.unwrap_err();
    checks.check(error.to_string().contains("ACCESS_REFUSED"), &error.to_string());
    checks.check(connection.status().connected(), "the connection stays");
}

async fn direct_reply(connection: &Connection, checks: &mut Checks) {
    let server = connection.create_channel().await.unwrap();
    let queue = own_queue(&server, FieldTable::default()).await;
    let no_ack = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let mut requests = server.basic_consume(queue.clone(), "".into(), no_ack, FieldTable::default()).await.unwrap();
    let answering = tokio::spawn(async move {
        while let Some(Ok(request)) = requests.next().await {
            let to = request.properties.reply_to().clone().unwrap();
            let body = request.data.to_ascii_uppercase();
            publish(&server, "", to.as_str(), false, &body, BasicProperties::default()).await;
        }
    });
    let client = connection.create_channel().await.unwrap();
    let reply_to: ShortString = "amq.rabbitmq.reply-to".into();
    let mut replies = client.basic_consume(reply_to.clone(), "".into(), no_ack, FieldTable::default()).await.unwrap();
    for n in 0..20 {
        let properties = BasicProperties::default().with_reply_to(reply_to.clone());
        publish(&client, "", queue.as_str(), false, format!("ask {n}").as_bytes(), properties).await;
        let reply = replies.next().await.unwrap().unwrap();
        assert_eq!(reply.data, format!("ASK {n}").as_bytes());
    }
    checks.check(true, "20 replies");
    answering.abort();
}

#[tokio::main]
async fn main() {
    let mut checks = Checks(0);
    let url = variable("AMQP_URL");
    let properties = ConnectionProperties::default().with_connection_name("interop".into());
    let connection = Connection::connect(&url, properties).await.unwrap();
    let work = async {
        confirms_and_acks(&connection, &mut checks).await;
        headers_and_bodies(&connection, &mut checks).await;
        dead_letters(&connection, &mut checks).await;
        routing(&connection, &mut checks).await;
        errors(&connection, &mut checks).await;
        direct_reply(&connection, &mut checks).await;
    };
    tokio::time::timeout(Duration::from_secs(40), work).await.expect("the steps took over 40 s");
    connection.close(200, "done".into()).await.unwrap();
    println!("with: lapin 4.12.3\nchecks: {}", checks.0);
}
