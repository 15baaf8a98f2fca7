package mcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// numbers is a Range for tests.
type numbers struct {
	stream string
	own    uint64 // of sequence 0
}

func (n *numbers) Metadata(from uint32, passed uint64) (name, key, value string) {
	return "ranges", fmt.Sprintf("%s:%d", n.stream, from), fmt.Sprintf("own %d, passed %d", n.Number(from), passed)
}

func (n *numbers) Unknown(from uint32) (name, key, value string) {
	return "ranges", fmt.Sprintf("%s:%d", n.stream, from), "unknown"
}

func (n *numbers) Number(sequence uint32) uint64 { return n.own + uint64(sequence) }

// A partWriter is a Writer whose parts are in memory.
type partWriter struct {
	*Writer
	t     *testing.T
	parts []*bytes.Buffer
	ended chan error
}

func newPartWriter(t *testing.T, o WriterOptions) *partWriter {
	t.Helper()
	w, err := NewWriter(nil, &o)
	if err != nil {
		t.Fatal(err)
	}
	return &partWriter{Writer: w, t: t, ended: make(chan error, 10)}
}

func (p *partWriter) begin(logTime uint64) {
	b := new(bytes.Buffer)
	p.parts = append(p.parts, b)
	p.Begin(&Part{Dst: b, LogTime: logTime, Ending: func() []Metadata { return []Metadata{{Name: "end"}} }, Done: func(err error) { p.ended <- err }, Metadata: []Metadata{{Name: "part", Values: map[string]string{"number": fmt.Sprint(len(p.parts))}}}})
}

func (p *partWriter) end() {
	p.End()
}

func (p *partWriter) channel(topic string) *Channel {
	p.t.Helper()
	ch, err := p.AddChannel(Channel{Topic: topic, SchemaName: "T", SchemaEncoding: "jsonschema", Schema: []byte("{}")})
	if err != nil {
		p.t.Fatal(err)
	}
	return ch
}

func (p *partWriter) put(ch *Channel, sequence int, x Extra) {
	p.t.Helper()
	m := Message{Channel: ch, Sequence: uint32(sequence), LogTime: uint64(sequence), PublishTime: uint64(sequence), Data: fmt.Appendf(nil, "%s %d", ch.Topic, sequence)}
	if err := p.WriteWith(&m, &x); err != nil {
		p.t.Fatal(err)
	}
}

// texts returns the messages of a part, and whether the part is closed.
func (p *partWriter) texts(part int) (texts []string, closed bool) {
	p.t.Helper()
	r, err := NewReader(bytes.NewReader(p.parts[part].Bytes()), int64(p.parts[part].Len()), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	var m Message
	for {
		err := r.Next(&m)
		if err != nil {
			break
		}
		texts = append(texts, fmt.Sprintf("%s@%d", m.Data, m.LogTime))
	}
	return texts, r.Stats().Closed
}

func (p *partWriter) metadata(part int, name string) map[string]string {
	p.t.Helper()
	r, err := NewReader(bytes.NewReader(p.parts[part].Bytes()), int64(p.parts[part].Len()), nil)
	if err != nil {
		p.t.Fatal(err)
	}
	var m Message
	for r.Next(&m) == nil {
	}
	all := make(map[string]string)
	for _, m := range r.Metadata() {
		if m.Name == name {
			for k, v := range m.Values {
				all[k] = v
			}
		}
	}
	return all
}

func TestWriter_EachPartIsComplete(t *testing.T) {
	w := newPartWriter(t, WriterOptions{Repeat: true, ChunkSize: 100})
	w.begin(0)
	state, pose, gone := w.channel("state"), w.channel("pose"), w.channel("gone")
	s, p, g := &numbers{"s", 10}, &numbers{"p", 20}, &numbers{"g", 30}
	w.put(state, 1, Extra{Range: s, Latched: "state"})
	w.put(gone, 1, Extra{Range: g, Latched: "gone"})
	w.put(pose, 2, Extra{Range: p})
	w.put(state, 3, Extra{Range: s, Latched: "state"})
	w.EndLatched("gone")
	w.end()
	w.begin(4)
	w.put(pose, 5, Extra{Range: p})
	w.put(state, 7, Extra{Range: s, Latched: "state"}) // 4, 5 and 6 went elsewhere
	w.put(state, 8, Extra{Range: s, Latched: "state"})
	w.end()
	w.begin(9)
	w.end()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := <-w.ended; err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"state 1@1, gone 1@1, pose 2@2, state 3@3", "state 3@4, pose 5@5, state 7@7, state 8@8", "state 8@9"} {
		texts, closed := w.texts(i)
		if got := strings.Join(texts, ", "); got != want || !closed {
			t.Errorf("part %d: %s, closed %v; want %s", i+1, got, closed, want)
		}
		if lines, errs := readAllOf(t, w.parts[i].Bytes(), nil); errs != nil || len(byLibrary(t, w.parts[i].Bytes())) != len(lines) {
			t.Errorf("part %d: %v", i+1, errs)
		}
		if got := w.metadata(i, "part")["number"]; got != fmt.Sprint(i+1) {
			t.Errorf("part %d: it has the number %q", i+1, got)
		}
	}
	want := map[string]string{"s:3": "own 13, passed 0", "s:7": "own 17, passed 3", "p:5": "own 25, passed 0"}
	if got := w.metadata(1, "ranges"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("ranges of the second part: %v, want %v", got, want)
	}
}

func TestWriter_HeldMessagesGoToTheNextPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPartWriter(t, WriterOptions{Repeat: true})
		defer w.Close()
		w.Hold(2*time.Second, 1<<20)
		state, pose := w.channel("state"), w.channel("pose")
		s, p := &numbers{"s", 0}, &numbers{"p", 0}
		w.put(state, 1, Extra{Range: s, Latched: "state"})
		for i := range 100 {
			w.put(pose, 100+i, Extra{Range: p})
			time.Sleep(100 * time.Millisecond)
		}
		if len(w.parts) > 0 {
			t.Fatal("a part began")
		}
		w.begin(1000)
		w.put(pose, 200, Extra{Range: p})
		w.end()
		w.Hold(2*time.Second, 1<<20)
		w.put(pose, 201, Extra{Range: p})
		if err := <-w.ended; err != nil {
			t.Fatal(err)
		}
		texts, _ := w.texts(0)
		// At least 2 s before the beginning, and at most the age of a chunk more.
		if n := len(texts); n < 1+20+1 || n > 1+26+1 || texts[0] != strings.Replace(texts[1], "pose "+strings.Split(texts[1][5:], "@")[0], "state 1", 1) || texts[n-1] != "pose 200@200" {
			t.Errorf("%d messages: %v", n, texts)
		}
	})
}

func TestWriter_HoldIsBounded(t *testing.T) {
	w := newPartWriter(t, WriterOptions{ChunkSize: 1000})
	defer w.Close()
	w.Hold(time.Hour, 10_000)
	pose := w.channel("pose")
	for i := range 10_000 {
		w.put(pose, i, Extra{})
		if queued, held := w.Waiting(); queued != 0 || held > 10_000 {
			t.Fatalf("%d bytes wait, %d are held", queued, held)
		}
	}
	w.begin(0)
	w.end()
	if err := <-w.ended; err != nil {
		t.Fatal(err)
	}
	texts, _ := w.texts(0)
	if n := len(texts); n < 50 || texts[n-1] != "pose 9999@9999" || texts[0] != fmt.Sprintf("pose %d@%[1]d", 10_000-n) {
		t.Errorf("%d messages from %s to %s", n, texts[0], texts[n-1])
	}
	for _, c := range w.Counts() {
		if c.Dropped != 0 || c.Written != uint64(len(texts)) {
			t.Errorf("%+v", c)
		}
	}
}

// A slowDisk takes nothing until it is released.
type slowDisk struct {
	bytes.Buffer
	writing chan struct{} // receives once
	release chan struct{}
	begun   bool
}

func (d *slowDisk) Write(b []byte) (int, error) {
	if d.release != nil && len(b) > 100 {
		if !d.begun {
			d.begun = true
			close(d.writing)
		}
		<-d.release
	}
	return d.Buffer.Write(b)
}

func TestWriter_Overflow(t *testing.T) {
	for overflow, want := range map[Overflow]struct{ first, last int }{DropNewest: {0, -1}, DropOldest: {-1, 999}} {
		t.Run(string(overflow), func(t *testing.T) {
			disk := &slowDisk{writing: make(chan struct{}), release: make(chan struct{})}
			w, err := NewWriter(disk, &WriterOptions{ChunkSize: 1000, Queue: 20_000, Overflow: overflow, Compression: Uncompressed})
			if err != nil {
				t.Fatal(err)
			}
			a, _ := w.AddChannel(Channel{Topic: "a"})
			b, _ := w.AddChannel(Channel{Topic: "b"})
			for i := range 1000 {
				for _, ch := range []*Channel{a, b} {
					if err := w.Write(&Message{Channel: ch, Sequence: uint32(i), LogTime: uint64(i), Data: make([]byte, 50)}); err != nil {
						t.Fatal(err)
					}
				}
			}
			<-disk.writing
			close(disk.release)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			lines, errs := readAllOf(t, disk.Bytes(), nil)
			if errs != nil || len(lines) == 2000 || len(lines) < 50 {
				t.Fatalf("%d messages, %v", len(lines), errs)
			}
			got := make(map[string]uint64)
			var sequences []int
			for _, l := range lines {
				got[l.Topic]++
				sequences = append(sequences, int(l.Sequence))
			}
			if !slices.IsSorted(sequences) {
				t.Error("the order is wrong")
			}
			for i, c := range w.Counts() {
				topic := []string{"a", "b"}[i]
				if c.Written != got[topic] || c.Written+c.Dropped != 1000 {
					t.Errorf("%s: %d in the file, the counts are %+v", topic, got[topic], c)
				}
			}
			if want.first >= 0 && sequences[0] != want.first || want.last >= 0 && sequences[len(sequences)-1] != want.last {
				t.Errorf("from %d to %d", sequences[0], sequences[len(sequences)-1])
			}
		})
	}
}

func TestWriter_Compressions(t *testing.T) {
	checkCompression(t, WriterOptions{}, WriterOptions{Compression: LZ4}, WriterOptions{Compression: Uncompressed}, WriterOptions{Goroutines: 4})
}

// Only the compressor takes longer than at the usual levels.
func TestWriter_SmallestFiles(t *testing.T) {
	checkCompression(t, WriterOptions{Level: 19}, WriterOptions{Compression: LZ4, Level: 9})
}

func checkCompression(t *testing.T, options ...WriterOptions) {
	t.Helper()
	text := bytes.Repeat([]byte("robot "), 50_000)
	for _, o := range options {
		t.Run(fmt.Sprint(o.Compression, o.Level, o.Goroutines), func(t *testing.T) {
			var file bytes.Buffer
			w, err := NewWriter(&file, &o)
			if err != nil {
				t.Fatal(err)
			}
			ch, _ := w.AddChannel(Channel{Topic: "a"})
			noise := payload(2 << 20)[:1<<20]
			for i := range 40 {
				data := text
				if i%2 == 1 {
					data = noise
				}
				if err := w.Write(&Message{Channel: ch, Sequence: uint32(i), LogTime: uint64(i), Data: data}); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := NewReader(bytes.NewReader(file.Bytes()), int64(file.Len()), nil)
			if err != nil {
				t.Fatal(err)
			}
			var m Message
			for i := range 40 {
				if err := r.Next(&m); err != nil || m.Sequence != uint32(i) || i%2 == 0 && !bytes.Equal(m.Data, text) || i%2 == 1 && !bytes.Equal(m.Data, noise) {
					t.Fatalf("message %d: %d, %v", i, m.Sequence, err)
				}
			}
			name := o.Compression.mcapName()
			if o.Compression == "" {
				name = "zstd"
			}
			stored := r.Stats().Chunks[""]
			if name == "" {
				if stored.Chunks != 40 {
					t.Errorf("%+v", r.Stats().Chunks)
				}
				return
			}
			if c := r.Stats().Chunks[name]; c.Chunks != 20 || c.Compressed > c.Uncompressed/10 || stored.Chunks != 20 {
				t.Errorf("%+v", r.Stats().Chunks)
			}
		})
	}
}

// A countingCompressor counts the bytes that it is given.
type countingCompressor struct{ bytes int }

func (c *countingCompressor) compress(dst, src []byte) ([]byte, error) {
	c.bytes += len(src)
	return append(dst, src...), nil
}

func TestChunk_WhatDoesNotCompressIsNotCompressed(t *testing.T) {
	c := newChunk()
	c.records = payload(2 << 20)[:1<<20]
	var with countingCompressor
	if _, err := c.pack(&with, nil); err != nil || c.packed != nil || with.bytes > len(c.records)/10 {
		t.Errorf("%d bytes of %d were compressed, %v", with.bytes, len(c.records), err)
	}
}

func TestNewWriter_WrongOptions(t *testing.T) {
	for want, o := range map[string]WriterOptions{
		"there are zstd, lz4 and none":      {Compression: "gzip"},
		"from 1 (fastest) to 22 (smallest)": {Level: 23},
		"from 1 (fastest) to 10 (smallest)": {Compression: LZ4, Level: -1},
		"which has none; leave it out":      {Compression: Uncompressed, Level: 1},
		"there are newest, oldest and wait": {Overflow: "both"},
	} {
		if _, err := NewWriter(nil, &o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// A reservingDisk refuses to reserve more than its size, and a write to what was not reserved.
type reservingDisk struct {
	*os.File
	t        *testing.T
	limit    int64
	reserved int64
	written  int64
}

func (d *reservingDisk) Reserve(size int64) error {
	if size > d.limit {
		return syscall.ENOSPC
	}
	d.reserved = max(d.reserved, size)
	return nil
}

func (d *reservingDisk) Write(b []byte) (int, error) {
	d.written += int64(len(b))
	if d.reserved > 0 && d.written > d.reserved {
		d.t.Errorf("%d bytes were written, %d were reserved", d.written, d.reserved)
	}
	return d.File.Write(b)
}

func TestWriter_FileOnAFullDiskIsClosed(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f.mcap"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(&reservingDisk{File: f, t: t, limit: 300_000}, &WriterOptions{ChunkSize: 500})
	if err != nil {
		t.Fatal(err)
	}
	var all []*Channel
	for i := range 100 {
		ch, err := w.AddChannel(Channel{Topic: fmt.Sprint("topic ", i), SchemaName: fmt.Sprint(i), Schema: make([]byte, 100)})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ch)
	}
	var failed error
	taken := 0
	for ; failed == nil; taken++ {
		failed = w.Write(&Message{Channel: all[taken%100], Sequence: uint32(taken), LogTime: uint64(taken), Data: []byte("a message")})
	}
	w.AddMetadata("end", map[string]string{"key": strings.Repeat("x", 60_000)})
	if err := w.Close(); err != failed || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("Write failed with %v, Close with %v", failed, err)
	}
	content, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	lines, errs := readAllOf(t, content, nil)
	var e *WriteError
	if !errors.As(failed, &e) || uint64(len(lines)) != e.Messages || len(lines) < 100 || errs != nil {
		t.Errorf("%d messages, %v; the error is %v", len(lines), errs, failed)
	}
	if got := byLibrary(t, content); len(got) != len(lines) {
		t.Errorf("the library reads %d messages of %d", len(got), len(lines))
	}
	var counted ChannelCount
	for _, c := range w.Counts() {
		counted.Written += c.Written
		counted.Dropped += c.Dropped
	}
	if counted.Written != e.Messages || counted.Dropped == 0 {
		t.Errorf("%+v", counted)
	}
}

func TestWriter_RangesBeyondTheBudget(t *testing.T) {
	w := newPartWriter(t, WriterOptions{RangeLimit: 200})
	w.begin(0)
	ch := w.channel("a")
	for i := range 100 {
		w.put(ch, i, Extra{Range: &numbers{"a", uint64(1000 * i)}})
	}
	w.end()
	if err := errors.Join(w.Close(), <-w.ended); err != nil {
		t.Fatal(err)
	}
	got := w.metadata(0, "ranges")
	unknown := 0
	for _, v := range got {
		if v == "unknown" {
			unknown++
		}
	}
	if len(got) < 5 || len(got) > 15 || unknown != 1 {
		t.Errorf("%v", got)
	}
}

func TestWriter_PartsOfALimitedSize(t *testing.T) {
	w := newPartWriter(t, WriterOptions{ChunkSize: 1000, Repeat: true, Compression: Uncompressed})
	ch := w.channel("a")
	const limit = leastTail + 20_000
	part := func() *Part {
		b := new(bytes.Buffer)
		w.parts = append(w.parts, b)
		return &Part{Dst: b, LogTime: 1 << 60, Limit: limit, Done: func(err error) { w.ended <- err }}
	}
	first := part()
	first.Next = func() (*Part, error) {
		next := part()
		next.Next = first.Next
		return next, nil
	}
	w.ended = make(chan error, 1000)
	w.Begin(first)
	const n = 3000
	for i := range n {
		w.put(ch, i, Extra{Latched: "source"})
	}
	w.End()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if len(w.parts) < 5 || len(w.ended) != len(w.parts) {
		t.Errorf("%d parts, %d complete", len(w.parts), len(w.ended))
	}
	total := 0
	for i, b := range w.parts {
		texts, closed := w.texts(i)
		if b.Len() > limit || !closed {
			t.Errorf("part %d: %d bytes, closed %v", i+1, b.Len(), closed)
		}
		if i > 0 {
			if want := fmt.Sprintf("a %d@%d", total-1, total); texts[0] != want {
				t.Errorf("part %d begins with %s, want %s", i+1, texts[0], want)
			}
			texts = texts[1:]
		}
		total += len(texts)
	}
	if total != n {
		t.Errorf("%d messages", total)
	}
}

// Of the metadata of dropped chunks, what applies to later messages stays, however much the rest is.
func TestWriter_HoldKeepsMetadataThatApplies(t *testing.T) {
	w := newPartWriter(t, WriterOptions{ChunkSize: 1000})
	defer w.Close()
	w.Hold(time.Hour, 10_000)
	pose := w.channel("pose")
	w.PutMetadata("m", "rare:1", "first")
	w.PutMetadata("m", "other", "plain")
	const messages = 2 * mostCarried / 1000
	for i := range messages {
		w.PutMetadata("m", fmt.Sprintf("often:%d", i), strings.Repeat("x", 1000))
		w.put(pose, i, Extra{})
	}
	w.begin(0)
	w.end()
	if err := <-w.ended; err != nil {
		t.Fatal(err)
	}
	texts, _ := w.texts(0)
	got := w.metadata(0, "m")
	if got["rare:1"] != "first" || got["other"] != "plain" || len(got) > len(texts)+3 {
		t.Errorf("%d values for %d messages, rare %q, other %q", len(got), len(texts), got["rare:1"], got["other"])
	}
	for i := messages - len(texts); i < messages; i++ {
		if got[fmt.Sprintf("often:%d", i)] == "" {
			t.Errorf("the value before message %d is missing", i)
		}
	}
}
