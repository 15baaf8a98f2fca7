//go:build linux && shmbus_failpoints

package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/group"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/internal/layouttest"
	"github.com/shmbus/shmbus/topic"
)

const groupProtocol = "group"

// A member of a group that is killed or stopped after any step of the protocol leaves the others with every sample that it did not
// acknowledge, and with none that it did. The next process joins.
func TestGroupMatrix(t *testing.T) {
	steps, err := layouttest.Steps("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range steps {
		if protocol(step) != groupProtocol {
			continue
		}
		passes := []int{1, 3}
		switch step {
		case "group.enter", "group.announce", "group.notice", "group.join":
			passes = []int{1}
		}
		for _, pass := range passes {
			for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
				k := trigger{step, pass, signal}
				t.Run(fmt.Sprintf("%s/%d/%v", step, pass, signal), func(t *testing.T) {
					t.Parallel()
					groupCell(t, k)
				})
			}
		}
	}
}

func groupCell(t *testing.T, k trigger) {
	dir := harness.NewDomain(t)
	ctx, cancel := context.WithTimeout(t.Context(), harness.WaitLimit)
	defer cancel()
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	survivor, err := group.Join[int](ctx, p, groupTopic, groupName, nil)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := topic.NewPublisher(ctx, p, groupTopic, &topic.PublisherOptions[int]{Depth: 4096})
	if err != nil {
		t.Fatal(err)
	}
	published := 0
	publish := func(n int) {
		for range n {
			if _, err := pub.Publish(ctx, published); err != nil {
				t.Fatal(err)
			}
			published++
		}
	}
	var mu sync.Mutex
	done := map[int]int{} // by this process
	working, stop := context.WithCancel(ctx)
	defer stop()
	var worker sync.WaitGroup
	worker.Go(func() {
		err := work(working, survivor, func(n int) {
			mu.Lock()
			done[n]++
			mu.Unlock()
			time.Sleep(time.Millisecond)
		})
		if err != nil {
			t.Error(err)
		}
	})
	trace, log := filepath.Join(t.TempDir(), "trace"), filepath.Join(t.TempDir(), "log")
	if err := createTrace(trace); err != nil {
		t.Fatal(err)
	}
	v := &victimProcess{harness.Start(t, dir, groupVictim{k, log, trace}), "member of a group", trace}
	hit := make(chan bool)
	go func() { hit <- v.waitHit(t, k) }()
	for waiting := true; waiting; {
		publish(1)
		select {
		case ok := <-hit:
			waiting = false
			if !ok {
				return
			}
		case <-time.After(time.Millisecond):
		}
	}
	if k.Signal == syscall.SIGKILL {
		v.waitDead(t)
	} else {
		v.WaitSuspended()
	}
	publish(100)
	if k.Signal == syscall.SIGSTOP {
		await(t, "others wait for a stopped member", func() bool { mu.Lock(); defer mu.Unlock(); return done[published-1] > 0 || done[published-2] > 0 })
		v.Resume()
	}
	next, err := group.Join[int](ctx, p, groupTopic, groupName, nil)
	if err != nil {
		t.Fatal(err)
	}
	publish(10)
	// What this process has done, and the victim has noted.
	byVictim := func() []int { return numbersIn(t, log) }
	all := func() bool {
		noted := byVictim()
		mu.Lock()
		defer mu.Unlock()
		for n := range published {
			if done[n] == 0 && !slices.Contains(noted, n) {
				return false
			}
		}
		return true
	}
	await(t, "not all samples are done", all)
	if k.Signal == syscall.SIGSTOP {
		v.Stop()
		v.passes()
		v.Wait()
	}
	stop()
	worker.Wait()
	noted := byVictim()
	for n := range published {
		switch times := done[n] + timesIn(noted, n); {
		case times == 1:
		case times == 2 && k.Signal == syscall.SIGKILL && len(noted) > 0 && noted[len(noted)-1] == n && done[n] == 1: // Ack may not have come
		default:
			t.Errorf("%d was done %d times here and %d times by the victim, which ended with %v", n, done[n], timesIn(noted, n), noted[max(0, len(noted)-2):])
		}
	}
	if err := errors.Join(survivor.Close(), next.Close()); err != nil {
		t.Error(err)
	}
}

// await waits until something is true.
func await(t *testing.T, not string, is func() bool) {
	t.Helper()
	for begin := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > harness.WaitLimit {
			t.Fatal(not)
		}
	}
}

// numbersIn are the whole lines of a file.
func numbersIn(t *testing.T, path string) (all []int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		n, err := strconv.Atoi(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, n)
	}
	return all
}

func timesIn(all []int, n int) (times int) {
	for _, m := range all {
		if m == n {
			times++
		}
	}
	return times
}
