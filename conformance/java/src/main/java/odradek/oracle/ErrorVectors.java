package odradek.oracle;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

/** Kafka's error codes, with the classes that say what a client does about each. */
final class ErrorVectors {
  private ErrorVectors() {}

  static void write(Path folder) throws IOException {
    try (JsonLines out = new JsonLines(folder, "errors")) {
      for (Errors error : Errors.values()) {
        Throwable exception = error.exception();
        ArrayNode classes = JsonLines.array();
        Class<?> type = exception == null ? null : exception.getClass();
        for (; type != null && type != RuntimeException.class; type = type.getSuperclass()) {
          classes.add(type.getSimpleName());
        }
        ObjectNode line =
            JsonLines.object()
                .put("errorCode", (int) error.code())
                .put("code", error.name())
                .put("retriable", exception instanceof RetriableException);
        out.line(line.set("classes", classes));
      }
    }
  }
}
