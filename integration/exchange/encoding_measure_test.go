//go:build linux

package exchange

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/dynamic"
	"github.com/shmbus/shmbus/topic"
)

// An encoding is what there is to measure of one.
type encoding[T any] struct {
	codec       serde.Codec[T]
	value       T                               // of some 100 kB
	unencodable *T                              // encoded in one piece before the error is found; nil if there is none
	fill        func(b []byte) int              // writes the payload of value into a loan; nil if a value cannot be written there
	read        func(payload []byte) func() any // lays a value over the payload, or decodes it; the result reads from it
	room        int                             // bytes that fill needs beside the payload
	newer       serde.Type                      // another version of the type; empty if there are no versions
}

// decoded reads from a value that the codec decodes.
func decoded[T any](codec serde.Codec[T], part func(T) any) func([]byte) func() any {
	return func(payload []byte) func() any {
		var v T
		if err := codec.Decoder().Decode(payload, &v); err != nil {
			return nil
		}
		return func() any { return part(v) }
	}
}

// measure returns the row of the table.
func measure[T any](t *testing.T, dir string, e encoding[T]) []string {
	t.Helper()
	typ := e.codec.Type()
	payload, err := e.codec.Encoder().Append(nil, e.value)
	if err != nil {
		t.Fatal(err)
	}
	schema := "none"
	if typ.SchemaEncoding != "" {
		schema = typ.SchemaEncoding
	}
	p := reflect.TypeOf(e.codec)
	for p.Kind() == reflect.Pointer {
		p = p.Elem()
	}
	return []string{
		recordedEncoding(t, dir, e), strings.TrimPrefix(p.PkgPath(), "github.com/shmbus/shmbus/"),
		measureWriting(t, dir, e, payload), measureReading(t, e, bytes.Clone(payload)),
		schema, measureVersions(t, dir, e), measureTools(t, typ, payload),
	}
}

// measureWriting finds out how a value gets into shared memory.
func measureWriting[T any](t *testing.T, dir string, e encoding[T], payload []byte) string {
	t.Helper()
	if e.fill != nil {
		p := joinDomain(t, dir)
		defer p.Close()
		pub, err := topic.NewPublisher(t.Context(), p, "loan", &topic.PublisherOptions[T]{Codec: e.codec})
		if err != nil {
			t.Fatal(err)
		}
		sub, err := topic.NewSubscriber[[]byte](t.Context(), p, "loan", nil)
		if err != nil {
			t.Fatal(err)
		}
		loan, err := pub.Loan(t.Context(), len(payload)+e.room)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := loan.Commit(t.Context(), e.fill(loan.Bytes())); err != nil {
			t.Fatal(err)
		}
		s, err := sub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Release()
		if !sameMessage(e.codec.Type(), s.Bytes(), payload) {
			t.Errorf("the loan of %v is another payload than that of the encoder", e.codec.Type())
		}
		return "in a loan"
	}
	enc, room := e.codec.Encoder(), make([]byte, 1<<20)
	allocs := testing.AllocsPerRun(10, func() {
		out, err := enc.Append(room[:0], e.value)
		if err != nil || &out[0] != &room[0] {
			t.Errorf("the encoder of %v does not write to the memory that it is given (%v)", e.codec.Type(), err)
		}
	})
	if allocs > 0 && e.unencodable == nil { // otherwise the library has buffers of its own, which the garbage collector frees
		t.Errorf("the encoder of %v allocates %v times", e.codec.Type(), allocs)
	}
	if e.unencodable != nil {
		clear(room)
		if _, err := enc.Append(room[:0], *e.unencodable); err == nil {
			t.Errorf("%v has no encoding error", e.codec.Type())
		}
		if bytes.Count(room, []byte{0}) == len(room) {
			return "encoded elsewhere, one copy"
		}
	}
	return "encoded there"
}

// sameMessage reports whether two payloads are equal or of equal messages.
func sameMessage(typ serde.Type, a, b []byte) bool {
	textA, errA := dynamic.ToJSON(typ, a)
	textB, errB := dynamic.ToJSON(typ, b)
	return bytes.Equal(a, b) || errA == nil && errB == nil && bytes.Equal(textA, textB)
}

// measureReading finds out whether a change of the payload changes the value.
func measureReading[T any](t *testing.T, e encoding[T], payload []byte) string {
	t.Helper()
	get := e.read(payload)
	if get == nil {
		t.Fatalf("the payload of %v is not valid", e.codec.Type())
	}
	before := get()
	for i := range payload {
		payload[i] ^= 0x55
	}
	if get() != before {
		return "yes"
	}
	return "no"
}

// measureVersions finds out whether a subscriber is connected with a publisher of another version.
func measureVersions[T any](t *testing.T, dir string, e encoding[T]) string {
	t.Helper()
	if e.newer.Encoding == "" {
		return "–"
	}
	p := joinDomain(t, dir)
	defer p.Close()
	if _, err := topic.NewPublisher(t.Context(), p, "versions", &topic.PublisherOptions[[]byte]{Codec: serde.Opaque(e.newer)}); err != nil {
		t.Fatal(err)
	}
	sub, err := topic.NewSubscriber(t.Context(), p, "versions", &topic.SubscriberOptions[T]{Codec: e.codec})
	switch {
	case errors.As(err, new(*topic.TypeMismatchError)):
		return "refused"
	case err != nil:
		t.Fatal(err)
	case sub.Publishers() != 1:
		t.Errorf("%d publishers are connected", sub.Publishers())
	}
	if _, ok := e.codec.(serde.TypeChecker); ok {
		return "the codec compares"
	}
	return "accepted"
}

// measureTools finds out what programs without the Go type can do.
func measureTools(t *testing.T, typ serde.Type, payload []byte) string {
	t.Helper()
	text, err := dynamic.ToJSON(typ, payload)
	if errors.Is(err, serde.ErrUndecodable) {
		return "show bytes"
	}
	if err != nil {
		t.Fatal(err)
	}
	made, err := dynamic.FromJSON(typ, text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := dynamic.ToJSON(typ, made)
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("%v made from JSON is shown as %.100s (%v), not %.100s", typ, again, err, text)
	}
	return "show, make"
}

// recordedEncoding is the name of the encoding in a recording.
func recordedEncoding[T any](t *testing.T, dir string, e encoding[T]) string {
	t.Helper()
	p := joinDomain(t, dir)
	defer p.Close()
	pub, err := topic.NewPublisher(t.Context(), p, "recorded", &topic.PublisherOptions[T]{Codec: e.codec, Latched: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pub.Publish(t.Context(), e.value); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "one.mcap")
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := record.Record(ctx, p, path, &record.RecordOptions{Started: cancel}); err != nil {
		t.Fatal(err)
	}
	info, err := record.ReadInfo(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(info.Topics) != 1 || info.Topics[0].Messages != 1 || info.Topics[0].SchemaEncoding != e.codec.Type().SchemaEncoding {
		t.Fatalf("recorded is %+v", info.Topics)
	}
	return info.Topics[0].Encoding
}

func joinDomain(t *testing.T, dir string) *topic.Participant {
	t.Helper()
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
