//go:build linux

package exchange

import (
	"testing"

	fb "github.com/google/flatbuffers/go"

	"github.com/shmbus/shmbus/internal/testfb"
	"github.com/shmbus/shmbus/serde/flatbuffers"
)

func ofFlatBuffers(t *testing.T) encoding[*testfb.Image] {
	t.Helper()
	codec, err := flatbuffers.New[testfb.Image]("testfb.Image", testfb.Schema())
	if err != nil {
		t.Fatal(err)
	}
	image := testfb.NewImage(200, 200)
	b := fb.NewBuilder(0)
	b.Finish(image.Pack(b))
	newer := codec.Type()
	newer.Schema = append(newer.Schema[:len(newer.Schema):len(newer.Schema)], 0, 0, 0, 0) // other bytes, the same schema
	return encoding[*testfb.Image]{
		codec: codec, value: testfb.GetRootAsImage(b.FinishedBytes(), 0), newer: newer,
		fill: func(b []byte) int {
			n, err := codec.BuildIn(b, image.Pack)
			if err != nil {
				t.Fatal(err)
			}
			return n
		},
		read: func(b []byte) func() any {
			v, err := codec.View(b)
			if err != nil {
				t.Fatal(err)
			}
			data := v.DataBytes()
			return func() any { return data[1000] }
		},
		room: 128,
	}
}
