package topic

import (
	"fmt"
	"testing"

	fb "github.com/google/flatbuffers/go"

	"github.com/shmbus/shmbus/internal/testfb"
	"github.com/shmbus/shmbus/serde/flatbuffers"
)

// BenchmarkFlatBuffersRead measures publishing, receiving and reading one field in place. Its cost must not depend on the message's
// size: only the beginning of each message is written, which has all but the pixels, so that the caches are alike.
func BenchmarkFlatBuffersRead(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			codec, o := imageCodec(b), domain(b)
			pub := publisher(b, join(b, o), "x", &PublisherOptions[flatbuffers.Build]{Codec: codec.Builds()})
			sub := subscriber(b, join(b, o), "x", &SubscriberOptions[*testfb.Image]{Codec: codec})
			payload, err := codec.Builds().Encoder().Append(nil, imageOf(make([]byte, size)))
			if err != nil {
				b.Fatal(err)
			}
			height := uint32(0)
			read := func(m *testfb.Image) error {
				height = m.Height()
				return nil
			}
			inPlace := func(payload []byte) error { return codec.Read(payload, read) }
			b.ReportAllocs()
			for b.Loop() {
				loan, err := pub.Loan(b.Context(), len(payload))
				if err != nil {
					b.Fatal(err)
				}
				copy(loan.Bytes(), payload[:256])
				if _, err := loan.Commit(b.Context(), len(payload)); err != nil {
					b.Fatal(err)
				}
				s, ok, err := sub.TryReceive()
				if !ok {
					b.Fatal("no sample", err)
				}
				if err := s.Read(inPlace); err != nil || height != 480 {
					b.Fatal(err)
				}
				s.Release()
			}
		})
	}
}

// poseOf writes a pose.
func poseOf(b *fb.Builder) fb.UOffsetT {
	frame := b.CreateString("map")
	testfb.PoseStart(b)
	testfb.PoseAddStamp(b, testfb.CreateTime(b, 1700000000, 123456789))
	testfb.PoseAddFrameId(b, frame)
	testfb.PoseAddPosition(b, testfb.CreateVector(b, 1.5, -2, 0.25))
	testfb.PoseAddOrientation(b, testfb.CreateQuaternion(b, 0, 0, 0, 1))
	return testfb.PoseEnd(b)
}

// BenchmarkFlatBuffersPose measures a pose from the fields of one program to those of another: with the library alone, with
// encoder and view, and published, received and read.
func BenchmarkFlatBuffersPose(b *testing.B) {
	codec, err := flatbuffers.New[testfb.Pose]("testfb.Pose", testfb.Schema())
	if err != nil {
		b.Fatal(err)
	}
	sum := 0.0
	read := func(m *testfb.Pose) error {
		var v testfb.Vector
		sum += m.Position(&v).X()
		return nil
	}
	b.Run("library", func(b *testing.B) {
		builder := fb.NewBuilder(1024)
		b.ReportAllocs()
		for b.Loop() {
			builder.Reset()
			builder.Finish(poseOf(builder))
			read(testfb.GetRootAsPose(builder.FinishedBytes(), 0))
		}
	})
	b.Run("serde", func(b *testing.B) {
		enc, buf := codec.Builds().Encoder(), []byte(nil)
		b.ReportAllocs()
		for b.Loop() {
			payload, err := enc.Append(buf[:0], poseOf)
			if err == nil {
				err = codec.Read(payload, read)
			}
			if err != nil {
				b.Fatal(err)
			}
			buf = payload
		}
	})
	b.Run("bus", func(b *testing.B) {
		o := domain(b)
		pub := publisher(b, join(b, o), "x", &PublisherOptions[flatbuffers.Build]{Codec: codec.Builds()})
		sub := subscriber(b, join(b, o), "x", &SubscriberOptions[*testfb.Pose]{Codec: codec})
		b.ReportAllocs()
		for b.Loop() {
			send(b, pub, poseOf)
			s, ok, err := sub.TryReceive()
			if !ok {
				b.Fatal("no sample", err)
			}
			if err := codec.Read(s.Bytes(), read); err != nil {
				b.Fatal(err)
			}
			s.Release()
		}
	})
}

// BenchmarkFlatBuffersImage measures publishing an image of 1920x1080 pixels: built in private memory and copied, and built in a loan.
func BenchmarkFlatBuffersImage(b *testing.B) {
	codec, data := imageCodec(b), make([]byte, 3*1920*1080)
	build := imageOf(data)
	drain := func(b *testing.B, sub *Subscriber[*testfb.Image]) {
		s, ok, err := sub.TryReceive()
		if !ok {
			b.Fatal("no sample", err)
		}
		if _, err := readHeight(codec, s.Bytes()); err != nil {
			b.Fatal(err)
		}
		s.Release()
	}
	b.Run("copied", func(b *testing.B) {
		o := domain(b)
		pub := publisher(b, join(b, o), "x", &PublisherOptions[flatbuffers.Build]{Codec: codec.Builds()})
		sub := subscriber(b, join(b, o), "x", &SubscriberOptions[*testfb.Image]{Codec: codec})
		for b.Loop() {
			send(b, pub, build)
			drain(b, sub)
		}
	})
	b.Run("loan", func(b *testing.B) {
		o := domain(b)
		pub := publisher(b, join(b, o), "x", &PublisherOptions[flatbuffers.Build]{Codec: codec.Builds()})
		sub := subscriber(b, join(b, o), "x", &SubscriberOptions[*testfb.Image]{Codec: codec})
		for b.Loop() {
			loan, err := pub.Loan(b.Context(), len(data)+256)
			if err != nil {
				b.Fatal(err)
			}
			n, err := codec.BuildIn(loan.Bytes(), build)
			if err == nil {
				_, err = loan.Commit(b.Context(), n)
			}
			if err != nil {
				b.Fatal(err)
			}
			drain(b, sub)
		}
	})
}
