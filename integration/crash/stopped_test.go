//go:build linux

package crash

import (
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
	"github.com/shmbus/shmbus/topic"
)

const (
	shortStop     = 300 * time.Millisecond // how long processes are stopped at least
	readerTimeout = 100 * time.Millisecond // timeout of lossless subscriptions that are stopped for longer
	depth         = 16                     // of rings by default
)

// A lossless reader that is stopped for less than its timeout holds its publisher up, and loses nothing.
func TestStopped_LosslessReaderWithinItsTimeout(t *testing.T) {
	dir := harness.NewDomain(t)
	stopped, other, pub := agent.Start(t, dir), agent.Start(t, dir), agent.Start(t, dir)
	stopped.SubscribeLossless("s", "t")
	other.Subscribe("s", "t")
	pub.Advertise("p", "t")
	stopped.Signal(syscall.SIGSTOP)
	sent := harness.Go(pub.Child, agent.Send{Publisher: "p", N: 100, Size: 200})
	other.Take("s", depth)
	time.Sleep(shortStop)
	if got := other.Stats("s"); got.Received != depth {
		t.Errorf("beside a lossless reader that is stopped %d samples came, the ring has room for %d", got.Received, depth)
	}
	taken := other.GoTake("s", 100-depth)
	stopped.Resume()
	if got := stopped.Take("s", 100); got.Received != 100 || got.Lost != 0 {
		t.Errorf("the reader that was stopped received %+v", got)
	}
	if got := sent.Wait(); got.Samples != 100 {
		t.Errorf("published %+v", got)
	}
	taken.Wait()
	pub.Finish()
	other.Finish()
	stopped.Finish()
}

// One that is stopped for longer than its timeout is an ordinary one until it has caught up: the publisher goes on, and it
// counts what it lost.
func TestStopped_LosslessReaderBeyondItsTimeout(t *testing.T) {
	dir := harness.NewDomain(t)
	stopped, pub := agent.Start(t, dir), agent.Start(t, dir)
	harness.Do(stopped.Child, agent.Subscribe{Name: "s", Pattern: "t", Lossless: true, Timeout: readerTimeout})
	pub.Advertise("p", "t")
	stopped.Signal(syscall.SIGSTOP)
	pub.Send("p", 1000, 200) // it would wait for ever
	stopped.Resume()
	if got := stopped.Take("s", 1000); got.Received != depth || got.Lost != 1000-depth {
		t.Errorf("the reader that was stopped received %d and lost %d, want the %d that the ring has and the others lost", got.Received, got.Lost, depth)
	}
	taken := stopped.GoTake("s", 200)
	sent := pub.Send("p", 200, 200)
	// It may stand still for longer than it is waited for, which the publisher then did.
	if got := taken.Wait(); got.Received+got.Lost != 200 || got.Lost != 0 && sent.Took < readerTimeout {
		t.Errorf("it had caught up, and received %+v of %+v", got, sent)
	}
	pub.Finish()
	stopped.Finish()
}

func TestStopped_SubscriberDelaysNoOther(t *testing.T) {
	dir := harness.NewDomain(t)
	stopped, other, pub := agent.Start(t, dir), agent.Start(t, dir), agent.Start(t, dir)
	stopped.Subscribe("s", "**")
	other.Subscribe("s", "**")
	pub.Advertise("early", "t")
	stopped.Signal(syscall.SIGSTOP)
	sent := pub.Send("early", 10000, 64)
	first := pub.Advertise("late", "t")
	for range 5 {
		pub.Advertise("more", "t")
		pub.Close("more")
	}
	second := pub.Advertise("more", "t")
	late := other.Subscribe("another", "t")
	t.Logf("10000 samples published in %v; beside a stopped subscriber the first publisher is made in %v, a later one in %v, a subscriber in %v", sent.Took, first.Took, second.Took, late.Took)
	pub.Send("late", 1, 8)
	other.Take("another", 1)
	stopped.Resume()
	pub.WaitPeers("late", 3)
	if got := stopped.Take("s", 10001); got.Received < 17 {
		t.Errorf("continued, it received %+v", got)
	}
	stopped.Signal(syscall.SIGSTOP)
	stopped.Kill()
	other.Hear(topic.Died, 1)
	pub.Hear(topic.Died, 1)
	pub.Send("late", 100, 8)
	pub.Finish()
	other.Finish()
}

func TestStopped_PublisherDelaysNoOther(t *testing.T) {
	dir := harness.NewDomain(t)
	stopped, other := agent.Start(t, dir), agent.Start(t, dir)
	stopped.Advertise("p", "t")
	stopped.Signal(syscall.SIGSTOP)
	made := other.Subscribe("s", "t")
	other.Advertise("p", "t")
	other.Send("p", 3, 8)
	other.Take("s", 3)
	t.Logf("beside a stopped publisher a subscriber is made in %v", made.Took)
	stopped.Resume()
	other.WaitPeers("s", 2)
	stopped.Send("p", 5, 8)
	other.Take("s", 5)
	stopped.Signal(syscall.SIGSTOP)
	stopped.Kill()
	other.Hear(topic.Died, 1)
	other.Finish()
}

// A subscriber that is stopped for many deadlines reports one miss.
func TestStopped_SubscriberWithDeadline(t *testing.T) {
	dir := harness.NewDomain(t)
	stopped, pub := agent.Start(t, dir), agent.Start(t, dir)
	harness.Do(stopped.Child, agent.Subscribe{Name: "s", Pattern: "t", Deadline: shortStop / 30})
	pub.Advertise("p", "t")
	stopped.Hear(topic.DeadlineMissed, 1)
	for n := 1; n <= 3; n++ {
		pub.Send("p", 1, 8)
		stopped.Hear(topic.DeadlineMet, n)
		stopped.Suspend()
		time.Sleep(shortStop)
		stopped.Resume()
		stopped.Hear(topic.DeadlineMissed, n+1)
		stopped.Suspend()
		time.Sleep(shortStop)
		stopped.Resume()
		if missed, met := stopped.Hear(topic.DeadlineMissed, 0), stopped.Hear(topic.DeadlineMet, 0); missed.Count != n+1 || met.Count != n {
			t.Errorf("%d times missed and %d times met after %d samples", missed.Count, met.Count, n)
		}
	}
	pub.Finish()
	stopped.Finish()
}
