package topic

import (
	"fmt"

	"github.com/shmbus/shmbus/internal/closed"
	"github.com/shmbus/shmbus/registry"
)

// meetAll connects the subscription with every publisher that is known; onChange does it for those that come.
func (sub *subscription) meetAll() error {
	if err := sub.meetKnown(); err != nil {
		return err
	}
	return sub.p.reg.Sync() // publishers of our own
}

func (sub *subscription) meetKnown() error {
	p := sub.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return closed.Error("the participant is closed")
	}
	p.subs[sub.entity.ID.Number] = sub
	p.ownSubs.add(sub.entity.Patterns, sub.entity.ID.Number, sub)
	for _, e := range p.publishers.matching(sub.entity.Patterns) {
		p.meet(sub, *e)
	}
	p.tellAsked()
	return sub.denied()
}

// denied returns why none of the publishers that there are may be read, if that is so. Called with p.mu held.
func (sub *subscription) denied() (err error) {
	for _, e := range sub.p.publishers.matching(sub.entity.Patterns) {
		if !sub.likes(*e) {
			continue
		}
		if sub.refused[e.ID] == nil {
			return nil
		}
		err = sub.refused[e.ID]
	}
	return err
}

// possible refuses a subscription that no publisher of its topic suits, when there are any, and one that there is no room
// for links of.
func (sub *subscription) possible() error {
	p := sub.p
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.readerFile(); err != nil {
		return err
	}
	var mismatch error
	for _, e := range p.publishers.matching(sub.entity.Patterns) {
		if !sub.likes(*e) {
			continue
		}
		err := p.reg.Match(*e, sub.entity)
		if err == nil {
			return nil
		}
		mismatch = err
	}
	return mismatch
}

// likes asks the filter, once for each publisher. Called with p.mu held.
func (sub *subscription) likes(pub registry.Endpoint) bool {
	if sub.filter == nil {
		return true
	}
	likes, asked := sub.liked[pub.ID]
	if !asked {
		likes = sub.ask(pub.Topic)
		sub.liked[pub.ID] = likes
	}
	return likes
}

// ask calls the filter. Its panic goes on, as that of a function of Handle does, but mostly on a goroutine that the application did
// not start, where it ends the program. So it says whose filter it was.
func (sub *subscription) ask(topic string) bool {
	defer func() {
		switch e := recover().(type) {
		case nil:
		case error:
			panic(fmt.Errorf("filter of the subscriber to %q, asked about topic %q: %w", sub.entity.Patterns, topic, e))
		default:
			panic(fmt.Errorf("filter of the subscriber to %q, asked about topic %q: %v", sub.entity.Patterns, topic, e))
		}
	}()
	return sub.filter(topic)
}

func (sub *subscription) knows(pub registry.EndpointID) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	_, ok := sub.known[pub]
	return ok
}
