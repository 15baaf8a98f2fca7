//go:build linux

package groups

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

// What a killed worker had goes to another one, and what it acknowledged does not.
func TestWorkerIsKilled(t *testing.T) {
	dir := harness.NewDomain(t)
	pub := publisher(t, dir, 16)
	var all []*workerProcess
	for range 3 {
		all = append(all, start(t, dir, worker{Work: -1}))
		all[len(all)-1].Ready()
	}
	publish(t, pub, 1, 2, 3, 4)
	for _, v := range []int{1, 2, 3} {
		await(t, began, v, all...)
	}
	// The fourth sample waits for the next worker, the others are redelivered to it, one after the other.
	next := start(t, dir, worker{})
	next.Ready()
	all = append(all, next)
	for _, w := range all[:3] {
		w.kill()
	}
	for _, v := range []int{1, 2, 3, 4} {
		await(t, acked, v, next)
	}
	next.Finish()
	for v, turns := range turnsOf(all) {
		for _, w := range wrong(turns) {
			t.Errorf("%d: %s", v, w)
		}
	}
}

// A worker that is stopped keeps what it has. The others go on, and publishers after LosslessTimeout. A new worker joins when it goes on.
func TestWorkerIsStopped(t *testing.T) {
	dir := harness.NewDomain(t)
	pub := publisher(t, dir, 4)
	stopped := start(t, dir, worker{Work: 500 * time.Millisecond, LosslessTimeout: 20 * time.Millisecond})
	stopped.Ready()
	publish(t, pub, 0)
	await(t, began, 0, stopped)
	stopped.Suspend()
	all := []*workerProcess{stopped}
	late := start(t, dir, worker{})
	all = append(all, late)
	publish(t, pub, 1)
	time.Sleep(50 * time.Millisecond)
	if steps := late.steps(); len(steps) > 0 {
		t.Errorf("a worker joined while another one was stopped: %+v", steps)
	}
	stopped.Resume()
	late.Ready()
	await(t, acked, 0, stopped)
	await(t, acked, 1, all...)
	stopped.Suspend()
	for v := 2; v < 100; v++ {
		publish(t, pub, v)
	}
	// One of them may be with the stopped worker, which no other may begin.
	for begin := time.Now(); waiting(all, 2, 100) > 1; time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > harness.WaitLimit {
			t.Fatalf("%d samples wait for a stopped worker", waiting(all, 2, 100))
		}
	}
	stopped.Resume()
	for v := range 100 {
		await(t, acked, v, all...)
	}
	for _, w := range all {
		w.Finish()
	}
	for v, turns := range turnsOf(all) {
		for _, w := range wrong(turns) {
			t.Errorf("%d: %s", v, w)
		}
		if len(turns) > 1 {
			t.Errorf("%d: %d turns though no worker died", v, len(turns))
		}
	}
}

// Workers are killed, stopped and replaced at random moments. Every sample is done, by one worker at a time, once if that lived.
func TestWorkers_RandomKillsAndStops(t *testing.T) {
	dir := harness.NewDomain(t)
	samples, rounds := 3000, 60
	if testing.Short() || harness.Slowdown > 1 {
		samples, rounds = 800, 12
	}
	pub := publisher(t, dir, 8192) // what no worker has done is in the ring
	request := func() worker { return worker{Receivers: 1 + rand.IntN(3), Work: 2 * time.Millisecond} }
	var all, living []*workerProcess
	for range 4 {
		w := start(t, dir, request())
		w.Ready()
		all, living = append(all, w), append(living, w)
	}
	published := make(chan struct{})
	go func() {
		defer close(published)
		for v := range samples {
			if _, err := pub.Publish(t.Context(), v); err != nil {
				t.Error(err)
				return
			}
			if v%8 == 0 {
				time.Sleep(time.Duration(rand.Int64N(int64(4 * time.Millisecond))))
			}
		}
	}()
	for range rounds {
		harness.RandomDelay()
		i := rand.IntN(len(living))
		w := living[i]
		if rand.IntN(3) == 0 {
			w.Suspend()
			harness.RandomDelay()
			if rand.IntN(2) == 0 {
				w.Resume()
				continue
			}
		}
		w.kill()
		living[i] = start(t, dir, request())
		all = append(all, living[i])
		living[i].Ready()
	}
	<-published
	for begin := time.Now(); waiting(all, 0, samples) > 0 && time.Since(begin) < harness.WaitLimit; {
		time.Sleep(50 * time.Millisecond)
	}
	for _, w := range living {
		w.Finish()
	}
	again := 0
	turns := turnsOf(all)
	for v := range samples {
		for _, w := range wrong(turns[v]) {
			t.Errorf("%d: %s", v, w)
		}
		if len(turns[v]) > 1 {
			again++
		}
	}
	t.Logf("%d of %d samples were redelivered, of %d workers", again, samples, len(all))
}
