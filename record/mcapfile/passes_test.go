package mcapfile

import (
	"bytes"
	"io"
	"slices"
	"testing"
)

// A countedReader counts the bytes that are read.
type countedReader struct {
	io.ReaderAt
	bytes int
}

func (c *countedReader) ReadAt(b []byte, off int64) (int, error) {
	n, err := c.ReaderAt.ReadAt(b, off)
	c.bytes += n
	return n, err
}

func TestPlan_InterleavedBlocksOfOneChunk(t *testing.T) {
	const messages, stride = 60_000, 1000
	var times []uint64
	for i := range messages {
		times = append(times, uint64(i%stride*stride+i/stride)) // each block has messages from the whole time
	}
	file := withTimes(t, times, 1<<30)
	src := &countedReader{ReaderAt: bytes.NewReader(file)}
	p, err := NewPlan(src, int64(len(file)), &Limits{block: 64 << 10, open: 256 << 10}, nil)
	if err != nil || p.Damage != nil {
		t.Fatal(err, p.Damage)
	}
	src.bytes = 0
	lines := planned(t, p)
	if len(lines) != messages || !slices.IsSortedFunc(lines, func(a, b line) int { return compareTimes(a.LogTime, b.LogTime) }) {
		t.Fatalf("%d messages, or in another order", len(lines))
	}
	// 60,000 messages take 3 MB of selections of 256 kB.
	if most := 20 * len(file); src.bytes > most {
		t.Errorf("read %d bytes of a file of %d, want at most %d", src.bytes, len(file), most)
	}
}

func TestPlan_LargeMessagesBetweenOverlappingBlocks(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, &WriterOptions{ChunkSize: 500})
	if err != nil {
		t.Fatal(err)
	}
	ch, err := w.AddChannel(Channel{Topic: "a"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 600 {
		size := 10
		if i%17 == 0 {
			size = 5000
		}
		if err := w.Write(&Message{Channel: ch, Sequence: uint32(i), LogTime: uint64(i * 7919 % 311), Data: bytes.Repeat([]byte{byte(i)}, size)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want, _ := readAllOf(t, file.Bytes(), nil)
	slices.SortStableFunc(want, func(a, b line) int { return compareTimes(a.LogTime, b.LogTime) })
	for _, open := range []uint64{1, 100, 2000, 1 << 20} {
		p, err := NewPlan(bytes.NewReader(file.Bytes()), int64(file.Len()), &Limits{block: 300, open: open}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := planned(t, p); !slices.Equal(got, want) {
			t.Errorf("with %d bytes open: %d messages, want %d, or in another order", open, len(got), len(want))
		}
	}
}
