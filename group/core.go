package group

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// pollInterval is the time after which a member that keeps samples reads the accounts of the others. No process sleeps for accounts, so
// that publishing them wakes none.
const pollInterval = 2 * time.Millisecond

// returnDelay is the time for which a member leaves a sample that it returned to the others.
const returnDelay = 10 * pollInterval

// A core is a Member without its type parameter.
type core struct {
	p              *topic.Participant
	number         uint64
	file           uint64
	maxOutstanding int
	maxPending     int
	maxBytes       int64
	places         *registry.Places
	accountPub     *topic.Publisher[[]byte]
	announcePub    *topic.Publisher[[]byte]
	accounts       *topic.Subscriber[[]byte]
	announcements  *topic.Subscriber[[]byte]
	reset          func()                          // resets the timeout of the subscription of the topic; nil before there is one
	matched        func() []topic.MatchedPublisher // of that; ″

	mu sync.Mutex
	backlog
	peers
	outstanding int
	since       topic.Stamp                  // before this member introduced itself
	follows     bool                         // members that take part have noticed it
	taken       map[topic.PublisherID]uint64 // lowest sequences that these account for
	joined      bool                         // it takes part
	said        announcement                 // by this member, last
	missing     bool                         // an announced member's accounts are not read yet, or this one is to announce something
	changed     chan struct{}                // closed and replaced when a Receive may find more, or there is room
	failure     error                        // os.ErrClosed after Close
	message     []byte                       // for publish
	claimed     []uint64                     // ″
}

// await waits until something changed. ch was c.changed when the caller last looked.
func await(ctx context.Context, ch <-chan struct{}) error {
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// notify wakes the goroutines that await. The caller holds mu.
func (c *core) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// fail ends the member: its claims end with its places.
func (c *core) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure == nil {
		c.failure = errors.Join(err, c.places.Close())
		c.notify()
	}
}

// drain reads all accounts that have come. The caller holds mu.
func (c *core) drain() error {
	news := false
	for {
		s, ok, err := c.accounts.TryReceive()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		c.scratchMsg, err = contentOf(s, maxAccount, c.scratchMsg[:0])
		if err != nil || s.Publisher() == c.accountPub.ID() {
			continue
		}
		a, err := parseAccount(c.scratchMsg, c.scratch)
		if err != nil {
			continue // a member that is not ours wrote it
		}
		c.scratch = a
		c.hear(s.Publisher(), a)
		if a.pub != (topic.PublisherID{}) {
			news = c.learn(a) || news
		}
	}
	gone := c.removeEnded()
	if news {
		c.prune()
	}
	if news || gone {
		c.notify()
	}
	return nil
}

// publish publishes the account of a publisher. The caller holds mu.
func (c *core) publish(k *book, acked ranges) error {
	claims := c.claimed[:0]
	for _, s := range c.kept {
		if s.held && s.pub == k.pub {
			claims = append(claims, s.sequence|claimHeld)
		}
	}
	for sequence := range k.marks {
		if len(claims) < maxClaims && !acked.contains(sequence) && !c.holds(k.pub, sequence) { // else others know it from its member
			claims = append(claims, sequence)
		}
	}
	c.claimed = claims
	c.message = account{c.number, k.pub, k.accountsFrom(), acked, claims}.appendTo(c.message[:0])
	_, err := c.accountPub.Publish(context.Background(), c.message)
	if err == nil {
		k.dirty, k.known = false, true
	}
	return err
}

// publishBooks publishes the accounts that do not say from which sequence on the group accounts for the samples, or all that may lack something.
// The caller holds mu.
func (c *core) publishBooks(all bool) error {
	for _, k := range c.books {
		if !k.known || all && (k.dirty || len(k.marks) > 0) {
			if err := c.publish(k, k.acked); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep adds a sample that was received, or releases it.
//
// Of a publisher that no other member accounted for, a sample may be older than this member, where the publisher is latched or was stopped
// while members joined. Members that are gone may have acknowledged it.
func (c *core) keep(k *kept) {
	first, accounted := c.taken[k.pub]
	k.doubtful = !accounted && k.stamp < c.since
	if accounted && k.sequence < first || !c.add(k) {
		k.release()
	}
}

// accountForAll enters in the books what this member receives, also of publishers of which it has taken nothing yet: a member that joins has to
// know whether older samples in their rings are of the group. The caller holds mu.
func (c *core) accountForAll() {
	if c.matched == nil {
		return
	}
	for _, m := range c.matched() {
		if k := c.books[m.ID]; m.First > 0 && (k == nil || k.first == unaccounted) {
			c.book(m.ID, m.First)
		}
	}
}

// claim claims the oldest sample that is free, and says whether a member had claimed it before; nil if there is none, or MaxOutstanding are
// held. The caller holds mu.
func (c *core) claim() (_ *kept, redelivered bool, err error) {
	if c.failure != nil || c.outstanding >= c.maxOutstanding {
		return nil, false, c.failure
	}
	if err := c.drain(); err != nil {
		return nil, false, err
	}
	for {
		k, err := c.lockFree()
		if k == nil || err != nil {
			return nil, false, err
		}
		failpoint.At("group.lock")
		b := k.book
		// Its last claimant published that it is acknowledged before it freed the place.
		if err := c.drain(); err != nil {
			return nil, false, errors.Join(err, c.unlock(k))
		}
		if b.acked.contains(k.sequence) {
			if err := c.unlock(k); err != nil {
				return nil, false, err
			}
			continue
		}
		k.held = true
		if err := c.publish(b, b.acked); err != nil {
			k.held = false
			return nil, false, errors.Join(err, c.unlock(k))
		}
		failpoint.At("group.claim")
		k.claims++
		c.outstanding++
		return k, b.marks[k.sequence] || k.doubtful || k.sequence < b.cut, nil
	}
}

// lockFree locks the place of the oldest sample that no member has.
func (c *core) lockFree() (*kept, error) {
	var now time.Time
	for _, k := range c.kept {
		if k.held || c.holds(k.pub, k.sequence) {
			continue
		}
		if !k.notBefore.IsZero() {
			if now.IsZero() {
				now = time.Now()
			}
			if now.Before(k.notBefore) {
				continue
			}
		}
		if ok, err := c.places.TryLock(placeOf(k.book.before, k.sequence)); ok || err != nil {
			return k, err
		}
	}
	return nil, nil
}

func (c *core) unlock(k *kept) error {
	return c.places.Unlock(placeOf(k.book.before, k.sequence))
}

// acknowledge ends a claim whose sample is done.
func (c *core) acknowledge(k *kept, claim uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return c.failure
	}
	if !k.held || k.claims != claim {
		return nil
	}
	b := k.book
	acked := slices.Clone(b.acked).with(span{k.sequence, k.sequence})
	k.held = false
	if err := c.publish(b, acked); err != nil {
		k.held = true
		return err
	}
	failpoint.At("group.acknowledge")
	b.acked = acked
	b.noteCut(nil)
	delete(b.marks, k.sequence)
	c.outstanding--
	err := c.unlock(k)
	failpoint.At("group.unlock")
	c.remove(k)
	c.notify()
	return err
}

// unclaim ends a claim whose sample is not done.
func (c *core) unclaim(k *kept, claim uint64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		return c.failure
	}
	if !k.held || k.claims != claim {
		return nil
	}
	b := k.book
	k.held, b.marks[k.sequence] = false, true
	if err := c.publish(b, b.acked); err != nil {
		k.held = true
		return err
	}
	failpoint.At("group.return")
	k.notBefore = time.Now().Add(returnDelay)
	c.outstanding--
	err := c.unlock(k)
	failpoint.At("group.unlock")
	c.notify()
	return err
}
