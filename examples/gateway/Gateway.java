import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.*;
import java.util.concurrent.Future;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;

/**
 * An execution system in Java: reads `orders`, works each once, reports to `raw.NAME`. Needs kafka-clients, jackson-databind.
 *
 *   java Gateway BOOTSTRAP NAME BOOK
 *
 * BOOK stands for your venue: a file to which everything is written before anybody is told. Kill this program wherever
 * you like and start it again: no order is worked twice, none is forgotten, a report that is sent twice counts once.
 */
public class Gateway {
    static final ObjectMapper JSON = new ObjectMapper();
    static final long WORK_NS = 300_000_000; // how long this venue lets an order wait before it fills

    final Map<String, JsonNode> orders = new HashMap<>();
    final Map<String, BigDecimal> working = new LinkedHashMap<>();
    final Map<String, BigDecimal> filled = new HashMap<>();
    final Map<String, Long> since = new HashMap<>();
    final List<JsonNode> reports = new ArrayList<>();
    final RandomAccessFile file;

    Gateway(String path) throws IOException {
        file = new RandomAccessFile(path, "rwd"); // each write is on the disk when it returns
        byte[] whole = new byte[(int) file.length()];
        file.readFully(whole);
        int end = whole.length;
        while (end > 0 && whole[end - 1] != '\n') end--; // a line that a death cut short was never told to anybody
        file.setLength(end);
        for (String line : new String(whole, 0, end, StandardCharsets.UTF_8).split("\n"))
            if (!line.isEmpty()) apply(JSON.readTree(line));
    }

    void apply(JsonNode fact) {
        if (fact.has("order")) orders.put(fact.get("order").get("client_order_id").asText(), fact.get("order"));
        JsonNode report = fact.get("report");
        reports.add(report);
        String name = report.get("client_order_id").asText(), status = report.get("status").asText();
        JsonNode order = orders.get(name);
        since.put(name, report.get("ts").asLong());
        if (Set.of("cancelled", "replaced").contains(status)) working.remove(order.get("cancels").asText());
        if (Set.of("acknowledged", "replaced").contains(status)) working.put(name, quantity(order));
        BigDecimal last = new BigDecimal(report.get("last_quantity").asText());
        working.computeIfPresent(name, (n, left) -> left.subtract(last));
        filled.merge(name, last, BigDecimal::add);
        if (Set.of("filled", "cancelled", "rejected").contains(status)) working.remove(name);
    }

    void say(JsonNode order, String status, String quantity, String price, String reason, boolean fresh) throws IOException {
        String name = order.get("client_order_id").asText();
        String id = reports.size() + "-" + name; // derived from the book, so the same after every restart
        ObjectNode report = JSON.createObjectNode();
        report.put("type", "execution_report").put("execution_id", id.substring(0, Math.min(200, id.length())));
        report.put("client_order_id", name).put("status", status).put("ts", now());
        BigDecimal so = filled.getOrDefault(name, BigDecimal.ZERO).add(new BigDecimal(quantity)); // one that is lost shows
        report.put("last_quantity", quantity).put("last_price", price).put("cumulative_quantity", so.toPlainString());
        report.put("venue_order_id", "v" + crc(name)).put("reason", reason);
        ObjectNode fact = JSON.createObjectNode();
        if (fresh) fact.set("order", order);
        fact.set("report", report);
        file.seek(file.length());
        file.write((JSON.writeValueAsString(fact) + "\n").getBytes(StandardCharsets.UTF_8));
        apply(fact);
    }

    /** A record of `orders`, worked once whatever is read twice. */
    void take(JsonNode order) throws IOException {
        if (orders.containsKey(order.get("client_order_id").asText())) return;
        String action = order.get("action").asText();
        boolean known = working.containsKey(order.get("cancels").asText());
        if (action.equals("cancel")) say(order, known ? "cancelled" : "rejected", "0", "0", known ? "" : "too late", true);
        else if (now() > order.get("valid_until").asLong()) say(order, "rejected", "0", "0", "expired", true);
        else if (action.equals("replace"))
            say(order, known ? "replaced" : "rejected", "0", "0", known ? "" : "too late", true);
        else if (crc(order.get("client_order_id").asText()) % 7 == 0) say(order, "rejected", "0", "0", "no credit", true);
        else say(order, "acknowledged", "0", "0", "", true);
    }

    /** Fill what has waited for long enough: some whole, some in part, the rest as the order says. */
    void work() throws IOException {
        for (String name : new ArrayList<>(working.keySet())) {
            JsonNode order = orders.get(name);
            long mark = crc(name) % 3;
            boolean rests = order.get("time_in_force").asText().equals("gtc");
            if (now() - since.get(name) < WORK_NS || (mark == 2 && rests)) continue;
            BigDecimal left = working.get(name), whole = quantity(order);
            boolean untouched = left.compareTo(whole) == 0;
            BigDecimal units = new BigDecimal(order.get("quantity").asText()); // parts are whole ones
            BigDecimal part = whole.divide(units).multiply(units.divideToIntegralValue(BigDecimal.valueOf(2)));
            String price = order.get("limit_price_decimal").asText();
            if (untouched && mark > 0 && part.signum() > 0) say(order, "partially_filled", part.toPlainString(), price, "", false);
            else if (mark == 1 && !untouched && !rests) say(order, "cancelled", "0", "0", "rest of an ioc order", false);
            else say(order, "filled", left.toPlainString(), price, "", false);
        }
    }

    static BigDecimal quantity(JsonNode order) { return new BigDecimal(order.get("quantity_decimal").asText()); }
    static long now() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000L + now.getNano();
    }

    static long crc(String name) {
        CRC32 crc = new CRC32();
        crc.update(name.getBytes(StandardCharsets.UTF_8));
        return crc.getValue();
    }

    public static void main(String[] args) throws Exception {
        String name = args[1], text = StringSerializer.class.getName(), texts = StringDeserializer.class.getName();
        Gateway book = new Gateway(args[2]);
        Producer<String, String> producer = new KafkaProducer<>(Map.of(
            "bootstrap.servers", args[0], "enable.idempotence", true, "key.serializer", text, "value.serializer", text));
        Consumer<String, String> consumer = new KafkaConsumer<>(Map.of(
            "bootstrap.servers", args[0], "group.id", "execution-" + name, "isolation.level", "read_committed",
            "auto.offset.reset", "earliest", "enable.auto.commit", false,
            "key.deserializer", texts, "value.deserializer", texts));
        consumer.subscribe(List.of("orders"));
        int told = 0; // of the book: after a restart all is told again, and counts once
        while (true) {
            ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(50));
            for (ConsumerRecord<String, String> record : records) {
                JsonNode order = JSON.readTree(record.value());
                if (order.path("type").asText().equals("order") && order.path("gateway").asText().equals(name)) book.take(order);
            }
            book.work();
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (JsonNode report : book.reports.subList(told, book.reports.size()))
                sent.add(producer.send(new ProducerRecord<>("raw." + name, 0, report.get("client_order_id").asText(),
                    JSON.writeValueAsString(report))));
            for (Future<RecordMetadata> one : sent) one.get(); // fails: start again, all is in the book
            told = book.reports.size();
            if (!records.isEmpty()) consumer.commitSync(); // only what is in the book, and told
        }
    }
}
