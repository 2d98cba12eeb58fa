package odradek.oracle;

import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Asks Apache Kafka's own classes what is right. {@code vectors FOLDER} writes what they write, as JSON
 * lines; {@code verify FILE} reads record batches that somebody else wrote and says what it read. Every
 * random choice is seeded by the name of what it is for, so the same jar always gives the same bytes.
 */
public final class Oracle {
  private Oracle() {}

  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 2 && arguments[0].equals("vectors")) {
      Path folder = Files.createDirectories(Path.of(arguments[1]));
      MessageVectors.write(folder);
      BatchVectors.write(folder);
      ChecksumVectors.write(folder);
      ErrorVectors.write(folder);
      AssignorVectors.write(folder);
    } else if (arguments.length == 2 && arguments[0].equals("verify")) {
      BatchReader.verify(Path.of(arguments[1]));
    } else {
      System.err.println("usage: Oracle vectors FOLDER | Oracle verify FILE");
      System.exit(2);
    }
  }
}
