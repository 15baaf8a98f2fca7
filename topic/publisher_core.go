package topic

import (
	"errors"
	"fmt"
	"sync"

	"github.com/shmbus/shmbus/internal/closed"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// publication is a publisher without its type parameter.
type publication struct {
	p        *Participant
	entity   registry.Endpoint
	writer   *shmtransport.Writer
	ad       *registry.Advertisement
	interest *registry.Interest           // in subscriptions
	answered map[registry.EndpointID]bool // subscriptions that requested a link or declined; guarded by p.mu

	ending sync.Once
	result error // of end
}

// publish makes a publisher known and waits until the subscriptions that are there are connected.
func (p *Participant) publish(e registry.Endpoint, opts shmtransport.WriterOptions) (_ *publication, err error) {
	if err := registry.CheckTopic(e.Topic); err != nil {
		return nil, err
	}
	p.counting.RLock()
	defer p.counting.RUnlock()
	if p.isClosed() {
		return nil, closed.Error("the participant is closed")
	}
	if p.readOnly {
		return nil, fmt.Errorf("publish on %q: this participant only reads; join without ReadOnly", e.Topic)
	}
	mode, group, err := p.reg.PublisherFile(e.Topic)
	if err != nil {
		return nil, err
	}
	opts.Group = group
	wake, err := p.wakeFile()
	if err != nil {
		return nil, fmt.Errorf("publish on %q: %w", e.Topic, err)
	}
	interest, err := p.reg.Discover(registry.KindSubscription, e.Topic)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			interest.Stop()
		}
	}()
	e.Kind = registry.KindPublisher
	e.ID = registry.EndpointID{Participant: p.reg.ID(), Number: p.reg.ReserveID()}
	e.Since = p.clock.Now()
	defer func() {
		if err != nil {
			p.reg.ReleaseID(e.ID.Number)
		}
	}()
	pub := &publication{p: p, interest: interest, answered: map[registry.EndpointID]bool{}}
	opts.Failed = pub.failed
	path := p.publisherPath(e.ID)
	opts.Clock = p.clock
	w, err := shmtransport.CreateWriter(path, p.reg.Dir(), mode, wake, transportID(e.ID), opts)
	if err != nil {
		err = registry.ExplainNameConflict(path, "try again, which takes another name, and remove", err)
		return nil, fmt.Errorf("publish on %q: %w", e.Topic, err)
	}
	failpoint.At("advertise.file")
	e.Depth, e.MaxPayload = uint32(w.Depth()), uint64(w.MaxPayload())
	pub.entity, pub.writer = e, w
	defer func() {
		if err != nil {
			err = errors.Join(err, pub.drop())
		}
	}()

	if err := pub.enter(); err != nil {
		return nil, err
	}
	ad, err := p.reg.Advertise(e)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	pub.ad = ad
	p.mu.Unlock()
	w.SetStats(ad.Counters())
	if err := p.reg.Sync(); err != nil {
		return nil, err
	}
	pub.awaitAnswers()
	return pub, nil
}

// enter makes the publisher one that onChange connects, before anybody else can know of it.
func (pub *publication) enter() error {
	pub.p.mu.Lock()
	defer pub.p.mu.Unlock()
	if pub.p.closed {
		return closed.Error("the participant is closed")
	}
	pub.p.pubs[pub.entity.ID.Number] = pub
	pub.p.ownPubs.add(pub.entity.Topic, pub.entity.ID.Number, pub)
	return nil
}

// awaitAnswers waits until every living subscription that the topic interests has requested a link and been admitted, or
// declined. One that once did not answer in time is not waited for until it has answered somebody, or a stopped process
// would cost every new publisher that time.
func (pub *publication) awaitAnswers() {
	p := pub.p
	ctx, cancel := answerTime()
	defer cancel()
	for {
		p.mu.Lock()
		changed, open := p.changed, pub.unanswered()
		if p.closed {
			open = nil
		}
		p.mu.Unlock()
		if len(open) == 0 {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			p.mu.Lock()
			open = pub.unanswered()
			for _, sub := range open {
				p.silent[sub] = true
			}
			p.mu.Unlock()
			p.log.Warn("not every subscription answered in time", "topic", pub.entity.Topic, "after", connectTimeout, "missing", len(open))
			return
		}
	}
}

// unanswered lists the subscriptions to wait for. Called with p.mu held.
func (pub *publication) unanswered() (open []registry.EndpointID) {
	p := pub.p
	for id := range p.interested.matching(pub.entity.Topic) {
		if !pub.answered[id] && !p.silent[id] {
			open = append(open, id)
		}
	}
	return open
}

// admit watches a requested link's marks from now on. Called with p.mu held.
func (pub *publication) admit(f *shmtransport.PeerFile, q shmtransport.LinkRequest) error {
	if q.Declined || pub.writer.HasReader(q) {
		return nil
	}
	put(pub.p.linked, registry.ID(q.Reader), pub.entity.ID.Number, pub)
	page, release, err := f.Page(q.Link)
	if err != nil {
		return err
	}
	return pub.writer.Admit(q, page, release, pub.entity.Latched)
}

// failed hears from the writer that a reader's memory is not what it should be.
func (pub *publication) failed(q shmtransport.LinkRequest, err error) {
	p := pub.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	id := registry.ID(q.Reader)
	sub := p.entity(registry.EndpointID{Participant: id, Number: q.Subscription})
	if p.report(pair{pub.entity.ID, sub.ID}, Event{Kind: Unavailable, Participant: p.who(id), Endpoint: sub, Err: err}) {
		p.log.Warn("a subscription was given up", "topic", pub.entity.Topic, "participant", id, "err", err)
	}
}

// close ends the publisher alone, end as part of closing the participant. The participant may be closed at the same time.
func (pub *publication) close() error {
	pub.p.counting.RLock()
	defer pub.p.counting.RUnlock()
	return pub.drop()
}

// drop is close for who holds counting.
func (pub *publication) drop() error {
	p, number := pub.p, pub.entity.ID.Number
	p.mu.Lock()
	delete(p.pubs, number)
	p.ownPubs.remove(pub.entity.Topic, number)
	delete(p.lingering, number)
	for _, of := range p.linked {
		delete(of, number)
	}
	p.mu.Unlock()
	pub.interest.Stop()
	return pub.end()
}

// end closes the ring before the record goes: who hears that the publisher was removed may rely on its ring not changing
// any more. When it returns nobody counts in the record's memory, whoever called it first.
func (pub *publication) end() error {
	pub.ending.Do(func() {
		pub.result = pub.writer.Close()
		pub.p.mu.Lock()
		ad := pub.ad
		pub.p.mu.Unlock()
		if ad != nil {
			pub.result = errors.Join(pub.result, ad.Withdraw())
		}
	})
	return pub.result
}
