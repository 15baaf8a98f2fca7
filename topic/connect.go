package topic

import (
	"errors"
	"io/fs"
	"time"

	"github.com/shmbus/shmbus/registry"
)

// connect connects one of this participant's subscriptions with a publisher that its patterns match, or declines the
// publisher. Called with mu held.
func (p *Participant) connect(sub *subscriberCore, pub registry.Endpoint) {
	if sub.knows(pub.ID) || sub.refused[pub.ID] != nil {
		return
	}
	a, asked := sub.answerFor(pub)
	if !asked {
		sub.queueAsk(pub)
		return
	}
	wanted := a.accepted
	if wanted {
		if err := sub.match(pub, a); err != nil {
			p.reportMismatch(pair{pub.ID, sub.endpoint.ID}, pub, err)
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
		p.pendingNotify[pub.ID.Participant] = true
		delete(p.unavailable, pair{pub.ID, sub.endpoint.ID}) // an earlier attempt may have failed
	case errors.Is(err, fs.ErrNotExist): // the publisher closed meanwhile; its Removed event follows
	case isAccessDenied(err): // permanent: a process does not gain groups
		sub.refused[pub.ID] = err
		p.reportUnavailable(sub, pub, err)
		if err := sub.decline(f, pub.ID); err == nil {
			p.pendingNotify[pub.ID.Participant] = true // otherwise the publisher's constructor waits for an answer
		}
	default:
		p.scheduleRetry(err)
		p.reportUnavailable(sub, pub, err)
	}
}

// isAccessDenied reports whether the kernel or the policy of the domain denies the connection.
func isAccessDenied(err error) bool {
	return errors.As(err, new(*AccessError)) || errors.As(err, new(*ForbiddenError))
}

// reportUnavailable reports once that a publisher cannot be read. Called with mu held.
func (p *Participant) reportUnavailable(sub *subscriberCore, pub registry.Endpoint, err error) {
	if p.report(pair{pub.ID, sub.endpoint.ID}, Event{Kind: Unavailable, Participant: p.participantInfo(pub.ID.Participant), Endpoint: pub, Err: err}) {
		p.log.Warn("a publisher cannot be read", "topic", pub.Topic, "publisher", pub.ID, "err", err)
	}
}

// report emits an event about a publisher and a subscription that cannot be connected, once per pair, and returns whether
// it did. The event is kept for later listeners while the other endpoint exists. For an endpoint that is gone already it is
// not kept, because no later change would delete it. Called with mu held.
func (p *Participant) report(both pair, e Event) bool {
	if _, reported := p.unavailable[both]; reported {
		return false
	}
	if p.endpoints[e.Endpoint.ID] != nil {
		p.unavailable[both] = e
	}
	p.emit(e)
	return true
}

// retryInterval is the time between a failed connection attempt and the next one.
const retryInterval = time.Second

// scheduleRetry schedules another attempt after err, unless err is permanent. Called with mu held.
func (p *Participant) scheduleRetry(err error) {
	if p.closed || p.retryTimer != nil || errors.As(err, new(*CorruptError)) || errors.As(err, new(*VersionError)) {
		return
	}
	p.retryTimer = time.AfterFunc(retryInterval, p.retryConnections)
}

// retryConnections connects every matching pair that is not connected. It handles temporary failures, such as a lack of
// memory or descriptors.
func (p *Participant) retryConnections() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retryTimer = nil
	if p.closed {
		return
	}
	for _, sub := range p.subs {
		sub.reader.Retry()
		for _, e := range p.publishers.matching(sub.endpoint.Patterns) {
			p.connect(sub, *e)
		}
	}
	for id := range p.participants {
		p.admitFrom(id)
	}
	p.notifyPending()
	p.signal()
}

// reportMismatch reports once that the types of two endpoints differ. other is the endpoint of the other participant.
// Called with mu held.
func (p *Participant) reportMismatch(both pair, other registry.Endpoint, err error) {
	if _, reported := p.mismatches[both]; reported {
		return
	}
	p.mismatches[both] = Event{Kind: TypeMismatch, Participant: p.participants[other.ID.Participant], Endpoint: other, Err: err}
	p.log.Warn("types do not match", "err", err)
	p.emit(p.mismatches[both])
}
