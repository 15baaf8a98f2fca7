package topic

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// BenchmarkProtobuf measures what a message costs from one value to the next: with the library's own Marshal and Unmarshal, with
// encoder and decoder, and published, received and decoded.
func BenchmarkProtobuf(b *testing.B) {
	b.Run("pose", func(b *testing.B) { benchmarkProtobuf(b, testpb.NewPose()) })
	b.Run("cloud/10", func(b *testing.B) { benchmarkProtobuf(b, testpb.NewPointCloud(10)) })
	b.Run("cloud/10000", func(b *testing.B) { benchmarkProtobuf(b, testpb.NewPointCloud(10000)) })
	b.Run("image/640x480", func(b *testing.B) { benchmarkProtobuf(b, testpb.NewImage(640, 480)) })
	b.Run("image/1920x1080", func(b *testing.B) { benchmarkProtobuf(b, testpb.NewImage(1920, 1080)) })
}

func benchmarkProtobuf[M proto.Message](b *testing.B, m M) {
	codec := protobuf.Codec[M]()
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			payload, err := proto.Marshal(m)
			if err == nil {
				err = proto.Unmarshal(payload, m.ProtoReflect().New().Interface())
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("serde", func(b *testing.B) {
		enc, dec, buf, v := codec.Encoder(), codec.Decoder(), []byte(nil), m
		b.ReportAllocs()
		for b.Loop() {
			payload, err := enc.Append(buf[:0], m)
			if err == nil {
				err = dec.Decode(payload, &v)
			}
			if err != nil {
				b.Fatal(err)
			}
			buf = payload
		}
	})
	b.Run("bus", func(b *testing.B) {
		o := domain(b)
		pub := publisher(b, join(b, o), "x", &PublisherOptions[M]{Codec: codec})
		sub := subscriber(b, join(b, o), "x", &SubscriberOptions[M]{Codec: codec})
		b.ReportAllocs()
		for b.Loop() {
			send(b, pub, m)
			s, ok, err := sub.TryReceive()
			if !ok {
				b.Fatal("no sample", err)
			}
			if _, err := s.Value(); err != nil {
				b.Fatal(err)
			}
			s.Release()
		}
	})
}
