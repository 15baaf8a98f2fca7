package flatbuffers

import (
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/shmbus/shmbus/internal/testfb"
)

// Version 2.0.8 of flatc (Debian's flatbuffers-compiler) made the schemas in testdata. It writes defaults of ulong from 2^63 on as 0.
//
//go:generate flatc --schema --binary --bfbs-builtins -o testdata testdata/every.fbs
//go:generate flatc --schema --binary -o testdata testdata/unions.fbs

// packed returns the message that a function writes.
func packed(t testing.TB, name string, build Build) []byte {
	t.Helper()
	b := flatbuffers.NewBuilder(0)
	root := build(b)
	if name == "Node" {
		b.FinishWithFileIdentifier(root, []byte("NODE"))
	} else {
		b.Finish(root)
	}
	return b.FinishedBytes()
}

func nodeCodec(t testing.TB) *Codec[testfb.Node] {
	t.Helper()
	c, err := New[testfb.Node]("testfb.Node", testfb.Schema())
	if err != nil {
		t.Fatal(err)
	}
	return c
}
