package doctor

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// Bytes that are not of the announced type are a warning while they come, and a note afterwards.
func TestExamine_UndecodableMessages(t *testing.T) {
	w := newWard(t)
	sub, err := topic.NewSubscriber[map[string]int](t.Context(), w.p, "liar", &topic.SubscriberOptions[map[string]int]{})
	if err != nil {
		t.Fatal(err)
	}
	liar, err := topic.NewPublisher(t.Context(), w.p, "liar", &topic.PublisherOptions[[]byte]{Codec: serde.Opaque(serde.MsgPack[map[string]int]().Type())})
	if err != nil {
		t.Fatal(err)
	}
	publish := func() {
		t.Helper()
		if _, err := liar.Publish(t.Context(), []byte{0xc1}); err != nil {
			t.Fatal(err)
		}
		if s, err := sub.Receive(t.Context()); err == nil {
			if _, err := s.Value(); err == nil {
				t.Fatal("it was decoded")
			}
			s.Release()
		}
	}
	publish()
	awaitDecodeErrors(t, w.dir)
	if f := only(t, examine(t, w.dir), Undecodable, Note); f.Topic != "liar" || f.PID == 0 || !strings.Contains(f.Remedy, "'shmmon echo liar'") {
		t.Errorf("%+v", f)
	}
	examined, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			publish()
			select {
			case <-examined:
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	found := examine(t, w.dir).Findings
	close(examined)
	<-ended
	if !slices.ContainsFunc(found, func(f Finding) bool { return f.Fault == Undecodable && f.Severity == Warning }) {
		t.Errorf("%+v", found)
	}
}

// awaitDecodeErrors waits until a subscription's figures show what it could not decode: they follow within milliseconds.
func awaitDecodeErrors(t *testing.T, dir string) {
	t.Helper()
	o, err := registry.Observe(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for t.Context().Err() == nil {
		if _, err := o.Snapshot(); err != nil {
			t.Fatal(err)
		}
		for _, f := range o.Stats().Subscriptions {
			if f.DecodeErrors > 0 {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
}
