package odradek.oracle;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;

/** Kafka's message definitions, as they lie inside the jar. */
final class Definitions {
  private static final ObjectMapper MAPPER =
      new ObjectMapper().configure(JsonParser.Feature.ALLOW_COMMENTS, true);

  private Definitions() {}

  /** A definition without its prose. */
  static ObjectNode load(String name) throws IOException {
    String path = "/common/message/" + name + ".json";
    try (InputStream in = Definitions.class.getResourceAsStream(path)) {
      if (in == null) throw new IOException("The jar has no " + path);
      ObjectNode definition = (ObjectNode) MAPPER.readTree(in);
      dropProse(definition);
      return definition;
    }
  }

  private static void dropProse(JsonNode node) {
    if (node instanceof ObjectNode) ((ObjectNode) node).remove("about");
    for (JsonNode child : node) dropProse(child);
  }

  static String jsonName(JsonNode field) {
    String name = field.get("name").asText();
    return name.substring(0, 1).toLowerCase() + name.substring(1);
  }

  /** The fields of a struct type: written in place, or among the common structs of the message. */
  static JsonNode fieldsOf(JsonNode definition, JsonNode field, String structName) {
    if (field.has("fields")) return field.get("fields");
    for (JsonNode struct : definition.path("commonStructs")) {
      if (struct.get("name").asText().equals(structName)) return struct.get("fields");
    }
    throw new IllegalStateException("There is no struct " + structName);
  }

  /** Ranges as Kafka writes them: {@code 3}, {@code 0-4}, {@code 3+}, {@code none}. */
  static boolean includes(JsonNode range, int version) {
    if (range == null || range.asText().equals("none") || range.asText().isEmpty()) return false;
    String text = range.asText();
    if (text.endsWith("+")) return version >= Integer.parseInt(text.substring(0, text.length() - 1));
    String[] ends = text.split("-");
    return version >= Integer.parseInt(ends[0]) && version <= Integer.parseInt(ends[ends.length - 1]);
  }
}
