//! Real work over amqprs, with everything asserted; ends with the lines that the interop run reads.

use amqprs::{
    BasicProperties, FieldTable,
    callbacks::{DefaultChannelCallback, DefaultConnectionCallback},
    channel::*,
    connection::{Connection, OpenConnectionArguments},
};
use std::time::Duration;

struct Checks(u32);

impl Checks {
    fn check(&mut self, holds: bool, what: &str) {
        assert!(holds, "not so: {what}");
        self.0 += 1;
    }
}

async fn own_queue(channel: &Channel) -> String {
    let arguments = QueueDeclareArguments::default().queue(String::new()).exclusive(true).finish();
    channel.queue_declare(arguments).await.unwrap().unwrap().0
}

async fn get(channel: &Channel, queue: &str, no_ack: bool) -> (u64, bool, BasicProperties, Vec<u8>) {
    for _ in 0..1000 {
        let arguments = BasicGetArguments::new(queue).no_ack(no_ack).finish();
        if let Some((ok, properties, body)) = channel.basic_get(arguments).await.unwrap() {
            return (ok.delivery_tag(), ok.redelivered(), properties, body);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited 10 s in vain for a message in {queue}");
}

async fn work(checks: &mut Checks) {
    let port = std::env::var("AMQP_PORT").unwrap().parse().unwrap();
    let mut arguments = OpenConnectionArguments::new("127.0.0.1", port, "guest", "guest");
    arguments.heartbeat(5).connection_name("interop");
    let connection = Connection::open(&arguments).await.unwrap();
    connection.register_callback(DefaultConnectionCallback).await.unwrap();
    let channel = connection.open_channel(None).await.unwrap();
    channel.register_callback(DefaultChannelCallback).await.unwrap();
    checks.check(connection.is_open() && channel.is_open(), "open");

    channel.confirm_select(ConfirmSelectArguments::default()).await.unwrap();
    let queue = own_queue(&channel).await;
    checks.check(queue.starts_with("amq.gen-"), "a server-named queue");
    channel.queue_bind(QueueBindArguments::new(&queue, "amq.topic", "amqprs.#")).await.unwrap();

    let mut headers = FieldTable::new();
    headers.insert("number".try_into().unwrap(), amqprs::FieldValue::I(42));
    headers.insert("yes".try_into().unwrap(), true.into());
    let properties = BasicProperties::default()
        .with_content_type("text/plain")
        .with_headers(headers)
        .with_persistence(true)
        .with_correlation_id("c")
        .finish();
    for size in [0usize, 10, 300_000, 3_000_000] {
        let body: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        let publish = BasicPublishArguments::new("amq.topic", "amqprs.body");
        channel.basic_publish(properties.clone(), body.clone(), publish).await.unwrap();
        let (tag, _, back, received) = get(&channel, &queue, false).await;
        checks.check(received == body, "the body");
        checks.check(back.headers() == properties.headers(), "the headers");
        checks.check(back.content_type() == properties.content_type(), "the content type");
        checks.check(back.correlation_id() == properties.correlation_id(), "the correlation id");
        channel.basic_ack(BasicAckArguments::new(tag, false)).await.unwrap();
    }

    let publish = BasicPublishArguments::new("", &queue);
    channel.basic_publish(BasicProperties::default(), b"again".to_vec(), publish).await.unwrap();
    let (tag, redelivered, _, _) = get(&channel, &queue, false).await;
    checks.check(!redelivered, "first delivery");
    channel.basic_nack(BasicNackArguments::new(tag, false, true)).await.unwrap();
    let (tag, redelivered, _, _) = get(&channel, &queue, false).await;
    checks.check(redelivered, "redelivered");
    channel.basic_reject(BasicRejectArguments::new(tag, false)).await.unwrap();

    channel.basic_qos(BasicQosArguments::new(0, 10, false)).await.unwrap();
    let consume = BasicConsumeArguments::new(&queue, "amqprs").finish();
    let (_, mut deliveries) = channel.basic_consume_rx(consume).await.unwrap();
    for n in 0..200u32 {
        let publish = BasicPublishArguments::new("", &queue);
        channel.basic_publish(BasicProperties::default(), n.to_be_bytes().to_vec(), publish).await.unwrap();
    }
    for n in 0..200u32 {
        let message = deliveries.recv().await.expect("a delivery");
        assert_eq!(message.content.unwrap(), n.to_be_bytes());
        let tag = message.deliver.unwrap().delivery_tag();
        channel.basic_ack(BasicAckArguments::new(tag, false)).await.unwrap();
    }
    checks.check(true, "200 deliveries in order");
    channel.basic_cancel(BasicCancelArguments::new("amqprs")).await.unwrap();

    let missing = QueueDeclareArguments::default().queue("amqprs-missing".into()).passive(true).finish();
    let other = connection.open_channel(None).await.unwrap();
    checks.check(other.queue_declare(missing).await.is_err(), "a missing queue");
    checks.check(connection.is_open(), "the connection stays");

    channel.close().await.unwrap();
    connection.close().await.unwrap();
    checks.check(true, "closed");
}

#[tokio::main]
async fn main() {
    let mut checks = Checks(0);
    tokio::time::timeout(Duration::from_secs(40), work(&mut checks)).await.expect("the steps took over 40 s");
    println!("with: amqprs 2.1.5\nchecks: {}", checks.0);
}
