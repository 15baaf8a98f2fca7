package mcapfile

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"
)

// writeWide writes chunks, each with a message on most of 500 channels. each is called after a chunk.
func writeWide(t testing.TB, dst io.Writer, chunks int, each func(i int)) {
	t.Helper()
	w, err := NewRewriter(dst, &RewriterOptions{ChunkSize: 14_000})
	if err != nil {
		t.Fatal(err)
	}
	var channels []*Channel
	for i := range 500 {
		ch, err := w.Channel(&Channel{Topic: fmt.Sprint(i)})
		if err != nil {
			t.Fatal(err)
		}
		channels = append(channels, ch)
	}
	for i := range chunks {
		for k := range 450 {
			if err := w.Write(&Message{Channel: channels[(i*7919+k*k)%500], LogTime: uint64(i*1000 + k)}); err != nil {
				t.Fatal(err)
			}
		}
		each(i)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWriter_IndexOfManyChunks(t *testing.T) {
	var file bytes.Buffer
	const chunks = 100
	writeWide(t, &file, chunks, func(int) {})
	if r := checked(t, file.Bytes()); r.Errors > 0 || r.Messages != 450*chunks {
		t.Errorf("%+v", r)
	}
	p, ok, err := NewIndexedPlan(bytes.NewReader(file.Bytes()), int64(file.Len()), nil, nil)
	if err != nil || !ok || p.Messages != 450*chunks {
		t.Errorf("%v, %v", ok, err)
	}
}

// The index of a recording is in memory until its end.
func TestWriter_MemoryOfTheIndex(t *testing.T) {
	const begin, end, limit = 300, 1300, 1 << 20
	var taken [2]uint64
	writeWide(t, io.Discard, end+1, func(i int) {
		if i == begin || i == end {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			taken[i/end] = m.HeapAlloc
		}
	})
	if grown := int64(taken[1]) - int64(taken[0]); grown > limit {
		t.Errorf("the index of %d chunks took %d bytes, want at most %d", end-begin, grown, limit)
	}
}
