package odradek.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.Map;

/** A file with one JSON object a line. Bytes are base64, 64-bit integers are strings of digits. */
final class JsonLines implements AutoCloseable {
  static final ObjectMapper MAPPER = new ObjectMapper();
  private final BufferedWriter out;

  JsonLines(Path folder, String name) throws IOException {
    out = Files.newBufferedWriter(folder.resolve(name + ".jsonl"));
  }

  static ObjectNode object() {
    return JsonNodeFactory.instance.objectNode();
  }

  static ArrayNode array() {
    return JsonNodeFactory.instance.arrayNode();
  }

  static String base64(byte[] bytes) {
    return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
  }

  static byte[] bytes(ByteBuffer buffer) {
    if (buffer == null) return null;
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    return bytes;
  }

  static String base64(ByteBuffer buffer) {
    return base64(bytes(buffer));
  }

  void line(JsonNode node) throws IOException {
    out.write(MAPPER.writeValueAsString(exact(node)));
    out.write('\n');
  }

  /** JavaScript reads numbers as doubles: whatever may not fit leaves as a string. */
  private static JsonNode exact(JsonNode node) {
    if (node.isLong() || node.isBigInteger()) return TextNode.valueOf(node.asText());
    if (node.isArray()) {
      ArrayNode copy = array();
      for (JsonNode one : node) copy.add(exact(one));
      return copy;
    }
    if (node.isObject()) {
      ObjectNode copy = object();
      for (Map.Entry<String, JsonNode> one : node.properties()) {
        copy.set(one.getKey(), exact(one.getValue()));
      }
      return copy;
    }
    return node;
  }

  @Override
  public void close() throws IOException {
    out.close();
  }
}
