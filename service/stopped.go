package service

import (
	"errors"
	"fmt"
	"time"

	"github.com/shmbus/shmbus/registry"
)

// silentInterval is how often a call looks at a server that it waits for and that has not answered its client. Nothing tells the call that
// such a server is gone.
const silentInterval = 10 * time.Millisecond

// A silence is what one call knows of servers that are there and have not answered.
type silence struct {
	server registry.Participant // of the last one
	since  time.Time            // that their processes could answer
}

// goesOn reports whether the call waits for a server: one whose process is stopped, or that runs. All that run have connectTimeout together:
// otherwise servers that announce themselves and never answer could hold up a call without an end.
func (s *silence) goesOn(unheard []registry.Participant, refused registry.Participant) bool {
	if s.since.IsZero() {
		s.since = time.Now()
	}
	running := false
	for _, of := range append(unheard, s.server) {
		switch registry.StateOf(of) {
		case registry.StateStopped:
			s.server, s.since = of, time.Now()
			return true
		case registry.StateRunning:
			s.server, running = of, true
		}
	}
	if isStopped(&refused) { // since it was found
		s.server, s.since = refused, time.Now()
		return true
	}
	return running && time.Since(s.since) < connectTimeout
}

// refusedBy returns the server to which a connection could not be made, or the zero Participant.
func refusedBy(refusal error) registry.Participant {
	if e := new(CallError); errors.As(refusal, &e) {
		return e.Server
	}
	return registry.Participant{}
}

// stoppedServer returns a server that is not connected because its process is stopped.
func (c *Client[Req, Resp]) stoppedServer() (s registry.Participant, found bool) {
	candidates := c.unheard()
	c.mu.Lock()
	candidates = append(candidates, refusedBy(c.refusal))
	for _, k := range c.conns {
		if k.phase != connReady {
			candidates = append(candidates, k.info.Server)
		}
	}
	c.mu.Unlock()
	for _, s := range candidates {
		if isStopped(&s) {
			return s, true
		}
	}
	return s, false
}

// isStopped asks for the state of a participant's process, and sets it.
func isStopped(p *registry.Participant) bool {
	p.State = registry.StateOf(*p)
	return p.State == registry.StateStopped
}

// stoppedText is the detail of an error that has its cause in a stopped process.
func stoppedText(s registry.Participant) string {
	return fmt.Sprintf("its process, %s, is stopped by a signal or a debugger; the server answers when that continues", s.Executable)
}
