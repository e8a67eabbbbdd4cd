import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.fisco.bcos.channel.client.ChannelPushCallback;
import org.fisco.bcos.channel.client.ChannelResponseCallback2;
import org.fisco.bcos.channel.client.Service;
import org.fisco.bcos.channel.dto.ChannelPush;
import org.fisco.bcos.channel.dto.ChannelRequest;
import org.fisco.bcos.channel.dto.ChannelResponse;
import org.fisco.bcos.channel.handler.ChannelConnections;
import org.fisco.bcos.channel.handler.GroupChannelConnectionsConfig;
import org.springframework.context.support.FileSystemXmlApplicationContext;
import org.springframework.core.io.FileSystemResource;
import org.springframework.scheduling.concurrent.ThreadPoolTaskExecutor;

/** web3sdk 2.6.5's channel Service. Arguments: name, host:port or a configuration file, folder of the certificates. */
final class Web3Sdk extends Agent {
  private static final int GROUP = 1;
  private Service service;
  private final Map<String, String> modes = new ConcurrentHashMap<>();

  private Web3Sdk(String name) {
    super(name);
  }

  public static void main(String[] args) {
    provideSecp256k1();
    new Web3Sdk(args[0]).run(args[1], Path.of(args[2]));
  }

  @Override
  void connect(String where, Path certificates) throws Exception {
    if (where.endsWith(".xml")) {
      service = new FileSystemXmlApplicationContext("file:" + where).getBean(Service.class);
    } else {
      service = new Service();
      service.setGroupId(GROUP);
      service.setThreadPool(threadPool());
      service.setAllChannelConnections(connections(where, certificates));
    }
    service.setPushCallback(
        new ChannelPushCallback() {
          @Override
          public void onPush(ChannelPush push) {
            byte[] answer = received(push.getTopic(), push.getContent2(), modes.getOrDefault(push.getTopic(), ""));
            if (answer == null) return;
            ChannelResponse response = new ChannelResponse();
            response.setErrorCode(0);
            response.setContent(answer);
            push.sendResponse(response);
          }
        });
    service.run();
    // run() returns before the SDK has announced its first topics: those would replace what is announced meanwhile. It
    // asks for the height of the chain after them.
    for (int i = 0; service.getNodeToBlockNumberMap().isEmpty() && i < 1000; i++) Thread.sleep(10);
  }

  private static ThreadPoolTaskExecutor threadPool() {
    ThreadPoolTaskExecutor pool = new ThreadPoolTaskExecutor();
    pool.setCorePoolSize(8);
    pool.setMaxPoolSize(32);
    pool.setQueueCapacity(20_000);
    pool.initialize();
    return pool;
  }

  private static GroupChannelConnectionsConfig connections(String where, Path certificates) {
    ChannelConnections group = new ChannelConnections();
    group.setGroupId(GROUP);
    group.setConnectionsStr(List.of(where.split(",")));
    GroupChannelConnectionsConfig all = new GroupChannelConnectionsConfig();
    all.setCaCert(new FileSystemResource(certificates.resolve("ca.crt").toString()));
    all.setSslCert(new FileSystemResource(certificates.resolve("sdk.crt").toString()));
    all.setSslKey(new FileSystemResource(certificates.resolve("sdk.key").toString()));
    all.setAllChannelConnections(List.of(group));
    return all;
  }

  @Override
  void subscribe(String topic, String mode, String privateKey) {
    if (!privateKey.isEmpty()) throw new UnsupportedOperationException("private topics of web3sdk are its own");
    modes.put(topic, mode);
    service.addTopics(Set.of(topic));
    service.updateTopicsToNode();
  }

  @Override
  void unsubscribe(String topic) {
    modes.remove(topic);
    service.getTopics().remove(topic);
    service.updateTopicsToNode();
  }

  @Override
  void claim(String topic, List<String> publicKeys) {
    throw new UnsupportedOperationException("private topics of web3sdk are its own");
  }

  private ChannelRequest request(String topic, byte[] data, int timeoutMs) {
    ChannelRequest request = new ChannelRequest();
    request.setToTopic(topic);
    request.setMessageID(service.newSeq());
    request.setTimeout(timeoutMs);
    request.setContent(data);
    return request;
  }

  @Override
  void unicast(String topic, byte[] data, boolean isPrivate, int timeoutMs, Answer answer) {
    service.asyncSendChannelMessage2(
        request(topic, data, timeoutMs),
        new ChannelResponseCallback2() {
          @Override
          public void onResponseMessage(ChannelResponse response) {
            int code = response.getErrorCode();
            answer.answered(code, code == 0 ? response.getContentByteArray() : null);
          }
        });
  }

  @Override
  void multicast(String topic, byte[] data, boolean isPrivate) {
    service.asyncMulticastChannelMessage2(request(topic, data, 0));
  }
}
