package topic

import (
	"bytes"
	"errors"
	"testing"

	fb "github.com/google/flatbuffers/go"

	"github.com/shmbus/shmbus/internal/testfb"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/serde/flatbuffers"
)

// imageOf returns a function that writes an image with the given bytes.
func imageOf(data []byte) flatbuffers.Build {
	return func(b *fb.Builder) fb.UOffsetT {
		frame, vector := b.CreateString("camera"), b.CreateByteVector(data)
		testfb.ImageStart(b)
		testfb.ImageAddFrameId(b, frame)
		testfb.ImageAddHeight(b, 480)
		testfb.ImageAddData(b, vector)
		return testfb.ImageEnd(b)
	}
}

func imageCodec(t testing.TB) *flatbuffers.Codec[testfb.Image] {
	t.Helper()
	codec, err := flatbuffers.New[testfb.Image]("testfb.Image", testfb.Schema())
	if err != nil {
		t.Fatal(err)
	}
	return codec
}

// readHeight reads one field in place.
func readHeight(codec *flatbuffers.Codec[testfb.Image], payload []byte) (height uint32, err error) {
	err = codec.Read(payload, func(m *testfb.Image) error {
		height = m.Height()
		return nil
	})
	return height, err
}

func TestFlatBuffers_PublishedAndReadInPlace(t *testing.T) {
	codec, o := imageCodec(t), domain(t)
	pub := publisher(t, join(t, o), "x", &PublisherOptions[flatbuffers.Build]{Codec: codec.Builds()})
	again := publisher(t, join(t, o), "y", &PublisherOptions[*testfb.Image]{Codec: codec})
	sub := subscriber(t, join(t, o), "*", &SubscriberOptions[*testfb.Image]{Codec: codec})
	next := func() Sample[*testfb.Image] {
		t.Helper()
		s, ok, err := sub.TryReceive()
		if !ok {
			t.Fatal("no sample", err)
		}
		return s
	}
	for _, size := range []int{0, 10, 100, 5000, 1 << 20} {
		data := bytes.Repeat([]byte{7}, size)
		send(t, pub, imageOf(data))
		loan, err := pub.Loan(t.Context(), size+200)
		if err != nil {
			t.Fatal(err)
		}
		n, err := codec.BuildIn(loan.Bytes(), imageOf(data))
		if err == nil {
			_, err = loan.Commit(t.Context(), n)
		}
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			s := next()
			if height, err := readHeight(codec, s.Bytes()); err != nil || height != 480 {
				t.Errorf("height %d, %v", height, err)
			}
			v, err := s.Value()
			if err != nil || !bytes.Equal(v.DataBytes(), data) {
				t.Fatalf("%d bytes: %v", size, err)
			}
			view, err := codec.View(s.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			send(t, again, view)
			s.Release()
			s = next()
			if v, err := s.Value(); err != nil || !bytes.Equal(v.DataBytes(), data) || s.Topic() != "y" {
				t.Fatalf("%d bytes published again: %v", size, err)
			}
			s.Release()
		}
	}
}

func TestFlatBuffers_ReadOfDamagedPayload(t *testing.T) {
	codec, o := imageCodec(t), domain(t)
	pub := publisher(t, join(t, o), "x", &PublisherOptions[flatbuffers.Build]{Codec: codec.Builds()})
	sub := subscriber(t, join(t, o), "x", &SubscriberOptions[*testfb.Image]{Codec: codec})
	payload, err := codec.Builds().Encoder().Append(nil, imageOf(make([]byte, 5000)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pub.PublishV(t.Context(), payload[:1000]); err != nil {
		t.Fatal(err)
	}
	s, ok, err := sub.TryReceive()
	if !ok {
		t.Fatal("no sample", err)
	}
	defer s.Release()
	var bad *serde.DecodeError
	if _, err := s.Value(); !errors.As(err, &bad) {
		t.Error(err)
	}
	err = s.Read(func(payload []byte) error {
		return codec.Read(payload, func(m *testfb.Image) error {
			m.DataBytes()
			return nil
		})
	})
	if !errors.As(err, &bad) || bad.Type != "testfb.Image" {
		t.Error(err)
	}
}
