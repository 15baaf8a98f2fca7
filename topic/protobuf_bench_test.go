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
	benchmarkCodec(b, protobuf.Codec[M](), m, func() error {
		payload, err := proto.Marshal(m)
		if err != nil {
			return err
		}
		return proto.Unmarshal(payload, m.ProtoReflect().New().Interface())
	})
}
