package foxglove

import (
	"testing"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove/internal/pb"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/protobuf"
)

// The messages by themselves are what the structs are compared with: the difference is the conversion.

func BenchmarkImage(b *testing.B) {
	v := messages.Image{Header: messages.Header{FrameID: "camera"}, Height: 480, Width: 640, Encoding: "rgb8", Step: 1920, Data: make([]byte, 480*1920)}
	m := new(pb.RawImage)
	if err := setImage(m, &v); err != nil {
		b.Fatal(err)
	}
	b.Run("struct", func(b *testing.B) { benchmark(b, Protobuf[messages.Image](), v) })
	b.Run("message", func(b *testing.B) { benchmark(b, protobuf.Codec[*pb.RawImage](), m) })
}

func BenchmarkImu(b *testing.B) {
	v := messages.Imu{Header: messages.Header{FrameID: "imu_link"}, Orientation: messages.Identity(), LinearAcceleration: messages.Vector3{Z: 9.81}}
	m := new(pb.Imu)
	if err := setImu(m, &v); err != nil {
		b.Fatal(err)
	}
	b.Run("struct", func(b *testing.B) { benchmark(b, Protobuf[messages.Imu](), v) })
	b.Run("message", func(b *testing.B) { benchmark(b, protobuf.Codec[*pb.Imu](), m) })
}

func benchmark[T any](b *testing.B, codec serde.Codec[T], v T) {
	enc, dec := codec.Encoder(), codec.Decoder()
	payload, err := enc.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			payload, _ = enc.Append(payload[:0], v)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := dec.Decode(payload, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}
