package interop;

import static interop.Checks.check;
import static interop.Checks.same;
import static interop.Checks.unique;
import static interop.Checks.until;

import java.util.Collections;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.springframework.amqp.AmqpRejectAndDontRequeueException;
import org.springframework.amqp.core.AnonymousQueue;
import org.springframework.amqp.core.BindingBuilder;
import org.springframework.amqp.core.Queue;
import org.springframework.amqp.core.QueueBuilder;
import org.springframework.amqp.core.TopicExchange;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory;
import org.springframework.amqp.rabbit.connection.CorrelationData;
import org.springframework.amqp.rabbit.core.RabbitAdmin;
import org.springframework.amqp.rabbit.core.RabbitTemplate;
import org.springframework.amqp.rabbit.listener.DirectMessageListenerContainer;
import org.springframework.amqp.rabbit.listener.SimpleMessageListenerContainer;
import org.springframework.amqp.rabbit.listener.adapter.MessageListenerAdapter;

/** Spring AMQP: request and reply over each of its three kinds of reply queue, confirms, returns, listener containers. */
public final class Spring {
  public static final class Desk {
    public String handleMessage(String request) {
      return request.toUpperCase();
    }
  }

  private static SimpleMessageListenerContainer serve(CachingConnectionFactory connections, String queue) {
    SimpleMessageListenerContainer container = new SimpleMessageListenerContainer(connections);
    container.setQueueNames(queue);
    container.setConcurrentConsumers(2);
    container.setPrefetchCount(5);
    container.setMessageListener(new MessageListenerAdapter(new Desk()));
    container.setShutdownTimeout(2000);
    container.start();
    return container;
  }

  private static void askMany(RabbitTemplate template, String queue, String kind) {
    template.setReplyTimeout(10_000);
    for (int n = 0; n < 25; n++) same(template.convertSendAndReceive("", queue, kind + n), (kind + n).toUpperCase());
  }

  static void requestAndReply(CachingConnectionFactory connections, RabbitAdmin admin) {
    Queue requests = new Queue(unique("requests"), false, false, true);
    admin.declareQueue(requests);
    SimpleMessageListenerContainer server = serve(connections, requests.getName());

    RabbitTemplate direct = new RabbitTemplate(connections);
    askMany(direct, requests.getName(), "direct reply-to ");

    RabbitTemplate temporary = new RabbitTemplate(connections);
    temporary.setUseTemporaryReplyQueues(true);
    askMany(temporary, requests.getName(), "temporary queue ");

    Queue replies = new AnonymousQueue();
    admin.declareQueue(replies);
    RabbitTemplate fixed = new RabbitTemplate(connections);
    fixed.setReplyAddress(replies.getName());
    SimpleMessageListenerContainer replyContainer = new SimpleMessageListenerContainer(connections);
    replyContainer.setQueueNames(replies.getName());
    replyContainer.setMessageListener(fixed);
    replyContainer.setShutdownTimeout(2000);
    replyContainer.start();
    askMany(fixed, requests.getName(), "fixed queue ");
    replyContainer.stop();
    server.stop();
  }

  static void confirmsAndReturns(CachingConnectionFactory connections, RabbitAdmin admin) throws Exception {
    RabbitTemplate template = new RabbitTemplate(connections);
    template.setMandatory(true);
    Queue queue = new AnonymousQueue();
    admin.declareQueue(queue);
    for (int n = 0; n < 20; n++) {
      CorrelationData correlation = new CorrelationData("sent " + n);
      template.convertAndSend("", queue.getName(), "message " + n, correlation);
      check(correlation.getFuture().get(10, TimeUnit.SECONDS).ack(), "confirmed");
    }
    same(admin.getQueueInfo(queue.getName()).getMessageCount(), 20L);
    CorrelationData lost = new CorrelationData("lost");
    template.convertAndSend("amq.direct", unique("nowhere"), "lost", lost);
    check(lost.getFuture().get(10, TimeUnit.SECONDS).ack(), "an unroutable message is confirmed");
    same(lost.getReturned().getReplyCode(), 312);
    same(lost.getReturned().getReplyText(), "NO_ROUTE");
    CorrelationData refused = new CorrelationData("refused");
    template.convertAndSend(unique("no-exchange"), "key", "x", refused);
    var confirm = refused.getFuture().get(10, TimeUnit.SECONDS);
    check(!confirm.ack() && confirm.reason().contains("NOT_FOUND - no exchange"), String.valueOf(confirm.reason()));
  }

  static void deadLettersOfAListener(CachingConnectionFactory connections, RabbitAdmin admin) throws Exception {
    TopicExchange exchange = new TopicExchange(unique("spring"), false, true);
    Queue dead = new AnonymousQueue();
    Queue work = QueueBuilder.nonDurable(unique("work")).autoDelete().deadLetterExchange("").deadLetterRoutingKey(dead.getName()).build();
    admin.declareExchange(exchange);
    admin.declareQueue(dead);
    admin.declareQueue(work);
    admin.declareBinding(BindingBuilder.bind(work).to(exchange).with("jobs.*"));
    List<Map<String, Object>> seen = Collections.synchronizedList(new ArrayList<>());
    DirectMessageListenerContainer container = new DirectMessageListenerContainer(connections);
    container.setQueueNames(work.getName());
    container.setConsumersPerQueue(2);
    container.setMessageListener(message -> {
      seen.add(new HashMap<>(message.getMessageProperties().getHeaders()));
      if (new String(message.getBody()).equals("bad")) throw new AmqpRejectAndDontRequeueException("bad");
    });
    container.setShutdownTimeout(2000);
    container.start();
    RabbitTemplate template = new RabbitTemplate(connections);
    for (String body : List.of("good", "bad", "good")) {
      template.convertAndSend(exchange.getName(), "jobs.any", body, message -> {
        message.getMessageProperties().setHeader("nested", Map.of("list", List.of(1, "two")));
        message.getMessageProperties().setPriority(3);
        return message;
      });
    }
    Object buried = until("the dead letter", () -> template.receiveAndConvert(dead.getName(), 100));
    same(buried, "bad");
    until("three deliveries", () -> seen.size() == 3);
    same(seen.get(0).get("nested"), Map.of("list", List.of(1, "two")));
    container.stop();
  }

  public static void main(String[] args) throws Exception {
    java.net.URI url = java.net.URI.create(Checks.URL);
    CachingConnectionFactory connections = new CachingConnectionFactory(url.getHost(), url.getPort());
    connections.setUsername("guest");
    connections.setPassword("guest");
    connections.setPublisherConfirmType(CachingConnectionFactory.ConfirmType.CORRELATED);
    connections.setPublisherReturns(true);
    RabbitAdmin admin = new RabbitAdmin(connections);
    requestAndReply(connections, admin);
    confirmsAndReturns(connections, admin);
    deadLettersOfAListener(connections, admin);
    connections.destroy();
    Checks.done("spring-rabbit " + RabbitTemplate.class.getPackage().getImplementationVersion());
  }
}
