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

// subscription is a subscriber without its type parameter.
type subscription struct {
	p        *Participant
	owner    any // the *Subscriber
	entity   registry.Endpoint
	interest *registry.Interest // in publishers
	filter   func(string) bool
	ended    func(PublisherID) // nil: of no interest
	patience time.Duration
	reader   *shmtransport.Reader
	ad       *registry.Advertisement

	liked   map[registry.EndpointID]bool  // what filter said of a publisher; guarded by p.mu
	refused map[registry.EndpointID]error // publishers that may not be read; guarded by p.mu

	ending sync.Once
	result error // of end

	mu    sync.Mutex
	known map[registry.EndpointID]func() // publishers met; the function takes a refusal back, nil for a link
}

// source is what a subscription knows of a publisher; samples carry it.
type source struct {
	sub   any // the *Subscriber
	wall  *clock.Wall
	topic string
	typ   serde.Type

	latched    bool
	unit       string
	executable string
	pid        int
	metadata   map[string]string
}

// subscribe makes a subscription known and waits until the publishers that are there have admitted it.
func (p *Participant) subscribe(owner any, e registry.Endpoint, filter func(string) bool, patience time.Duration, ended func(PublisherID), opts shmtransport.ReaderOptions) (_ *subscription, err error) {
	for _, pattern := range e.Patterns {
		if err := registry.CheckPattern(pattern); err != nil {
			return nil, err
		}
	}
	p.counting.RLock()
	defer p.counting.RUnlock()
	interest, err := p.reg.Watch(registry.KindPublisher, e.Patterns...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			interest.Stop()
			p.reg.ReleaseID(e.ID.Number)
		}
	}()
	e.Kind = registry.KindSubscription
	e.ID = registry.EndpointID{Participant: p.reg.ID(), Number: p.reg.ReserveID()}
	e.Since = p.clock.Now()
	sub := &subscription{
		p: p, owner: owner, entity: e, interest: interest, filter: filter, ended: ended, patience: patience,
		liked: map[registry.EndpointID]bool{}, refused: map[registry.EndpointID]error{}, known: map[registry.EndpointID]func(){},
	}
	if err := sub.possible(); err != nil {
		return nil, err
	}
	opts.Failed, opts.Dropped = sub.failed, sub.dropped
	if ended != nil {
		opts.Ended = func(id shmtransport.PublisherID) { ended(publisherID(id)) }
	}
	if sub.ad, err = p.reg.Advertise(e); err != nil {
		return nil, err
	}
	opts.Clock = p.clock
	sub.reader = shmtransport.NewReader(&p.waits, sub.ad.Counters(), opts)
	made := false
	defer func() {
		if !made { // also when the filter panics
			err = errors.Join(err, sub.drop())
		}
	}()
	// A publisher that comes from here on is met through onChange, one that is there through meetAll.
	if err := sub.meetAll(); err != nil {
		return nil, err
	}
	ctx, cancel := answerTime()
	defer cancel()
	if err := sub.reader.AwaitConnected(ctx, -1); err != nil && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	made = true
	return sub, nil
}

func (sub *subscription) connect(f *shmtransport.ReaderFile, path string, pub registry.Endpoint) error {
	unit, ok := sub.p.units[pub.ID.Participant]
	if !ok {
		return fs.ErrNotExist // gone meanwhile
	}
	history := int(sub.entity.History)
	if pub.Latched {
		history = max(history, 1) // also when it ends before it admits anybody
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
		Subscription: sub.entity.ID.Number,
		History:      history,
		AllHistory:   sub.entity.Since <= pub.Since,
		Lossless:     sub.entity.Lossless,
		Timeout:      sub.patience,
		Tag: &source{
			sub: sub.owner, wall: sub.p.wall, topic: pub.Topic, latched: pub.Latched,
			unit: unit.Unit, executable: unit.Executable, pid: unit.PID,
			typ:      serde.Type{Name: pub.TypeName, Encoding: pub.Encoding, SchemaEncoding: pub.SchemaEncoding, Schema: pub.Schema},
			metadata: pub.Metadata,
		},
	})
	if err != nil {
		return sub.p.reg.ExplainOpen(pub.Topic, err)
	}
	sub.met(pub.ID, nil)
	return nil
}

func (sub *subscription) decline(f *shmtransport.ReaderFile, pub registry.EndpointID) error {
	if sub.p.readOnly {
		sub.met(pub, nil) // nobody asked
		return nil
	}
	undo, err := f.Decline(transportID(pub), sub.entity.ID.Number)
	if err == nil {
		sub.met(pub, undo)
	}
	return err
}

func (sub *subscription) met(pub registry.EndpointID, undo func()) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.known[pub] = undo
}

// publisherGone notes that a publisher's record is gone. A publisher that closed said so in its ring before; that of one
// that died is not believed to be dead before the registry says Died, for which the kernel vouches. What is in the ring is
// still delivered. Called with p.mu held.
func (sub *subscription) publisherGone(key registry.EndpointID) {
	sub.reader.Prune()
	delete(sub.liked, key)
	delete(sub.refused, key)
	sub.unmeet(key)
}

func (sub *subscription) unmeet(key registry.EndpointID) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if undo := sub.known[key]; undo != nil {
		undo()
	}
	delete(sub.known, key)
}

// failed hears from the reader that a publisher's memory is not what it should be, or that it had no room for one more, or
// that we have no room for it. Somebody may make room, so that is tried again.
func (sub *subscription) failed(id shmtransport.PublisherID, err error) {
	p := sub.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	key := publisherID(id)
	p.useless(sub, p.entity(key), err)
	switch {
	case errors.As(err, new(*shmtransport.LimitError)):
		sub.unmeet(key)
		p.again(err)
	case errors.As(err, new(*shmtransport.MemoryError)):
		p.again(err)
	case sub.ended != nil:
		sub.ended(key)
	}
}

// dropped hears from the reader that samples of a publisher that ended were given up. Its record may be gone for long.
func (sub *subscription) dropped(tag any, err *shmtransport.DroppedError) {
	p, src := sub.p, tag.(*source)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	id := registry.EndpointID{Participant: registry.ID(err.Publisher.Participant), Number: err.Publisher.Number}
	p.log.Warn("samples of a publisher that ended were dropped", "topic", src.topic, "publisher", id, "samples", err.Samples)
	p.emit(Event{
		Kind: Dropped, Err: err, Participant: registry.Participant{ID: id.Participant, Unit: src.unit, PID: src.pid},
		Endpoint: registry.Endpoint{
			ID: id, Kind: registry.KindPublisher, Topic: src.topic,
			TypeName: src.typ.Name, Encoding: src.typ.Encoding, SchemaEncoding: src.typ.SchemaEncoding, Schema: src.typ.Schema,
		},
	})
}

// close ends the subscription alone, end as part of closing the participant. The participant may be closed at the same time.
func (sub *subscription) close() error {
	sub.p.counting.RLock()
	defer sub.p.counting.RUnlock()
	return sub.drop()
}

// drop is close for who holds counting.
func (sub *subscription) drop() error {
	sub.p.mu.Lock()
	delete(sub.p.subs, sub.entity.ID.Number)
	sub.p.ownSubs.remove(sub.entity.Patterns, sub.entity.ID.Number)
	sub.p.mu.Unlock()
	sub.interest.Stop()
	return sub.end()
}

// end closes the reader before the record goes. When it returns nobody counts in the record's memory, whoever called it
// first.
func (sub *subscription) end() error {
	sub.ending.Do(func() {
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
			sub.p.reg.Notify(slices.Collect(maps.Keys(publishers))...) // they wait for nobody's bell
		}
	})
	return sub.result
}
