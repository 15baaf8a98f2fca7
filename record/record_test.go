package record

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// domain makes a domain of its own for a test.
func domain(t testing.TB) *topic.Options {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return &topic.Options{Dir: dir, Domain: "d"}
}

func join(t testing.TB, o *topic.Options) *topic.Participant {
	t.Helper()
	p, err := topic.Join(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// A recording is a Record that runs.
type recording struct {
	t       testing.TB
	cancel  context.CancelFunc
	ended   chan struct{}
	summary Summary
	err     error
}

// start records to path and returns when everything published from now on is recorded.
func start(t testing.TB, p *topic.Participant, path string, o RecordOptions) *recording {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &recording{t: t, cancel: cancel, ended: make(chan struct{})}
	started := make(chan struct{})
	o.Started = func() { close(started) }
	go func() {
		defer close(r.ended)
		r.summary, r.err = Record(ctx, p, path, &o)
	}()
	select {
	case <-started:
	case <-r.ended:
		t.Fatal(r.err)
	}
	return r
}

// stop ends the recording.
func (r *recording) stop() Summary {
	r.t.Helper()
	r.cancel()
	<-r.ended
	if r.err != nil {
		r.t.Fatal(r.err)
	}
	return r.summary
}

// A spec is a message to be put into a file.
type spec struct {
	channel int
	log     uint64
	publish uint64 // 0 = log
	data    string
}

var channels = []mcapfile.Channel{
	{Topic: "a", Encoding: "json", SchemaName: "T"},
	{Topic: "b", Encoding: "raw"},
	{Topic: "a", Encoding: "json", SchemaName: "T"}, // another publisher of a
	{Topic: "a", Encoding: "cbor", SchemaName: "T"}, // and one of another type
	{Topic: "a", Encoding: "json", SchemaName: "T", SchemaEncoding: "jsonschema", Schema: []byte("{}")},
	{Topic: "no encoding"},
}

// file writes a recording by hand.
func file(t testing.TB, messages ...spec) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.mcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := mcapfile.NewWriter(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	open := map[int]*mcapfile.Channel{}
	count := map[int]uint32{}
	for _, m := range messages {
		if open[m.channel] == nil {
			if open[m.channel], err = w.AddChannel(channels[m.channel]); err != nil {
				t.Fatal(err)
			}
		}
		if m.publish == 0 {
			m.publish = m.log
		}
		count[m.channel]++
		err := w.Write(&mcapfile.Message{
			Channel: open[m.channel], Sequence: count[m.channel], LogTime: m.log, PublishTime: m.publish, Data: []byte(m.data),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// cut shortens a file.
func cut(t testing.TB, path string, by int64) string {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()-by); err != nil {
		t.Fatal(err)
	}
	return path
}

const second = uint64(time.Second)
