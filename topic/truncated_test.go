//go:build linux

package topic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/shmbus/shmbus/internal/testfb"
	"github.com/shmbus/shmbus/registry"
)

// cutting makes a publisher whose file cut makes too short for its slots, and whole again at the end.
func cutting[T any](t *testing.T, p *Participant, name string) (pub *Publisher[T], cut func()) {
	t.Helper()
	pub, err := NewPublisher[T](t.Context(), p, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	id := pub.ID()
	path := filepath.Join(p.Dir(), fmt.Sprintf("%v.pub.%d", id.Participant, id.Number))
	return pub, func() {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		// The header and the ring of 16 entries stay.
		if err := os.Truncate(path, 3*4096); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Truncate(path, info.Size()) })
	}
}

func isCut(err error) bool {
	var corrupt *CorruptError
	return errors.As(err, &corrupt) && corrupt.Path != ""
}

func TestSample_ReadOfTruncatedPayload(t *testing.T) {
	p := join(t, domain(t))
	events := make(chan Event, 100)
	go func() {
		for e := range p.Events(t.Context()) {
			if e.Kind == Unavailable {
				events <- e
			}
		}
	}()
	sub, err := NewSubscriber[string](t.Context(), p, "t/**", nil)
	if err != nil {
		t.Fatal(err)
	}
	text := string(bytes.Repeat([]byte("text"), 2000))
	receive := func(name string) (Sample[string], func()) {
		pub, cut := cutting[string](t, p, "t/"+name)
		if _, err := pub.Publish(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		s, err := sub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s, cut
	}

	s, cut := receive("value")
	cut()
	if _, err := s.Value(); !isCut(err) {
		t.Error("Value:", err)
	}
	s.Release()
	if e := <-events; !isCut(e.Err) || e.Endpoint.Topic != "t/value" || e.Participant.PID != os.Getpid() {
		t.Errorf("the event is %+v", e)
	}

	s, cut = receive("append")
	cut()
	if _, err := s.AppendTo(nil); !isCut(err) {
		t.Error("AppendTo:", err)
	}
	s.Release()
	<-events

	// Handle reads in place, a loop a copy.
	honest, err := NewPublisher[string](t.Context(), p, "t/honest", nil)
	if err != nil {
		t.Fatal(err)
	}
	pub, cut := cutting[string](t, p, "t/handle")
	if _, err := pub.Publish(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	began, ended := 0, 0
	sub.Handle(ctx, func(s Sample[string]) {
		if began++; began == 1 {
			cut()
			if _, err := honest.Publish(ctx, text); err != nil {
				t.Error(err)
			}
		}
		for _, c := range s.Bytes() {
			_ = c
		}
		if bytes.Count(s.Bytes(), []byte("text")) != 2000 {
			t.Error("not the payload")
		}
		ended++
		cancel()
	})
	if began != 2 || ended != 1 {
		t.Errorf("%d calls began, %d came to their end", began, ended)
	}
	<-events

	pub, cut = cutting[string](t, p, "t/loop")
	if _, err := pub.Publish(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	for s, err := range sub.Samples(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Publisher() == pub.ID() { // the payload is a copy
			cut()
			if _, err := honest.Publish(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		if v, err := s.Value(); v != text || err != nil || string(s.Bytes()) != text {
			t.Errorf("not the payload in a loop; error %v", err)
		}
		if s.Publisher() == honest.ID() {
			break
		}
	}

	s, cut = receive("copy")
	cut()
	var yielded []error
	for range 2 {
		again := yieldCopy(s, new([]byte), func(s Sample[string], err error) bool {
			yielded = append(yielded, err)
			return s.Sequence() == 0
		})
		if !again {
			t.Error("the loop does not continue after a truncated payload")
		}
	}
	if !isCut(yielded[0]) || !errors.Is(yielded[1], os.ErrClosed) {
		t.Errorf("yielded %v", yielded)
	}
	if f := sub.Stats(); f.Held != 0 {
		t.Errorf("%d are held", f.Held)
	}
}

// unavailable returns the Unavailable events of a participant, from now on.
func unavailable(t *testing.T, p *Participant) <-chan Event {
	t.Helper()
	events := make(chan Event, 100)
	ready := make(chan struct{})
	go func() {
		first := true
		for e := range p.Events(t.Context()) {
			if first {
				close(ready)
				first = false
			}
			if e.Kind == Unavailable {
				events <- e
			}
		}
	}()
	<-ready
	return events
}

func TestEvents_SubscriberTruncatesItsFile(t *testing.T) {
	o := domain(t)
	p, q := join(t, o), join(t, o)
	events := unavailable(t, p)
	pub, err := NewPublisher[[]byte](t.Context(), p, "t", nil)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := NewSubscriber[[]byte](t.Context(), q, "t", nil)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.Dir(), q.ID().String()+".reader")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	defer func() {
		os.Truncate(path, info.Size())
		sub.Close()
	}()
	if _, err := pub.Publish(t.Context(), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if e := <-events; !isCut(e.Err) || e.Participant.ID != q.ID() || e.Endpoint.Kind != registry.KindSubscription && e.Endpoint.Kind != 0 {
		t.Errorf("the event is %+v", e)
	}
	if n := pub.Subscribers(); n != 0 {
		t.Errorf("%d subscribers", n)
	}
}

// A subscriber that learns that a publisher is gone sometimes finds that its file is gone, too.
func TestEvents_RemovedPublisherTruncatedItsFile(t *testing.T) {
	o := domain(t)
	p, q := join(t, o), join(t, o)
	events := make(chan Event, 100)
	pub, cut := cutting[[]byte](t, q, "t")
	if _, err := NewSubscriber[[]byte](t.Context(), p, "t", nil); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		first := true
		for e := range p.Events(t.Context()) {
			if first {
				close(ready)
				first = false
			}
			if e.Kind == Unavailable {
				events <- e
			}
		}
	}()
	<-ready
	cut()
	id := pub.ID()
	path := filepath.Join(p.Dir(), fmt.Sprintf("%v.pub.%d", id.Participant, id.Number))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if err := pub.core.ad.Withdraw(); err != nil {
		t.Fatal(err)
	}
	if e := <-events; !isCut(e.Err) || e.Participant.ID != q.ID() || e.Err.(*CorruptError).Path != path {
		t.Errorf("the event is %+v", e)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.unavailable) != 0 && p.endpoints[id] == nil {
		t.Errorf("remembered for ever: %v", p.unavailable)
	}
}

// Every participant that reads a damaged reader file names its owner.
func TestEvents_UnreadableRequests(t *testing.T) {
	o := domain(t)
	p, q := join(t, o), join(t, o)
	if _, err := NewSubscriber[[]byte](t.Context(), q, "t", nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(p.Dir(), q.ID().String()+".reader")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	was := make([]byte, 8)
	if _, err := f.ReadAt(was, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("nonsense"), 0); err != nil {
		t.Fatal(err)
	}
	defer f.WriteAt(was, 0)
	events := unavailable(t, p)
	for _, name := range []string{"t", "u"} {
		if _, err := NewPublisher[[]byte](t.Context(), p, name, nil); err != nil {
			t.Fatal(err)
		}
	}
	q.reg.Notify()
	if e := <-events; !isCut(e.Err) || e.Participant.ID != q.ID() {
		t.Errorf("the event is %+v", e)
	}
	q.reg.Notify()
	if err := p.reg.Sync(); err != nil || len(events) != 0 {
		t.Errorf("%d more events, %v", len(events), err)
	}
}

// A corrupt participant found at joining is reported to later listeners, and forgotten with its file.
func TestEvents_CorruptFromTheBeginning(t *testing.T) {
	o := domain(t)
	q := join(t, o)
	path := filepath.Join(q.Dir(), q.ID().String()+".participant")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var id [1]byte // the first byte of the id, which is random: no fixed value differs from it always
	if _, err := f.ReadAt(id[:], 16); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{^id[0]}, 16); err != nil {
		t.Fatal(err)
	}
	p := join(t, o)
	for e := range p.Events(t.Context()) {
		if e.Kind == Unavailable {
			var corrupt *CorruptError
			if !errors.As(e.Err, &corrupt) || corrupt.Path != path || e.Participant.ID != q.ID() {
				t.Errorf("the event is %+v", e)
			}
			break
		}
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if left := p.currentEvents(); len(p.unparsable) != 0 {
		t.Errorf("remembered: %v", left)
	}
}

func TestFlatBuffers_ReadOfTruncatedPayload(t *testing.T) {
	p, codec := join(t, domain(t)), imageCodec(t)
	sub := subscriber[[]byte](t, p, "x", nil)
	pub, cut := cutting[[]byte](t, p, "x")
	payload, err := codec.Builds().Encoder().Append(nil, imageOf(make([]byte, 1<<16)))
	if err != nil {
		t.Fatal(err)
	}
	send(t, pub, payload)
	s, err := sub.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	sum := 0
	err = s.Read(func(payload []byte) error {
		return codec.Read(payload, func(m *testfb.Image) error {
			cut()
			for _, c := range m.DataBytes() {
				sum += int(c)
			}
			return nil
		})
	})
	if !isCut(err) {
		t.Error(err)
	}
}
