package odradek.oracle;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Assignment;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.GroupSubscription;
import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor.Subscription;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.Cluster;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/**
 * Groups that change from round to round, and what Kafka's own assignors give their members. Topics
 * are named by letters, members and racks by numbers, so that the lines stay short.
 */
final class AssignorVectors {
  private static final int RACKS = 3;

  private AssignorVectors() {}

  static void write(Path folder) throws IOException {
    try (JsonLines out = new JsonLines(folder, "assignors")) {
      for (int number = 0; number < 40; number++) {
        boolean hasRacks = number % 2 == 1;
        new Story(number, new RangeAssignor(), hasRacks).play(out, 5);
        new Story(number, new RoundRobinAssignor(), hasRacks).play(out, 3);
        new Story(number, new StickyAssignor(), hasRacks).play(out, 4);
        new Story(number, new CooperativeStickyAssignor(), hasRacks).play(out, 6);
      }
    }
  }

  /** One group: members come and go, and take what they are given. */
  private static final class Story {
    private final Random random;
    private final ConsumerPartitionAssignor assignor;
    private final boolean hasRacks;
    private final boolean isEqual;
    private final int number;
    private final Map<String, Integer> counts = new TreeMap<>();
    private final Map<String, List<List<Integer>>> racks = new TreeMap<>();
    private final Map<String, Member> members = new TreeMap<>();
    private int names = 0;

    Story(int number, ConsumerPartitionAssignor assignor, boolean hasRacks) {
      this.number = number;
      this.random = new Random(number);
      this.assignor = assignor;
      this.hasRacks = hasRacks;
      this.isEqual = random.nextInt(3) > 0;
      int topics = 1 + random.nextInt(4);
      boolean isEven = random.nextBoolean();
      int count = 1 + random.nextInt(9);
      for (int index = 0; index < topics; index++) {
        String topic = String.valueOf((char) ('a' + index));
        counts.put(topic, isEven ? count : random.nextInt(10));
        List<List<Integer>> ofTopic = new ArrayList<>();
        for (int partition = 0; partition < counts.get(topic); partition++) {
          int first = random.nextInt(RACKS);
          int replicas = 1 + random.nextInt(2);
          List<Integer> ofPartition = new ArrayList<>();
          for (int i = 0; i < replicas; i++) ofPartition.add((first + i) % RACKS);
          ofTopic.add(ofPartition);
        }
        racks.put(topic, ofTopic);
      }
      int first = 1 + random.nextInt(5);
      for (int index = 0; index < first; index++) join();
    }

    private void join() {
      Member member = new Member();
      member.instanceId = random.nextInt(4) == 0 ? "i" + random.nextInt(100) : null;
      member.rack = hasRacks && random.nextInt(6) > 0 ? random.nextInt(RACKS) : -1;
      for (String topic : counts.keySet()) {
        if (isEqual || random.nextInt(3) > 0) member.topics.add(topic);
      }
      // Java gives partitions to a member without topics (it takes it for one like the others).
      if (member.topics.isEmpty()) member.topics.add("a");
      members.put("m" + (names * 7) % 100, member);
      names++;
    }

    void play(JsonLines out, int rounds) throws IOException {
      for (int round = 0; round < rounds; round++) {
        if (round > 0 && round % 2 == 0) {
          if (members.size() > 1 && random.nextBoolean()) {
            List<String> all = new ArrayList<>(members.keySet());
            members.remove(all.get(random.nextInt(all.size())));
          } else {
            join();
          }
        }
        give(out, round);
      }
    }

    private void give(JsonLines out, int round) throws IOException {
      Map<String, Subscription> subscriptions = new TreeMap<>();
      ArrayNode told = JsonLines.array();
      for (Map.Entry<String, Member> one : members.entrySet()) {
        Member member = one.getValue();
        ByteBuffer userData = member.userData(assignor, number);
        boolean isEager = !(assignor instanceof CooperativeStickyAssignor);
        List<TopicPartition> owned = isEager ? List.of() : member.owned;
        Optional<String> rack = member.rack < 0 ? Optional.empty() : Optional.of("" + member.rack);
        Subscription subscription =
            new Subscription(member.topics, userData, owned, member.generationId, rack);
        subscription.setGroupInstanceId(Optional.ofNullable(member.instanceId));
        subscriptions.put(one.getKey(), subscription);
        ObjectNode line = JsonLines.object().put("memberId", one.getKey());
        line.put("groupInstanceId", member.instanceId).put("topics", String.join("", member.topics));
        line.put("owned", text(owned)).put("generationId", member.generationId);
        line.put("userData", JsonLines.base64(userData)).put("rackId", rack.orElse(null));
        told.add(line);
      }
      Map<String, Assignment> plan =
          assignor.assign(cluster(), new GroupSubscription(subscriptions)).groupAssignment();
      ObjectNode given = JsonLines.object();
      for (Map.Entry<String, Assignment> one : new TreeMap<>(plan).entrySet()) {
        List<TopicPartition> partitions = one.getValue().partitions();
        given.put(one.getKey(), text(partitions));
        Member member = members.get(one.getKey());
        member.owned = partitions;
        member.generationId = round;
      }
      ObjectNode line = JsonLines.object().put("assignor", assignor.name()).put("story", number);
      line.put("round", round).put("isEqual", isEqual);
      ObjectNode topics = JsonLines.object();
      for (Map.Entry<String, Integer> one : counts.entrySet()) {
        ArrayNode ofTopic = JsonLines.array();
        for (List<Integer> ofPartition : racks.get(one.getKey())) {
          StringBuilder letters = new StringBuilder();
          for (int rack : ofPartition) letters.append(rack);
          ofTopic.add(letters.toString());
        }
        topics.set(one.getKey(), ofTopic);
      }
      line.set("topics", topics);
      line.set("members", told);
      out.line(line.set("assignment", given));
    }

    private Cluster cluster() {
      List<Node> nodes = new ArrayList<>();
      for (int rack = 0; rack < RACKS; rack++) nodes.add(new Node(rack, "h", 1, "" + rack));
      Set<PartitionInfo> partitions = new HashSet<>();
      for (Map.Entry<String, List<List<Integer>>> one : racks.entrySet()) {
        for (int partition = 0; partition < one.getValue().size(); partition++) {
          List<Integer> on = one.getValue().get(partition);
          Node[] replicas = on.stream().map(nodes::get).toArray(Node[]::new);
          partitions.add(
              new PartitionInfo(one.getKey(), partition, replicas[0], replicas, replicas));
        }
      }
      return new Cluster("c", nodes, partitions, Collections.emptySet(), Collections.emptySet());
    }
  }

  private static final class Member {
    String instanceId;
    int rack;
    int generationId = -1;
    final List<String> topics = new ArrayList<>();
    List<TopicPartition> owned = List.of();

    /** What its own assignor would write, had it heard of the assignment. */
    ByteBuffer userData(ConsumerPartitionAssignor kind, int number) {
      if (kind instanceof StickyAssignor) {
        StickyAssignor own = new StickyAssignor();
        if (generationId >= 0) own.onAssignment(new Assignment(owned), metadata(generationId));
        return own.subscriptionUserData(new HashSet<>(topics));
      }
      if (kind instanceof CooperativeStickyAssignor) {
        CooperativeStickyAssignor own = new CooperativeStickyAssignor();
        if (generationId >= 0) own.onAssignment(new Assignment(owned), metadata(generationId));
        return own.subscriptionUserData(new HashSet<>(topics));
      }
      return null;
    }

    @SuppressWarnings("removal")
    private static ConsumerGroupMetadata metadata(int generationId) {
      return new ConsumerGroupMetadata("g", generationId, "m", Optional.empty());
    }
  }

  private static String text(List<TopicPartition> partitions) {
    List<String> names = new ArrayList<>();
    for (TopicPartition one : partitions) names.add(one.topic() + one.partition());
    return String.join(" ", names);
  }
}
