package topic

import (
	"fmt"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/registry"
)

// connectAll connects the subscription with every known publisher. onChange connects later ones.
func (sub *subscriberCore) connectAll() error {
	if err := sub.connectKnown(); err != nil {
		return err
	}
	return sub.p.reg.Sync() // delivers the publishers of this participant
}

func (sub *subscriberCore) connectKnown() error {
	p := sub.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errdefs.Closed("the participant is closed")
	}
	p.subs[sub.endpoint.ID.Number] = sub
	p.ownSubs.add(sub.endpoint.Patterns, sub.endpoint.ID.Number, sub)
	for _, e := range p.publishers.matching(sub.endpoint.Patterns) {
		p.connect(sub, *e)
	}
	p.notifyPending()
	return sub.denied()
}

// denied returns the access error of a matching publisher if every matching publisher denied access, and nil otherwise.
// Called with p.mu held.
func (sub *subscriberCore) denied() (err error) {
	for _, e := range sub.p.publishers.matching(sub.endpoint.Patterns) {
		if accepted, asked := sub.accepts(*e); asked && !accepted {
			continue
		}
		if sub.refused[e.ID] == nil {
			return nil
		}
		err = sub.refused[e.ID]
	}
	return err
}

// checkMatch returns an error if there are matching publishers and none has the subscription's type, or if the reader file
// cannot be created.
func (sub *subscriberCore) checkMatch() error {
	p := sub.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.readerFile(); err != nil {
		return err
	}
	var mismatch error
	for _, e := range p.publishers.matching(sub.endpoint.Patterns) {
		if accepted, _ := sub.accepts(*e); !accepted {
			continue
		}
		err := p.reg.Match(*e, sub.endpoint)
		if err == nil {
			return nil
		}
		mismatch = err
	}
	return mismatch
}

// accepts returns the filter's result for a publisher, and whether the filter was called for it. Called with p.mu held.
func (sub *subscriberCore) accepts(pub registry.Endpoint) (accepted, asked bool) {
	if sub.filter == nil {
		return true, true
	}
	accepted, asked = sub.accepted[pub.ID]
	return accepted, asked
}

// askFilter calls the filter for every known publisher, before the subscription is announced.
func (sub *subscriberCore) askFilter() {
	p := sub.p
	if sub.filter == nil {
		return
	}
	p.mu.Lock()
	var known []registry.Endpoint
	for _, e := range p.publishers.matching(sub.endpoint.Patterns) {
		known = append(known, *e)
	}
	p.mu.Unlock()
	for _, e := range known {
		accepted := sub.callFilter(e.Topic)
		p.mu.Lock()
		sub.accepted[e.ID] = accepted
		p.mu.Unlock()
	}
}

// queueFilter queues a call of the filter, after which the publisher is connected or declined. Called with p.mu held.
func (sub *subscriberCore) queueFilter(pub registry.Endpoint) {
	if !sub.asking[pub.ID] {
		sub.asking[pub.ID] = true
		sub.calls.add(func() { sub.decide(pub) })
	}
}

// decide calls the filter for a publisher and connects or declines it.
func (sub *subscriberCore) decide(pub registry.Endpoint) {
	accepted := sub.callFilter(pub.Topic)
	p := sub.p
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(sub.asking, pub.ID)
	if p.subs[sub.endpoint.ID.Number] == sub && p.endpoints[pub.ID] != nil { // neither has closed
		sub.accepted[pub.ID] = accepted
		p.connect(sub, pub)
		p.notifyPending()
	}
	p.signal()
}

// callFilter calls the filter. A panic of the filter propagates, as for the function of Handle. Mostly it happens on a
// goroutine of the library, where it ends the program; the new panic value therefore names the subscriber and the topic.
func (sub *subscriberCore) callFilter(topic string) bool {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case error:
			panic(fmt.Errorf("filter of the subscriber to %q, asked about topic %q: %w", sub.endpoint.Patterns, topic, e))
		default:
			panic(fmt.Errorf("filter of the subscriber to %q, asked about topic %q: %v", sub.endpoint.Patterns, topic, e))
		}
	}()
	return sub.filter(topic)
}

func (sub *subscriberCore) knows(pub registry.EndpointID) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	_, ok := sub.known[pub]
	return ok
}
