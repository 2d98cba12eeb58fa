// franz-go beside the Node clients: reads the same job, does the same work, prints the same report.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

type job struct {
	Kind             string `json:"kind"`
	BootstrapServers string `json:"bootstrapServers"`
	Topic            string `json:"topic"`
	Records          int    `json:"records"`
	WarmupTopic      string `json:"warmupTopic"`
	WarmupRecords    int    `json:"warmupRecords"`
	UniqueName       string `json:"uniqueName"`
	ValueBytes       int    `json:"valueBytes"`
	Concurrency      int    `json:"concurrency"`
}

type usage struct {
	WallMs   float64 `json:"wallMs"`
	UserMs   float64 `json:"userMs"`
	SystemMs float64 `json:"systemMs"`
}

type report struct {
	Section       usage   `json:"section"`
	Process       usage   `json:"process"`
	FirstRecordMs float64 `json:"firstRecordMs"`
	Records       int     `json:"records"`
	Checksum      int64   `json:"checksum"`
	PeakRssBytes  int64   `json:"peakRssBytes"`
	Runtime       string  `json:"runtime"`
	Version       string  `json:"version"`
}

var processStarted = time.Now()

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// usageSince is wall time since `started` and the process's CPU time so far.
func usageSince(started time.Time) usage {
	var r syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return usage{
		WallMs:   milliseconds(time.Since(started)),
		UserMs:   milliseconds(time.Duration(r.Utime.Nano())),
		SystemMs: milliseconds(time.Duration(r.Stime.Nano())),
	}
}

func (u usage) minus(before usage) usage {
	return usage{u.WallMs - before.WallMs, u.UserMs - before.UserMs, u.SystemMs - before.SystemMs}
}

// peakRssBytes prefers /proc: ru_maxrss begins with what the parent held when it forked.
func peakRssBytes() int64 {
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for _, line := range strings.Split(string(status), "\n") {
			if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
				kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
				check(err)
				return kilobytes * 1024
			}
		}
	}
	var r syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return r.Maxrss * 1024
}

func clientVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if dependency.Path == "github.com/twmb/franz-go" {
				return strings.TrimPrefix(dependency.Version, "v")
			}
		}
	}
	return "unknown"
}

func valuePool(bytes int) [][]byte {
	pool := make([][]byte, 4096)
	for index := range pool {
		value := make([]byte, bytes)
		for at := range value {
			value[at] = byte('0' + (at*7+index)%64)
		}
		for digit := range 4 {
			value[digit] = byte('0' + (index>>(6*digit))&63)
		}
		pool[index] = value
	}
	return pool
}

func produce(client *kgo.Client, topic string, count int, values [][]byte) {
	ctx := context.Background()
	promise := func(_ *kgo.Record, err error) { check(err) }
	for index := range count {
		client.Produce(ctx, &kgo.Record{Topic: topic, Value: values[index%len(values)]}, promise)
	}
	check(client.Flush(ctx))
}

func sendConcurrently(client *kgo.Client, j job, topic string, count int, values [][]byte) {
	ctx := context.Background()
	var next atomic.Int64
	var lanes sync.WaitGroup
	for range j.Concurrency {
		lanes.Add(1)
		go func() {
			defer lanes.Done()
			for {
				index := int(next.Add(1)) - 1
				if index >= count {
					return
				}
				record := &kgo.Record{Topic: topic, Value: values[index%len(values)]}
				check(client.ProduceSync(ctx, record).FirstErr())
			}
		}()
	}
	lanes.Wait()
}

func measureProduce(j job) report {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(j.BootstrapServers, ",")...),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		// Its default waits 10 ms for company, which costs more CPU in both scenarios.
		kgo.ProducerLinger(0),
	)
	check(err)
	values := valuePool(j.ValueBytes)
	work := func(topic string, count int) {
		if j.Kind == "produce" {
			produce(client, topic, count, values)
		} else {
			sendConcurrently(client, j, topic, count, values)
		}
	}
	work(j.WarmupTopic, j.WarmupRecords)
	started := time.Now()
	before := usageSince(started)
	work(j.Topic, j.Records)
	section := usageSince(started).minus(before)
	result := report{Section: section, Process: usageSince(processStarted), Records: j.Records}
	client.Close()
	return result
}

func consume(j job, topic string, count int) report {
	started := time.Now()
	before := usageSince(started)
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(j.BootstrapServers, ",")...),
		kgo.ConsumerGroup(j.UniqueName+"-"+topic),
		kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	check(err)
	result := report{}
	for result.Records < count {
		fetches := client.PollFetches(context.Background())
		check(fetches.Err())
		if result.Records == 0 {
			result.FirstRecordMs = milliseconds(time.Since(started))
		}
		fetches.EachRecord(func(record *kgo.Record) {
			v := record.Value
			result.Checksum += int64(v[0]-'0') + int64(v[1]-'0')<<6 +
				int64(v[2]-'0')<<12 + int64(v[3]-'0')<<18
			result.Records++
		})
	}
	result.Section = usageSince(started).minus(before)
	result.Process = usageSince(processStarted)
	client.Close()
	if result.Records != count || result.Checksum != int64(count)*int64(count-1)/2 {
		check(fmt.Errorf("%d records with checksum %d came", result.Records, result.Checksum))
	}
	return result
}

func main() {
	var j job
	check(json.Unmarshal([]byte(os.Args[1]), &j))
	var result report
	if j.Kind == "consume" {
		consume(j, j.WarmupTopic, j.WarmupRecords)
		result = consume(j, j.Topic, j.Records)
	} else {
		result = measureProduce(j)
	}
	result.PeakRssBytes = peakRssBytes()
	result.Runtime = "Go " + strings.TrimPrefix(runtime.Version(), "go")
	result.Version = clientVersion()
	encoded, err := json.Marshal(result)
	check(err)
	fmt.Printf("\nbenchmark-report:%s\n", encoded)
}
