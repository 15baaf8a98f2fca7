package mcapfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/foxglove/mcap/go/mcap"
	"github.com/google/go-cmp/cmp"
)

func TestWriter_RoundTrip(t *testing.T) {
	for name, opts := range map[string]*WriterOptions{"defaults": nil, "many small chunks": {ChunkSize: 300}} {
		t.Run(name, func(t *testing.T) {
			var file bytes.Buffer
			w, err := NewWriter(&file, opts)
			if err != nil {
				t.Fatal(err)
			}
			want := writeVariety(t, w, 20)
			w.AddMetadata("figures", map[string]string{"a": "1"})
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if w.Size() != int64(file.Len()) {
				t.Errorf("Size says %d, the file has %d bytes", w.Size(), file.Len())
			}
			got, errs := readAllOf(t, file.Bytes(), nil)
			if diff := cmp.Diff(want, got); diff != "" || errs != nil {
				t.Errorf("our reader: %v\n%s", errs, diff)
			}
			if diff := cmp.Diff(want, byLibrary(t, file.Bytes())); diff != "" {
				t.Errorf("the mcap library: %s", diff)
			}
		})
	}
}

func TestWriter_Index(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, &WriterOptions{ChunkSize: 300})
	if err != nil {
		t.Fatal(err)
	}
	want := writeVariety(t, w, 20)
	w.AddMetadata("figures", map[string]string{"a": "1"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := mcap.NewReader(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	info, err := r.Info()
	if err != nil {
		t.Fatal(err)
	}
	s := info.Statistics
	if s.MessageCount != uint64(len(want)) || s.ChannelCount != uint32(len(variety)) || s.MetadataCount != 1 {
		t.Errorf("statistics: %+v", s)
	}
	if s.MessageStartTime != want[0].LogTime || s.MessageEndTime != want[len(want)-1].LogTime {
		t.Errorf("from %d to %d, want %d to %d", s.MessageStartTime, s.MessageEndTime, want[0].LogTime, want[len(want)-1].LogTime)
	}
	for topic, n := range info.ChannelCounts() {
		if n != 20 {
			t.Errorf("%s: %d messages", topic, n)
		}
	}
	if len(info.ChunkIndexes) < 10 {
		t.Errorf("only %d chunks", len(info.ChunkIndexes))
	}
	// By index, so that every offset of it is used.
	it, err := r.Messages(mcap.UsingIndex(true), mcap.InOrder(mcap.LogTimeOrder))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var m mcap.Message
	for {
		if _, _, _, err := it.NextInto(&m); err != nil {
			break
		}
		got = append(got, string(m.Data))
	}
	if !slices.EqualFunc(want, got, func(l line, d string) bool { return l.Data == d }) {
		t.Errorf("the index leads to other messages than were written")
	}
}

func TestWriter_NoMessages(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AddChannel(variety[2]); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if lines, errs := readAllOf(t, file.Bytes(), nil); len(lines) != 0 || errs != nil {
		t.Errorf("got %v, %v", lines, errs)
	}
}

func TestWriter_LargeMessageIsOneChunk(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, &WriterOptions{ChunkSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	ch, _ := w.AddChannel(variety[0])
	for _, n := range []int{10, 5000, 10} {
		if err := w.Write(&Message{Channel: ch, Data: bytes.Repeat([]byte("x"), n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if chunks := recordsOf(t, file.Bytes(), mcap.OpChunk); len(chunks) != 3 {
		t.Errorf("%d chunks, want one for each of the three messages", len(chunks))
	}
}

// A sharedBuffer is a file that may be looked at while it is written.
type sharedBuffer struct {
	mu sync.Mutex
	b  []byte
}

func (s *sharedBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.b = append(s.b, p...)
	return len(p), nil
}

func (s *sharedBuffer) content() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.b)
}

func TestWriter_ChunkAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var file sharedBuffer
		w, err := NewWriter(&file, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		ch, _ := w.AddChannel(variety[0])
		for round := 1; round <= 3; round++ {
			if err := w.Write(&Message{Channel: ch, Data: []byte("alone")}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
			synctest.Wait()
			if lines, _ := readAllOf(t, file.content(), nil); len(lines) != round-1 {
				t.Fatalf("round %d: %d messages in the file before their chunk was old", round, len(lines))
			}
			time.Sleep(300 * time.Millisecond)
			synctest.Wait()
			lines, errs := readAllOf(t, file.content(), nil)
			if len(lines) != round {
				t.Fatalf("round %d: %d messages in the file", round, len(lines))
			}
			var truncated *TruncatedError
			if len(errs) != 1 || !errors.As(errs[0], &truncated) {
				t.Fatalf("an unfinished file reads %v", errs)
			}
		}
	})
}

// A smallDisk takes so many bytes.
type smallDisk struct {
	*os.File
	left int
}

func (d *smallDisk) Write(p []byte) (int, error) {
	n, err := d.File.Write(p[:min(len(p), d.left)])
	d.left -= n
	if err == nil && n < len(p) {
		err = &os.PathError{Op: "write", Path: d.Name(), Err: syscall.ENOSPC}
	}
	return n, err
}

func TestWriter_FullDisk(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f.mcap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(&smallDisk{f, 5000}, &WriterOptions{ChunkSize: 500})
	if err != nil {
		t.Fatal(err)
	}
	ch, _ := w.AddChannel(variety[0])
	var failed error
	for i := 0; failed == nil; i++ {
		failed = w.Write(&Message{Channel: ch, Sequence: uint32(i), Data: []byte("a message")})
	}
	if err := w.Close(); err != failed {
		t.Errorf("Write failed with %v, Close with %v", failed, err)
	}
	var e *WriteError
	if !errors.As(failed, &e) || !errors.Is(failed, syscall.ENOSPC) {
		t.Fatalf("got %v", failed)
	}
	content, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines, errs := readAllOf(t, content, nil)
	if uint64(len(lines)) != e.Messages || len(lines) == 0 || int64(len(content)) != e.Offset {
		t.Errorf("%d messages in %d bytes, the error says %d in %d", len(lines), len(content), e.Messages, e.Offset)
	}
	for i, l := range lines {
		if l.Sequence != uint32(i) {
			t.Fatalf("message %d is number %d", i, l.Sequence)
		}
	}
	var truncated *TruncatedError
	if len(errs) != 1 || !errors.As(errs[0], &truncated) {
		t.Errorf("the file reads %v", errs)
	}
}

func TestNewWriter_FullDisk(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f.mcap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := NewWriter(&smallDisk{f, 3}, nil); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
}

func TestWriter_ConcurrentWrite(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, &WriterOptions{ChunkSize: 500, Queue: 1000})
	if err != nil {
		t.Fatal(err)
	}
	const each = 500
	var wg sync.WaitGroup
	for _, c := range variety {
		wg.Go(func() {
			ch, err := w.AddChannel(c)
			if err != nil {
				t.Error(err)
				return
			}
			for i := range each {
				if err := w.Write(&Message{Channel: ch, Sequence: uint32(i)}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(w.Flush(), w.Close()); err != nil {
		t.Fatal(err)
	}
	lines, errs := readAllOf(t, file.Bytes(), nil)
	next := map[string]uint32{}
	for _, l := range lines {
		if l.Sequence != next[l.Topic] {
			t.Fatalf("%s: %d after %d", l.Topic, l.Sequence, next[l.Topic])
		}
		next[l.Topic]++
	}
	if len(lines) != each*len(variety) || errs != nil {
		t.Errorf("%d messages, %v", len(lines), errs)
	}
}

func TestWriter_Closed(t *testing.T) {
	var file bytes.Buffer
	w, err := NewWriter(&file, nil)
	if err != nil {
		t.Fatal(err)
	}
	ch, _ := w.AddChannel(variety[0])
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&Message{Channel: ch}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestWriter_Checksums(t *testing.T) {
	file, _ := written(t)
	data := bytes.LastIndex(file, []byte{byte(mcap.OpDataEnd), 4, 0, 0, 0, 0, 0, 0, 0})
	if want := crc32.ChecksumIEEE(file[:data]); binary.LittleEndian.Uint32(file[data+9:]) != want {
		t.Errorf("data section: %x, want %x", file[data+9:data+13], want)
	}
	crc := len(file) - len(mcap.Magic) - 4
	if want := crc32.ChecksumIEEE(file[data+13 : crc]); binary.LittleEndian.Uint32(file[crc:]) != want {
		t.Errorf("summary: %x, want %x", file[crc:crc+4], want)
	}
}
