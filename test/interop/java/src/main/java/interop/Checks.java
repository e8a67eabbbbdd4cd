package interop;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.Callable;

/** Counts what held; the run reads the closing lines. */
final class Checks {
  static final String URL = System.getenv("AMQP_URL");
  static final String DROPPABLE_URL = System.getenv("AMQP_DROPPABLE_URL");
  private static int count;

  private Checks() {}

  static synchronized void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
    count++;
  }

  static void same(Object actual, Object expected) {
    check(Objects.equals(actual, expected), actual + " is not " + expected);
  }

  static <T> T until(String what, Callable<T> get) throws Exception {
    long end = System.nanoTime() + 10_000_000_000L;
    while (System.nanoTime() < end) {
      T value = get.call();
      if (value != null && !Boolean.FALSE.equals(value)) return value;
      Thread.sleep(10);
    }
    throw new AssertionError("waited 10 s in vain: " + what);
  }

  static String unique(String name) {
    return name + "-" + UUID.randomUUID();
  }

  static void dropConnections() throws Exception {
    var request = HttpRequest.newBuilder(URI.create(System.getenv("AMQP_DROP_CONTROL"))).DELETE().build();
    HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.discarding());
  }

  static void done(String library) {
    System.out.println("with: " + library);
    System.out.println("checks: " + count);
    System.exit(0);
  }
}
