package logtopics

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/shmbus/shmbus/messages/slogtopic"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A program logs before and after the reader begins; each record comes once, in the order of time.
func TestReader_RecordsOfSlogtopic(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p, err := topic.Join(&topic.Options{Dir: dir, Unit: "motor"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	h, err := slogtopic.New(t.Context(), p, &slogtopic.Options{Name: "control"})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	logger := slog.New(h)
	logger.Info("before")

	o, err := registry.Observe(dir + "/default")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	r := Open(dir + "/default")
	defer r.Close()
	var got []Record
	read := func(n int) {
		t.Helper()
		for end := time.Now().Add(time.Minute); len(got) < n; {
			all, err := o.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			news, err := r.Read(t.Context(), Of(all))
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, news...); time.Now().After(end) {
				t.Fatalf("%d of %d records: %+v", len(got), n, got)
			}
		}
	}
	read(1)
	for i := range 5 {
		logger.Warn(fmt.Sprint("after ", i))
	}
	read(6)
	if got[0].Text != "before" || got[0].Level != "info" || got[5].Text != "after 4" || got[5].Level != "warn" {
		t.Errorf("%+v", got)
	}
	for _, g := range got {
		if g.Name != "control" || g.Unit != "motor" || g.PID != os.Getpid() || g.At <= 0 || g.Missed != 0 || g.Err != nil || g.Topic == "" {
			t.Errorf("%+v", g)
		}
	}
	if !slices.IsSortedFunc(got, func(a, b Record) int { return int(a.At - b.At) }) {
		t.Errorf("not in the order of time: %+v", got)
	}
	logger.Info("beside a topic that cannot be read")
	all, err := o.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; {
		news, err := r.Read(t.Context(), append([]string{"no//topic"}, Of(all)...))
		if err == nil {
			t.Fatal("no error for the topic that cannot be read")
		}
		if len(news) > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no record of the other topic")
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if news, err := r.Read(t.Context(), []string{"x"}); len(news) != 0 || err != nil {
		t.Errorf("after Close: %v, %v", news, err)
	}
}
