package messages_test

import (
	"testing"

	"github.com/shmbus/shmbus/messages"
	"github.com/shmbus/shmbus/messages/foxglove"
	"github.com/shmbus/shmbus/serde"
)

func BenchmarkImage(b *testing.B) { benchmarkForms(b, largeImage()) }

func BenchmarkImu(b *testing.B) {
	benchmarkForms(b, messages.Imu{
		Header: messages.Header{Stamp: messages.Time{Sec: 1700000000, Nanosec: 123456789}, FrameID: "imu_link"}, Orientation: messages.Identity(),
		OrientationCovariance: [9]float64{0: 0.01, 4: 0.01, 8: 0.01}, LinearAcceleration: messages.Vector3{Z: 9.81},
	})
}

func benchmarkForms[T messages.Message](b *testing.B, v T) {
	for _, form := range []struct {
		name  string
		codec serde.Codec[T]
	}{{"cdr", messages.CDR[T]()}, {"protobuf", foxglove.Protobuf[T]()}, {"json", foxglove.JSON[T]()}} {
		enc, dec := form.codec.Encoder(), form.codec.Decoder()
		payload, err := enc.Append(nil, v)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(form.name+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				payload, _ = enc.Append(payload[:0], v)
			}
		})
		b.Run(form.name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				if err := dec.Decode(payload, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
