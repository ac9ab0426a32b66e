// Publishes JSON ticks of a source of one's own to raw.<source>, with kafkajs (npm install kafkajs). Node 20.15, 22.2
// or later.
//
//     node ticks_writer.js 127.0.0.1:9092 raw.acme
//
// `tapedeck topics schema json-ticks` prints what a message may be; `tapedeck feed status acme` tells what became of
// them. The client's own partitioner is another than Tapedeck's: crc32 of the key, modulo the number of partitions.
"use strict";

const zlib = require("node:zlib");
const { Kafka, logLevel } = require("kafkajs");

const INSTRUMENT = "spot:BTCUSDT";
const [bootstrap, topic] = process.argv.slice(2);

// ns need more digits than a double keeps: they are put into the text as they are.
const nanos = () => BigInt(Date.now()) * 1_000_000n;

const byKey = () => ({ partitionMetadata, message }) => zlib.crc32(message.key) % partitionMetadata.length;

async function main() {
  const kafka = new Kafka({ clientId: "ticks-writer", brokers: [bootstrap], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1, createPartitioner: byKey });
  await producer.connect();
  const first = BigInt(Date.now()) * 1000n; // grows over restarts; trade_id must count on by one in between
  for (let i = 0; i < 10; i++) {
    const number = first + BigInt(i);
    const quote = `{"type":"quote","instrument":"${INSTRUMENT}","ts_event":${nanos()},"sequence":${number},` +
      `"bid_price":"${60000 + i}.5","bid_size":"0.5","ask_price":"${60001 + i}.5","ask_size":"0.25"}`;
    const trade = `{"type":"trade","instrument":"${INSTRUMENT}","ts_event":${nanos()},"trade_id":${number},` +
      `"price":"${60000 + i}.5","size":"0.01","side":"${i % 2 ? "buy" : "sell"}"}`;
    for (const value of [quote, trade]) {
      const [place] = await producer.send({ topic, acks: -1, messages: [{ key: INSTRUMENT, value }] });
      // The place by which `tapedeck feed status SOURCE --record PARTITION/OFFSET` tells what became of it.
      console.log(`delivered: ${place.partition}/${place.baseOffset}`);
    }
  }
  await producer.disconnect();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
