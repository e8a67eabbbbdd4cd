import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.Security;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.Semaphore;
import org.bouncycastle.jce.provider.BouncyCastleProvider;

/** A program on an SDK's own API, told what to do line by line on stdin; ../../README.md has the lines. */
abstract class Agent {
  private static final int REPLIED_WHOLE = 1024;
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What becomes of a unicast. */
  interface Answer {
    void answered(int code, byte[] data);
  }

  /** JDKs from 16 on have no secp256k1; this one is asked first. RSA certificates need it not. */
  protected static void provideSecp256k1() {
    if (System.getenv("JDK_ONLY") == null) Security.insertProviderAt(new BouncyCastleProvider(), 1);
  }

  private final PrintStream out = System.out;
  protected final String name;

  protected Agent(String name) {
    this.name = name;
    // The SDKs print to stdout too, which is for our lines alone.
    System.setOut(System.err);
  }

  abstract void connect(String where, Path certificates) throws Exception;

  abstract void subscribe(String topic, String mode, String privateKey) throws Exception;

  abstract void unsubscribe(String topic) throws Exception;

  abstract void claim(String topic, List<String> publicKeys) throws Exception;

  abstract void unicast(String topic, byte[] data, boolean isPrivate, int timeoutMs, Answer answer) throws Exception;

  abstract void multicast(String topic, byte[] data, boolean isPrivate) throws Exception;

  /** Says that a message has come. Returns its answer, null when none shall be given. */
  protected final byte[] received(String topic, byte[] data, String mode) {
    ObjectNode event = event("message").put("topic", topic).put("bytes", data.length).put("sha256", sha256(data));
    if (data.length <= REPLIED_WHOLE) event.put("data", data);
    say(event);
    if (mode.equals("silent")) return null;
    byte[] shown = data.length <= REPLIED_WHOLE ? data : sha256(data).getBytes(StandardCharsets.US_ASCII);
    byte[] head = (name + ":").getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(head.length + shown.length).put(head).put(shown).array();
  }

  protected final void run(String where, Path certificates) {
    try {
      connect(where, certificates);
      say(event("connected"));
      BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = lines.readLine(); line != null; line = lines.readLine()) obey(JSON.readTree(line));
    } catch (Exception fault) {
      say(event("fault").put("error", String.valueOf(fault)));
      fault.printStackTrace();
      Runtime.getRuntime().halt(1);
    }
    // The SDKs leave threads behind that keep a program alive.
    Runtime.getRuntime().halt(0);
  }

  private void obey(JsonNode command) {
    String op = command.path("op").asText();
    int id = command.path("id").asInt();
    try {
      act(op, id, command);
      say(event("done").put("op", op).put("id", id));
    } catch (Exception refusal) {
      say(event("refused").put("op", op).put("id", id).put("error", String.valueOf(refusal)));
    }
  }

  private void act(String op, int id, JsonNode command) throws Exception {
    String topic = command.path("topic").asText();
    boolean isPrivate = command.path("private").asBoolean();
    int timeoutMs = command.path("timeoutMs").asInt(5000);
    switch (op) {
      case "subscribe":
        subscribe(topic, command.path("mode").asText(), command.path("privateKey").asText());
        return;
      case "unsubscribe":
        unsubscribe(topic);
        return;
      case "claim":
        List<String> keys = new ArrayList<>();
        for (JsonNode key : command.path("publicKeys")) keys.add(key.asText());
        claim(topic, keys);
        return;
      case "unicast":
        byte[] data = command.path("data").binaryValue();
        unicast(topic, data, isPrivate, timeoutMs, (code, answer) -> answered(id, code, answer));
        return;
      case "multicast":
        multicast(topic, command.path("data").binaryValue(), isPrivate);
        answered(id, 0, null);
        return;
      case "bulk":
        Thread bulk = new Thread(() -> bulk(topic, id, timeoutMs, command));
        bulk.setDaemon(true);
        bulk.start();
        return;
      case "exit":
        Runtime.getRuntime().halt(0);
      default:
        throw new IllegalArgumentException("unknown op " + op);
    }
  }

  /** Message i is its number and length, then bytes of the file: [offset, size] each. */
  private void bulk(String topic, int first, int timeoutMs, JsonNode command) {
    try {
      byte[] file = Files.readAllBytes(Path.of(command.path("file").asText()));
      Semaphore free = new Semaphore(command.path("window").asInt());
      int id = first;
      for (JsonNode place : command.path("messages")) {
        int size = place.get(1).asInt();
        int number = id++;
        ByteBuffer data = ByteBuffer.allocate(8 + size).putInt(number).putInt(size);
        data.put(file, place.get(0).asInt(), size);
        free.acquire();
        unicast(
            topic,
            data.array(),
            false,
            timeoutMs,
            (code, answer) -> {
              free.release();
              answered(number, code, answer);
            });
      }
    } catch (Exception fault) {
      say(event("fault").put("error", String.valueOf(fault)));
    }
  }

  private void answered(int id, int code, byte[] data) {
    ObjectNode event = event("answer").put("id", id).put("code", code);
    if (data != null) event.put("data", data);
    say(event);
  }

  private static ObjectNode event(String kind) {
    return JSON.createObjectNode().put("event", kind);
  }

  private void say(ObjectNode event) {
    synchronized (out) {
      out.println(event);
      out.flush();
    }
  }

  private static String sha256(byte[] data) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
    } catch (Exception impossible) {
      throw new IllegalStateException(impossible);
    }
  }
}
