package topic

import (
	"bytes"
	"fmt"

	"github.com/shmbus/shmbus/internal/errdefs"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
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
		if a, asked := sub.answerFor(*e); asked && !a.accepted {
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
		a, _ := sub.answerFor(*e)
		if !a.accepted {
			continue
		}
		err := sub.match(*e, a)
		if err == nil {
			return nil
		}
		mismatch = err
	}
	return mismatch
}

// An answer is what the application's functions say of a publisher.
type answer struct {
	accepted bool  // by the filter
	mismatch error // of the codec's check of the schema
}

// answerFor returns the answer about a publisher, and whether it is there. Called with p.mu held.
func (sub *subscriberCore) answerFor(pub registry.Endpoint) (a answer, asked bool) {
	if sub.filter == nil && !sub.checks(pub) {
		return answer{accepted: true}, true
	}
	a, asked = sub.answers[pub.ID]
	return a, asked
}

// checks reports whether the codec decides about the publisher, because only the schemas differ.
func (sub *subscriberCore) checks(pub registry.Endpoint) bool {
	return sub.check != nil && len(pub.Schema) != 0 && !bytes.Equal(pub.Schema, sub.endpoint.Schema) && registry.Match(pub, sub.endpoint) == nil
}

// match returns an error if the publisher's type does not fit the subscription.
func (sub *subscriberCore) match(pub registry.Endpoint, a answer) error {
	if a.mismatch != nil {
		return sub.p.reg.Mismatch(pub, sub.endpoint, a.mismatch.Error())
	}
	return sub.p.reg.Match(pub, sub.endpoint)
}

// askAboutKnown asks about every known publisher, before the subscription is announced. It releases lifecycle, which its caller holds for
// reading, while it calls the application's functions: these may use the participant, and meanwhile the participant may close.
func (sub *subscriberCore) askAboutKnown() {
	p := sub.p
	if sub.filter == nil && sub.check == nil {
		return
	}
	p.mu.Lock()
	var known []registry.Endpoint
	for _, e := range p.publishers.matching(sub.endpoint.Patterns) {
		if _, asked := sub.answerFor(*e); !asked {
			known = append(known, *e)
		}
	}
	p.mu.Unlock()
	p.lifecycle.RUnlock()
	defer p.lifecycle.RLock()
	for _, e := range known {
		a := sub.ask(e)
		p.mu.Lock()
		sub.answers[e.ID] = a
		p.mu.Unlock()
	}
}

// ask calls the application's functions for a publisher. Called with no lock held.
func (sub *subscriberCore) ask(pub registry.Endpoint) answer {
	a := answer{accepted: sub.filter == nil || sub.callFilter(pub.Topic)}
	if a.accepted && sub.checks(pub) {
		a.mismatch = sub.check(typeOf(pub))
	}
	return a
}

func typeOf(e registry.Endpoint) serde.Type {
	return serde.Type{Name: e.TypeName, Encoding: e.Encoding, SchemaEncoding: e.SchemaEncoding, Schema: e.Schema}
}

// queueAsk queues a call of ask, after which the publisher is connected or declined. Called with p.mu held.
func (sub *subscriberCore) queueAsk(pub registry.Endpoint) {
	if !sub.asking[pub.ID] {
		sub.asking[pub.ID] = true
		sub.calls.add(func() { sub.decide(pub) })
	}
}

// decide asks about a publisher and connects or declines it.
func (sub *subscriberCore) decide(pub registry.Endpoint) {
	a := sub.ask(pub)
	p := sub.p
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(sub.asking, pub.ID)
	if p.subs[sub.endpoint.ID.Number] == sub && p.endpoints[pub.ID] != nil { // neither has closed
		sub.answers[pub.ID] = a
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
