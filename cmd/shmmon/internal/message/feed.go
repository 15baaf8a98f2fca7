// Package message gets the newest messages of a topic and shows what is in them: a tree of fields, hex, and what changed since the
// message before.
//
// Payloads come from other processes. Every text that this package returns is safe for a terminal, and its size is limited.
package message

import (
	"context"
	"path/filepath"
	"time"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// A Message is a copy of one sample.
type Message struct {
	Type      serde.Type
	Publisher string // id
	Unit      string
	PID       int
	Sequence  uint64
	Time      time.Time // of publishing, wall clock
	Payload   []byte
}

// A Source opens feeds.
type Source interface {
	// Open begins to follow a topic. The caller closes the Feed.
	Open(topic string) (Feed, error)
}

// A Feed follows one topic. Its methods must not be called concurrently.
type Feed interface {
	// Newest returns the newest message; ok is false if there is none, or none after the one that it returned before.
	Newest() (m Message, ok bool, err error)
	Close() error
}

// A Domain is the Source of a real domain. It joins it read-only: publishers do not know of it and never wait for it, and it is no
// participant that others see. A feed looks at the ring of the publisher only when it is asked.
type Domain struct{ Dir string }

// Open implements Source.
func (d Domain) Open(name string) (Feed, error) {
	p, err := topic.Join(&topic.Options{Dir: filepath.Dir(d.Dir), Domain: filepath.Base(d.Dir), Unit: "shmmon", ReadOnly: true})
	if err != nil {
		return nil, err
	}
	sub, err := topic.NewSubscriber(context.Background(), p, name, &topic.SubscriberOptions[[]byte]{History: 1})
	if err != nil {
		p.Close()
		return nil, err
	}
	return &follower{participant: p, sub: sub}, nil
}

type follower struct {
	participant *topic.Participant
	sub         *topic.Subscriber[[]byte]
	publisher   string
	sequence    uint64
}

func (f *follower) Newest() (Message, bool, error) {
	s, ok, err := f.sub.Latest()
	if err != nil || !ok {
		return Message{}, false, err
	}
	defer s.Release()
	id := s.Publisher().String()
	if id == f.publisher && s.Sequence() == f.sequence {
		return Message{}, false, nil
	}
	payload, err := s.AppendTo(nil)
	if err != nil {
		return Message{}, false, err
	}
	f.publisher, f.sequence = id, s.Sequence()
	return Message{Type: s.Type(), Publisher: id, Unit: s.Unit(), PID: s.PID(), Sequence: s.Sequence(), Time: s.Time(), Payload: payload}, true, nil
}

func (f *follower) Close() error { return f.participant.Close() }
