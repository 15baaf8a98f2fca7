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
	opts  ReaderOptions
	clock clock.Clock
	waits *WaitSet

	turn  turn
	next  int                // link to look at first; for who has the turn
	epoch uint32             // last value stored in the armed words; for who has the turn
	taken uint64             // samples taken; for who has the turn
	block stats.Subscription // for who has the turn, but for SetPublishers and what countUp sets
	stale atomic.Bool        // countUp is to be called for what changed

	nextStale *Reader // see staleFigures

	parking parking // where it waits
	mayRest bool    // whether waits may do without spinning
	vain    int     // how many looks in a row found nothing; for who has the turn

	watched   <-chan struct{} // Done of the context whose end wakes the reader; for who has the turn
	stopWatch func() bool     // ends that; for who has the turn

	bytes  []byte        // what block is a view of
	former []*Link       // given up, with samples that were not released then; guarded by mu
	wrong  atomic.Uint64 // samples that could not be decoded

	ended      []*Link // publishers that ended, with samples left, in that order; changed with the turn and mu, read with either
	endedBytes int64   // sum of their cost; the same
	inARow     int     // samples of ended since a link was asked; for who has the turn

	got   int    // samples of a batch that are counted; for who has the turn
	other Sample // of Latest, while it compares two; for who has the turn

	links  atomic.Pointer[[]*Link] // replaced, never changed; a longer one may share its memory
	mu     sync.Mutex              // serialises replacements
	linked map[PublisherID]bool    // the publishers of links; guarded by mu
	soon   *time.Timer             // will change grown for links that came; guarded by mu
	wake   atomic.Uint32           // changes when a sleeper must look again
	grown  atomic.Uint32           // changes when a sleeper must look at links that came
	closed atomic.Bool

	untidy atomic.Bool // tidy is to be called: a publisher ended, or a link is spoiled
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
	r := &Reader{opts: opts, clock: opts.Clock, waits: waits, turn: newTurn(), mayRest: mayRest, linked: map[PublisherID]bool{}}
	r.parking.init(r)
	if block == nil {
		block = mem.Alloc(stats.Size)
	}
	r.countIn(block)
	r.links.Store(new([]*Link))
	return r
}

func (r *Reader) countIn(block []byte) {
	r.bytes, r.block = block, stats.NewSubscription(block)
}

// Stats returns what the subscription has counted.
func (r *Reader) Stats() stats.SubscriptionCounts {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.countUp()
	return stats.ReadSubscription(figuresNow(r.bytes)) // whoever has the turn goes on counting
}

// CountDecodeError counts a sample whose payload was not of the subscription's type.
func (r *Reader) CountDecodeError() {
	r.wrong.Add(1)
	r.changed()
}

// add makes a link one of those that Receive looks at.
func (r *Reader) add(l *Link) {
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
		r.wakeSoon(len(links))
	}
}

// manyLinks is how many links a look may be at without being put off.
const manyLinks = futex.MaxWords

// lookPause is what a look at n links is put off, or is repeated after: a multiple of what it takes, so that it is done for
// several links that come one after the other, and many links do not keep a processor busy.
func lookPause(n int) time.Duration { return max(crowdNap, time.Duration(n)*time.Microsecond) }

// wakeSoon lets a sleeper look at links that came, for several of them at once. Called with mu held.
func (r *Reader) wakeSoon(links int) {
	if r.soon == nil {
		r.soon = time.AfterFunc(lookPause(links), r.wakeNow)
	}
}

func (r *Reader) wakeNow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.soon = nil
	r.grown.Add(1)
	futex.Wake(&r.grown) // for AwaitConnected
	r.parking.call()
}

// remove takes a link out. Called with the turn.
func (r *Reader) remove(l *Link) {
	r.mu.Lock()
	r.unlink(l)
	r.countPublishers()
	r.giveUp(l)
	r.mu.Unlock()
	r.Wake() // whoever waits for connections has one fewer to wait for
}

// giveUp closes a link. Its samples that are held still count. Called with the turn and with mu held.
func (r *Reader) giveUp(l *Link) {
	if l.lost > 0 {
		r.block.Lost(l.lost)
	}
	if l.unreleased() > 0 {
		r.former = append(r.former, l)
	}
	l.close()
	r.changed()
}

// end removes the link of a publisher that is gone.
func (r *Reader) end(l *Link) {
	r.remove(l)
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
	_ = r.turn.acquire(context.Background())
	defer r.turn.release()
	r.unwatch()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.soon != nil {
		r.soon.Stop()
	}
	links := *r.links.Load()
	r.links.Store(new([]*Link))
	clear(r.linked)
	for _, l := range slices.Concat(links, r.ended) {
		r.giveUp(l)
	}
	r.ended, r.endedBytes = nil, 0
	r.block.SetPublishers(0)
	r.countUp()
	r.countIn(slices.Clone(r.bytes)) // the shared block goes away
}
