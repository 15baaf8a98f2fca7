package logtopics

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/shmbus/shmbus/serde/dynamic"
	"github.com/shmbus/shmbus/shmtransport"
	"github.com/shmbus/shmbus/topic"
)

// A Record is one message of a topic of logs, or the loss of some.
type Record struct {
	Message
	At     int64 // ns of CLOCK_MONOTONIC, when it was published
	Topic  string
	Unit   string
	PID    int
	Missed uint64 // messages before it that the reader was too slow for
	Err    error  // why it could not be decoded
}

// A Source yields records. Read must not be called concurrently with itself.
type Source interface {
	// Read returns what was logged on these topics since the call before, in the order of time, and does not wait. With an error, it returns
	// what was logged on the topics that can be read.
	Read(ctx context.Context, topics []string) ([]Record, error)
	Close() error
}

// Bounds of a Reader.
const (
	maxTopics = 256
	maxRead   = 1000    // records of one Read; the others are read by the next
	maxBytes  = 1 << 20 // of a message that is decoded
	maxPast   = 100     // earlier records of each publisher of a topic that is there at the first Read
)

// A Reader is the Source of a real domain. It takes no part in it: no program waits for it. It joins when there is a topic of logs. Close
// may be called at any time.
type Reader struct {
	dir     string
	convert dynamic.Converter

	mu            sync.Mutex
	self          *topic.Participant // nil: it is not joined
	subscriptions map[string]*topic.Subscriber[[]byte]
	began, closed bool
}

// Open prepares to read a domain directory, which need not exist. The caller closes the Reader.
func Open(dir string) *Reader { return &Reader{dir: dir} }

// Read implements Source.
func (r *Reader) Read(ctx context.Context, topics []string) ([]Record, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, nil
	}
	past := shmtransport.MaxDepth // of a topic that is new nothing was before
	if !r.began {
		past = maxPast
	}
	r.began = true
	failed := r.subscribe(ctx, topics, past)
	var all []Record
	for name, sub := range r.subscriptions {
		for len(all) < maxRead {
			record, ok, err := r.next(name, sub)
			if err != nil {
				return all, err
			}
			if !ok {
				if !slices.Contains(topics, name) {
					delete(r.subscriptions, name)
					sub.Close()
				}
				break
			}
			all = append(all, record)
		}
	}
	slices.SortStableFunc(all, func(a, b Record) int { return cmp.Compare(a.At, b.At) })
	return all, failed
}

// subscribe subscribes to the topics that are new. The next call tries those again that failed.
func (r *Reader) subscribe(ctx context.Context, topics []string, past int) error {
	var failed []error
	for _, name := range topics {
		if r.subscriptions[name] != nil || len(r.subscriptions) >= maxTopics {
			continue
		}
		if r.self == nil {
			self, err := topic.Join(&topic.Options{Dir: filepath.Dir(r.dir), Domain: filepath.Base(r.dir), Unit: "shmmon", ReadOnly: true})
			if err != nil {
				return err
			}
			r.self = self
			r.subscriptions = make(map[string]*topic.Subscriber[[]byte])
		}
		sub, err := topic.NewSubscriber(ctx, r.self, name, &topic.SubscriberOptions[[]byte]{History: past})
		if err != nil {
			failed = append(failed, err)
			continue
		}
		r.subscriptions[name] = sub
	}
	return errors.Join(failed...)
}

// next returns the next record of a topic; ok is false if there is none yet.
func (r *Reader) next(name string, sub *topic.Subscriber[[]byte]) (record Record, ok bool, err error) {
	s, ok, err := sub.TryReceive()
	if err != nil || !ok {
		return record, false, err
	}
	defer s.Release()
	record = Record{At: int64(s.Stamp()), Topic: name, Unit: s.Unit(), PID: s.PID(), Missed: s.Lost()}
	if n := len(s.Bytes()); n > maxBytes {
		record.Err = fmt.Errorf("a message of %d bytes is no log: the limit is %d", n, maxBytes)
		return record, true, nil
	}
	payload, err := s.AppendTo(nil)
	if err == nil {
		record.Message, err = Decode(&r.convert, s.Type(), payload)
	}
	record.Err = err
	return record, true, nil
}

// Close lets the domain go.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.self == nil {
		return nil
	}
	self := r.self
	r.self, r.subscriptions = nil, nil
	return self.Close() // with its subscriptions
}
