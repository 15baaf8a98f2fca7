package topic

import (
	"fmt"
	"testing"

	"capnproto.org/go/capnp/v3"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/serde/capnproto"
)

func capnprotoCodec[T ~capnp.StructKind](b *testing.B, id uint64, newRoot func(*capnp.Segment) (T, error)) *capnproto.Codec[T] {
	b.Helper()
	codec, err := capnproto.New(testcapnp.Schema(), id, newRoot)
	if err != nil {
		b.Fatal(err)
	}
	return codec
}

// BenchmarkCapnprotoInPlace measures publishing, receiving and reading one field in place. Its cost must not depend on the message's size:
// only the beginning of each message is written, which has all but the pixels, so that the caches are alike.
func BenchmarkCapnprotoInPlace(b *testing.B) {
	codec := capnprotoCodec(b, testcapnp.Image_TypeID, testcapnp.NewRootImage)
	for _, size := range []int{1 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			o := domain(b)
			pub := publisher(b, join(b, o), "x", &PublisherOptions[testcapnp.Image]{Codec: codec})
			sub := subscriber(b, join(b, o), "x", &SubscriberOptions[testcapnp.Image]{Codec: codec})
			payload := make([]byte, size)
			n, err := codec.Build(payload, func(m testcapnp.Image) error { return m.SetData(make([]byte, size-100)) })
			if err != nil {
				b.Fatal(err)
			}
			payload = payload[:n]
			width := uint32(0)
			field := func(m testcapnp.Image) error { width += m.Width(); return nil }
			read := func(payload []byte) error { return codec.Read(payload, field) }
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
				if err := s.Read(read); err != nil {
					b.Fatal(err)
				}
				s.Release()
			}
		})
	}
}

// BenchmarkCapnproto measures what a pose costs from one set of fields to the next: with the library's own Marshal and Unmarshal, published
// from the heap, and built in a loan; and read.
func BenchmarkCapnproto(b *testing.B) {
	codec := capnprotoCodec(b, testcapnp.Pose_TypeID, testcapnp.NewRootPose)
	x := 0.0
	field := func(m testcapnp.Pose) error {
		p, err := m.Position()
		x += p.X()
		return err
	}
	build := func(b *testing.B) testcapnp.Pose {
		_, segment, err := capnp.NewMessage(capnp.SingleSegment(nil))
		if err != nil {
			b.Fatal(err)
		}
		m, err := testcapnp.NewRootPose(segment)
		if err == nil {
			err = testcapnp.FillPose(m)
		}
		if err != nil {
			b.Fatal(err)
		}
		return m
	}
	b.Run("library", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m := build(b)
			payload, err := m.Message().Marshal()
			m.Message().Release()
			if err != nil {
				b.Fatal(err)
			}
			message, err := capnp.Unmarshal(payload)
			if err != nil {
				b.Fatal(err)
			}
			got, err := testcapnp.ReadRootPose(message)
			if err == nil {
				err = field(got)
			}
			if err != nil {
				b.Fatal(err)
			}
			message.Release()
		}
	})
	o := domain(b)
	pub := publisher(b, join(b, o), "x", &PublisherOptions[testcapnp.Pose]{Codec: codec})
	sub := subscriber(b, join(b, o), "x", &SubscriberOptions[testcapnp.Pose]{Codec: codec})
	receive := func(b *testing.B, read func(s Sample[testcapnp.Pose]) error) {
		s, ok, err := sub.TryReceive()
		if !ok {
			b.Fatal("no sample", err)
		}
		if err := read(s); err != nil {
			b.Fatal(err)
		}
		s.Release()
	}
	b.Run("bus/value", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			m := build(b)
			send(b, pub, m)
			m.Message().Release()
			receive(b, func(s Sample[testcapnp.Pose]) error {
				v, err := s.Value()
				if err != nil {
					return err
				}
				return field(v)
			})
		}
	})
	b.Run("bus/inplace", func(b *testing.B) {
		read := func(payload []byte) error { return codec.Read(payload, field) }
		b.ReportAllocs()
		for b.Loop() {
			l, err := pub.Loan(b.Context(), 256)
			if err != nil {
				b.Fatal(err)
			}
			n, err := codec.Build(l.Bytes(), testcapnp.FillPose)
			if err == nil {
				_, err = l.Commit(b.Context(), n)
			}
			if err != nil {
				b.Fatal(err)
			}
			receive(b, func(s Sample[testcapnp.Pose]) error { return s.Read(read) })
		}
	})
}
