package odradek.oracle;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.Checksum;
import net.jpountz.xxhash.XXHashFactory;
import org.apache.kafka.clients.producer.internals.BuiltInPartitioner;
import org.apache.kafka.common.utils.Utils;
import org.apache.kafka.common.utils.internals.ByteUtils;

/** Hashes, checksums and varints. */
final class ChecksumVectors {
  private static final int[] LENGTHS = {255, 256, 511, 512, 513, 1000, 4095, 4096, 5000};
  private static final int[] PARTITION_COUNTS = {1, 3, 12, 100, 1000};

  private ChecksumVectors() {}

  static void write(Path folder) throws IOException {
    try (JsonLines out = new JsonLines(folder, "checksums")) {
      Random random = new Random(7);
      for (int length = 0; length <= 80; length++) hashes(out, bytes(random, length));
      for (int length : LENGTHS) hashes(out, bytes(random, length));
      for (String text : new String[] {"key", "käfer", "\u8649", "a b c", "user-12345"}) {
        hashes(out, text.getBytes(StandardCharsets.UTF_8));
      }
      for (int shift = 0; shift < 64; shift++) {
        for (long near : new long[] {-1, 0, 1}) {
          varint(out, (1L << shift) + near);
          varint(out, -(1L << shift) + near);
        }
      }
    }
  }

  private static byte[] bytes(Random random, int length) {
    byte[] bytes = new byte[length];
    random.nextBytes(bytes);
    return bytes;
  }

  private static void hashes(JsonLines out, byte[] bytes) throws IOException {
    ObjectNode partitions = JsonLines.object();
    for (int count : PARTITION_COUNTS) {
      partitions.put(String.valueOf(count), BuiltInPartitioner.partitionForKey(bytes, count));
    }
    int xxhash32 = XXHashFactory.safeInstance().hash32().hash(bytes, 0, bytes.length, 0);
    ObjectNode line =
        JsonLines.object()
            .put("kind", "hash")
            .put("bytes", JsonLines.base64(bytes))
            .put("murmur2", Utils.murmur2(bytes))
            .put("crc32c", checksum(new CRC32C(), bytes))
            .put("crc32", checksum(new CRC32(), bytes))
            .put("xxhash32", xxhash32 & 0xffffffffL);
    out.line(line.set("partitions", partitions));
  }

  private static long checksum(Checksum checksum, byte[] bytes) {
    checksum.update(bytes, 0, bytes.length);
    return checksum.getValue();
  }

  private static void varint(JsonLines out, long value) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(16);
    ByteUtils.writeVarlong(value, buffer);
    ObjectNode line =
        JsonLines.object().put("kind", "varint").put("value", value).put("varlong", taken(buffer));
    if ((int) value == value) {
      ByteUtils.writeVarint((int) value, buffer);
      line.put("varint", taken(buffer));
    }
    if (value >= 0 && value <= 0xffffffffL) {
      ByteUtils.writeUnsignedVarint((int) value, buffer);
      line.put("unsignedVarint", taken(buffer));
    }
    out.line(line);
  }

  private static String taken(ByteBuffer buffer) {
    String text = JsonLines.base64(buffer.flip());
    buffer.clear();
    return text;
  }
}
