//go:build linux

package environment

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/subproc"
)

// comparisonsVariable holds how many readings are compared, in thousands; default is fewComparisons.
const comparisonsVariable = "SHMBUS_TEST_COMPARISONS"

const fewComparisons = 1000

// compareReadings is the request of a process that compares readings of the clock with the newest one of all processes, which is the
// first word of the file. The reply is a comparison.
type compareReadings struct {
	Path string
	N    int
}

// A comparison is how many readings of a process were less than one that had been made before, and by how many ns at most.
type comparison struct {
	Less  int
	Worst int64
}

func runCompareReadings(_ context.Context, parent *subproc.Parent, r compareReadings) error {
	f, err := os.OpenFile(r.Path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := syscall.Mmap(int(f.Fd()), 0, os.Getpagesize(), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	newest, c := mem.Uint64(b, 0), clock.New()
	if err := parent.Ready(); err != nil {
		return err
	}
	<-parent.Messages()
	var found comparison
	for range r.N {
		before := int64(newest.Load())
		if now := c.Now(); now < before {
			found.Less++
			found.Worst = max(found.Worst, before-now)
		} else {
			newest.Store(uint64(now))
		}
	}
	return parent.Reply(found)
}

func comparisons(t *testing.T) int {
	t.Helper()
	text := os.Getenv(comparisonsVariable)
	if text == "" {
		return fewComparisons * 1000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, must be a number of thousands", comparisonsVariable, text)
	}
	return n * 1000
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
		all = append(all, harness.StartWith(t, "", compareReadings{path, comparisons(t) / processes}, o))
	}
	for _, c := range all {
		c.Ready()
	}
	for _, c := range all {
		c.Send(struct{}{})
	}
	for i, c := range all {
		var found comparison
		c.Expect(&found)
		if found.Less != 0 {
			t.Errorf("process %d: %d readings were less than one before, by up to %d ns", i, found.Less, found.Worst)
		}
	}
}
