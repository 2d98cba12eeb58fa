package odradek.oracle;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/** Says what Kafka reads in record batches, whoever wrote them. */
final class BatchReader {
  private BatchReader() {}

  /** One base64 text of batches a line in the file; one JSON line each to standard output. */
  static void verify(Path file) throws IOException {
    for (String text : Files.readAllLines(file)) {
      ObjectNode line = JsonLines.object();
      try {
        line.set("batches", describe(Base64.getDecoder().decode(text)));
      } catch (RuntimeException error) {
        line.put("error", error.toString());
      }
      System.out.println(JsonLines.MAPPER.writeValueAsString(line));
    }
  }

  static ArrayNode describe(byte[] bytes) {
    ArrayNode batches = JsonLines.array();
    for (MutableRecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(bytes)).batches()) {
      batch.ensureValid();
      batches.add(describe(batch));
    }
    return batches;
  }

  private static ObjectNode describe(RecordBatch batch) {
    ObjectNode node =
        JsonLines.object()
            .put("magic", (int) batch.magic())
            .put("baseOffset", text(batch.baseOffset()))
            .put("lastOffset", text(batch.lastOffset()))
            .put("compressionType", batch.compressionType().name)
            .put("timestampType", batch.timestampType().name)
            .put("maxTimestamp", text(batch.maxTimestamp()));
    if (batch.magic() >= RecordBatch.MAGIC_VALUE_V2) {
      node.put("leaderEpoch", batch.partitionLeaderEpoch())
          .put("isTransactional", batch.isTransactional())
          .put("isControl", batch.isControlBatch())
          .put("producerId", text(batch.producerId()))
          .put("producerEpoch", (int) batch.producerEpoch())
          .put("baseSequence", batch.baseSequence());
      if (batch.deleteHorizonMs().isPresent()) {
        node.put("deleteHorizon", text(batch.deleteHorizonMs().getAsLong()));
      }
    }
    ArrayNode records = JsonLines.array();
    for (Record record : batch) records.add(describe(record));
    return node.set("records", records);
  }

  private static ObjectNode describe(Record record) {
    record.ensureValid();
    ArrayNode headers = JsonLines.array();
    for (Header header : record.headers()) {
      headers.add(JsonLines.array().add(header.key()).add(JsonLines.base64(header.value())));
    }
    return JsonLines.object()
        .put("offset", text(record.offset()))
        .put("timestamp", text(record.timestamp()))
        .put("key", JsonLines.base64(record.key()))
        .put("value", JsonLines.base64(record.value()))
        .set("headers", headers);
  }

  private static String text(long value) {
    return String.valueOf(value);
  }
}
