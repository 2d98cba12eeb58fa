package odradek.interop;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * The Java client's transactional producer and its reader of committed records, against the broker
 * under test: commits, aborts, offsets, fencing, and a timeout. Says on standard output what it
 * sees, one line each.
 *
 * <p>Arguments: bootstrap servers, topic (2 partitions), group id.
 */
public final class Transactions {
  private static final String ID = "java-transactions";

  private final String bootstrapServers;
  private final String topic;
  private final String groupId;

  private Transactions(String[] args) {
    bootstrapServers = args[0];
    topic = args[1];
    groupId = args[2];
  }

  public static void main(String[] args) throws Exception {
    new Transactions(args).run();
  }

  private void run() throws Exception {
    try (KafkaProducer<String, String> first = producer(60_000)) {
      first.initTransactions();
      for (int round = 0; round < 20; round++) {
        first.beginTransaction();
        boolean isCommit = round % 3 != 2;
        for (int n = 0; n < 5; n++) {
          String value = (isCommit ? "c" : "a") + round + "." + n;
          first.send(new ProducerRecord<>(topic, n % 2, null, value));
        }
        Map<TopicPartition, OffsetAndMetadata> offsets =
            Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(round + 1));
        first.sendOffsetsToTransaction(offsets, new ConsumerGroupMetadata(groupId));
        if (isCommit) first.commitTransaction();
        else first.abortTransaction();
      }
      first.beginTransaction();
      first.send(new ProducerRecord<>(topic, 0, null, "fenced")).get();
      try (KafkaProducer<String, String> second = producer(1000)) {
        second.initTransactions();
        try {
          first.send(new ProducerRecord<>(topic, 0, null, "zombie"));
          first.commitTransaction();
          say("first is not fenced");
        } catch (ProducerFencedException | InvalidProducerEpochException error) {
          say("first is fenced");
        } catch (KafkaException error) {
          say("first failed: " + error.getClass().getSimpleName());
        }
        second.beginTransaction();
        second.send(new ProducerRecord<>(topic, 1, null, "second"));
        second.commitTransaction();
        second.beginTransaction();
        second.send(new ProducerRecord<>(topic, 1, null, "timed out")).get();
        Thread.sleep(3000);
        try {
          second.commitTransaction();
          say("the timeout did nothing");
        } catch (KafkaException error) {
          say("the transaction timed out");
        }
      }
    }
    read();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrapServers))) {
      long offset =
          admin.listConsumerGroupOffsets(groupId).partitionsToOffsetAndMetadata().get()
              .get(new TopicPartition(topic, 0)).offset();
      say("offset " + offset);
      say("state " + admin.describeTransactions(List.of(ID)).description(ID).get().state());
      say("listed " + admin.listTransactions().all().get().size());
    }
    say("done");
  }

  private void read() {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrapServers);
    properties.put("isolation.level", "read_committed");
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", "false");
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer())) {
      List<TopicPartition> partitions =
          List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1));
      consumer.assign(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      for (int polls = 0; polls < 100; polls++) {
        for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
          say("read " + record.partition() + " " + record.value());
        }
        if (partitions.stream().allMatch(one -> consumer.position(one) >= ends.get(one))) break;
      }
    }
  }

  private KafkaProducer<String, String> producer(int timeoutMs) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", bootstrapServers);
    properties.put("transactional.id", ID);
    properties.put("transaction.timeout.ms", timeoutMs);
    properties.put("max.block.ms", 10_000);
    properties.put("delivery.timeout.ms", 10_000);
    properties.put("request.timeout.ms", 5_000);
    return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
  }

  private static void say(String line) {
    System.out.println(line);
  }
}
