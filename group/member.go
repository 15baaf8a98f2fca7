package group

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// A Member receives samples of a topic that no other member of its group receives.
type Member[T any] struct {
	core
	sub     *topic.Subscriber[T]
	cancel  context.CancelFunc
	running sync.WaitGroup
	closing sync.Once
	result  error // of Close
}

// Join makes this process a member of a group of a topic. The caller must call Close. Join returns when all other members have taken
// notice; ctx bounds only this wait. A process may have several members, also of one group.
func Join[T any](ctx context.Context, p *topic.Participant, topicName, group string, opts *Options[T]) (_ *Member[T], err error) {
	if err := checkNames(topicName, group); err != nil {
		return nil, err
	}
	o, err := opts.checked()
	if err != nil {
		return nil, fmt.Errorf("join group %q of topic %q: %w", group, topicName, err)
	}
	m := &Member[T]{core: core{
		p: p, maxOutstanding: o.MaxOutstanding, maxPending: o.MaxPending, maxBytes: o.MaxPendingBytes, changed: make(chan struct{}), peers: newPeers(),
		backlog: backlog{topic: topicName, group: group, books: map[topic.PublisherID]*book{}},
	}}
	m.dispose = func(pub topic.PublisherID) { m.accountPub.Dispose(accountKey(account{pub: pub}.appendTo(nil))) }
	var run context.Context
	run, m.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Close())
		}
	}()
	if err := m.open(ctx); err != nil {
		return nil, err
	}
	m.start(func() error { return m.hearAnnouncements(run) })
	m.start(func() error { return m.poll(run) })
	m.since = topic.Stamp(clock.New().Now())
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	history := 0
	if m.follows {
		history = shmtransport.MaxDepth
	}
	m.sub, err = topic.NewSubscriber(ctx, p, topicName, &topic.SubscriberOptions[T]{
		Codec: o.Codec, Lossless: true, LosslessTimeout: o.LosslessTimeout, History: history, MaxHeld: maxClaims,
	})
	if err != nil {
		return nil, err
	}
	if err := m.takePart(); err != nil {
		return nil, err
	}
	m.start(func() error { return m.read(run) })
	return m, nil
}

// open makes the publishers and subscribers of accounts and announcements.
func (c *core) open(ctx context.Context) (err error) {
	if c.places, err = registry.OpenPlaces(c.p.Dir()); err != nil {
		return err
	}
	if c.file, err = c.places.File(); err != nil {
		return err
	}
	accounts, announcements := topicOf(c.topic, c.group, segmentAccount), topicOf(c.topic, c.group, segmentMember)
	c.accountPub, err = topic.NewPublisher(ctx, c.p, accounts, &topic.PublisherOptions[[]byte]{
		Codec: codec(segmentAccount), Depth: 64, NeverWaits: true, MaxPayload: maxAccount, Key: accountKey, MaxKeys: 2 * maxAccounts,
	})
	if err != nil {
		return err
	}
	c.announcePub, err = topic.NewPublisher(ctx, c.p, announcements, &topic.PublisherOptions[[]byte]{
		Codec: codec(segmentMember), Depth: 2, Latched: true, NeverWaits: true, MaxPayload: maxAnnouncement,
	})
	if err != nil {
		return err
	}
	c.accounts, err = topic.NewSubscriber(ctx, c.p, accounts, &topic.SubscriberOptions[[]byte]{Codec: codec(segmentAccount), Ended: c.end})
	if err != nil {
		return err
	}
	c.announcements, err = topic.NewSubscriber(ctx, c.p, announcements, &topic.SubscriberOptions[[]byte]{Codec: codec(segmentMember), Ended: c.end})
	return err
}

// start runs a part of the member, whose failure ends the member.
func (m *Member[T]) start(run func() error) {
	m.running.Go(func() {
		if err := run(); err != nil {
			m.fail(err)
		}
	})
}

// read keeps samples as they come, while there is room.
func (m *Member[T]) read(ctx context.Context) error {
	buf := make([]topic.Sample[T], 64)
	for {
		m.mu.Lock()
		room, ch := m.room(m.maxPending, m.maxBytes), m.changed
		m.mu.Unlock()
		if room <= 0 {
			if err := await(ctx, ch); err != nil {
				return err
			}
			continue
		}
		n, err := m.sub.ReceiveBatch(ctx, buf[:min(room, len(buf))])
		if err != nil {
			return err
		}
		m.mu.Lock()
		for _, s := range buf[:n] {
			m.keep(keptOf(s))
		}
		_ = m.publishBooks(false) // poll tries again
		m.notify()
		m.mu.Unlock()
	}
}

// takePart announces that this member takes part. Its accounts then account for what other members do, which is in the rings from where it reads.
func (m *Member[T]) takePart() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.drain(); err != nil {
		return err
	}
	for pub, first := range m.taken {
		m.book(pub, first)
	}
	m.reset, m.matched = m.sub.ResetTimeout, m.sub.MatchedPublishers
	m.joined = true
	return m.announce()
}

func keptOf[T any](s topic.Sample[T]) *kept {
	return &kept{pub: s.Publisher(), sequence: s.Sequence(), stamp: s.Stamp(), bytes: int64(len(s.Bytes())), sample: s, release: s.Release}
}

// Receive claims the oldest sample that no member has, and waits until there is one and fewer than MaxOutstanding deliveries of this member
// are outstanding. The error is that of ctx, or os.ErrClosed after Close or after Close of the participant; or why the member cannot go on,
// such as a *topic.SpaceError.
func (m *Member[T]) Receive(ctx context.Context) (Delivery[T], error) {
	for {
		if err := ctx.Err(); err != nil {
			return Delivery[T]{}, err
		}
		m.mu.Lock()
		k, redelivered, err := m.claim()
		ch := m.changed
		m.mu.Unlock()
		if err != nil {
			return Delivery[T]{}, err
		}
		if k != nil {
			return Delivery[T]{&m.core, k, k.claims, redelivered}, nil
		}
		if err := await(ctx, ch); err != nil {
			return Delivery[T]{}, err
		}
	}
}

// Stats returns the figures of this member's subscription of the topic. What it has lost, other members may have received.
func (m *Member[T]) Stats() topic.SubscriberStats { return m.sub.Stats() }

// Close leaves the group. Other members get what was delivered and is not acknowledged, so Close should come when the work on it has
// ended. A waiting Receive returns os.ErrClosed. Samples of deliveries are released. Further calls wait for the first call and return its
// result.
func (m *Member[T]) Close() error {
	m.closing.Do(func() { m.result = m.leave() })
	return m.result
}

func (m *Member[T]) leave() error {
	m.mu.Lock()
	var errs []error
	failed := m.failure != nil
	if !failed {
		m.failure = fmt.Errorf("the member of the group is closed: %w", os.ErrClosed)
		for _, k := range m.kept {
			if k.held {
				k.held, k.book.marks[k.sequence] = false, true
			}
		}
		for _, b := range m.books {
			if err := m.publish(b, b.acked); err != nil {
				errs = append(errs, err)
			}
		}
	}
	m.notify()
	m.mu.Unlock()
	m.cancel()
	m.running.Wait()
	if m.sub != nil {
		errs = append(errs, m.sub.Close())
	}
	m.mu.Lock()
	for _, k := range m.kept {
		k.release()
	}
	m.kept = nil
	m.mu.Unlock()
	if m.announcePub != nil {
		errs = append(errs, m.announcePub.Close())
	}
	if m.accountPub != nil {
		errs = append(errs, m.accountPub.Close())
	}
	for _, s := range []*topic.Subscriber[[]byte]{m.announcements, m.accounts} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if m.places != nil && !failed {
		errs = append(errs, m.places.Close()) // the claims end, after their accounts
	}
	return errors.Join(errs...)
}
