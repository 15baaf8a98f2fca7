package services

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/service"
	"github.com/shmbus/shmbus/service/goal"
	"github.com/shmbus/shmbus/topic"
)

// Bounds of the goals that are followed.
const (
	maxGoals    = 1000
	maxCalls    = 4000     // requests whose responses tell of a goal
	maxServices = 256      // whose goals are followed
	maxMessages = 2000     // that are read of a service at a time
	maxBytes    = 16 << 20 // of these messages
	history     = 256      // messages of each client from before
)

// A Goal is a goal as the messages between its client and server show it.
type Goal struct {
	Service string
	ID      goal.ID
	State   string               // of goal.State, or one of those below
	Ended   bool                 // no other state follows
	Started int64                // ns of CLOCK_MONOTONIC
	Changed int64                // of the newest state
	Caller  registry.Participant // that started it

	state  goal.State
	server string // the last segment of the topic of its requests
}

// States beside those of goal.State.
const (
	StateSent     = "sent"     // no response was seen yet
	StateRejected = "rejected" // the server did not accept it
	StateEnded    = "ended"    // its client has a result that was not seen here
)

type goalKey struct {
	service string
	id      goal.ID
}

// A call is a request: its publisher as in the name of the topic of the responses, and the number of the call.
type call struct {
	requests string
	number   uint64
}

// goals follows goals by their requests and responses. The zero value is ready.
type goals struct {
	subs  map[string]*topic.Subscriber[[]byte] // by service
	known map[goalKey]*Goal
	calls map[call]goalKey
}

// read takes in what was sent since the call before; cut says that there are too many services.
func (g *goals) read(ctx context.Context, self *topic.Participant, servers []service.ServerInfo) (cut bool, err error) {
	if g.subs == nil {
		g.subs, g.known, g.calls = make(map[string]*topic.Subscriber[[]byte]), make(map[goalKey]*Goal), make(map[call]goalKey)
	}
	there, live := make(map[string]bool), make(map[string]bool)
	for _, s := range servers {
		if _, ok := goal.TypesOf(s.Description); !ok {
			continue
		}
		there[s.Name], live[fmt.Sprintf("%016x", s.Key)] = true, true
		if g.subs[s.Name] != nil {
			continue
		}
		if len(g.subs) == maxServices {
			cut = true
			continue
		}
		// Requests come before the responses to them, as the order of the stamps is.
		sub, err := topic.NewSubscriber(ctx, self, service.Prefix+s.Name+"/request/*", &topic.SubscriberOptions[[]byte]{
			Patterns: []string{service.Prefix + s.Name + "/response/*"}, History: history,
		})
		if err != nil {
			return cut, err
		}
		g.subs[s.Name] = sub
	}
	for name, sub := range g.subs {
		if err := g.drain(name, sub); err != nil {
			return cut, err
		}
		if !there[name] {
			delete(g.subs, name)
			if err := sub.Close(); err != nil {
				return cut, err
			}
		}
	}
	for _, one := range g.known {
		if !one.Ended && !live[one.server] {
			one.set(goal.Lost, one.Changed)
		}
	}
	g.forget()
	return cut, nil
}

// A sent is what a message of a client or server tells.
type sent struct {
	role    string
	last    string // segment of the topic: the key of the server, or the publisher of the requests that are answered
	stamp   int64
	from    registry.Participant
	sender  string // id of the publisher
	header  service.Header
	request goal.Request
	state   goal.State // 0: the message tells none
}

// drain takes in the messages of one service. Requests are first: the response to one may have been received before it.
func (g *goals) drain(name string, sub *topic.Subscriber[[]byte]) error {
	var messages []sent
	for size := 0; len(messages) < maxMessages && size < maxBytes; {
		s, ok, err := sub.TryReceive()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		size += len(s.Bytes())
		if m, ok := messageIn(s); ok {
			messages = append(messages, m)
		}
		s.Release()
	}
	for _, role := range []string{"request", "response"} {
		for _, m := range messages {
			switch {
			case m.role != role:
			case role == "request":
				g.request(name, m)
			default:
				g.response(m)
			}
		}
	}
	return nil
}

// messageIn returns what a message tells of a goal.
func messageIn(s topic.Sample[[]byte]) (m sent, ok bool) {
	name := s.Topic()
	_, m.role, _ = service.ServiceOf(name)
	m.last = name[strings.LastIndexByte(name, '/')+1:]
	m.stamp, m.from, m.sender = int64(s.Stamp()), s.Participant(), s.Publisher().String()
	err := s.Read(func(payload []byte) (err error) {
		var value []byte
		if m.header, value, err = service.ParseHeader(payload); err != nil {
			return err
		}
		switch kind := m.header.Kind; {
		case m.role == "request":
			m.request, err = goal.ParseRequest(value)
			m.request.Value = nil // is in place
		case kind == service.KindItem || kind == service.KindResponse:
			var u goal.Update
			u, err = goal.ParseUpdate(value)
			m.state = u.State
		}
		return err
	})
	return m, err == nil
}

func (g *goals) request(name string, m sent) {
	key := goalKey{name, m.request.ID}
	one := g.known[key]
	switch {
	case m.request.HasUpdates():
		if one == nil {
			one = &Goal{Service: name, ID: m.request.ID, State: StateSent, Started: m.stamp, Changed: m.stamp, Caller: m.from, server: m.last}
			g.known[key] = one
		}
		if len(g.calls) < maxCalls {
			g.calls[call{m.sender, m.header.Number}] = key
		}
	case m.request.Operation == goal.Taken && one != nil:
		if one.Ended = true; !one.state.Ended() {
			one.State = StateEnded
		}
	}
}

func (g *goals) response(m sent) {
	at := call{m.last, m.header.Number}
	key, ok := g.calls[at]
	one := g.known[key]
	if !ok || one == nil {
		return
	}
	if m.state > one.state {
		one.set(m.state, m.stamp)
	}
	switch m.header.Kind {
	case service.KindError:
		if one.state == 0 {
			one.State, one.Ended, one.Changed = StateRejected, true, m.stamp
		}
		delete(g.calls, at)
	case service.KindEnd:
		delete(g.calls, at)
	}
}

func (o *Goal) set(state goal.State, at int64) {
	o.state, o.State, o.Ended, o.Changed = state, state.String(), o.Ended || state.Ended(), at
}

// forget leaves out the oldest goals of too many, those that have ended first.
func (g *goals) forget() {
	if len(g.known) <= maxGoals {
		return
	}
	keys := slices.SortedFunc(maps.Keys(g.known), func(a, b goalKey) int { return newestFirst(g.known[a], g.known[b]) })
	slices.SortStableFunc(keys, func(a, b goalKey) int {
		switch ended := g.known[a].Ended; {
		case ended == g.known[b].Ended:
			return 0
		case ended:
			return 1
		}
		return -1
	})
	for _, key := range keys[maxGoals:] {
		delete(g.known, key)
	}
	maps.DeleteFunc(g.calls, func(_ call, key goalKey) bool { return g.known[key] == nil })
}

func newestFirst(a, b *Goal) int {
	switch {
	case a.Started > b.Started:
		return -1
	case a.Started < b.Started:
		return 1
	}
	return strings.Compare(a.ID.String(), b.ID.String())
}

// list returns the goals, the newest first.
func (g *goals) list() []Goal {
	all := slices.SortedFunc(maps.Values(g.known), newestFirst)
	list := make([]Goal, len(all))
	for i, one := range all {
		list[i] = *one
	}
	return list
}
