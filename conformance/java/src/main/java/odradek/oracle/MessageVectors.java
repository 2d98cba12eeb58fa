package odradek.oracle;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.InvocationTargetException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.common.errors.UnsupportedVersionException;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.ApiMessageType.ListenerType;
import org.apache.kafka.common.message.ConsumerProtocolAssignment;
import org.apache.kafka.common.message.ConsumerProtocolSubscription;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.requests.ApiVersionsRequest;
import org.apache.kafka.common.requests.RequestUtils;

/** Every message of every stable version that brokers listen for: definition, bodies, whole frames. */
final class MessageVectors {
  /** Tags that no message has (yet), in ascending order. */
  private static final List<RawTaggedField> UNKNOWN_TAGS =
      List.of(
          new RawTaggedField(1000, new byte[] {1, 2, 3}),
          new RawTaggedField(20_000, new byte[0]),
          new RawTaggedField(3_000_000, "later".repeat(40).getBytes()));

  private final JsonLines definitions;
  private final JsonLines messages;
  private final JsonLines frames;
  private final JsonLines apis;
  private int correlationId = 1;

  private MessageVectors(JsonLines definitions, JsonLines messages, JsonLines frames, JsonLines apis) {
    this.definitions = definitions;
    this.messages = messages;
    this.frames = frames;
    this.apis = apis;
  }

  static void write(Path folder) throws Exception {
    try (JsonLines definitions = new JsonLines(folder, "definitions");
        JsonLines messages = new JsonLines(folder, "messages");
        JsonLines frames = new JsonLines(folder, "frames");
        JsonLines apis = new JsonLines(folder, "apis")) {
      MessageVectors vectors = new MessageVectors(definitions, messages, frames, apis);
      for (ApiMessageType type : ApiMessageType.values()) {
        boolean isAnswered = type.lowestSupportedVersion() <= type.highestSupportedVersion(true);
        if (isAnswered && type.listeners().contains(ListenerType.BROKER)) vectors.api(type);
      }
      vectors.blob("ConsumerProtocolSubscription", new ConsumerProtocolSubscription());
      vectors.blob("ConsumerProtocolAssignment", new ConsumerProtocolAssignment());
      vectors.unknownApiVersionsVersion();
    }
  }

  private void api(ApiMessageType type) throws Exception {
    short lowest = type.lowestSupportedVersion();
    short highest = type.highestSupportedVersion(false);
    ArrayNode requestHeaders = JsonLines.array();
    ArrayNode responseHeaders = JsonLines.array();
    for (short version = lowest; version <= highest; version++) {
      requestHeaders.add((int) type.requestHeaderVersion(version));
      responseHeaders.add((int) type.responseHeaderVersion(version));
    }
    ObjectNode line =
        JsonLines.object()
            .put("name", type.name)
            .put("apiKey", (int) type.apiKey())
            .put("lowestVersion", (int) lowest)
            .put("highestVersion", (int) highest);
    apis.line(
        line.<ObjectNode>set("requestHeaders", requestHeaders).set("responseHeaders", responseHeaders));
    for (String direction : new String[] {"request", "response"}) {
      boolean isRequest = direction.equals("request");
      String name = type.name + (isRequest ? "Request" : "Response");
      ObjectNode definition = Definitions.load(name);
      definitions.line(definition);
      for (short version = lowest; version <= highest; version++) {
        ObjectNode head =
            JsonLines.object()
                .put("message", name)
                .put("apiKey", (int) type.apiKey())
                .put("direction", direction)
                .put("version", (int) version);
        Message filled =
            samples(head, definition, isRequest ? type.newRequest() : type.newResponse(), name + "Data", version);
        frame(head, type, isRequest, version, filled);
      }
    }
  }

  private void blob(String name, Message empty) throws Exception {
    ObjectNode definition = Definitions.load(name);
    definitions.line(definition);
    for (short version = empty.lowestSupportedVersion(); version <= empty.highestSupportedVersion(); version++) {
      ObjectNode head =
          JsonLines.object().put("message", name).put("apiKey", -1).put("direction", "blob").put("version", (int) version);
      samples(head, definition, empty, name, version);
    }
  }

  /** Writes all samples of one message and version, and gives the filled one. */
  private Message samples(ObjectNode head, JsonNode definition, Message empty, String className, short version)
      throws Exception {
    boolean isFlexible = Definitions.includes(definition.get("flexibleVersions"), version);
    sample(head, "defaults", className, new Sample(null, empty.duplicate()), version);
    Sample filled = build(definition, className, version, Samples.Kind.FILLED, 0);
    sample(head, "filled", className, filled, version);
    sample(head, "edges", className, build(definition, className, version, Samples.Kind.EDGES, 0), version);
    sample(head, "huge", className, build(definition, className, version, Samples.Kind.HUGE, 0), version);
    for (int seed = 1; seed <= 3; seed++) {
      Sample random = build(definition, className, version, Samples.Kind.RANDOM, seed);
      sample(head, "random" + seed, className, random, version);
    }
    if (isFlexible) {
      Sample tagged = build(definition, className, version, Samples.Kind.FILLED, 0);
      addUnknownTags(tagged.message, definition.get("fields"), definition, version);
      sample(head, "filled+tags", className, tagged, version);
      Sample plain = new Sample(null, empty.duplicate());
      addUnknownTags(plain.message, definition.get("fields"), definition, version);
      sample(head, "defaults+tags", className, plain, version);
    }
    return filled.message;
  }

  /** A message and the JSON that it was made from, if it was. */
  private record Sample(JsonNode source, Message message) {}

  private static Sample build(
      JsonNode definition, String className, short version, Samples.Kind kind, int seed) throws Exception {
    Random random = new Random((className + version + kind + seed).hashCode());
    JsonNode json = new Samples(definition, version, kind, random).message();
    Object message = converter(className).getMethod("read", JsonNode.class, short.class).invoke(null, json, version);
    return new Sample(json, (Message) message);
  }

  private static Class<?> converter(String className) throws ClassNotFoundException {
    return Class.forName("org.apache.kafka.common.message." + className + "JsonConverter");
  }

  private void sample(ObjectNode head, String kind, String className, Sample sample, short version)
      throws Exception {
    Message message = sample.message;
    ObjectNode line = head.deepCopy().put("kind", kind);
    try {
      ByteBuffer body = MessageUtil.toByteBufferAccessor(message, version).buffer();
      JsonNode json =
          (JsonNode)
              converter(className)
                  .getMethod("write", message.getClass(), short.class, boolean.class)
                  .invoke(null, message, version, true);
      if (sample.source != null) restoreRecords(sample.source, json);
      line.put("body", JsonLines.base64(body));
      line.set("json", json);
    } catch (UnsupportedVersionException | NullPointerException impossible) {
      // A message whose default says nothing that this version can say.
      line.put("impossible", impossible.getClass().getSimpleName());
    } catch (InvocationTargetException error) {
      throw (Exception) error.getCause();
    }
    messages.line(line);
  }

  /** Kafka's converters leave records out of what they write. */
  private static void restoreRecords(JsonNode source, JsonNode json) {
    if (json.isArray()) {
      for (int index = 0; index < json.size(); index++) restoreRecords(source.get(index), json.get(index));
    }
    if (!json.isObject()) return;
    for (Map.Entry<String, JsonNode> field : json.properties()) {
      JsonNode original = source.get(field.getKey());
      if (original == null) continue;
      if (field.getKey().equals("records")) field.setValue(original);
      else restoreRecords(original, field.getValue());
    }
  }

  private static void addUnknownTags(Object message, JsonNode fields, JsonNode definition, int version)
      throws ReflectiveOperationException {
    ((Message) message).unknownTaggedFields().addAll(UNKNOWN_TAGS);
    for (JsonNode field : fields) {
      if (!Definitions.includes(field.get("versions"), version)) continue;
      Field member = message.getClass().getDeclaredField(Definitions.jsonName(field));
      member.setAccessible(true);
      Object value = member.get(message);
      String type = field.get("type").asText().replace("[]", "");
      if (value instanceof Message) {
        addUnknownTags(value, Definitions.fieldsOf(definition, field, type), definition, version);
      } else if (value instanceof Collection) {
        for (Object element : (Collection<?>) value) {
          if (element instanceof Message) {
            addUnknownTags(element, Definitions.fieldsOf(definition, field, type), definition, version);
          }
        }
      }
    }
  }

  private void frame(ObjectNode head, ApiMessageType type, boolean isRequest, short version, Message body)
      throws IOException {
    ObjectNode line = head.deepCopy().put("correlationId", correlationId);
    ByteBuffer frame;
    if (isRequest) {
      String clientId = new String[] {"client-" + correlationId, null, "", "клиент"}[correlationId % 4];
      line.put("clientId", clientId);
      RequestHeaderData header =
          new RequestHeaderData()
              .setRequestApiKey(type.apiKey())
              .setRequestApiVersion(version)
              .setCorrelationId(correlationId)
              .setClientId(clientId);
      frame = RequestUtils.serialize(header, type.requestHeaderVersion(version), body, version);
    } else {
      ResponseHeaderData header = new ResponseHeaderData().setCorrelationId(correlationId);
      frame = RequestUtils.serialize(header, type.responseHeaderVersion(version), body, version);
    }
    frames.line(line.put("frame", JsonLines.base64(frame)));
    correlationId++;
  }

  /** What a broker answers to an ApiVersions request of a version that it does not know. */
  private void unknownApiVersionsVersion() throws IOException {
    short newer = (short) (ApiKeys.API_VERSIONS.latestVersion() + 1);
    ApiVersionsRequest request =
        new ApiVersionsRequest(
            new org.apache.kafka.common.message.ApiVersionsRequestData(), (short) 0, newer);
    Message body = request.getErrorResponse(0, new UnsupportedVersionException("newer")).data();
    ResponseHeaderData header = new ResponseHeaderData().setCorrelationId(correlationId);
    frames.line(
        JsonLines.object()
            .put("message", "ApiVersionsResponse")
            .put("apiKey", (int) ApiKeys.API_VERSIONS.id)
            .put("direction", "unsupported")
            .put("version", (int) newer)
            .put("correlationId", correlationId)
            .put("frame", JsonLines.base64(RequestUtils.serialize(header, (short) 0, body, (short) 0))));
  }
}
