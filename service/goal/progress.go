package goal

import "sync"

// A progress is what clients see of a goal at its server: its state, its newest feedback, and its end. A follower compares it with what it
// has sent. So nothing waits for a follower, and one that comes late misses only what is out of date.
type progress struct {
	mu        sync.Mutex
	state     State
	feedback  []byte // the newest, as an update
	feedbacks uint64
	end       []byte // as an update; nil before the end
	changed   chan struct{}
}

// A follower is what one client has been sent.
type follower struct {
	state     State
	feedbacks uint64
}

// advance sets the state of a goal that has not ended.
func (p *progress) advance(to State) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = to
	p.wake()
}

// report sets the newest feedback. It reports false if the goal has ended.
func (p *progress) report(feedback []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end != nil {
		return false
	}
	p.feedback = feedback
	p.feedbacks++
	p.wake()
	return true
}

// finish ends the goal.
func (p *progress) finish(u update) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state, p.end = u.state, u.bytes()
	p.wake()
}

// wake wakes the followers. Called with mu held.
func (p *progress) wake() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

func (p *progress) current() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// next returns the next update for a follower, and whether it is the last one. Without one it returns a channel that is closed when there
// is one.
func (p *progress) next(f *follower) (u []byte, last bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case f.feedbacks != p.feedbacks:
		f.feedbacks, f.state = p.feedbacks, Running
		return p.feedback, false, nil
	case p.end != nil:
		return p.end, true, nil
	case f.state != p.state:
		f.state = p.state
		return update{state: p.state}.bytes(), false, nil
	}
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return nil, false, p.changed
}
