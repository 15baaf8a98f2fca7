//go:build linux

package registry

import (
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/process"
)

func BenchmarkJoinClose(b *testing.B) {
	dir := domain(b)
	for b.Loop() {
		r, err := Join(Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

// A process joins a domain with 100 participants of another process, and leaves.
func BenchmarkJoinAHundred(b *testing.B) {
	dir := domain(b)
	other := startProcess(b, dir)
	pid := other.cmd.Process.Pid
	start, err := process.StartTime(pid)
	if err != nil {
		b.Fatal(err)
	}
	for range 99 {
		forge(b, dir, func(h *header) { h.self.PID, h.self.StartTime = pid, start })
	}
	for b.Loop() {
		r, err := Join(Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		if err := r.refresh(); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

func BenchmarkAdvertiseWithdraw(b *testing.B) {
	r, err := Join(Options{Dir: domain(b)})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	e := publisher("robot/pose")
	for b.Loop() {
		if err := advertise(b, r, e).Withdraw(); err != nil {
			b.Fatal(err)
		}
	}
}

// A scan of a domain with 1000 publishers of 50 participants, one of which called Notify.
func BenchmarkScan(b *testing.B) {
	dir := domain(b)
	var all []*Registry
	for range 50 {
		r, err := Join(Options{Dir: dir})
		if err != nil {
			b.Fatal(err)
		}
		defer r.Close()
		all = append(all, r)
		for range 20 {
			advertise(b, r, publisher("robot/pose"))
		}
	}
	// Only the last one scans.
	for _, r := range all[:49] {
		r.closing.Store(true)
		r.wakeLoop()
	}
	r := all[49]
	for b.Loop() {
		r.Notify()
		if _, err := r.scan(hinted); err != nil {
			b.Fatal(err)
		}
	}
}

// From Advertise to OnChange of another participant.
func BenchmarkNotice(b *testing.B) {
	dir := domain(b)
	w := watch(b, dir)
	r, err := Join(Options{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	w.expect(r.ID(), Joined)
	for b.Loop() {
		a := advertise(b, r, publisher("robot/pose"))
		w.expect(r.ID(), Added)
		b.StopTimer()
		a.Withdraw()
		w.expect(r.ID(), Removed)
		time.Sleep(5 * time.Millisecond)
		b.StartTimer()
	}
}
