package odradek.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BinaryNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.ShortNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.SimpleRecord;

/** Makes a value of a message from its definition, as JSON, for Kafka's own converters to read. */
final class Samples {
  enum Kind {
    /** Ordinary values, all different, everything present: finds what is in the wrong place. */
    FILLED,
    /** The ends of every range: extreme numbers, empty and null and long, other alphabets. */
    EDGES,
    /** 64-bit integers that no double holds. */
    HUGE,
    RANDOM
  }

  private static final long MAX_SAFE = (1L << 53) - 1;
  private static final long[] SAFE_EDGES = {MAX_SAFE, 0, -1, -MAX_SAFE, 1L << 32, (1L << 31) - 1};
  private static final long[] HUGE_EDGES = {
    Long.MAX_VALUE, Long.MIN_VALUE, MAX_SAFE + 1, -MAX_SAFE - 1, 0x0123456789abcdefL
  };
  private static final String[] TEXTS = {
    "", "käfer-\u03a9\u043a\u0430-\u8649", "\ud83e\udd8a\ud83c\udfff", "a\u0000b\u007f\u0080", "x".repeat(300)
  };

  private final JsonNode definition;
  private final int version;
  private final Kind kind;
  private final Random random;
  private int counter = 0;

  Samples(JsonNode definition, int version, Kind kind, Random random) {
    this.definition = definition;
    this.version = version;
    this.kind = kind;
    this.random = random;
  }

  ObjectNode message() {
    return struct(definition.get("fields"));
  }

  private ObjectNode struct(JsonNode fields) {
    ObjectNode value = JsonLines.object();
    for (JsonNode field : fields) {
      if (!Definitions.includes(field.get("versions"), version)) continue;
      boolean isTagged = Definitions.includes(field.get("taggedVersions"), version);
      if (isTagged && kind == Kind.RANDOM && random.nextBoolean()) continue;
      if (isTagged && kind == Kind.EDGES && counter++ % 4 == 3) continue;
      value.set(Definitions.jsonName(field), value(field, field.get("type").asText(), true));
    }
    return value;
  }

  private JsonNode value(JsonNode field, String type, boolean mayBeNull) {
    counter++;
    if (mayBeNull && Definitions.includes(field.get("nullableVersions"), version)) {
      if (kind == Kind.EDGES && counter % 2 == 0) return NullNode.instance;
      if (kind == Kind.RANDOM && random.nextInt(4) == 0) return NullNode.instance;
    }
    if (type.startsWith("[]")) {
      ArrayNode values = JsonLines.array();
      int size = pick(2, counter % 3 == 0 ? 0 : counter % 3 == 1 ? 1 : 3, random.nextInt(4));
      for (int index = 0; index < size; index++) values.add(value(field, type.substring(2), false));
      return values;
    }
    switch (type) {
      case "bool":
        return BooleanNode.valueOf(pick(1, counter % 2, random.nextInt(2)) == 1);
      case "int8":
        return ShortNode.valueOf((short) integer(-128, 127));
      case "int16":
        return ShortNode.valueOf((short) integer(-32768, 32767));
      case "uint16":
        return IntNode.valueOf((int) integer(0, 65535));
      case "int32":
        return IntNode.valueOf((int) integer(Integer.MIN_VALUE, Integer.MAX_VALUE));
      case "uint32":
        return LongNode.valueOf(integer(0, 0xffffffffL));
      case "int64":
        return LongNode.valueOf(int64());
      case "float64":
        return DoubleNode.valueOf(float64());
      case "string":
        return TextNode.valueOf(text());
      case "uuid":
        return TextNode.valueOf(uuid().toString());
      case "bytes":
        return BinaryNode.valueOf(bytes());
      case "records":
        return BinaryNode.valueOf(records());
      default:
        return struct(Definitions.fieldsOf(definition, field, type));
    }
  }

  private int pick(int filled, int edge, int chance) {
    switch (kind) {
      case EDGES:
        return edge;
      case RANDOM:
        return chance;
      default:
        return filled;
    }
  }

  private long integer(long min, long max) {
    switch (kind) {
      case EDGES:
        return new long[] {min, max, 0, Math.max(min, -1)}[counter % 4];
      case RANDOM:
        return min + (long) (random.nextDouble() * (max - min));
      default:
        return 1 + counter % 120;
    }
  }

  private long int64() {
    switch (kind) {
      case EDGES:
        return SAFE_EDGES[counter % SAFE_EDGES.length];
      case HUGE:
        return HUGE_EDGES[counter % HUGE_EDGES.length];
      case RANDOM:
        return random.nextLong() >> (11 + random.nextInt(50));
      default:
        return 1_000_000_000_000L + counter;
    }
  }

  private double float64() {
    switch (kind) {
      case EDGES:
        return new double[] {Double.MAX_VALUE, -Double.MIN_VALUE, -0.5}[counter % 3];
      case RANDOM:
        return random.nextGaussian();
      default:
        return counter + 0.25;
    }
  }

  private String text() {
    switch (kind) {
      case EDGES:
        return TEXTS[counter % TEXTS.length];
      case RANDOM:
        return TEXTS[random.nextInt(TEXTS.length - 1)] + random.nextInt(1000);
      default:
        return "text-" + counter;
    }
  }

  private Uuid uuid() {
    switch (kind) {
      case EDGES:
        return counter % 2 == 0 ? Uuid.ZERO_UUID : new Uuid(-1, -1);
      case RANDOM:
        return new Uuid(random.nextLong(), random.nextLong());
      default:
        return new Uuid(0x0102030405060708L, counter);
    }
  }

  private byte[] bytes() {
    byte[] value = new byte[pick(5, counter % 3 == 0 ? 0 : 200, random.nextInt(10))];
    random.nextBytes(value);
    return value;
  }

  private byte[] records() {
    if (kind == Kind.EDGES && counter % 3 == 0) return new byte[0];
    MemoryRecords records =
        MemoryRecords.withRecords(
            Compression.NONE,
            new SimpleRecord(1_700_000_000_000L + counter, "key".getBytes(), text().getBytes(StandardCharsets.UTF_8)),
            new SimpleRecord(1_700_000_000_001L, null, (byte[]) null));
    return JsonLines.bytes(records.buffer());
  }
}
