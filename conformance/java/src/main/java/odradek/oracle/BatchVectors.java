package odradek.oracle;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.message.KRaftVersionRecord;
import org.apache.kafka.common.message.LeaderChangeMessage;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.DefaultRecordBatch;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.SimpleRecord;

/** Record batches as Kafka writes them: every codec, control batches, old message formats. */
final class BatchVectors {
  private static final long TIME = 1_700_000_000_000L;
  private static final byte V2 = 2;

  private final JsonLines out;

  private BatchVectors(JsonLines out) {
    this.out = out;
  }

  static void write(Path folder) throws IOException {
    try (JsonLines out = new JsonLines(folder, "batches")) {
      BatchVectors vectors = new BatchVectors(out);
      for (Codec codec : CODECS) vectors.codec(codec);
      for (Codec codec : LEVELS) {
        vectors.line("level/" + codec.name, codec.name, build(V2, codec, Options.plain(), text(300)));
      }
      vectors.control();
      vectors.unusual();
      for (Codec codec : CODECS) {
        if (!codec.name.equals("zstd")) vectors.legacy(codec);
      }
      vectors.sequences();
    }
  }

  private record Codec(String name, Compression compression) {}

  private static final List<Codec> CODECS =
      List.of(
          new Codec("none", Compression.NONE),
          new Codec("gzip", Compression.gzip().build()),
          new Codec("snappy", Compression.snappy().build()),
          new Codec("lz4", Compression.lz4().build()),
          new Codec("zstd", Compression.zstd().build()));

  private static final List<Codec> LEVELS =
      List.of(
          new Codec("gzip-1", Compression.gzip().level(1).build()),
          new Codec("gzip-9", Compression.gzip().level(9).build()),
          new Codec("lz4-1", Compression.lz4().level(1).build()),
          new Codec("lz4-17", Compression.lz4().level(17).build()),
          new Codec("zstd-1", Compression.zstd().level(1).build()),
          new Codec("zstd-19", Compression.zstd().level(19).build()),
          new Codec("zstd-22", Compression.zstd().level(22).build()));

  private record Options(
      TimestampType timestampType,
      long baseOffset,
      long logAppendTime,
      long producerId,
      short producerEpoch,
      int baseSequence,
      boolean isTransactional,
      int leaderEpoch) {
    static Options plain() {
      return new Options(TimestampType.CREATE_TIME, 0, -1, -1, (short) -1, -1, false, -1);
    }

    static Options at(long baseOffset) {
      return new Options(TimestampType.CREATE_TIME, baseOffset, -1, -1, (short) -1, -1, false, 9);
    }

    static Options stamped(boolean isTransactional) {
      return new Options(TimestampType.CREATE_TIME, 42, -1, 1L << 60, (short) 32767, 2147483000, isTransactional, 3);
    }

    static Options appended() {
      return new Options(TimestampType.LOG_APPEND_TIME, 7, TIME + 999, -1, (short) -1, -1, false, 0);
    }
  }

  private static byte[] build(byte magic, Codec codec, Options options, List<SimpleRecord> records) {
    ByteBuffer buffer = ByteBuffer.allocate(1024);
    try (MemoryRecordsBuilder builder =
        MemoryRecords.builder(
            buffer, magic, codec.compression, options.timestampType, options.baseOffset,
            options.logAppendTime, options.producerId, options.producerEpoch, options.baseSequence,
            options.isTransactional, options.leaderEpoch)) {
      for (SimpleRecord record : records) builder.append(record);
      return JsonLines.bytes(builder.build().buffer());
    }
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static List<SimpleRecord> one() {
    return List.of(new SimpleRecord(TIME, utf8("key"), utf8("value")));
  }

  private static List<SimpleRecord> several() {
    Header[] headers = {
      new RecordHeader("trace", utf8("abc")), new RecordHeader("trace", null), new RecordHeader("", new byte[0]),
      new RecordHeader("ключ", new byte[] {0, -1, 127, -128}), new RecordHeader("__proto__", utf8("x".repeat(200)))
    };
    return List.of(
        new SimpleRecord(TIME, utf8("a"), utf8("first")),
        new SimpleRecord(TIME + 1, null, utf8("no key")),
        new SimpleRecord(TIME - 5, utf8("b"), null),
        new SimpleRecord(TIME - 5, null, (byte[]) null),
        new SimpleRecord(TIME + 86_400_000L * 40, new byte[0], new byte[0]),
        new SimpleRecord(0, utf8("epoch"), utf8("x".repeat(63))),
        new SimpleRecord(TIME + 2, utf8("h"), utf8("headers"), headers),
        new SimpleRecord(TIME + 3, utf8("käfer"), utf8("\u8649\ud83e\udd8a".repeat(50))),
        new SimpleRecord(TIME + 4, utf8("k".repeat(64)), utf8("x".repeat(9000))));
  }

  /** Compresses well, and fills several blocks of every codec. */
  private static List<SimpleRecord> text(int count) {
    Random random = new Random(11);
    String[] words = {"order", "invoice", "\"amount\":", "customer", "shipped", "0000", "true", "Praha"};
    List<SimpleRecord> records = new ArrayList<>();
    for (int index = 0; index < count; index++) {
      StringBuilder value = new StringBuilder();
      while (value.length() < 250) value.append(words[random.nextInt(words.length)]).append(random.nextInt(10));
      records.add(new SimpleRecord(TIME + index, utf8("key-" + index % 50), utf8(value.toString())));
    }
    return records;
  }

  /** Does not compress at all. */
  private static List<SimpleRecord> noise() {
    Random random = new Random(13);
    List<SimpleRecord> records = new ArrayList<>();
    for (int index = 0; index < 3; index++) {
      byte[] value = new byte[24_000 + index];
      random.nextBytes(value);
      records.add(new SimpleRecord(TIME + index, null, value));
    }
    return records;
  }

  private void codec(Codec codec) throws IOException {
    String name = codec.name;
    line("one/" + name, name, build(V2, codec, Options.plain(), one()));
    line("several/" + name, name, build(V2, codec, Options.at(1_000_000), several()));
    line("text/" + name, name, build(V2, codec, Options.plain(), text(name.equals("none") ? 40 : 500)));
    line("noise/" + name, name, build(V2, codec, Options.plain(), noise()));
    line("idempotent/" + name, name, build(V2, codec, Options.stamped(false), several()));
    line("transactional/" + name, name, build(V2, codec, Options.stamped(true), several()));
    line("log-append-time/" + name, name, build(V2, codec, Options.appended(), several()));
    line("compacted/" + name, name, compacted(V2, codec));
  }

  /** What the log cleaner leaves: offsets with gaps, before the first record too. */
  private static byte[] compacted(byte magic, Codec codec) {
    ByteBuffer buffer = ByteBuffer.allocate(1024);
    try (MemoryRecordsBuilder builder =
        MemoryRecords.builder(buffer, magic, codec.compression, TimestampType.CREATE_TIME, 100, -1)) {
      builder.appendWithOffset(103, TIME, utf8("a"), utf8("1"));
      builder.appendWithOffset(104, TIME + 1, utf8("b"), utf8("2"));
      builder.appendWithOffset(1_100, TIME - 1, utf8("c"), null);
      if (magic == V2) builder.overrideLastOffset(5_000);
      return JsonLines.bytes(builder.build().buffer());
    }
  }

  private void control() throws IOException {
    for (ControlRecordType type : new ControlRecordType[] {ControlRecordType.COMMIT, ControlRecordType.ABORT}) {
      MemoryRecords marker =
          MemoryRecords.withEndTransactionMarker(
              99, TIME, 4, 123456789012L, (short) 7, new EndTransactionMarker(type, 17));
      line("control/" + type.name().toLowerCase(), "none", JsonLines.bytes(marker.buffer()));
    }
    ByteBuffer buffer = ByteBuffer.allocate(4096);
    LeaderChangeMessage change =
        new LeaderChangeMessage().setLeaderId(3).setVoters(List.of(new LeaderChangeMessage.Voter().setVoterId(3)));
    line(
        "control/leader-change",
        "none",
        JsonLines.bytes(MemoryRecords.withLeaderChangeMessage(5, TIME, 2, buffer, change).buffer()));
    line(
        "control/kraft-version",
        "none",
        JsonLines.bytes(
            MemoryRecords.withKRaftVersionRecord(
                    6, TIME, 2, ByteBuffer.allocate(4096), new KRaftVersionRecord().setKRaftVersion((short) 1))
                .buffer()));
  }

  private void unusual() throws IOException {
    ByteBuffer empty = ByteBuffer.allocate(DefaultRecordBatch.RECORD_BATCH_OVERHEAD);
    DefaultRecordBatch.writeEmptyHeader(
        empty, V2, 77L, (short) 3, 10, 50, 59, 2, TimestampType.CREATE_TIME, TIME, true, false);
    line("empty", "none", JsonLines.bytes(empty.flip()));
    for (Codec codec : CODECS) {
      ByteBuffer buffer = ByteBuffer.allocate(1024);
      try (MemoryRecordsBuilder builder =
          new MemoryRecordsBuilder(
              buffer, V2, codec.compression, TimestampType.CREATE_TIME, 0L, -1L, -1L, (short) -1, -1,
              false, false, 1, buffer.remaining())) {
        builder.append(-1, utf8("no time"), null);
        builder.append(Long.MAX_VALUE, utf8("end of time"), null);
        line("strange-times/" + codec.name, codec.name, JsonLines.bytes(builder.build().buffer()));
      }
    }
    ByteBuffer buffer = ByteBuffer.allocate(1024);
    try (MemoryRecordsBuilder builder =
        new MemoryRecordsBuilder(
            new org.apache.kafka.common.utils.internals.ByteBufferOutputStream(buffer), V2, Compression.NONE,
            TimestampType.CREATE_TIME, 10L, -1L, -1L, (short) -1, -1, false, false, 1, buffer.remaining(),
            TIME + 5_000)) {
      builder.append(TIME, utf8("k"), null);
      builder.append(TIME + 1, utf8("l"), null);
      line("delete-horizon", "none", JsonLines.bytes(builder.build().buffer()));
    }
    line("offset-beyond-int32/none", "none", build(V2, CODECS.get(0), Options.at((1L << 53) - 100), several()));
  }

  private void legacy(Codec codec) throws IOException {
    List<SimpleRecord> records = new ArrayList<>();
    for (SimpleRecord record : several()) records.add(new SimpleRecord(record.timestamp(), record.key(), record.value()));
    for (byte magic = 0; magic <= 1; magic++) {
      String prefix = "legacy-v" + magic;
      line(prefix + "/several/" + codec.name, codec.name, build(magic, codec, legacyAt(500), records));
      line(prefix + "/text/" + codec.name, codec.name, build(magic, codec, legacyAt(0), text(codec.name.equals("none") ? 20 : 300)));
      line(prefix + "/compacted/" + codec.name, codec.name, compacted(magic, codec));
    }
    Options appended = new Options(TimestampType.LOG_APPEND_TIME, 7, TIME + 999, -1, (short) -1, -1, false, -1);
    line("legacy-v1/log-append-time/" + codec.name, codec.name, build((byte) 1, codec, appended, records));
  }

  private static Options legacyAt(long baseOffset) {
    return new Options(TimestampType.CREATE_TIME, baseOffset, -1, -1, (short) -1, -1, false, -1);
  }

  /** Several batches in one answer, of several formats, the last one cut off. */
  private void sequences() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    long offset = 0;
    for (int magic = 0; magic <= 2; magic++) {
      for (Codec codec : CODECS) {
        if (magic < 2 && codec.name.equals("zstd")) continue;
        bytes.write(build((byte) magic, codec, magic < 2 ? legacyAt(offset) : Options.at(offset), one()));
        offset += 10;
      }
    }
    byte[] last = build(V2, CODECS.get(0), Options.at(offset), several());
    bytes.write(last, 0, last.length - 1);
    line("sequence/cut-off", "mixed", bytes.toByteArray());
  }

  private void line(String name, String codec, byte[] bytes) throws IOException {
    ObjectNode line = JsonLines.object().put("name", name).put("codec", codec).put("bytes", JsonLines.base64(bytes));
    out.line(line.set("batches", BatchReader.describe(bytes)));
  }
}
