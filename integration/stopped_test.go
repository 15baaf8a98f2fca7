//go:build linux

package integration

import (
	"syscall"
	"testing"
	"time"
)

const (
	shortStop     = 300 * time.Millisecond // how long processes are stopped at least
	readerTimeout = 100 * time.Millisecond // timeout of lossless subscriptions that are stopped for longer
	depth         = 16                     // of rings, unless somebody wants another
)

// A lossless reader that is stopped for less than its timeout holds its publisher up, and loses nothing.
func TestAPublisherWaitsForALosslessReaderThatIsStopped(t *testing.T) {
	dir := newDomain(t)
	stopped, other, pub := startAgent(t, dir), startAgent(t, dir), startAgent(t, dir)
	stopped.do("sub s t lossless")
	other.do("sub s t")
	pub.do("pub p t")
	stopped.signal(syscall.SIGSTOP)
	pub.send("send p 100 200")
	other.do("take s %d", depth)
	time.Sleep(shortStop)
	if got := other.do("stats s"); got.Received != depth {
		t.Errorf("beside a lossless reader that is stopped %d samples came, the ring has room for %d", got.Received, depth)
	}
	other.send("take s %d", 100-depth)
	stopped.signal(syscall.SIGCONT)
	if got := stopped.do("take s 100"); got.Received != 100 || got.Lost != 0 {
		t.Errorf("the reader that was stopped received %+v", got)
	}
	var sent, took agentReply
	if pub.expect(&sent); sent.Err != "" || sent.Received != 100 {
		t.Errorf("published %+v", sent)
	}
	if other.expect(&took); took.Err != "" {
		t.Errorf("the other received %+v", took)
	}
	pub.finish()
	other.finish()
	stopped.finish()
}

// One that is stopped for longer than its timeout is an ordinary one until it has caught up: the publisher goes on, and it
// counts what it lost.
func TestAPublisherGoesOnAfterTheTimeoutOfALosslessReaderThatIsStopped(t *testing.T) {
	dir := newDomain(t)
	stopped, pub := startAgent(t, dir), startAgent(t, dir)
	stopped.do("sub s t lossless %v", readerTimeout)
	pub.do("pub p t")
	stopped.signal(syscall.SIGSTOP)
	pub.do("send p 1000 200") // it would wait for ever
	stopped.signal(syscall.SIGCONT)
	if got := stopped.do("take s 1000"); got.Received != depth || got.Lost != 1000-depth {
		t.Errorf("the reader that was stopped received %d and lost %d, want the %d that the ring has and the others lost", got.Received, got.Lost, depth)
	}
	stopped.send("take s 200")
	sent := pub.do("send p 200 200")
	var got agentReply
	// It may stand still for longer than it is waited for, which the publisher then did.
	if stopped.expect(&got); got.Err != "" || got.Received+got.Lost != 200 || got.Lost != 0 && sent.Took < readerTimeout {
		t.Errorf("it had caught up, and received %+v of %+v", got, sent)
	}
	pub.finish()
	stopped.finish()
}
