package odradek.interop;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A member of a group that says what it reads, a line each, and never commits by itself:
 * BOOTSTRAP_SERVERS GROUP TOPIC manual|automatic. "seek OFFSET" on its standard input moves
 * partition 0; when the input ends it closes.
 */
public final class Commits {
  private static final String CLOSE = "close";

  private Commits() {}

  public static void main(String[] arguments) {
    String topic = arguments[2];
    Map<String, Object> options =
        Map.of(
            "bootstrap.servers", arguments[0],
            "client.id", "java",
            "group.id", arguments[1],
            "enable.auto.commit", arguments[3].equals("automatic"),
            "auto.commit.interval.ms", 300_000,
            "auto.offset.reset", "earliest",
            "heartbeat.interval.ms", 500,
            "session.timeout.ms", 10_000,
            "fetch.max.wait.ms", 200,
            "enable.metrics.push", false);
    ConcurrentLinkedQueue<String> commands = new ConcurrentLinkedQueue<>();
    Thread input = new Thread(() -> read(commands));
    input.setDaemon(true);
    input.start();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(options, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of(topic), new Told());
      while (true) {
        String command = commands.poll();
        if (CLOSE.equals(command)) return;
        if (command != null && command.startsWith("seek ")) {
          consumer.seek(new TopicPartition(topic, 0), Long.parseLong(command.substring(5)));
          System.out.println("sought");
        }
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          System.out.println("record " + record.partition() + " " + record.offset());
        }
      }
    }
  }

  private static void read(ConcurrentLinkedQueue<String> commands) {
    try (BufferedReader lines = new BufferedReader(new InputStreamReader(System.in))) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) commands.add(line);
    } catch (IOException error) {
      System.err.println(error);
    }
    commands.add(CLOSE);
  }

  private static final class Told implements ConsumerRebalanceListener {
    private final TreeSet<Integer> owned = new TreeSet<>();

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
      for (TopicPartition one : partitions) owned.add(one.partition());
      tell();
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
      for (TopicPartition one : partitions) owned.remove(one.partition());
      tell();
    }

    private void tell() {
      String all = owned.stream().map(String::valueOf).collect(Collectors.joining(","));
      System.out.println("assigned " + all);
    }
  }
}
