package topic

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/internal/failpoint"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// publisherCore is a Publisher without its type parameter.
type publisherCore struct {
	p        *Participant
	endpoint registry.Endpoint
	writer   *shmtransport.Writer
	ad       *registry.Advertisement
	interest *registry.Interest           // in subscriptions
	answered map[registry.EndpointID]bool // subscriptions that requested a link or declined; guarded by p.mu

	ending sync.Once
	result error // of end
}

// publish announces a publisher and waits until the existing subscriptions are connected.
func (p *Participant) publish(ctx context.Context, e registry.Endpoint, opts shmtransport.WriterOptions) (_ *publisherCore, err error) {
	if err := registry.CheckTopic(e.Topic); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("publish on %q: %w", e.Topic, err)
	}
	p.lifecycle.RLock()
	defer p.lifecycle.RUnlock()
	if p.isClosed() {
		return nil, errdefs.Closed("the participant is closed")
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
	e.Since = Stamp(p.clock.Now())
	defer func() {
		if err != nil {
			p.reg.ReleaseID(e.ID.Number)
		}
	}()
	pub := &publisherCore{p: p, interest: interest, answered: map[registry.EndpointID]bool{}}
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
	pub.endpoint, pub.writer = e, w
	defer func() {
		if err != nil {
			err = errors.Join(err, pub.drop())
		}
	}()

	if err := pub.register(); err != nil {
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
	if err := pub.awaitAnswers(ctx); err != nil {
		return nil, fmt.Errorf("publish on %q: %w", e.Topic, err)
	}
	return pub, nil
}

// register lets onChange connect the publisher. It runs before the publisher is announced.
func (pub *publisherCore) register() error {
	pub.p.mu.Lock()
	defer pub.p.mu.Unlock()
	if pub.p.closed {
		return errdefs.Closed("the participant is closed")
	}
	pub.p.pubs[pub.endpoint.ID.Number] = pub
	pub.p.ownPubs.add(pub.endpoint.Topic, pub.endpoint.ID.Number, pub)
	return nil
}

// awaitAnswers waits until every live subscription that matches the topic has been admitted or has declined. A subscription
// that once missed the timeout is not waited for until it answers some publisher. Otherwise a stopped process would delay
// every new publisher by the whole timeout. The error is that of ctx.
func (pub *publisherCore) awaitAnswers(ctx context.Context) error {
	p := pub.p
	waitCtx, cancel := connectContext(ctx)
	defer cancel()
	for {
		p.mu.Lock()
		changed, open := p.changed, pub.unanswered()
		if p.closed {
			open = nil
		}
		p.mu.Unlock()
		if len(open) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-waitCtx.Done():
			if err := ctx.Err(); err != nil {
				return err
			}
			p.mu.Lock()
			open = pub.unanswered()
			for _, sub := range open {
				p.unresponsive[sub] = true
			}
			p.mu.Unlock()
			p.log.Warn("not every subscription answered in time", "topic", pub.endpoint.Topic, "after", connectTimeout, "missing", len(open))
			return nil
		}
	}
}

// unanswered lists the subscriptions to wait for. Called with p.mu held.
func (pub *publisherCore) unanswered() (open []registry.EndpointID) {
	p := pub.p
	for id := range p.interested.matching(pub.endpoint.Topic) {
		if !pub.answered[id] && !p.unresponsive[id] {
			open = append(open, id)
		}
	}
	return open
}

// admit admits a requested link: from then on the writer respects its marks. Called with p.mu held.
func (pub *publisherCore) admit(f *shmtransport.PeerFile, q shmtransport.LinkRequest) error {
	if q.Declined || pub.writer.HasReader(q) {
		return nil
	}
	put(pub.p.linked, registry.ID(q.Reader), pub.endpoint.ID.Number, pub)
	page, release, err := f.Page(q.Link)
	if err != nil {
		return err
	}
	return pub.writer.Admit(q, page, release, pub.endpoint.Latched)
}

// failed is called by the writer when a reader's memory is invalid.
func (pub *publisherCore) failed(q shmtransport.LinkRequest, err error) {
	p := pub.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	id := registry.ID(q.Reader)
	sub := p.endpoint(registry.EndpointID{Participant: id, Number: q.Subscription})
	if p.report(pair{pub.endpoint.ID, sub.ID}, Event{Kind: Unavailable, Participant: p.participantInfo(id), Endpoint: sub, Err: err}) {
		p.log.Warn("a subscription was given up", "topic", pub.endpoint.Topic, "participant", id, "err", err)
	}
}

// close closes this publisher only; end does it as part of closing the participant. The participant may be closed
// concurrently.
func (pub *publisherCore) close() error {
	pub.p.lifecycle.RLock()
	defer pub.p.lifecycle.RUnlock()
	return pub.drop()
}

// drop is close for a caller that holds lifecycle.
func (pub *publisherCore) drop() error {
	p, number := pub.p, pub.endpoint.ID.Number
	p.mu.Lock()
	delete(p.pubs, number)
	p.ownPubs.remove(pub.endpoint.Topic, number)
	delete(p.toPrune, number)
	for _, of := range p.linked {
		delete(of, number)
	}
	p.mu.Unlock()
	pub.interest.Stop()
	return pub.end()
}

// end closes the ring before it withdraws the record, so that a participant that sees the removal can rely on a ring that
// no longer changes. When end returns, no goroutine counts in the record's memory, whichever call came first.
func (pub *publisherCore) end() error {
	pub.ending.Do(func() {
		pub.result = pub.writer.Close()
		pub.p.mu.Lock()
		ad := pub.ad
		pub.p.signal() // WaitSubscribers returns
		pub.p.mu.Unlock()
		if ad != nil {
			pub.result = errors.Join(pub.result, ad.Withdraw())
		}
	})
	return pub.result
}
