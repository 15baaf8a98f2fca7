package shmtransport

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/internal/fence"
	"github.com/shmbus/shmbus/internal/futex"
	"github.com/shmbus/shmbus/internal/mem"
	"github.com/shmbus/shmbus/internal/stats"
	"github.com/shmbus/shmbus/shmtransport/internal/waitset"
)

// ReaderOptions are the limits and the callbacks of a subscription. The zero value is right for most.
type ReaderOptions struct {
	MaxHeld int           // samples of one publisher held at once, up to the constant MaxHeld; default 256
	Spin    time.Duration // how long a wait spins before it sleeps; default 20 µs, or none with LatencyBudget; negative = not at all

	// LatencyBudget is the longest time that a waiting Reader leaves samples in the rings; 0 = a sample wakes it. With a budget the Reader
	// rests: it looks at intervals of at most that time, and a publisher wakes it only when its ring fills faster than usual. Without
	// futex_waitv it does not rest: samples wake it too.
	LatencyBudget time.Duration

	// Clock measures the latency of samples; default a new one, as in WriterOptions.
	Clock clock.Clock

	// MaxAge is the age, by the publish stamp, beyond which samples are not delivered but counted as stale; 0 = no limit.
	MaxAge time.Duration
	// MinSeparation is the minimum time between the publish stamps of delivered samples of one publisher. Those in between
	// are counted as filtered; 0 = no limit.
	MinSeparation time.Duration

	// TrackPublished makes LastPublished usable.
	TrackPublished bool

	// EndedLimit is the number of bytes kept of publishers that ended, until their samples are taken; default 64 MiB.
	// Without it a subscription that receives nothing would keep the memory of every past publisher. Up to 1 MiB of a
	// publisher is copied; it counts as the bytes of its samples plus 64 bytes for each sample plus 1 KiB. A larger
	// ring stays mapped and counts as the memory of its file, but at least 1 MiB. Beyond the limit the publisher that
	// ended first is dropped, and its samples count as lost and as dropped. The publisher that ended last is kept
	// whatever its size.
	EndedLimit int64
	// Dropped is called, if set, for each publisher whose samples were dropped, under the conditions of Failed. userData is
	// that of ConnectOptions.
	Dropped func(userData any, err *DroppedError)

	// Failed is called, if set, when a link was closed because the publisher's memory cannot be used or has no room for
	// one more subscription (a *errdefs.LimitError). With a *errdefs.MemoryError the link stays: this process may map no more of that
	// publisher's memory, and tries again after Retry. Failed runs within Receive, TryReceive, ReceiveBatch or Latest
	// and must not call the Reader, except Retry. Errors found by ParticipantExited or Prune are reported on a
	// separate goroutine, possibly after Close, because their caller may hold locks that Failed needs.
	Failed func(PublisherID, error)
	// Ended is called, if set, when all samples of a publisher that ended have been taken or dropped. It runs within
	// the same methods, ParticipantExited or Prune, and must not call the Reader.
	Ended func(PublisherID)
}

// A Reader is one subscription. It takes samples from the rings of all linked publishers, one from each in turn, so a
// busy publisher does not starve a quiet one. Order is kept for each publisher.
//
// Receive, TryReceive, Connect, ParticipantExited, Close and Sample.Release may be called from any goroutine. One
// goroutine takes at a time; others wait for the lock.
type Reader struct {
	opts  ReaderOptions
	clock clock.Clock
	set   *ReaderSet

	lock       recvLock
	nextLink   int                // link to check first; needs lock
	epoch      uint32             // last value stored in the armed words; needs lock
	takenCount uint64             // samples taken; needs lock
	awakeSince uint64             // takenCount at the last sleep, or when beginPolling was called last; needs lock
	canFence   bool               // heavy fences work; needs lock
	limited    bool               // limits has a limit
	stats      stats.Subscription // needs lock, but for SetPublishers and what updateStats sets
	statsStale atomic.Bool        // updateStats must be called

	nextStale *Reader // see staleStats

	waiter       *waitset.Waiter // of the goroutine that has the lock
	interval     time.Duration   // between two looks of a Reader that rests, else 0; needs lock
	watch        ringWatch       // of a Reader that rests; needs lock
	adaptiveSpin bool            // whether waits without success may skip spinning
	yieldsFrom   int64           // on clock; no wait yields before; needs lock
	failedSpins  int             // number of spins in a row that found nothing; needs lock

	wakeDone       <-chan struct{} // Done of the context whose end wakes the Reader; needs lock
	stopWakeOnDone func() bool     // ends that; needs lock

	statsBlock   []byte        // the memory of stats
	closedLinks  []*Link       // closed links with samples that were not released then; guarded by mu
	decodeErrors atomic.Uint64 // samples that could not be decoded

	ended      []*Link // publishers that ended, with samples left, in that order; written with lock and mu, read with either
	endedBytes int64   // sum of their cost; the same
	endedRun   int     // samples of ended taken since a link was checked; needs lock

	limits timeLimits // needs lock

	links     atomic.Pointer[[]*Link] // replaced, never changed; a longer list may share the memory of a shorter one
	mu        sync.Mutex              // serializes replacements
	linked    map[PublisherID]bool    // the publishers of links; guarded by mu
	published published               // with TrackPublished; guarded by mu
	wakeTimer *time.Timer             // will change grown for new links; guarded by mu
	wake      atomic.Uint32           // changes when a sleeper must check again
	grown     atomic.Uint32           // changes when a sleeper must arm new links
	closed    atomic.Bool

	needsPrune atomic.Bool // prune must be called: a publisher ended, or a link has a fault
}

// NewReader makes a subscription without publishers. block holds stats.Size bytes that other processes may read, and
// must stay mapped until Close has returned. nil keeps the statistics private.
func NewReader(set *ReaderSet, block []byte, opts ReaderOptions) *Reader {
	if opts.MaxHeld == 0 {
		opts.MaxHeld = 256
	}
	if opts.Clock == (clock.Clock{}) {
		opts.Clock = clock.New()
	}
	adaptiveSpin := opts.Spin == 0 && opts.LatencyBudget == 0
	if adaptiveSpin {
		opts.Spin = defaultSpin
	}
	if opts.EndedLimit == 0 {
		opts.EndedLimit = 64 << 20
	}
	r := &Reader{opts: opts, clock: opts.Clock, set: set, lock: newRecvLock(), adaptiveSpin: adaptiveSpin, linked: map[PublisherID]bool{}}
	r.limits.maxAge, r.limits.minSeparation = int64(opts.MaxAge), int64(opts.MinSeparation)
	r.limited = r.limits != timeLimits{}
	r.waiter = waitset.NewWaiter(r.clock)
	if futex.HasWaitv() {
		r.interval = opts.LatencyBudget
	} else {
		r.waiter.Longest = opts.LatencyBudget // nothing would end a rest early: samples wake the Reader
	}
	r.canFence = fence.Heavy() == nil
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

// Stats returns the subscription's statistics.
func (r *Reader) Stats() stats.SubscriptionCounts {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.updateStats()
	return stats.ReadSubscription(copyStats(r.statsBlock)) // a receiving goroutine goes on counting
}

// CountDecodeError counts a sample whose payload was not of the subscription's type.
func (r *Reader) CountDecodeError() {
	r.decodeErrors.Add(1)
	r.statsChanged()
}

// addLink adds a link to those from which Receive takes samples, and then announces it to its publisher. From then on the publisher may
// admit the link, publish and end, whenever this goroutine runs again: a Receive that begins afterwards must find the link.
func (r *Reader) addLink(l *Link, announce func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		l.close()
		return
	}
	l.owner = r
	links := append(*r.links.Load(), l) // behind the part that other goroutines may read
	r.links.Store(&links)
	r.linked[l.id] = true
	r.countPublishers()
	announce()
	if len(links) < manyLinks {
		r.Wake()
	} else {
		r.wakeLater(len(links))
	}
}

// manyLinks is the number of links from which on a check for new ones is delayed.
const manyLinks = futex.MaxWords

// wakeLater lets a sleeper arm new links, several at once. Called with mu held.
func (r *Reader) wakeLater(links int) {
	if r.wakeTimer == nil {
		r.wakeTimer = time.AfterFunc(waitset.ScanDelay(links), r.wakeNow)
	}
}

func (r *Reader) wakeNow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wakeTimer = nil
	r.grown.Add(1)
	futex.Wake(&r.grown) // for AwaitConnected
	r.waiter.WakeUp()
}

// removeLink removes and closes a link. Called with the lock.
func (r *Reader) removeLink(l *Link) {
	r.mu.Lock()
	r.unlink(l)
	r.countPublishers()
	r.closeLink(l)
	r.mu.Unlock()
	r.Wake() // AwaitConnected has one link fewer to wait for
}

// closeLink closes a link. Its held samples still count as held. Called with the lock and with mu held.
func (r *Reader) closeLink(l *Link) {
	l.endKeyScan()
	if l.lost > 0 {
		r.stats.Lost(l.lost)
	}
	if r.opts.TrackPublished {
		r.checkPublished(l, r.clock.Now())
	}
	if l.unreleased() > 0 {
		r.closedLinks = append(r.closedLinks, l)
	}
	l.close()
	r.statsChanged()
}

// endLink removes the link of a publisher that ended.
func (r *Reader) endLink(l *Link) {
	r.removeLink(l)
	if r.opts.Ended != nil {
		r.opts.Ended(l.id)
	}
}

// Close ends the subscription. A waiting Receive returns os.ErrClosed. Held samples stay valid until they are released.
func (r *Reader) Close() {
	if r.closed.Swap(true) {
		return
	}
	r.Wake()
	// The context only bounds the wait for the lock, and a goroutine that has it returns at once now that closed is
	// set.
	_ = r.lock.acquire(context.Background())
	defer r.lock.Unlock()
	r.cancelWakeOnDone()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wakeTimer != nil {
		r.wakeTimer.Stop()
	}
	r.watch.close() // before the memory of a link may be unmapped
	links := *r.links.Load()
	r.links.Store(new([]*Link))
	clear(r.linked)
	for _, l := range slices.Concat(links, r.ended) {
		r.closeLink(l)
	}
	r.ended, r.endedBytes = nil, 0
	r.stats.SetPublishers(0)
	r.updateStats()
	r.useStatsBlock(slices.Clone(r.statsBlock)) // the shared block may be unmapped after Close
}
