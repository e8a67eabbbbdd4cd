import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.fisco.bcos.sdk.BcosSDK;
import org.fisco.bcos.sdk.amop.Amop;
import org.fisco.bcos.sdk.amop.AmopCallback;
import org.fisco.bcos.sdk.amop.AmopMsgOut;
import org.fisco.bcos.sdk.amop.AmopResponse;
import org.fisco.bcos.sdk.amop.AmopResponseCallback;
import org.fisco.bcos.sdk.amop.topic.AmopMsgIn;
import org.fisco.bcos.sdk.amop.topic.TopicType;
import org.fisco.bcos.sdk.config.ConfigOption;
import org.fisco.bcos.sdk.config.model.ConfigProperty;

/** java-sdk 2.10.1's Amop. Arguments: name, host:port or a configuration file, folder of the certificates. */
final class JavaSdk extends Agent {
  private Amop amop;

  private JavaSdk(String name) {
    super(name);
  }

  public static void main(String[] args) {
    provideSecp256k1();
    new JavaSdk(args[0]).run(args[1], Path.of(args[2]));
  }

  @Override
  void connect(String where, Path certificates) throws Exception {
    if (where.endsWith(".toml")) {
      amop = BcosSDK.build(where).getAmop();
    } else {
      ConfigProperty property = new ConfigProperty();
      property.setNetwork(new HashMap<>(Map.of("peers", List.of(where.split(",")))));
      property.setCryptoMaterial(new HashMap<>(Map.of("certPath", certificates.toString())));
      amop = new BcosSDK(new ConfigOption(property)).getAmop();
    }
  }

  private AmopCallback callback(String topic, String mode) {
    return new AmopCallback() {
      @Override
      public byte[] receiveAmopMsg(AmopMsgIn message) {
        byte[] answer = received(topic, message.getContent(), mode);
        // What is returned is sent: there is no other way not to answer.
        if (answer == null) sleepAMinute();
        return answer;
      }
    };
  }

  private static void sleepAMinute() {
    try {
      Thread.sleep(60_000);
    } catch (InterruptedException ended) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  void subscribe(String topic, String mode, String privateKey) {
    if (privateKey.isEmpty()) amop.subscribeTopic(topic, callback(topic, mode));
    else amop.subscribePrivateTopics(topic, privateKey, callback(topic, mode));
  }

  @Override
  void unsubscribe(String topic) {
    amop.unsubscribeTopic(topic);
  }

  @Override
  void claim(String topic, List<String> publicKeys) {
    amop.publishPrivateTopicWithHexPublicKeyList(topic, publicKeys);
  }

  private static AmopMsgOut message(String topic, byte[] data, boolean isPrivate) {
    AmopMsgOut message = new AmopMsgOut();
    message.setTopic(topic);
    message.setContent(data);
    message.setType(isPrivate ? TopicType.PRIVATE_TOPIC : TopicType.NORMAL_TOPIC);
    return message;
  }

  @Override
  void unicast(String topic, byte[] data, boolean isPrivate, int timeoutMs, Answer answer) {
    AmopMsgOut message = message(topic, data, isPrivate);
    message.setTimeout(timeoutMs);
    amop.sendAmopMsg(
        message,
        new AmopResponseCallback() {
          @Override
          public void onResponse(AmopResponse response) {
            int code = response.getErrorCode();
            answer.answered(code, code == 0 ? response.getAmopMsgIn().getContent() : null);
          }
        });
  }

  @Override
  void multicast(String topic, byte[] data, boolean isPrivate) {
    amop.broadcastAmopMsg(message(topic, data, isPrivate));
  }
}
