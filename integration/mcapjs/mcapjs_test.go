// Package mcapjs holds tests: what shmbus records is read by the MCAP project's own JavaScript library, and ROS 2 messages are read and
// written by Foxglove's. They need node, and `npm ci` in this folder.
package mcapjs

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// figures are what both sides work out from the same file.
type figures struct {
	Messages int                    `json:"messages"`
	Hash     string                 `json:"hash"` // over topic and payload of every message, by log time
	Topics   map[string]topicFigure `json:"topics"`
}

type topicFigure struct {
	Messages     int               `json:"messages"`
	Hash         string            `json:"hash"`
	LastSequence uint32            `json:"lastSequence"`
	Metadata     map[string]string `json:"metadata"`
	Type         typeFigure        `json:"type"`
}

type typeFigure struct {
	Encoding       string `json:"encoding"`
	Name           string `json:"name"`
	SchemaEncoding string `json:"schemaEncoding"`
	Schema         []byte `json:"schema"`
}

type report struct {
	Stream struct {
		figures
		Kinds map[string]int `json:"kinds"`
	} `json:"stream"`
	Index struct {
		figures
		Metadata         map[string]map[string]string `json:"metadata"`
		Attachments      map[string]string            `json:"attachments"`
		AttachmentsError string                       `json:"attachmentsError"`
		Chunks           int                          `json:"chunks"`
		Statistics       struct {
			Messages int    `json:"messages"`
			Channels int    `json:"channels"`
			Schemas  int    `json:"schemas"`
			Chunks   int    `json:"chunks"`
			Start    string `json:"start"`
			End      string `json:"end"`
		} `json:"statistics"`
	} `json:"index"`
}

// missing skips the test, or fails it where everything has to be there.
func missing(t *testing.T, how string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(how)
	}
	t.Skip(how)
}

// check runs the JavaScript side.
func check(t *testing.T, path string) report {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "install Node.js (20 or newer) and run `npm ci` in integration/mcapjs to run this test")
	}
	if _, err := os.Stat("node_modules/@mcap/core"); err != nil {
		missing(t, "run `npm ci` in integration/mcapjs to run this test")
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), node, "check.mjs", path)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, stdout.String())
	}
	return r
}

var channels = []mcapfile.Channel{
	{Topic: "raw", Encoding: "raw"},
	{Topic: "text", Encoding: "string", SchemaName: "string"},
	{Topic: "/robot/pose", Encoding: "msgpack", SchemaName: "robot.Pose", Metadata: map[string]string{"shmbus.publisher": "1/2", "shmbus.unit": "drive"}},
	{Topic: "cbor/x", Encoding: "cbor", SchemaName: "robot.Pose"},
	{Topic: "json", Encoding: "json", SchemaName: "Event", SchemaEncoding: "jsonschema", Schema: []byte(`{"type":"object"}`)},
	{Topic: "proto", Encoding: "protobuf", SchemaName: "a.B", SchemaEncoding: "protobuf", Schema: []byte{10, 0, 255}},
	{Topic: "/ros", Encoding: "cdr", SchemaName: "std_msgs/msg/String", SchemaEncoding: "ros2msg", Schema: []byte("string data")},
	{Topic: "no encoding", Encoding: ""},
	{Topic: "a schema and no name", Encoding: "x", Schema: []byte("text")},
}

func TestRecordings_ReadByTheMCAPLibrary(t *testing.T) {
	for name, opts := range map[string]*mcapfile.WriterOptions{"one chunk": nil, "many chunks": {ChunkSize: 2000}} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "ours.mcap")
			want, first, last := write(t, path, opts)
			r := check(t, path)
			if diff := cmp.Diff(want, r.Stream.figures); diff != "" {
				t.Errorf("as a stream: %s", diff)
			}
			if diff := cmp.Diff(want, r.Index.figures); diff != "" {
				t.Errorf("by the index: %s", diff)
			}
			s := r.Index.Statistics
			if s.Messages != want.Messages || s.Channels != len(channels) || s.Chunks != r.Index.Chunks || s.Chunks != r.Stream.Kinds["ChunkIndex"] ||
				s.Start != strconv.FormatUint(first, 10) || s.End != strconv.FormatUint(last, 10) {
				t.Errorf("statistics: %+v, %d chunks indexed, records %v; want %d messages from %d to %d", s, r.Index.Chunks, r.Stream.Kinds, want.Messages, first, last)
			}
			if (opts != nil) != (s.Chunks > 10) {
				t.Errorf("%d chunks", s.Chunks)
			}
			if diff := cmp.Diff(map[string]map[string]string{"shmrec.stats": {"lost": "0"}}, r.Index.Metadata); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// write makes a recording and returns what is in it and its first and last log time.
func write(t *testing.T, path string, opts *mcapfile.WriterOptions) (figures, uint64, uint64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := mcapfile.NewWriter(f, opts)
	if err != nil {
		t.Fatal(err)
	}
	want := figures{Topics: make(map[string]topicFigure)}
	all := sha256.New()
	const first, rounds = 1_700_000_000_000_000_000, 100
	at := uint64(first)
	sums := make([][]byte, len(channels))
	var added []*mcapfile.Channel
	for _, c := range channels {
		ch, err := w.AddChannel(c)
		if err != nil {
			t.Fatal(err)
		}
		added = append(added, ch)
	}
	for i := range rounds {
		for j, ch := range added {
			data := bytes.Repeat(fmt.Appendf(nil, "message %d on %d;", i, j), i%7)
			at++
			if err := w.Write(&mcapfile.Message{Channel: ch, Sequence: uint32(i + 1), LogTime: at, PublishTime: at - 1, Data: data}); err != nil {
				t.Fatal(err)
			}
			sums[j] = append(sums[j], data...)
			fmt.Fprintf(all, "%s%s", ch.Topic, data)
		}
	}
	w.AddMetadata("shmrec.stats", map[string]string{"lost": "0"})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for j, c := range channels {
		metadata, schema := c.Metadata, c.Schema
		if metadata == nil {
			metadata = map[string]string{}
		}
		if schema == nil {
			schema = []byte{}
		}
		want.Topics[c.Topic] = topicFigure{
			Messages: rounds, Hash: fmt.Sprintf("%x", sha256.Sum256(sums[j])), LastSequence: rounds, Metadata: metadata,
			Type: typeFigure{c.Encoding, c.SchemaName, c.SchemaEncoding, schema},
		}
	}
	want.Messages, want.Hash = rounds*len(channels), fmt.Sprintf("%x", all.Sum(nil))
	return want, first + 1, at
}
