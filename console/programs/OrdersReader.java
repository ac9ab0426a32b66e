/* Reads orders, each once: with kafka-clients and jackson-databind. Java 17.

       javac -cp 'jars/*' OrdersReader.java && java -cp 'jars/*:.' OrdersReader 127.0.0.1:9092 orders [GATEWAY]

   On a live desk name the gateway that this is (gateway in topology.toml): orders of any other, and those that the paper
   venue works, are left alone, and what is older than its valid_until is never sent. Without it all are shown.
   What has been worked is kept in a file of its own, worked-orders.txt: it, not Kafka's offset, decides what is new. */

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

public final class OrdersReader {
    private static final Path WORKED = Path.of("worked-orders.txt");
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        String gateway = arguments.length > 2 ? arguments[2] : "";
        Set<String> worked = new HashSet<>(Files.exists(WORKED) ? Files.readAllLines(WORKED) : List.of());
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", arguments[0],
            "group.id", "orders-reader-java",
            "isolation.level", "read_committed", // Java reads uncommitted unless told: such an order does not exist
            "auto.offset.reset", "earliest",
            "enable.auto.commit", false);
        var bytes = new ByteArrayDeserializer();
        try (var consumer = new KafkaConsumer<byte[], byte[]>(settings, bytes, bytes)) {
            consumer.subscribe(List.of(arguments[1]));
            while (true) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                    JsonNode order = JSON.readTree(record.value());
                    String type = order.get("type").asText();
                    if (type.equals("end")) {
                        return; // a play run ends so; a live one does not end
                    }
                    String id = type.equals("order") ? order.get("client_order_id").asText() : "";
                    boolean ours = gateway.isEmpty() || order.path("gateway").asText().equals(gateway);
                    if (!id.isEmpty() && ours && worked.add(id)) {
                        work(order, !gateway.isEmpty());
                        Files.writeString(WORKED, id + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
                    }
                }
                consumer.commitSync(); // behind the file: whatever dies, an order comes again rather than never
            }
        }
    }

    /** Send it to the venue, its id as the client order id there: it comes again if you die here.
        A cancel names in cancels the order that it takes back; it does not grow old. */
    private static void work(JsonNode order, boolean live) {
        boolean old = System.currentTimeMillis() > order.get("valid_until").asLong() / 1_000_000;
        if (live && old && !order.get("action").asText().equals("cancel")) {
            System.out.println(order.get("client_order_id").asText() + " too old: report it as rejected");
            return;
        }
        var line = new StringBuilder(order.get("client_order_id").asText());
        var fields = List.of("action", "instrument", "side", "quantity_decimal", "limit_price_decimal", "cancels");
        for (String field : fields) {
            line.append(' ').append(order.get(field).asText());
        }
        System.out.println(line);
    }
}
