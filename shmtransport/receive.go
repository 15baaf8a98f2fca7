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
	if r.closed.Load() {
		return false, errdefs.Closed("the subscriber is closed")
	}
	if !r.lock.tryAcquire() {
		return false, nil
	}
	s.link = nil
	defer r.endTryReceive(sigbus.Guard(), s, &ok, &err)
	for range maxLapRetries {
		o, err := r.poll(s)
		if o != lapped {
			return o == taken, err
		}
	}
	return false, nil
}

// maxLapRetries is the number of retries of TryReceive when publishers overtake it. Only a publisher that corrupts its
// own ring can do so more often.
const maxLapRetries = 64

// Receive waits for the next sample. It returns ctx's error, os.ErrClosed, or a *errdefs.LimitError when MaxHeld samples of a
// publisher are held and that publisher has one more.
func (r *Reader) Receive(ctx context.Context) (s Sample, err error) {
	if err := r.lock.acquire(ctx); err != nil {
		return Sample{}, err
	}
	defer r.endReceive(ctx, sigbus.Guard(), &s, &err)
	for {
		if r.closed.Load() {
			return Sample{}, errdefs.Closed("the subscriber is closed")
		}
		o, err := r.poll(&s)
		if err != nil {
			return Sample{}, err
		}
		if o == taken {
			return s, nil
		}
		if err := ctx.Err(); err != nil {
			return Sample{}, err
		}
		if o == noSample {
			if err := r.awaitSample(ctx); err != nil {
				return Sample{}, err
			}
		}
	}
}

// maxEndedRun is the number of samples of ended publishers that may be taken before a sample of a live one.
const maxEndedRun = 64

// poll checks every link once, and the publishers that ended. These come first, because their samples are usually
// older.
func (r *Reader) poll(s *Sample) (outcome, error) {
	if r.needsPrune.Load() {
		r.prune()
	}
	if len(r.ended) == 0 {
		return r.pollLinks(s)
	}
	if r.endedRun++; r.endedRun <= maxEndedRun {
		if o, _ := r.takeEnded(s); o == taken {
			return taken, nil
		}
	}
	r.endedRun = 0
	o, err := r.pollLinks(s)
	if o == noSample {
		o, err = r.takeEnded(s)
	}
	return o, err
}

// pollLinks checks every link once, beginning after the one that gave the last sample.
func (r *Reader) pollLinks(s *Sample) (outcome, error) {
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
		o, err := l.take(s)
		if o == noSample && err == nil {
			if !l.ended() || l.starved {
				continue
			}
			// It may have published between the check and its end.
			o, err = l.take(s)
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

// failLink removes a link that is unusable. With a *errdefs.MemoryError the link stays and is tried again later.
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
	return &errdefs.LimitError{What: fmt.Sprintf("samples of publisher %v held", l.id), Limit: int64(len(l.marks)), Remedy: "release some, or raise MaxHeld"}
}
