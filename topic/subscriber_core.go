package topic

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/shmtransport"
)

// subscriberCore is a Subscriber without its type parameter.
type subscriberCore struct {
	p        *Participant
	owner    any // the *Subscriber
	endpoint registry.Endpoint
	interest *registry.Interest // in publishers
	filter   func(string) bool
	check    func(serde.Type) error // of the codec, about a publisher whose schema differs; nil if its schema must be equal
	ended    func(PublisherID)      // may be nil
	calls    callbacks              // of filter, check and ended
	timeout  time.Duration
	reader   *shmtransport.Reader
	ad       *registry.Advertisement

	answers map[registry.EndpointID]answer // of filter and check about each publisher; guarded by p.mu
	asking  map[registry.EndpointID]bool   // publishers for which a call of filter or check is queued; guarded by p.mu
	refused map[registry.EndpointID]error  // publishers that may not be read; guarded by p.mu

	deadline deadlineWatch // guarded by p.mu

	ending sync.Once
	result error // of end

	mu    sync.Mutex
	known map[registry.EndpointID]func() // publishers connected or declined; the function withdraws a declined request, nil for a link
}

// source describes a publisher to a subscription. Each sample refers to one.
type source struct {
	sub   any // the *Subscriber
	wall  *clock.Wall
	topic string
	typ   serde.Type

	latched     bool
	participant registry.Participant // without Endpoints
	metadata    map[string]string
}

// subscribe announces a subscription and waits until the existing publishers have admitted it.
func (p *Participant) subscribe(ctx context.Context, owner any, e registry.Endpoint, filter func(string) bool, check func(serde.Type) error, timeout time.Duration, ended func(PublisherID), opts shmtransport.ReaderOptions) (_ *subscriberCore, err error) {
	for _, pattern := range e.Patterns {
		if err := registry.CheckPattern(pattern); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.lifecycle.RLock()
	defer p.lifecycle.RUnlock()
	interest, err := p.reg.Watch(registry.KindPublisher, e.Patterns...)
	if err != nil {
		return nil, err
	}
	made := false
	defer func() {
		if !made { // also when the filter panics
			interest.Stop()
			p.reg.ReleaseID(e.ID.Number)
		}
	}()
	e.Kind = registry.KindSubscription
	e.ID = registry.EndpointID{Participant: p.reg.ID(), Number: p.reg.ReserveID()}
	e.Since = Stamp(p.clock.Now())
	sub := &subscriberCore{
		p: p, owner: owner, endpoint: e, interest: interest, filter: filter, check: check, ended: ended, timeout: timeout,
		answers: map[registry.EndpointID]answer{}, asking: map[registry.EndpointID]bool{}, refused: map[registry.EndpointID]error{}, known: map[registry.EndpointID]func(){},
	}
	sub.askAboutKnown()
	if err := sub.checkMatch(); err != nil {
		return nil, err
	}
	opts.Failed, opts.Dropped = sub.failed, sub.dropped
	if ended != nil {
		opts.Ended = func(id shmtransport.PublisherID) { sub.calls.add(func() { ended(publisherID(id)) }) }
	}
	if sub.ad, err = p.reg.Advertise(e); err != nil {
		return nil, err
	}
	opts.Clock = p.clock
	sub.reader = shmtransport.NewReader(&p.readers, sub.ad.Counters(), opts)
	defer func() {
		if !made {
			err = errors.Join(err, sub.drop())
		}
	}()
	// onChange connects publishers that appear from here on; connectAll connects those that exist.
	if err := sub.connectAll(); err != nil {
		return nil, err
	}
	waitCtx, cancel := connectContext(ctx)
	defer cancel()
	err = p.await(waitCtx, func() (bool, error) { // what Sync delivered
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(sub.asking) == 0 || p.closed, nil
	})
	if err == nil {
		err = sub.reader.AwaitConnected(waitCtx, -1)
	}
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		err = nil // a publisher did not answer within connectTimeout
	}
	if err != nil {
		return nil, err
	}
	made = true
	return sub, nil
}

func (sub *subscriberCore) connect(f *shmtransport.ReaderFile, path string, pub registry.Endpoint) error {
	unit, ok := sub.p.participants[pub.ID.Participant]
	if !ok {
		return fs.ErrNotExist // the participant left meanwhile
	}
	history := int(sub.endpoint.History)
	if pub.Latched {
		history = max(history, 1) // also when the publisher closes before it admits a link
	}
	if err := sub.p.reg.Policy().AuthorizePublish(unit, pub.Topic); err != nil {
		return err
	}
	link := func(q shmtransport.ConnectOptions) error { return sub.reader.Connect(f, q) }
	if sub.p.readOnly {
		link = sub.reader.ConnectPassive
	}
	err := link(shmtransport.ConnectOptions{
		Accept:       func(path string, uid int) error { return registry.CheckOwner(path, uid, unit.UID) },
		Path:         path,
		WakePath:     sub.p.reg.PeerPath(pub.ID.Participant, registry.SuffixWake),
		Publisher:    transportID(pub.ID),
		Subscription: sub.endpoint.ID.Number,
		History:      history,
		AllHistory:   sub.endpoint.Since <= pub.Since,
		Lossless:     sub.endpoint.Lossless,
		Timeout:      sub.timeout,
		UserData: &source{
			sub: sub.owner, wall: sub.p.wall, topic: pub.Topic, latched: pub.Latched,
			participant: unit,
			typ:         typeOf(pub),
			metadata:    pub.Metadata,
		},
	})
	if err != nil {
		return sub.p.reg.ExplainOpen(pub.Topic, err)
	}
	sub.markKnown(pub.ID, nil)
	return nil
}

func (sub *subscriberCore) decline(f *shmtransport.ReaderFile, pub registry.EndpointID) error {
	if sub.p.readOnly {
		sub.markKnown(pub, nil) // a read-only participant requests no links
		return nil
	}
	undo, err := f.Decline(transportID(pub), sub.endpoint.ID.Number)
	if err == nil {
		sub.markKnown(pub, undo)
	}
	return err
}

func (sub *subscriberCore) markKnown(pub registry.EndpointID, undo func()) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.known[pub] = undo
}

// publisherRemoved handles the removal of a publisher's record. A publisher that closed has marked the end in its ring
// before. A publisher counts as dead only when the registry reports Died, which the kernel confirms. Samples in the ring
// are still delivered. Called with p.mu held.
func (sub *subscriberCore) publisherRemoved(key registry.EndpointID) {
	sub.reader.Prune()
	delete(sub.answers, key)
	delete(sub.refused, key)
	sub.forgetPublisher(key)
}

func (sub *subscriberCore) forgetPublisher(key registry.EndpointID) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if undo := sub.known[key]; undo != nil {
		undo()
	}
	delete(sub.known, key)
}

// failed is called by the reader when a publisher's memory is invalid, when the publisher is full, or when this process
// lacks memory. The latter two may change, so the connection is retried.
func (sub *subscriberCore) failed(id shmtransport.PublisherID, err error) {
	p := sub.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	key := publisherID(id)
	p.reportUnavailable(sub, p.endpoint(key), err)
	switch {
	case errors.As(err, new(*LimitError)):
		sub.forgetPublisher(key)
		p.scheduleRetry(err)
	case errors.As(err, new(*MemoryError)):
		p.scheduleRetry(err)
	case sub.ended != nil:
		sub.calls.add(func() { sub.ended(key) })
	}
}

// dropped is called by the reader when samples of an ended publisher were discarded. The publisher's record may be long
// gone.
func (sub *subscriberCore) dropped(userData any, err *DroppedError) {
	p, src := sub.p, userData.(*source)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	id := registry.EndpointID{Participant: registry.ID(err.Publisher.Participant), Number: err.Publisher.Number}
	p.log.Warn("samples of a publisher that ended were dropped", "topic", src.topic, "publisher", id, "samples", err.Samples)
	p.emit(Event{
		Kind: Dropped, Err: err, Participant: src.participant,
		Endpoint: registry.Endpoint{
			ID: id, Kind: registry.KindPublisher, Topic: src.topic,
			TypeName: src.typ.Name, Encoding: src.typ.Encoding, SchemaEncoding: src.typ.SchemaEncoding, Schema: src.typ.Schema,
		},
	})
}

// close closes this subscription only; end does it as part of closing the participant. The participant may be closed
// concurrently.
func (sub *subscriberCore) close() error {
	sub.p.lifecycle.RLock()
	defer sub.p.lifecycle.RUnlock()
	return sub.drop()
}

// drop is close for a caller that holds lifecycle.
func (sub *subscriberCore) drop() error {
	sub.p.mu.Lock()
	delete(sub.p.subs, sub.endpoint.ID.Number)
	sub.p.ownSubs.remove(sub.endpoint.Patterns, sub.endpoint.ID.Number)
	sub.p.mu.Unlock()
	sub.interest.Stop()
	return sub.end()
}

// end closes the reader before it withdraws the record. When end returns, no goroutine counts in the record's memory,
// whichever call came first.
func (sub *subscriberCore) end() error {
	sub.ending.Do(func() {
		sub.stopDeadline()
		sub.reader.Close()
		publishers := map[registry.ID]bool{}
		sub.mu.Lock()
		for pub, undo := range sub.known {
			publishers[pub.Participant] = true
			if undo != nil {
				undo()
			}
		}
		clear(sub.known)
		sub.mu.Unlock()
		sub.result = sub.ad.Withdraw()
		if len(publishers) != 0 {
			sub.p.reg.Notify(slices.Collect(maps.Keys(publishers))...) // these publishers get no other wake-up
		}
	})
	return sub.result
}
