package mcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/klauspost/compress/zstd"
)

// zeroBomb is a chunk of some kilobytes with one message of so many zeros.
func zeroBomb(t testing.TB, size int) []byte {
	t.Helper()
	channel := record(mcap.OpChannel, []byte{1, 0, 0, 0, 1, 0, 0, 0, 'a', 0, 0, 0, 0, 0, 0, 0, 0})
	message := append([]byte{byte(mcap.OpMessage)}, binary.LittleEndian.AppendUint64(nil, uint64(messageHead+size))...)
	message = append(message, append([]byte{1}, make([]byte, messageHead-1)...)...)
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []io.Reader{bytes.NewReader(channel), bytes.NewReader(message), io.LimitReader(zeros{}, int64(size))} {
		if _, err := io.Copy(w, part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return append(slices.Clone(mcap.Magic), chunkRecord("zstd", uint64(len(channel)+len(message)+size), 0, b.Bytes())...)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// allocated returns how many bytes fn allocates.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestReader_ChunkThatUnpacksToMuch(t *testing.T) {
	const size = 300 << 20
	file := zeroBomb(t, size)
	taken := allocated(func() {
		r, err := NewReader(bytes.NewReader(file), int64(len(file)), nil)
		if err != nil {
			t.Fatal(err)
		}
		var m Message
		if n, err := r.Skim(&m); err != nil || n != size {
			t.Errorf("a message of %d bytes, %v", n, err)
		}
	})
	if taken > 64<<20 {
		t.Errorf("to know of it took %d bytes", taken)
	}

	taken = allocated(func() {
		plan, err := NewPlan(bytes.NewReader(file), int64(len(file)), nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for m, err := range plan.InOrder() {
			if err != nil || len(m.Data) != size {
				t.Errorf("a message of %d bytes, %v", len(m.Data), err)
			}
		}
	})
	if taken > size+64<<20 {
		t.Errorf("to play it took %d bytes, want once its %d", taken, size)
	}

	plan, err := NewPlan(bytes.NewReader(file), int64(len(file)), &Limits{Memory: 64 << 20}, nil)
	var limit *MemoryLimitError
	if err != nil || !errors.As(plan.Damage, &limit) || limit.Size != 2*size || limit.Limit != 64<<20 || limit.Offset != int64(len(mcap.Magic)) {
		t.Errorf("with 64 MiB: %v, %v", plan.Damage, err)
	}
	plan, err = NewPlan(bytes.NewReader(file), int64(len(file)), &Limits{Memory: limit.Size}, nil)
	if err != nil || plan.Messages != 1 {
		t.Errorf("with what the error says: %v, %v", plan.Damage, err)
	}
}

// Messages larger than the queue take the size of one, and once more what it is compressed to at most.
func TestWriter_MessageLargerThanTheQueue(t *testing.T) {
	const size, rest = 64 << 20, 24 << 20 // rest: of the compressors, which a garbage collection may take and they allocate again
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * i >> 7 * i >> 3)
	}
	for compression, copies := range map[Compression]uint64{Uncompressed: 1, Zstd: 2, LZ4: 2} { // no two are in memory at a time
		w, err := NewWriter(io.Discard, &WriterOptions{Compression: compression, Queue: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		ch, err := w.AddChannel(Channel{Topic: "a"})
		if err != nil {
			t.Fatal(err)
		}
		taken := allocated(func() {
			for range 3 {
				if err := w.Write(&Message{Channel: ch, Data: data}); err != nil {
					t.Error(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
		if limit := copies*size + rest; taken > limit {
			t.Errorf("%s: took %d bytes, want at most %d", compression, taken, limit)
		}
	}
}

// A large message is not copied before the queue has room for it.
func TestWriter_LargeMessageWaitsForMemory(t *testing.T) {
	const size = 16 << 20
	written, goOn := make(chan bool), make(chan bool)
	w, err := NewWriter(nil, &WriterOptions{Compression: Uncompressed, Queue: size, Overflow: DropNewest})
	if err != nil {
		t.Fatal(err)
	}
	w.Begin(&Part{Dst: writerFunc(func(b []byte) (int, error) {
		if len(b) > 1<<20 {
			written <- true
			<-goOn
		}
		return len(b), nil
	})})
	ch, err := w.AddChannel(Channel{Topic: "a"})
	if err != nil {
		t.Fatal(err)
	}
	m := &Message{Channel: ch, Data: make([]byte, size)}
	if err := w.Write(m); err != nil {
		t.Fatal(err)
	}
	<-written
	taken := allocated(func() { err = w.Write(m) })
	if err != nil || taken > 1<<20 {
		t.Errorf("a message that is dropped took %d bytes, %v", taken, err)
	}
	goOn <- true
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if c := w.Counts()[0]; c.Written != 1 || c.Dropped != 1 {
		t.Errorf("%+v", c)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestReader_ManyDefinitions(t *testing.T) {
	file := slices.Clone(mcap.Magic)
	for i := range 3 {
		body := binary.LittleEndian.AppendUint16(nil, uint16(i+1))
		body = append(body, 0, 0, 0, 0, 0, 0, 0, 0)
		body = binary.LittleEndian.AppendUint32(body, 30<<20)
		file = append(file, record(mcap.OpSchema, append(body, make([]byte, 30<<20)...))...)
	}
	file = append(file, record(mcap.OpDataEnd, make([]byte, 4))...)
	var limit *MemoryLimitError
	if _, errs := readAllOf(t, file, &Limits{Memory: 160 << 20}); len(errs) < 2 || !errors.As(errs[0], &limit) || limit.Limit != 160<<20 {
		t.Fatalf("got %v", errs)
	}
	if _, errs := readAllOf(t, file, &Limits{Memory: 2 * limit.Size}); errors.As(errs[0], &limit) {
		t.Errorf("with more memory: %v", errs)
	}
}

func TestReader_FalseLengths(t *testing.T) {
	lie := func(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
	name := []byte{1, 0, 0, 0, 'n'}
	for what, body := range map[string][]byte{
		"attachment": record(mcap.OpAttachment, slices.Concat(make([]byte, 16), name, name, lie(math.MaxUint64-8), make([]byte, 20))),
		"metadata":   record(mcap.OpMetadata, slices.Concat(name, []byte{255, 255, 255, 255}, make([]byte, 20))),
		"schema":     record(mcap.OpSchema, slices.Concat([]byte{1, 0}, name, name, []byte{255, 255, 255, 127}, make([]byte, 20))),
		"chunk":      record(mcap.OpChunk, slices.Concat(make([]byte, 16), lie(1<<40), make([]byte, 4), []byte{4, 0, 0, 0}, []byte("zstd"), lie(1<<62))),
	} {
		file := slices.Concat(mcap.Magic, body, record(mcap.OpDataEnd, make([]byte, 4)), record(mcap.OpFooter, make([]byte, 20)), mcap.Magic)
		taken := allocated(func() {
			var corrupt *InvalidRecordError
			if _, errs := readAllOf(t, file, nil); len(errs) == 0 || !errors.As(errs[0], &corrupt) {
				t.Errorf("%s: %v", what, errs)
			}
		})
		if taken > 16<<20 {
			t.Errorf("%s: took %d bytes", what, taken)
		}
	}
}
