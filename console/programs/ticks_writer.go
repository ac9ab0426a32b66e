// Publishes JSON ticks of a source of one's own to raw.<source>, with github.com/twmb/franz-go.
//
//	go mod init writer && go get github.com/twmb/franz-go && go run ticks_writer.go 127.0.0.1:9092 raw.acme
//
// `tapedeck topics schema json-ticks` prints what a message may be; `tapedeck feed status acme` tells what became of
// them. The client's own partitioner is another than Tapedeck's, which is crc32 of the key.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const instrument = "spot:BTCUSDT"

func main() {
	byKey := kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int {
		return func(r *kgo.Record, n int) int { return int(crc32.ChecksumIEEE(r.Key) % uint32(n)) }
	})
	client, err := kgo.NewClient( // idempotent, acks of all replicas: its defaults
		kgo.SeedBrokers(os.Args[1]), kgo.DefaultProduceTopic(os.Args[2]), kgo.RecordPartitioner(byKey))
	check(err)
	defer client.Close()
	first := time.Now().UnixMicro() // numbers that grow over restarts; trade_id must count on by one in between
	for i := range int64(10) {
		side := []string{"sell", "buy"}[i%2]
		price, next := fmt.Sprintf("%d.5", 60000+i), fmt.Sprintf("%d.5", 60001+i)
		now := time.Now().UnixNano()
		ticks := []map[string]any{
			{"type": "quote", "instrument": instrument, "ts_event": now, "sequence": first + i,
				"bid_price": price, "bid_size": "0.5", "ask_price": next, "ask_size": "0.25"},
			{"type": "trade", "instrument": instrument, "ts_event": now, "trade_id": first + i,
				"price": price, "size": "0.01", "side": side},
		}
		for _, tick := range ticks {
			value, err := json.Marshal(tick)
			check(err)
			record := &kgo.Record{Key: []byte(instrument), Value: value}
			// The place by which `tapedeck feed status SOURCE --record PARTITION/OFFSET` tells what became of it.
			client.Produce(context.Background(), record, func(r *kgo.Record, err error) {
				check(err)
				fmt.Printf("delivered: %d/%d\n", r.Partition, r.Offset)
			})
		}
	}
	check(client.Flush(context.Background()))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
