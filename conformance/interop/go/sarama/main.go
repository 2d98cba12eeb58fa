// A member of a group by Sarama: it says what it is assigned and what it reads, a line each, and
// leaves when its standard input ends. A group without offsets begins at the earliest record, or as
// the fifth argument says (latest). A record "block MS" makes it compute for so long.
package main

import (
	"os"
	"time"

	"github.com/IBM/sarama"
	"odradek/interop/lines"
)

type handler struct{ out *lines.Lines }

func (h *handler) Setup(sarama.ConsumerGroupSession) error { return nil }

func (h *handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim lasts as long as the member has the partition, whatever the protocol.
func (h *handler) ConsumeClaim(
	session sarama.ConsumerGroupSession,
	claim sarama.ConsumerGroupClaim,
) error {
	partition := []int32{claim.Partition()}
	h.out.Add(partition)
	defer h.out.Remove(partition)
	for message := range claim.Messages() {
		h.out.Record(message.Partition, message.Offset)
		lines.Compute(message.Value)
		session.MarkMessage(message, "")
	}
	return nil
}

func main() {
	bootstrap, group, topic, strategy := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	strategies := map[string]sarama.BalanceStrategy{
		"cooperative-sticky": sarama.NewBalanceStrategyCooperativeSticky(),
		"range":              sarama.NewBalanceStrategyRange(),
		"roundrobin":         sarama.NewBalanceStrategyRoundRobin(),
		"sticky":             sarama.NewBalanceStrategySticky(),
	}
	config := sarama.NewConfig()
	config.ClientID = "sarama"
	config.Version = sarama.V2_8_0_0
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	if len(os.Args) > 5 && os.Args[5] == "latest" {
		config.Consumer.Offsets.Initial = sarama.OffsetNewest
	}
	config.Consumer.Offsets.AutoCommit.Interval = 200 * time.Millisecond
	config.Consumer.MaxWaitTime = 200 * time.Millisecond
	config.Consumer.Group.Heartbeat.Interval = 500 * time.Millisecond
	config.Consumer.Group.Session.Timeout = 10 * time.Second
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategies[strategy]}
	out := lines.New()
	client, err := sarama.NewConsumerGroup([]string{bootstrap}, group, config)
	if err != nil {
		out.Fail(err)
		os.Exit(1)
	}
	ctx := lines.UntilInputEnds()
	for ctx.Err() == nil {
		err := client.Consume(ctx, []string{topic}, &handler{out: out})
		if err != nil && ctx.Err() == nil {
			out.Fail(err)
		}
	}
	_ = client.Close()
}
