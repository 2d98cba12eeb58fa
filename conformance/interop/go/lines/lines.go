// Package lines is what members of a group say, and how they hear that it is time to leave.
package lines

import (
	"context"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"sync"
	"time"
)

// Lines writes to standard output what a member has and reads.
type Lines struct {
	mutex sync.Mutex
	owned map[int32]bool
}

func New() *Lines { return &Lines{owned: map[int32]bool{}} }

// Add says that these partitions came.
func (l *Lines) Add(partitions []int32) { l.change(partitions, true) }

// Remove says that these partitions went.
func (l *Lines) Remove(partitions []int32) { l.change(partitions, false) }

func (l *Lines) change(partitions []int32, has bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, partition := range partitions {
		if has {
			l.owned[partition] = true
		} else {
			delete(l.owned, partition)
		}
	}
	names := make([]string, 0, len(l.owned))
	for partition := range l.owned {
		names = append(names, fmt.Sprint(partition))
	}
	sort.Strings(names)
	fmt.Printf("assigned %s\n", strings.Join(names, ","))
}

// Record says that a record was read.
func (l *Lines) Record(partition int32, offset int64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	fmt.Printf("record %d %d\n", partition, offset)
}

// Compute keeps this goroutine busy for as long as a record "block MS" says.
func Compute(value []byte) {
	var ms int
	if _, err := fmt.Sscanf(string(value), "block %d", &ms); err != nil {
		return
	}
	fmt.Println("blocking")
	for end := time.Now().Add(time.Duration(ms) * time.Millisecond); time.Now().Before(end); {
	}
	fmt.Println("unblocked")
}

// Fail says what went wrong.
func (l *Lines) Fail(err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	fmt.Printf("failed %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
}

// UntilInputEnds gives a context that is over when standard input is.
func UntilInputEnds() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx
}
