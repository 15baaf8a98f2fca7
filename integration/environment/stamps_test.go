//go:build linux

package environment

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/subproc"
)

// comparisonsVariable holds how many readings are compared; default is fewComparisons.
const comparisonsVariable = "SHMBUS_TEST_COMPARISONS"

const fewComparisons = 5_000_000

// compareReadings is the request of a process that compares its readings of the clock with the newest one of all processes, which is the
// first word of the file. The second word is the number of processes that began. The reply is a comparison.
type compareReadings struct {
	Path      string
	N         int
	Processes uint64
}

// A comparison is how many readings of a process were compared with another process's reading of before, how many were less, and by
// how many ns at most.
type comparison struct {
	Others, Less int
	Worst        int64
}

func runCompareReadings(ctx context.Context, parent *subproc.Parent, r compareReadings) error {
	f, err := os.OpenFile(r.Path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := syscall.Mmap(int(f.Fd()), 0, os.Getpagesize(), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	newest, begun, c := mem.Uint64(b, 0), mem.Uint64(b, 8), clock.New()
	if err := parent.Ready(); err != nil {
		return err
	}
	<-parent.Messages()
	for begun.Add(1); begun.Load() < r.Processes; time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	var found comparison
	var own int64
	for range r.N {
		before := int64(newest.Load())
		for i := 0; i < 100 && before == own; i++ { // a process that runs at the same time stores meanwhile
			before = int64(newest.Load())
		}
		now := c.Now()
		if before != own {
			found.Others++
		}
		if now < before {
			found.Less++
			found.Worst = max(found.Worst, before-now)
			continue
		}
		newest.Store(uint64(now))
		own = now
	}
	return parent.Reply(found)
}

func comparisons(t *testing.T) int {
	t.Helper()
	text := os.Getenv(comparisonsVariable)
	if text == "" {
		return fewComparisons
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, must be a number", comparisonsVariable, text)
	}
	return n
}

func TestStamps_OrderBetweenProcesses(t *testing.T) {
	const processes = 10
	path := filepath.Join(t.TempDir(), "newest")
	if err := os.WriteFile(path, make([]byte, os.Getpagesize()), 0o600); err != nil {
		t.Fatal(err)
	}
	var all []*harness.Child
	for i := range processes {
		o := harness.Options{}
		if i%2 == 1 {
			o = inTimeNamespace(t, strconv.Itoa(1000*i))
		}
		all = append(all, harness.StartWith(t, "", compareReadings{path, comparisons(t) / processes, processes}, o))
	}
	for _, c := range all {
		c.Ready()
	}
	for _, c := range all {
		c.Send(struct{}{})
	}
	others := 0
	for i, c := range all {
		var found comparison
		c.Expect(&found)
		others += found.Others
		if found.Less != 0 {
			t.Errorf("process %d: %d readings were less than one before, by up to %d ns", i, found.Less, found.Worst)
		}
	}
	t.Logf("%d comparisons with another process's reading", others)
	if others == 0 {
		t.Error("no two processes ran at the same time")
	}
}
