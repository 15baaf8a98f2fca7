package topic

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/shmbus/shmbus/internal/testpb"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// BenchmarkProtobuf measures what a message costs from one value to the next: with the library's own Marshal and Unmarshal, with
// encoder and decoder, and published, received and decoded; by hand, the library's bytes are published as they are.
func BenchmarkProtobuf(b *testing.B) {
	b.Run("pose", func(b *testing.B) { benchmarkProtobuf(b, testpb.NewPose()) })
	b.Run("cloud/10", func(b *testing.B) { benchmarkProtobuf(b, testpb.NewPointCloud(10)) })
	b.Run("cloud/10000", func(b *testing.B) { benchmarkProtobuf(b, testpb.NewPointCloud(10000)) })
	b.Run("image/640x480", func(b *testing.B) { benchmarkProtobuf(b, testpb.NewImage(640, 480)) })
	b.Run("image/1920x1080", func(b *testing.B) { benchmarkProtobuf(b, testpb.NewImage(1920, 1080)) })
}

func benchmarkProtobuf[M proto.Message](b *testing.B, m M) {
	benchmarkCodec(b, protobuf.Codec[M](), m, func() error {
		payload, err := proto.Marshal(m)
		if err != nil {
			return err
		}
		return proto.Unmarshal(payload, m.ProtoReflect().New().Interface())
	})
	b.Run("byhand", func(b *testing.B) {
		o := domain(b)
		pub := publisher[[]byte](b, join(b, o), "x", nil)
		sub := subscriber[[]byte](b, join(b, o), "x", nil)
		ctx, buf := b.Context(), []byte(nil)
		once := func() {
			payload, err := proto.MarshalOptions{}.MarshalAppend(buf[:0], m)
			if err == nil {
				_, err = pub.Publish(ctx, payload)
			}
			if err != nil {
				b.Fatal(err)
			}
			s, ok, err := sub.TryReceive()
			if !ok {
				b.Fatal("no sample", err)
			}
			if err := proto.Unmarshal(s.Bytes(), m.ProtoReflect().New().Interface()); err != nil {
				b.Fatal(err)
			}
			s.Release()
			buf = payload
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
