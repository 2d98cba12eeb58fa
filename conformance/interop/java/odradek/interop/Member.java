package odradek.interop;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A member of a group by Kafka's own client: it says what it is assigned and what it reads, a line
 * each, and leaves when its standard input ends. A group without offsets begins at the earliest
 * record, or as the fifth argument says (latest). A record "block MS" makes it compute for so long.
 */
public final class Member {
  private static final Map<String, Class<? extends ConsumerPartitionAssignor>> ASSIGNORS =
      Map.of(
          "cooperative-sticky", CooperativeStickyAssignor.class,
          "range", RangeAssignor.class,
          "roundrobin", RoundRobinAssignor.class,
          "sticky", StickyAssignor.class);

  private Member() {}

  public static void main(String[] arguments) throws Exception {
    String topic = arguments[2];
    Map<String, Object> options =
        Map.of(
            "bootstrap.servers", arguments[0],
            "client.id", "java",
            "group.id", arguments[1],
            "partition.assignment.strategy", ASSIGNORS.get(arguments[3]).getName(),
            "auto.offset.reset", arguments.length > 4 ? arguments[4] : "earliest",
            "auto.commit.interval.ms", 200,
            "heartbeat.interval.ms", 500,
            "session.timeout.ms", 10_000,
            "fetch.max.wait.ms", 200,
            "enable.metrics.push", false);
    KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(options, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    Thread input =
        new Thread(
            () -> {
              try {
                System.in.readAllBytes();
              } catch (java.io.IOException error) {
                System.err.println(error);
              }
              consumer.wakeup();
            });
    input.setDaemon(true);
    input.start();
    consumer.subscribe(List.of(topic), new Told());
    try {
      while (true) {
        for (var record : consumer.poll(Duration.ofMillis(200))) {
          System.out.println("record " + record.partition() + " " + record.offset());
          String value = new String(record.value(), StandardCharsets.UTF_8);
          if (value.startsWith("block ")) compute(Long.parseLong(value.substring(6)));
        }
      }
    } catch (WakeupException over) {
      // It is time to leave.
    } finally {
      consumer.close();
    }
  }

  private static void compute(long ms) {
    System.out.println("blocking");
    long end = System.nanoTime() + ms * 1_000_000;
    while (System.nanoTime() < end) Thread.onSpinWait();
    System.out.println("unblocked");
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
