/* Publishes JSON ticks of a source of one's own to raw.<source>, with kafka-clients. Java 17.

       javac -cp 'jars/*' TicksWriter.java && java -cp 'jars/*:.' TicksWriter 127.0.0.1:9092 raw.acme

   `tapedeck topics schema json-ticks` prints what a message may be; `tapedeck feed status acme` tells what became of
   them. The Java client's own partitioner is another than Tapedeck's: the partition is named here. */

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public final class TicksWriter {
    private static final String INSTRUMENT = "spot:BTCUSDT";

    public static void main(String[] arguments) {
        String topic = arguments[1];
        byte[] key = INSTRUMENT.getBytes(StandardCharsets.UTF_8);
        var crc = new CRC32();
        crc.update(key);
        var bytes = new ByteArraySerializer();
        Map<String, Object> settings =
            Map.of("bootstrap.servers", arguments[0], "acks", "all", "enable.idempotence", true);
        try (var producer = new KafkaProducer<byte[], byte[]>(settings, bytes, bytes)) {
            int partition = (int) (crc.getValue() % producer.partitionsFor(topic).size());
            long first = nanos() / 1000; // numbers that grow over restarts; trade_id must count on by one in between
            for (int i = 0; i < 10; i++) {
                String quote = """
                    {"type":"quote","instrument":"%s","ts_event":%d,"sequence":%d,"bid_price":"%d.5","bid_size":"0.5",\
                    "ask_price":"%d.5","ask_size":"0.25"}"""
                    .formatted(INSTRUMENT, nanos(), first + i, 60000 + i, 60001 + i);
                String trade = """
                    {"type":"trade","instrument":"%s","ts_event":%d,"trade_id":%d,"price":"%d.5","size":"0.01",\
                    "side":"%s"}"""
                    .formatted(INSTRUMENT, nanos(), first + i, 60000 + i, i % 2 == 1 ? "buy" : "sell");
                for (String tick : List.of(quote, trade)) {
                    byte[] value = tick.getBytes(StandardCharsets.UTF_8);
                    // `tapedeck feed status SOURCE --record PARTITION/OFFSET` tells what became of it, by this place.
                    producer.send(new ProducerRecord<>(topic, partition, key, value), (at, error) ->
                        System.out.println(error == null ? "delivered: " + at.partition() + "/" + at.offset() : error));
                }
            }
        }
    }

    private static long nanos() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000L + now.getNano();
    }
}
