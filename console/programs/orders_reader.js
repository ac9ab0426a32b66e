// Reads orders, each once: with kafkajs (npm install kafkajs). Node 18 or later.
//
//     node orders_reader.js 127.0.0.1:9092 orders [GATEWAY]
//
// On a live desk name the gateway that this is (gateway in topology.toml): orders of any other, and those that the paper
// venue works, are left alone, and what is older than its valid_until is never sent. Without it all are shown.
// What has been worked is kept in a file of its own, worked-orders.txt: it, not Kafka's offset, decides what is new.
// JSON.parse makes doubles of numbers: quantity and price are read as text, never from the 64-bit integers.
"use strict";

const fs = require("node:fs");
const { Kafka, logLevel } = require("kafkajs");

const WORKED = "worked-orders.txt";
const [bootstrap, topic, gateway] = process.argv.slice(2);
const worked = new Set(fs.existsSync(WORKED) ? fs.readFileSync(WORKED, "utf8").split("\n") : []);

// Send it to the venue, its id as the client order id there: it comes again if you die here.
// A cancel names in cancels the order that it takes back; it does not grow old.
function work(order) {
  // In milliseconds: valid_until has more digits than a double keeps.
  if (gateway && order.action !== "cancel" && Date.now() > order.valid_until / 1e6) {
    return console.log(`${order.client_order_id} too old: report it as rejected`);
  }
  console.log([order.client_order_id, order.action, order.instrument, order.side, order.quantity_decimal,
    order.limit_price_decimal, order.cancels].join(" "));
}

async function main() {
  const kafka = new Kafka({ clientId: "orders-reader", brokers: [bootstrap], logLevel: logLevel.ERROR });
  // readUncommitted is false unless told otherwise: an order that is not committed does not exist.
  const consumer = kafka.consumer({ groupId: "orders-reader-node", readUncommitted: false });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const ended = new Promise((resolve) => {
    consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        const order = JSON.parse(message.value.toString());
        if (order.type === "end") return resolve(); // a play run ends so; a live one does not end
        const ours = order.type === "order" && (!gateway || order.gateway === gateway);
        if (ours && !worked.has(order.client_order_id)) {
          work(order);
          worked.add(order.client_order_id);
          fs.appendFileSync(WORKED, order.client_order_id + "\n");
        }
        // Behind the file: whatever dies, an order comes again rather than never.
        await consumer.commitOffsets([{ topic, partition, offset: String(BigInt(message.offset) + 1n) }]);
      },
    });
  });
  await ended;
  await consumer.disconnect();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
