// A member of a group by franz-go: it says what it is assigned and what it reads, a line each, and
// leaves when its standard input ends. A group without offsets begins at the earliest record, or as
// the fifth argument says (latest). A record "block MS" makes it compute for so long.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"odradek/interop/lines"
)

func main() {
	bootstrap, group, topic, strategy := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	balancers := map[string]kgo.GroupBalancer{
		"cooperative-sticky": kgo.CooperativeStickyBalancer(),
		"range":              kgo.RangeBalancer(),
		"roundrobin":         kgo.RoundRobinBalancer(),
		"sticky":             kgo.StickyBalancer(),
	}
	start := kgo.NewOffset().AtStart()
	if len(os.Args) > 5 && os.Args[5] == "latest" {
		start = kgo.NewOffset().AtEnd()
	}
	out := lines.New()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(bootstrap),
		kgo.ClientID("franz-go"),
		kgo.ConsumerGroup(group),
		kgo.ConsumeTopics(topic),
		kgo.Balancers(balancers[strategy]),
		kgo.ConsumeResetOffset(start),
		kgo.HeartbeatInterval(500*time.Millisecond),
		kgo.SessionTimeout(10*time.Second),
		kgo.AutoCommitInterval(200*time.Millisecond),
		kgo.FetchMaxWait(200*time.Millisecond),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, added map[string][]int32) {
			out.Add(added[topic])
		}),
		kgo.OnPartitionsRevoked(func(ctx context.Context, c *kgo.Client, gone map[string][]int32) {
			_ = c.CommitUncommittedOffsets(ctx)
			out.Remove(gone[topic])
		}),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
			out.Remove(gone[topic])
		}),
	)
	if err != nil {
		out.Fail(err)
		os.Exit(1)
	}
	ctx := lines.UntilInputEnds()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(_ string, _ int32, err error) {
			if ctx.Err() == nil {
				out.Fail(err)
			}
		})
		fetches.EachRecord(func(record *kgo.Record) {
			out.Record(record.Partition, record.Offset)
			lines.Compute(record.Value)
		})
	}
	closing, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := client.CommitUncommittedOffsets(closing); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	client.Close()
}
