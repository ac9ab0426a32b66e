// Reads orders, each once: with github.com/twmb/franz-go.
//
//	go mod init reader && go get github.com/twmb/franz-go && go run orders_reader.go 127.0.0.1:9092 orders [GATEWAY]
//
// On a live desk name the gateway that this is: orders of any other are left alone, and what is old is never sent.
// What has been worked is kept in a file of its own, worked-orders.txt: it, not Kafka's offset, decides what is new.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"github.com/twmb/franz-go/pkg/kgo"
	"os"
	"strings"
	"time"
)

type order struct {
	Type       string `json:"type"`
	ID         string `json:"client_order_id"`
	Action     string `json:"action"`
	Cancels    string `json:"cancels"` // of a cancel: the order that it takes back
	Instrument string `json:"instrument"`
	Side       string `json:"side"`
	Quantity   string `json:"quantity_decimal"`
	LimitPrice string `json:"limit_price_decimal"`
	ValidUntil int64  `json:"valid_until"` // ns since 1970
	Gateway    string `json:"gateway"`     // whose it is; none: the paper venue's
}

func main() {
	worked, gateway := map[string]bool{}, strings.Join(os.Args[3:], "")
	before, _ := os.ReadFile("worked-orders.txt") // there is none before the first order
	for _, id := range strings.Fields(string(before)) {
		worked[id] = true
	}
	file, err := os.OpenFile("worked-orders.txt", os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	check(err)
	client, err := kgo.NewClient(kgo.SeedBrokers(os.Args[1]), kgo.ConsumeTopics(os.Args[2]), kgo.ConsumerGroup("orders-reader-go"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), // an order that is not committed does not exist
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	check(err)
	defer client.Close()
	for {
		fetches := client.PollFetches(context.Background())
		check(fetches.Err())
		for _, record := range fetches.Records() {
			var found order
			check(json.Unmarshal(record.Value, &found))
			if found.Type == "end" { // a play run ends so; a live one does not end
				return
			}
			if found.Type == "order" && !worked[found.ID] && (gateway == "" || found.Gateway == gateway) {
				work(found, gateway != "")
				worked[found.ID] = true
				_, err := fmt.Fprintln(file, found.ID)
				check(err)
			}
		}
		check(client.CommitUncommittedOffsets(context.Background())) // behind the file: comes again rather than never
	}
}

// work sends it to the venue, its id as the client order id there: it comes again if you die here.
func work(o order, live bool) {
	if live && o.Action != "cancel" && time.Now().UnixNano() > o.ValidUntil { // a cancel does not grow old
		fmt.Println(o.ID, "too old: report it as rejected")
		return
	}
	fmt.Println(o.ID, o.Action, o.Instrument, o.Side, o.Quantity, o.LimitPrice, o.Cancels)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
