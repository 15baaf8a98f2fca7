package shmtransport

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/sigbus"
)

// TryReceive fills s with the next sample and reports whether there is one. It does not wait; it returns false also if
// another goroutine is receiving.
func (r *Reader) TryReceive(s *Sample) (ok bool, err error) {
	s.link = nil
	for faulted := true; faulted; {
		ok, faulted, err = r.tryReceive(s)
	}
	return ok, err
}

func (r *Reader) tryReceive(s *Sample) (ok, faulted bool, err error) {
	if r.closed.Load() {
		return false, false, errdefs.Closed("the subscriber is closed")
	}
	if !r.lock.tryAcquire() {
		return false, false, nil
	}
	defer r.endGuarded(sigbus.Guard(), s, nil, nil, &faulted)
	r.beginPass()
	o, err := r.takeNext(s)
	if o == lapped || o == skipped {
		o, err = r.takeNextAgain(s, o)
	}
	return o == taken, false, err
}

// takeNextAgain repeats takeNext as often as valid rings need, after an outcome that says to look again.
func (r *Reader) takeNextAgain(s *Sample, o outcome) (_ outcome, err error) {
	laps, maySkip := 0, r.ringSamples() // more were published meanwhile
	for {
		switch o {
		case lapped:
			laps++
		case skipped:
			maySkip -= maxSkipped
		default:
			return o, err
		}
		if laps == maxLapRetries || maySkip < 0 || r.closed.Load() {
			return noSample, nil
		}
		r.beginPass()
		o, err = r.takeNext(s)
	}
}

// maxLapRetries is the number of retries of TryReceive when publishers overtake it. Only a publisher that corrupts its
// own ring can do so more often.
const maxLapRetries = 64

// Receive waits for the next sample. It returns ctx's error, os.ErrClosed, or a *errdefs.LimitError when MaxHeld samples of a
// publisher are held and that publisher has one more.
func (r *Reader) Receive(ctx context.Context) (s Sample, err error) {
	for faulted := true; faulted; {
		_, faulted, err = r.receive(ctx, &s, nil)
	}
	return s, err
}

// ReceiveBatch waits for the next sample and takes it and those that follow without waiting, up to len(buf). Each must
// be released. The errors are those of Receive; with an error there is no sample.
func (r *Reader) ReceiveBatch(ctx context.Context, buf []Sample) (n int, err error) {
	clear(buf)
	for faulted := len(buf) > 0; faulted && n == 0; {
		n, faulted, err = r.receive(ctx, &buf[0], buf[1:])
	}
	return n, err
}

// receive waits for the next sample, for s, and takes those that follow without waiting, for more. After a fault it
// returns the number of samples taken before.
func (r *Reader) receive(ctx context.Context, s *Sample, more []Sample) (n int, faulted bool, err error) {
	if err := r.lock.acquire(ctx); err != nil {
		return 0, false, err
	}
	defer r.endGuarded(sigbus.Guard(), s, more, &n, &faulted)
	for {
		if r.closed.Load() {
			return 0, false, errdefs.Closed("the subscriber is closed")
		}
		r.beginPass()
		o, err := r.takeNext(s)
		if err != nil {
			return 0, false, err
		}
		if o == taken {
			n = 1
			if len(more) > 0 {
				r.receiveMore(*s, more, &n)
			}
			return n, false, nil
		}
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		if o == noSample {
			if err := r.awaitSample(ctx); err != nil {
				return 0, false, err
			}
		}
	}
}

// receiveMore takes samples that are there after the first, from one publisher after the other, and counts them in n.
// The next receive finds any error.
func (r *Reader) receiveMore(first Sample, more []Sample, n *int) {
	l, mark := first.link, first.holding.mark()
	for i := 0; i < len(more); i++ {
		run := l.takeRun(more[i:], mark+1)
		if r.limited {
			run = r.keepDelivered(more[i:][:run])
		}
		for range run {
			r.countSample(&more[i])
			*n++
			i++
		}
		if i == len(more) || r.limited && r.limits.left <= 0 {
			return
		}
		s := &more[i]
		if o, err := r.takeNext(s); o != taken || err != nil {
			return
		}
		*n++
		l, mark = s.link, s.holding.mark()
	}
}

// maxEndedRun is the number of samples of ended publishers that may be taken before a sample of a live one.
const maxEndedRun = 64

// takeNext checks every link and every publisher that ended once, and takes the first sample that it finds. Publishers that ended come
// first, because their samples are usually older.
func (r *Reader) takeNext(s *Sample) (outcome, error) {
	if r.needsPrune.Load() {
		r.prune()
	}
	if len(r.ended) == 0 {
		return r.takeFromLinks(s)
	}
	if r.endedRun++; r.endedRun <= maxEndedRun {
		if o, _ := r.takeEnded(s); o == taken || o == skipped {
			return o, nil
		}
	}
	r.endedRun = 0
	o, err := r.takeFromLinks(s)
	if o == noSample {
		o, err = r.takeEnded(s)
	}
	return o, err
}

// takeFromLinks checks every link once, beginning after the one that gave the last sample, and takes the first sample that it finds.
func (r *Reader) takeFromLinks(s *Sample) (outcome, error) {
	list := r.links.Load()
	links := *list
	if r.nextLink > len(links) {
		r.nextLink = 0
	}
	begin := r.nextLink // removeLink changes it
	result := noSample
	var full *Link
	for i := range links {
		k := begin + i
		for k >= len(links) {
			k -= len(links)
		}
		l := links[k]
		o, err := l.take(s, 0)
		if o == noSample && err == nil {
			if !l.ended() || l.phase == linkStarved {
				continue
			}
			// It may have published between the check and its end.
			o, err = l.take(s, 0)
		}
		if o == taken && r.limited {
			if o, err = r.takeDelivered(l, s); o == noSample && err == nil {
				continue
			}
		}
		switch {
		case o == taken:
			if now := r.links.Load(); now != list {
				k = slices.Index(*now, l)
			}
			r.nextLink = k + 1
			r.countSample(s)
			return taken, nil
		case o == heldLimit:
			result, full = heldLimit, l
		case o == lapped:
			result = lapped
		case o == skipped:
			r.nextLink = k + 1
			return skipped, nil
		case err != nil:
			r.failLink(l, err)
		default:
			r.endLink(l)
		}
	}
	if result == heldLimit {
		return result, r.tooManyHeld(full)
	}
	return result, nil
}

// failLink removes a link that cannot be used. With a *errdefs.MemoryError the link stays and is tried again later.
func (r *Reader) failLink(l *Link, err error) {
	if errors.As(err, new(*errdefs.MemoryError)) {
		l.starve()
	} else {
		r.removeLink(l)
	}
	if r.opts.Failed != nil {
		r.notify(func() { r.opts.Failed(l.id, err) })
	}
}

// notify calls f, on a goroutine of its own where the caller of the Reader may hold a lock that f needs.
func (r *Reader) notify(f func()) {
	if r.lock.isPruning() {
		go f()
	} else {
		f()
	}
}

func (r *Reader) tooManyHeld(l *Link) error {
	return &errdefs.LimitError{What: fmt.Sprintf("samples of publisher %v held", l.id), Limit: int64(len(l.holdings)), Remedy: "release some, or raise MaxHeld"}
}
