package interop;

import static interop.Checks.check;
import static interop.Checks.same;
import static interop.Checks.unique;
import static interop.Checks.until;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.LongString;
import com.rabbitmq.client.MessageProperties;
import com.rabbitmq.client.Recoverable;
import com.rabbitmq.client.RecoveryListener;
import com.rabbitmq.client.RpcClient;
import com.rabbitmq.client.RpcClientParams;
import com.rabbitmq.client.RpcServer;
import com.rabbitmq.client.ShutdownSignalException;
import com.rabbitmq.client.impl.ClientVersion;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Real work over RabbitMQ's Java client. */
public final class Client {
  private interface Act {
    void on(Channel channel) throws Exception;
  }

  private static ConnectionFactory factory(String url) throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(url);
    factory.setRequestedHeartbeat(5);
    factory.setNetworkRecoveryInterval(100);
    factory.setConnectionTimeout(5000);
    return factory;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static String own(Channel channel, Map<String, Object> arguments) throws IOException {
    return channel.queueDeclare("", false, true, false, arguments).getQueue();
  }

  private static GetResponse get(Channel channel, String queue, boolean autoAck) throws Exception {
    return until("a message in " + queue, () -> channel.basicGet(queue, autoAck));
  }

  static void confirmsAndAcks(Connection connection) throws Exception {
    Channel channel = connection.createChannel();
    channel.confirmSelect();
    String queue = own(channel, null);
    for (int n = 0; n < 1000; n++) channel.basicPublish("", queue, MessageProperties.PERSISTENT_BASIC, bytes("" + n));
    channel.waitForConfirmsOrDie(10_000);
    same(channel.messageCount(queue), 1000L);
    channel.basicQos(20);
    List<String> seen = Collections.synchronizedList(new ArrayList<>());
    String tag = channel.basicConsume(queue, false, (t, delivery) -> {
      seen.add(new String(delivery.getBody(), StandardCharsets.UTF_8));
      if (seen.size() % 20 == 0) channel.basicAck(delivery.getEnvelope().getDeliveryTag(), true);
    }, t -> {});
    until("1000 deliveries", () -> seen.size() == 1000);
    for (int n = 0; n < 1000; n++) if (!seen.get(n).equals("" + n)) throw new AssertionError("order at " + n);
    channel.basicCancel(tag);
    until("the acks", () -> channel.messageCount(queue) == 0 && channel.consumerCount(queue) == 0);
    check(true, "order");
    channel.close();
  }

  static void returnsBeforeConfirms(Connection connection) throws Exception {
    Channel channel = connection.createChannel();
    channel.confirmSelect();
    List<String> order = Collections.synchronizedList(new ArrayList<>());
    channel.addReturnListener(returned -> order.add("return " + returned.getReplyCode() + " " + returned.getReplyText()));
    channel.addConfirmListener((tag, multiple) -> order.add("ack"), (tag, multiple) -> order.add("nack"));
    channel.basicPublish("amq.direct", unique("nowhere"), true, null, bytes("lost"));
    channel.waitForConfirmsOrDie(10_000);
    until("both", () -> order.size() == 2);
    same(order, List.of("return 312 NO_ROUTE", "ack"));
    channel.close();
  }

  static void headersOfAllTypes(Connection connection) throws Exception {
    Channel channel = connection.createChannel();
    String queue = own(channel, null);
    Map<String, Object> headers = new HashMap<>();
    headers.put("text", "ä");
    headers.put("bool", true);
    headers.put("byte", (byte) -5);
    headers.put("short", (short) -500);
    headers.put("int", -70_000);
    headers.put("long", -(1L << 40));
    headers.put("float", 0.5f);
    headers.put("double", 0.25);
    headers.put("decimal", new BigDecimal("3.14"));
    headers.put("date", new Date(1_700_000_000_000L));
    headers.put("bytes", new byte[] {0, -1});
    headers.put("list", Arrays.asList(1, "two", null, List.of(true)));
    headers.put("table", Map.of("deep", Map.of("er", 1)));
    headers.put("null", null);
    AMQP.BasicProperties sent = new AMQP.BasicProperties("text/plain", "identity", headers, 2, 4, "c", "r", "60000", "m",
        new Date(1_700_000_000_000L), "t", "guest", "a", "k");
    channel.basicPublish("", queue, sent, bytes("body"));
    AMQP.BasicProperties back = get(channel, queue, true).getProps();
    Map<String, Object> read = back.getHeaders();
    for (String name : List.of("bool", "byte", "short", "int", "long", "float", "double", "decimal", "date", "null")) {
      same(read.get(name), headers.get(name));
    }
    same(read.get("text").toString(), "ä");
    check(Arrays.equals((byte[]) read.get("bytes"), new byte[] {0, -1}), "bytes");
    same(read.get("list").toString(), "[1, two, null, [true]]");
    same(read.get("table").toString(), "{deep={er=1}}");
    check(read.get("text") instanceof LongString, "a long string");
    same(List.of(back.getContentType(), back.getContentEncoding(), back.getDeliveryMode(), back.getPriority(), back.getCorrelationId(),
        back.getReplyTo(), back.getExpiration(), back.getMessageId(), back.getTimestamp(), back.getType(), back.getUserId(),
        back.getAppId(), back.getClusterId()), List.of("text/plain", "identity", 2, 4, "c", "r", "60000", "m",
        new Date(1_700_000_000_000L), "t", "guest", "a", "k"));
    channel.close();
  }

  static void largeBodies(Connection connection) throws Exception {
    Channel channel = connection.createChannel();
    channel.confirmSelect();
    String queue = own(channel, null);
    for (int size : new int[] {0, 1, 300_000, 3_000_000}) {
      byte[] body = new byte[size];
      for (int n = 0; n < size; n++) body[n] = (byte) (n % 251);
      channel.basicPublish("", queue, null, body);
      channel.waitForConfirmsOrDie(10_000);
      check(Arrays.equals(get(channel, queue, true).getBody(), body), size + " bytes came back");
    }
    channel.close();
  }

  @SuppressWarnings("unchecked")
  static void deadLetters(Connection connection) throws Exception {
    Channel channel = connection.createChannel();
    String dead = own(channel, null);
    String work = own(channel, Map.of("x-dead-letter-exchange", "", "x-dead-letter-routing-key", dead, "x-max-length", 5));
    channel.basicPublish("", work, null, bytes("job"));
    channel.basicNack(get(channel, work, false).getEnvelope().getDeliveryTag(), false, true);
    GetResponse again = get(channel, work, false);
    check(again.getEnvelope().isRedeliver(), "redelivered");
    channel.basicReject(again.getEnvelope().getDeliveryTag(), false);
    Map<String, Object> headers = get(channel, dead, true).getProps().getHeaders();
    Map<String, Object> death = ((List<Map<String, Object>>) headers.get("x-death")).get(0);
    same(List.of(death.get("reason").toString(), death.get("queue").toString(), death.get("count")), List.of("rejected", work, 1L));
    channel.basicPublish("", work, new AMQP.BasicProperties.Builder().expiration("20").build(), bytes("brief"));
    same(get(channel, dead, true).getProps().getHeaders().get("x-first-death-reason").toString(), "expired");
    for (int n = 0; n < 7; n++) channel.basicPublish("", work, null, bytes("" + n));
    same(new String(get(channel, dead, true).getBody()), "0");
    same(new String(get(channel, dead, true).getBody()), "1");
    channel.close();
  }

  static void closeCodes(Connection connection) throws Exception {
    String missing = unique("missing");
    refused(connection, 404, "NOT_FOUND - no queue '" + missing + "' in vhost '/'", c -> c.queueDeclarePassive(missing));
    refused(connection, 404, "NOT_FOUND - no exchange '" + missing + "' in vhost '/'", c -> c.exchangeDeclarePassive(missing));
    refused(connection, 403, "ACCESS_REFUSED - ", c -> c.queueDeclare("amq.mine", false, false, false, null));
    refused(connection, 406, "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.direct'", c -> c.exchangeDeclare("amq.direct", "fanout", true));
    refused(connection, 406, "PRECONDITION_FAILED - unknown delivery tag 5", c -> c.basicAck(5, false));
    refused(connection, 406, "PRECONDITION_FAILED - ", c -> c.queueDeclare(missing, false, true, false, Map.of("x-expires", 0)));
    String queue = own(connection.createChannel(), null);
    try (Connection other = factory(Checks.URL).newConnection()) {
      refused(other, 405, "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '" + queue + "' in vhost '/'",
          c -> c.basicConsume(queue, (t, d) -> {}, t -> {}));
    }
    check(connection.isOpen(), "the connection stays open");
  }

  private static void refused(Connection connection, int code, String text, Act act) throws Exception {
    Channel channel = connection.createChannel();
    LinkedBlockingQueue<ShutdownSignalException> closed = new LinkedBlockingQueue<>();
    channel.addShutdownListener(closed::add);
    try {
      act.on(channel);
    } catch (IOException | AlreadyClosedException refusal) {
      // The listener is told the same.
    }
    ShutdownSignalException signal = closed.poll(10, TimeUnit.SECONDS);
    check(signal != null && !signal.isHardError(), "a channel close with " + code);
    AMQP.Channel.Close close = (AMQP.Channel.Close) signal.getReason();
    same(close.getReplyCode(), code);
    check(close.getReplyText().startsWith(text), close.getReplyText());
  }

  static void rpc(Connection connection) throws Exception {
    Channel serving = connection.createChannel();
    String queue = own(serving, null);
    RpcServer server = new RpcServer(serving, queue) {
      @Override
      public byte[] handleCall(byte[] request, AMQP.BasicProperties reply) {
        return bytes(new String(request, StandardCharsets.UTF_8).toUpperCase());
      }
    };
    Thread thread = new Thread(() -> {
      try {
        server.mainloop();
      } catch (Exception end) {
        // The channel closes with the connection.
      }
    });
    thread.setDaemon(true);
    thread.start();
    Channel asking = connection.createChannel();
    RpcClient client = new RpcClient(new RpcClientParams().channel(asking).exchange("").routingKey(queue).timeout(10_000));
    for (int n = 0; n < 20; n++) same(client.stringCall("ask " + n), "ASK " + n);
    client.close();
    server.terminateMainloop();
  }

  static void transactions(Connection connection) throws Exception {
    Channel channel = connection.createChannel();
    channel.txSelect();
    String queue = own(channel, null);
    channel.basicPublish("", queue, null, bytes("lost"));
    channel.txRollback();
    channel.basicPublish("", queue, null, bytes("kept"));
    channel.txCommit();
    same(channel.messageCount(queue), 1L);
    channel.close();
  }

  static void consumerCancel(Connection connection) throws Exception {
    Channel channel = connection.createChannel();
    String queue = channel.queueDeclare(unique("gone"), false, false, false, null).getQueue();
    CountDownLatch cancelled = new CountDownLatch(1);
    channel.basicConsume(queue, true, (t, d) -> {}, t -> cancelled.countDown());
    connection.createChannel().queueDelete(queue);
    check(cancelled.await(10, TimeUnit.SECONDS), "basic.cancel from the broker");
  }

  static void topologyRecovery() throws Exception {
    Connection connection = factory(Checks.DROPPABLE_URL).newConnection("recovering");
    CountDownLatch[] recovered = {new CountDownLatch(1)};
    ((Recoverable) connection).addRecoveryListener(new RecoveryListener() {
      @Override
      public void handleRecovery(Recoverable recoverable) {
        recovered[0].countDown();
      }

      @Override
      public void handleRecoveryStarted(Recoverable recoverable) {}
    });
    Channel channel = connection.createChannel();
    String exchange = unique("recovered");
    channel.exchangeDeclare(exchange, "topic", false, true, null);
    // Exclusive and server-named: both die with the connection and are declared anew, under another name.
    String queue = own(channel, null);
    channel.queueBind(queue, exchange, "a.#");
    AtomicInteger received = new AtomicInteger();
    channel.basicConsume(queue, true, (t, d) -> received.incrementAndGet(), t -> {});
    for (int cut = 1; cut <= 2; cut++) {
      channel.basicPublish(exchange, "a.b", null, bytes("x"));
      int expected = cut;
      until("message " + cut, () -> received.get() == expected);
      Checks.dropConnections();
      check(recovered[0].await(10, TimeUnit.SECONDS), "recovery " + cut);
      recovered[0] = new CountDownLatch(1);
    }
    channel.basicPublish(exchange, "a.b", null, bytes("x"));
    until("the last message", () -> received.get() == 3);
    check(true, "recovered twice");
    connection.close();
  }

  static void logins() throws Exception {
    ConnectionFactory wrong = factory(Checks.URL);
    wrong.setPassword("wrong");
    try {
      wrong.newConnection();
      check(false, "a wrong password was let in");
    } catch (AuthenticationFailureException refusal) {
      check(refusal.getMessage().startsWith("ACCESS_REFUSED"), refusal.getMessage());
    }
    ConnectionFactory nowhere = factory(Checks.URL);
    nowhere.setVirtualHost("nowhere");
    try {
      nowhere.newConnection();
      check(false, "an unknown vhost was opened");
    } catch (IOException refusal) {
      check(refusal.getCause().getMessage().contains("530"), refusal.getCause().getMessage());
    }
  }

  public static void main(String[] args) throws Exception {
    Connection connection = factory(Checks.URL).newConnection("interop");
    same(connection.getServerProperties().get("product").toString(), "RabbitMQ");
    confirmsAndAcks(connection);
    returnsBeforeConfirms(connection);
    headersOfAllTypes(connection);
    largeBodies(connection);
    deadLetters(connection);
    closeCodes(connection);
    rpc(connection);
    transactions(connection);
    consumerCancel(connection);
    connection.close();
    check(!connection.isOpen(), "closed");
    topologyRecovery();
    logins();
    Checks.done("amqp-client " + ClientVersion.VERSION);
  }
}
