package shmtransport

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/stats"
)

// ReaderOptions say how a subscription takes. The zero value is right for most.
type ReaderOptions struct {
	MaxHeld int           // samples of one publisher held at once, up to the constant MaxHeld; default 256
	Spin    time.Duration // how long a wait looks by itself before it sleeps; default 20 µs, negative = not at all

	// Clock measures how old samples are; default a new one, as in WriterOptions.
	Clock clock.Clock

	// EndedLimit is how many bytes are kept of publishers that ended, until they are taken; default 64 MiB. A subscription that
	// nothing is received from would else keep the memory of each publisher there ever was. Up to 1 MiB of a publisher is
	// copied, and counts as its samples, each 64 bytes more, and 1 KiB; of a larger one the ring stays mapped, and counts as
	// the memory of its file, but at least 1 MiB. Beyond the limit what ended first is dropped, and counts as lost and as
	// dropped; the publisher that ended last is kept whatever its size.
	EndedLimit int64
	// Dropped is called, if set, about each publisher of which samples were dropped, under the conditions of Failed. tag is
	// that of the Request.
	Dropped func(tag any, err *DroppedError)

	// Failed is called, if set, when a publisher's memory turned out to be unusable, or has no room for one more subscription
	// (a *LimitError), and its link was given up. With a *MemoryError the link was not given up: this process may map no more of
	// that publisher's memory, and tries again after Retry. It runs within Receive, TryReceive, ReceiveBatch or Latest and must
	// not call back into the Reader, except to Retry. Errors found by ParticipantExited or Prune are
	// reported on a separate goroutine, possibly after Close, because their caller may hold locks that Failed needs.
	Failed func(PublisherID, error)
	// Ended is called, if set, when everything of a publisher that is gone has been taken or given up, within the same and
	// within ParticipantExited and Prune. It must not call back into the Reader.
	Ended func(PublisherID)
}

// A Reader is one subscription: it takes from the rings of all publishers linked to it, one from each in turn, so a busy
// one never starves a quiet one. Order is kept per publisher.
//
// Receive, TryReceive, Connect, ParticipantExited, Close and Sample.Release may be called from any goroutine. One goroutine takes at a
// time; the others wait for their turn.
type Reader struct {
	opts    ReaderOptions
	clock   clock.Clock
	waitSet *WaitSet

	lock       recvLock
	nextLink   int                // link to look at first; for who has the turn
	epoch      uint32             // last value stored in the armed words; for who has the turn
	takenCount uint64             // samples taken; for who has the turn
	stats      stats.Subscription // for who has the turn, but for SetPublishers and what update sets
	statsStale atomic.Bool        // update is to be called for what changed

	nextStale *Reader // see staleStats

	waiter       waiter // where it waits
	adaptiveSpin bool   // whether waits may do without spinning
	failedSpins  int    // how many looks in a row found nothing; for who has the turn

	wakeDone       <-chan struct{} // Done of the context whose end wakes the reader; for who has the turn
	stopWakeOnDone func() bool     // ends that; for who has the turn

	statsBlock   []byte        // what block is a view of
	closedLinks  []*Link       // given up, with samples that were not released then; guarded by mu
	decodeErrors atomic.Uint64 // samples that could not be decoded

	ended      []*Link // publishers that ended, with samples left, in that order; changed with the turn and mu, read with either
	endedBytes int64   // sum of their cost; the same
	endedRun   int     // samples of ended since a link was asked; for who has the turn

	batchCount int    // samples of a batch that are counted; for who has the turn
	candidate  Sample // of Latest, while it compares two; for who has the turn

	links     atomic.Pointer[[]*Link] // replaced, never changed; a longer one may share its memory
	mu        sync.Mutex              // serialises replacements
	linked    map[PublisherID]bool    // the publishers of links; guarded by mu
	wakeTimer *time.Timer             // will call Wake for links that came; guarded by mu
	wake      atomic.Uint32           // changes when a sleeper must look again
	closed    atomic.Bool

	needsPrune atomic.Bool // tidy is to be called: a publisher ended, or a link is spoiled
}

// NewReader makes a subscription without publishers. block holds stats.Size bytes, for others to read, and must stay
// mapped until Close has returned; nil keeps the figures private.
func NewReader(waits *WaitSet, block []byte, opts ReaderOptions) *Reader {
	if opts.MaxHeld == 0 {
		opts.MaxHeld = 256
	}
	if opts.Clock == (clock.Clock{}) {
		opts.Clock = clock.New()
	}
	mayRest := opts.Spin == 0
	if mayRest {
		opts.Spin = defaultSpin
	}
	if opts.EndedLimit == 0 {
		opts.EndedLimit = 64 << 20
	}
	r := &Reader{opts: opts, clock: opts.Clock, waitSet: waits, lock: newRecvLock(), adaptiveSpin: mayRest, linked: map[PublisherID]bool{}}
	r.waiter.init(r)
	if block == nil {
		block = mem.Alloc(stats.Size)
	}
	r.useStatsBlock(block)
	r.links.Store(new([]*Link))
	return r
}

func (r *Reader) useStatsBlock(block []byte) {
	r.statsBlock, r.stats = block, stats.NewSubscription(block)
}

// Stats returns what the subscription has counted.
func (r *Reader) Stats() stats.SubscriptionCounts {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.updateStats()
	return stats.ReadSubscription(copyStats(r.statsBlock)) // whoever has the turn goes on counting
}

// CountDecodeError counts a sample whose payload was not of the subscription's type.
func (r *Reader) CountDecodeError() {
	r.decodeErrors.Add(1)
	r.statsChanged()
}

// addLink makes a link one of those that Receive looks at.
func (r *Reader) addLink(l *Link) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		l.close()
		return
	}
	l.owner = r
	links := append(*r.links.Load(), l) // behind what others may look at
	r.links.Store(&links)
	r.linked[l.id] = true
	r.countPublishers()
	if len(links) < manyLinks {
		r.Wake()
	} else {
		r.wakeLater(len(links))
	}
}

// manyLinks is how many links a look may be at without being put off.
const manyLinks = futex.MaxWords

// scanDelay is what a look at n links is put off, or is repeated after: a multiple of what it takes, so that it is done for
// several links that come one after the other, and many links do not keep a processor busy.
func scanDelay(n int) time.Duration { return max(maxPartialSleep, time.Duration(n)*time.Microsecond) }

// wakeLater is Wake for links that came. Called with mu held.
func (r *Reader) wakeLater(links int) {
	if r.wakeTimer == nil {
		r.wakeTimer = time.AfterFunc(scanDelay(links), r.wakeNow)
	}
}

func (r *Reader) wakeNow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wakeTimer = nil
	r.Wake()
}

// removeLink takes a link out. Called with the turn.
func (r *Reader) removeLink(l *Link) {
	r.mu.Lock()
	r.unlink(l)
	r.countPublishers()
	r.closeLink(l)
	r.mu.Unlock()
	r.Wake() // whoever waits for connections has one fewer to wait for
}

// closeLink closes a link. Its samples that are held still count. Called with the turn and with mu held.
func (r *Reader) closeLink(l *Link) {
	if l.lost > 0 {
		r.stats.Lost(l.lost)
	}
	if l.unreleased() > 0 {
		r.closedLinks = append(r.closedLinks, l)
	}
	l.close()
	r.statsChanged()
}

// endLink removes the link of a publisher that is gone.
func (r *Reader) endLink(l *Link) {
	r.removeLink(l)
	if r.opts.Ended != nil {
		r.opts.Ended(l.id)
	}
}

// Close ends the subscription. A Receive that waits returns os.ErrClosed. Samples that are held stay valid until they are
// released.
func (r *Reader) Close() {
	if r.closed.Swap(true) {
		return
	}
	r.Wake()
	// The context only bounds waiting for the turn, and whoever has it leaves at once now that closed is set.
	_ = r.lock.acquire(context.Background())
	defer r.lock.release()
	r.cancelWakeOnDone()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wakeTimer != nil {
		r.wakeTimer.Stop()
	}
	links := *r.links.Load()
	r.links.Store(new([]*Link))
	clear(r.linked)
	for _, l := range slices.Concat(links, r.ended) {
		r.closeLink(l)
	}
	r.ended, r.endedBytes = nil, 0
	r.stats.SetPublishers(0)
	r.updateStats()
	r.useStatsBlock(slices.Clone(r.statsBlock)) // the shared block goes away
}
