//go:build linux

package registry

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// apart returns a watcher that scans only on demand. It has a place in the registry file that none of the others has: a change of
// one participant at a place makes the others examine all at that place, which would be counted too. The first of the others has
// scanned when apart returns.
func apart(t testing.TB, dir string, onDemand bool, others ...*watcher) *watcher {
	t.Helper()
	for {
		w := still(t, dir, onDemand)
		if !slices.ContainsFunc(others, func(o *watcher) bool { return placeOf(o.ID()) == placeOf(w.ID()) }) {
			return w
		}
		w.Close()
		others[0].scanNow(hinted)
	}
}

// still returns a watcher that scans only on demand.
func still(t testing.TB, dir string, onDemand bool) *watcher {
	t.Helper()
	w := &watcher{t: t, changes: make(chan Change, 100_000), unread: make(map[ID][]Change)}
	r, err := Join(Options{Dir: dir, OnDemand: onDemand, OnChange: func(c Change) { w.changes <- c }})
	if err != nil {
		t.Fatal(err)
	}
	r.closing.Store(true)
	r.wakeLoop()
	r.running.Wait()
	r.closing.Store(false)
	w.Registry = r
	t.Cleanup(func() { r.Close() })
	return w
}

// reads returns the number of reads of fn, as the kernel counts them. They are counted for this thread alone, because other
// threads of the process read meanwhile, for example when the runtime wakes its poller.
func reads(t testing.TB, fn func()) int {
	t.Helper()
	n, _ := effort(t, fn)
	return n
}

// effort returns the number of reads of fn and their bytes.
func effort(t testing.TB, fn func()) (calls, size int) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	count := func() (calls, size int) {
		b, err := os.ReadFile("/proc/thread-self/io")
		if err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip("this kernel does not count reads: it needs CONFIG_TASK_IO_ACCOUNTING")
		}
		for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
			if v, ok := strings.CutPrefix(lines.Text(), "syscr: "); ok {
				fmt.Sscan(v, &calls)
			}
			if v, ok := strings.CutPrefix(lines.Text(), "rchar: "); ok {
				fmt.Sscan(v, &size)
			}
		}
		return calls, size
	}
	c0, s0 := count()
	c1, s1 := count() // the difference is the cost of counting
	fn()
	c2, s2 := count()
	return c2 - c1 - (c1 - c0), s2 - s1 - (s1 - s0)
}

func (w *watcher) mustRefresh() {
	w.t.Helper()
	if err := w.refresh(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watcher) scanNow(deep depth) {
	w.t.Helper()
	if _, err := w.scan(deep); err != nil {
		w.t.Fatal(err)
	}
}

func TestScan_NoChangeNoReads(t *testing.T) {
	dir := domain(t)
	other := still(t, dir, true)
	for i := range 100 {
		advertise(t, other.Registry, publisher(fmt.Sprintf("topic/%d", i)))
	}
	w := still(t, dir, false)
	w.scanNow(hinted)
	listed := w.listing.began
	if n := reads(t, func() { w.scanNow(hinted) }); n != 0 || w.listing.began != listed {
		t.Errorf("%d reads, listed %v", n, w.listing.began != listed)
	}
}

func TestScan_PeriodicReadsBounded(t *testing.T) {
	dir := domain(t)
	w := still(t, dir, false)
	for range 3 * examinedPerScan {
		forge(t, dir, nil).advertise(publisher("a"))
	}
	w.mustRefresh()
	for range 3 {
		if n := reads(t, func() { w.scanNow(regular) }); n > examinedPerScan {
			t.Errorf("%d reads", n)
		}
	}
}

// A new topic costs the same, however many other topics its participant has.
func TestScan_CostOfNewTopic(t *testing.T) {
	for _, kind := range []string{"wanted", "unwanted"} {
		var costs []int
		for _, others := range []int{1, 10, 300} {
			dir := domain(t)
			w := still(t, dir, true)
			other := apart(t, dir, true, w)
			if _, err := w.Watch(KindPublisher, "wanted"); err != nil {
				t.Fatal(err)
			}
			for i := range others {
				advertise(t, other.Registry, publisher(fmt.Sprintf("topic/%d", i)))
			}
			w.scanNow(hinted)
			listed := w.listing.began
			advertise(t, other.Registry, publisher(kind))
			costs = append(costs, reads(t, func() { w.scanNow(hinted) }))
			if w.listing.began != listed {
				t.Error("the directory was listed")
			}
			added := 0
			for len(w.changes) > 0 {
				if c := <-w.changes; c.Kind == Added {
					added++
				}
			}
			if want := map[string]int{"wanted": 1}[kind]; added != want {
				t.Errorf("%d endpoints were told of, want %d", added, want)
			}
		}
		if costs[0] != costs[1] || costs[1] != costs[2] {
			t.Errorf("a topic that is %s costs %v reads beside 1, 10 and 300 others", kind, costs)
		}
	}
}

// A new record costs one read of it and of its group in the index: for its owner, for a participant that wants all topics and for
// one that wants none. A new interest costs the same beside many records.
func TestRegistry_IndexOfManyRecords(t *testing.T) {
	for _, pattern := range []string{"**", "none"} {
		var own, others, asking []int
		for _, n := range []int{64, 1024} {
			dir := domain(t)
			w := still(t, dir, true)
			other := apart(t, dir, true, w)
			if _, err := w.Watch(KindPublisher, pattern); err != nil {
				t.Fatal(err)
			}
			for i := range n {
				advertise(t, other.Registry, publisher(fmt.Sprintf("topic/%d", i)))
			}
			w.scanNow(hinted)
			other.scanNow(hinted)
			advertise(t, other.Registry, publisher("new"))
			_, size := effort(t, func() { other.scanNow(hinted) })
			own = append(own, size)
			_, size = effort(t, func() { w.scanNow(hinted) })
			others = append(others, size)
			_, size = effort(t, func() {
				if _, err := w.Watch(KindPublisher, "other"); err != nil {
					t.Fatal(err)
				}
			})
			asking = append(asking, size)
		}
		const few = 64 // bytes, for the digits of the counts themselves
		for what, costs := range map[string][]int{"its owner": own, "another": others, "a new interest": asking} {
			if costs[1] > costs[0]+few {
				t.Errorf("beside a subscription of %s, a record costs %s %v bytes of reading beside 64 and 1024", pattern, what, costs)
			}
		}
	}
}

func TestScan_CostOfNewParticipant(t *testing.T) {
	var costs []int
	for _, others := range []int{1, 25} {
		dir := domain(t)
		w := still(t, dir, true)
		if _, err := w.WatchParticipants(); err != nil {
			t.Fatal(err)
		}
		all := []*watcher{w}
		for range others {
			all = append(all, still(t, dir, true))
		}
		w.scanNow(hinted)
		newcomer := apart(t, dir, true, all...)
		listed := w.listing.began
		costs = append(costs, reads(t, func() { w.scanNow(hinted) }))
		w.expect(newcomer.ID(), Joined)
		newcomer.Close()
		w.scanNow(hinted)
		w.expect(newcomer.ID(), Left)
		if w.listing.began != listed {
			t.Error("the directory was listed")
		}
	}
	if costs[0] != costs[1] {
		t.Errorf("a new participant costs %v reads beside 1 and 25 others", costs)
	}
}
