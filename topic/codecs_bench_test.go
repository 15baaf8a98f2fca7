package topic

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/shmbus/shmbus/serde"
)

// BenchmarkPublish measures one goroutine that publishes, receives and decodes, per sample.
func BenchmarkPublish(b *testing.B) {
	b.Run("string/64", func(b *testing.B) { benchmarkPublish(b, strings.Repeat("x", 64)) })
	b.Run("string/4096", func(b *testing.B) { benchmarkPublish(b, strings.Repeat("x", 4096)) })
	b.Run("struct", func(b *testing.B) { benchmarkPublish(b, pose{X: 1, Y: 2}) })
	b.Run("floats/100", func(b *testing.B) { benchmarkPublish(b, [100]float64{1: 1}) })
}

func benchmarkPublish[T any](b *testing.B, v T) {
	o := domain(b)
	pub := publisher[T](b, join(b, o), "x", nil)
	sub := subscriber[T](b, join(b, o), "x", nil)
	b.ReportAllocs()
	for b.Loop() {
		send(b, pub, v)
		s, ok, err := sub.TryReceive()
		if !ok {
			b.Fatal("no sample", err)
		}
		if _, err := s.Value(); err != nil {
			b.Fatal(err)
		}
		s.Release()
	}
}

// BenchmarkCodecs measures what a message costs from one value to the next, as BenchmarkProtobuf does.
func BenchmarkCodecs(b *testing.B) {
	v := newScan()
	b.Run("json", func(b *testing.B) {
		benchmarkCodec(b, serde.JSON[scan](), v, alone(v, json.Marshal, json.Unmarshal))
	})
	b.Run("cbor", func(b *testing.B) {
		benchmarkCodec(b, serde.CBOR[scan](), v, alone(v, cbor.Marshal, cbor.Unmarshal))
	})
	b.Run("msgpack", func(b *testing.B) {
		benchmarkCodec(b, serde.MsgPack[scan](), v, alone(v, msgpack.Marshal, msgpack.Unmarshal))
	})
}

// A scan is a message of about 1 KiB.
type scan struct {
	Stamp  int64     `json:"stamp" msgpack:"stamp"`
	Frame  string    `json:"frame" msgpack:"frame"`
	Pose   pose      `json:"pose" msgpack:"pose"`
	Ranges []float32 `json:"ranges" msgpack:"ranges"`
}

func newScan() scan {
	s := scan{Stamp: 1_790_000_000_123_456_789, Frame: "laser", Pose: pose{X: 1, Y: 2}}
	for i := range 180 {
		s.Ranges = append(s.Ranges, float32(i)/16)
	}
	return s
}

// alone is a library's own way from one value to the next.
func alone[T any](v T, marshal func(any) ([]byte, error), unmarshal func([]byte, any) error) func() error {
	return func() error {
		payload, err := marshal(&v)
		if err != nil {
			return err
		}
		return unmarshal(payload, new(T))
	}
}

// benchmarkCodec measures the library alone, encoder and decoder, and publish, receive and decode.
func benchmarkCodec[T any](b *testing.B, codec serde.Codec[T], v T, library func() error) {
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := library(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("serde", func(b *testing.B) {
		enc, dec, buf, out := codec.Encoder(), codec.Decoder(), []byte(nil), new(T)
		b.ReportAllocs()
		for b.Loop() {
			payload, err := enc.Append(buf[:0], v)
			if err == nil {
				err = dec.Decode(payload, out)
			}
			if err != nil {
				b.Fatal(err)
			}
			buf = payload
		}
	})
	b.Run("bus", func(b *testing.B) {
		o := domain(b)
		pub := publisher(b, join(b, o), "x", &PublisherOptions[T]{Codec: codec})
		sub := subscriber(b, join(b, o), "x", &SubscriberOptions[T]{Codec: codec})
		ctx := b.Context()
		once := func() {
			if _, err := pub.Publish(ctx, v); err != nil { // send would cost as much again
				b.Fatal(err)
			}
			s, ok, err := sub.TryReceive()
			if !ok {
				b.Fatal("no sample", err)
			}
			if _, err := s.Value(); err != nil {
				b.Fatal(err)
			}
			s.Release()
		}
		for range 50 { // until all slots are there
			once()
		}
		b.ReportAllocs()
		for b.Loop() {
			once()
		}
	})
}
