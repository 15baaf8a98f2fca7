//go:build linux

package exchange

import (
	"bytes"
	"testing"

	fb "github.com/google/flatbuffers/go"

	"github.com/shmbus/shmbus/internal/testcapnp"
	"github.com/shmbus/shmbus/internal/testfb"
	"github.com/shmbus/shmbus/serde/capnproto"
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

func ofCapnProto(t *testing.T) encoding[testcapnp.Image] {
	t.Helper()
	codec, err := capnproto.New(testcapnp.Schema(), testcapnp.Image_TypeID, testcapnp.NewRootImage)
	if err != nil {
		t.Fatal(err)
	}
	newer := codec.Type()
	newer.Schema = bytes.ReplaceAll(newer.Schema, []byte("frameId"), []byte("frameID")) // a field has another name
	return encoding[testcapnp.Image]{
		codec: codec, value: testcapnp.BuildImage(200, 200), newer: newer,
		fill: func(b []byte) int {
			n, err := codec.Build(b, func(m testcapnp.Image) error { return testcapnp.FillImage(m, 200, 200) })
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
			data, err := v.Data()
			if err != nil {
				t.Fatal(err)
			}
			return func() any { return data[1000] }
		},
	}
}
