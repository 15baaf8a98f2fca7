package topic

import (
	"errors"
	"io/fs"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/shmtransport"
)

// meet connects a subscription of ours with a publisher that its patterns match, or declines. Called with mu held.
func (p *Participant) meet(sub *subscription, pub registry.Endpoint) {
	if sub.knows(pub.ID) || sub.refused[pub.ID] != nil {
		return
	}
	wanted := sub.likes(pub)
	if wanted {
		if err := p.reg.Match(pub, sub.entity); err != nil {
			p.mismatch(pair{pub.ID, sub.entity.ID}, pub, err)
			wanted = false
		}
	}
	f, err := p.readerFile()
	switch {
	case err != nil:
	case wanted:
		err = sub.connect(f, p.publisherPath(pub.ID), pub)
	default:
		err = sub.decline(f, pub.ID)
	}
	switch {
	case err == nil:
		p.asked[pub.ID.Participant] = true
		delete(p.unusable, pair{pub.ID, sub.entity.ID}) // it may have taken several attempts
	case errors.Is(err, fs.ErrNotExist): // closed meanwhile; its Removed is on the way
	case isRefusal(err): // for good: a process does not get other groups
		sub.refused[pub.ID] = err
		p.useless(sub, pub, err)
		if err := sub.decline(f, pub.ID); err == nil {
			p.asked[pub.ID.Participant] = true // or its constructor would wait for an answer
		}
	default:
		p.again(err)
		p.useless(sub, pub, err)
	}
}

// isRefusal reports whether the kernel or the policy of the domain does not let the two sides meet.
func isRefusal(err error) bool {
	return errors.As(err, new(*registry.AccessError)) || errors.As(err, new(*registry.ForbiddenError))
}

// useless reports once that a publisher cannot be read. Called with mu held.
func (p *Participant) useless(sub *subscription, pub registry.Endpoint, err error) {
	if p.report(pair{pub.ID, sub.entity.ID}, Event{Kind: Unavailable, Participant: p.who(pub.ID.Participant), Endpoint: pub, Err: err}) {
		p.log.Warn("a publisher cannot be read", "topic", pub.Topic, "publisher", pub.ID, "err", err)
	}
}

// report emits, once, that two ends cannot meet, and says whether it did. Later listeners hear it too, as long as the other
// end is there: what is found out afterwards nobody would ever forget. Called with mu held.
func (p *Participant) report(both pair, e Event) bool {
	if _, reported := p.unusable[both]; reported {
		return false
	}
	if p.entities[e.Endpoint.ID] != nil {
		p.unusable[both] = e
	}
	p.emit(e)
	return true
}

// retryPause is how long after it did not work a connection is tried again.
const retryPause = time.Second

// again arranges that what err prevented is tried again, unless nothing can change it. Called with mu held.
func (p *Participant) again(err error) {
	if p.closed || p.retry != nil || errors.As(err, new(*shmtransport.CorruptError)) || errors.As(err, new(*shmtransport.VersionError)) ||
		errors.As(err, new(*registry.CorruptError)) {
		return
	}
	p.retry = time.AfterFunc(retryPause, p.meetAgain)
}

// meetAgain connects everybody who is not connected. It is for what failed for want of memory, descriptors or the like.
func (p *Participant) meetAgain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retry = nil
	if p.closed {
		return
	}
	for _, sub := range p.subs {
		sub.reader.Retry()
		for _, e := range p.publishers.matching(sub.entity.Patterns) {
			p.meet(sub, *e)
		}
	}
	for id := range p.units {
		p.admitFrom(id)
	}
	p.tellAsked()
	p.signal()
}

// mismatch reports once that two ends do not fit; other is the one that is not ours. Called with mu held.
func (p *Participant) mismatch(both pair, other registry.Endpoint, err error) {
	if _, reported := p.mismatches[both]; reported {
		return
	}
	p.mismatches[both] = Event{Kind: TypeMismatch, Participant: p.units[other.ID.Participant], Endpoint: other, Err: err}
	p.log.Warn("types do not match", "err", err)
	p.emit(p.mismatches[both])
}
