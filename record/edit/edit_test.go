package edit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/foxglove/mcap/go/mcap"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
)

// A line is a message with everything that is kept of it.
type line struct {
	Topic, Encoding, SchemaName, SchemaEncoding, Schema, Metadata string
	Sequence                                                      uint32
	LogTime, PublishTime                                          uint64
	Data                                                          string
}

// A document is everything in a recording.
type document struct {
	Profile     string
	Messages    []line
	Topics      []string // also without messages
	Metadata    []mcapfile.Metadata
	Attachments []string
}

func read(t testing.TB, path string) document {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, b)
}

func parse(t testing.TB, b []byte) document {
	t.Helper()
	f := bytes.NewReader(b)
	r, err := mcapfile.NewReader(f, f.Size(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var d document
	var m mcapfile.Message
	for {
		err := r.Next(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		c := m.Channel
		d.Messages = append(d.Messages, line{
			c.Topic, c.Encoding, c.SchemaName, c.SchemaEncoding, string(c.Schema), fmt.Sprint(c.Metadata), m.Sequence, m.LogTime, m.PublishTime, string(m.Data),
		})
	}
	for _, c := range r.Channels() {
		d.Topics = append(d.Topics, c.Topic+" "+c.SchemaName)
	}
	slices.Sort(d.Topics)
	for _, a := range r.Attachments() {
		b, err := io.ReadAll(a.Content(f))
		if err != nil {
			t.Fatal(err)
		}
		d.Attachments = append(d.Attachments, fmt.Sprintf("%s %s %d %d %q", a.Name, a.MediaType, a.LogTime, a.CreateTime, b))
	}
	d.Metadata, d.Profile = r.Metadata(), r.Stats().Profile
	report, err := mcapfile.Check(f, f.Size(), nil, nil)
	if err != nil || report.Errors > 0 && r.Stats().Library == "shmbus" {
		t.Errorf("%v, %+v", err, report)
	}
	return d
}

// A spec is a message of a test recording.
type spec struct {
	topic string
	at    uint64
	data  string
}

// foreign writes a recording with the library of the MCAP project.
func foreign(t testing.TB, opts *mcap.WriterOptions, messages ...spec) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.mcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := mcap.NewWriter(f, opts)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.WriteHeader(&mcap.Header{Profile: "ros2"}))
	must(w.WriteMetadata(&mcap.Metadata{Name: "first", Metadata: map[string]string{"a": "1", "b": ""}}))
	channels := make(map[string]uint16)
	declare := func(topic string) uint16 {
		id, ok := channels[topic]
		if !ok {
			id = uint16(len(channels) + 1)
			channels[topic] = id
			c := &mcap.Channel{ID: id, SchemaID: id, Topic: topic, MessageEncoding: "cdr", Metadata: map[string]string{}}
			if strings.HasPrefix(topic, "latched") {
				c.Metadata["offered_qos_profiles"] = "- durability: 1"
			}
			must(w.WriteSchema(&mcap.Schema{ID: id, Name: "T" + topic, Encoding: "ros2msg", Data: []byte("string " + topic)}))
			must(w.WriteChannel(c))
		}
		return id
	}
	for i, m := range messages {
		must(w.WriteMessage(&mcap.Message{
			ChannelID: declare(m.topic), Sequence: uint32(i + 1), LogTime: m.at, PublishTime: m.at - min(m.at, 1), Data: []byte(m.data),
		}))
	}
	declare("silent")
	must(w.WriteAttachment(&mcap.Attachment{Name: "map.yaml", MediaType: "text/yaml", LogTime: 7, CreateTime: 8, DataSize: 5, Data: strings.NewReader("a: 12")}))
	must(w.WriteMetadata(&mcap.Metadata{Name: "first", Metadata: map[string]string{"a": "2"}}))
	must(w.Close())
	return path
}

var chunked = &mcap.WriterOptions{Chunked: true, ChunkSize: 100, IncludeCRC: true, Compression: mcap.CompressionLZ4}

func rewrite(t testing.TB, opts *Options, from ...Source) (Result, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out.mcap")
	res, err := Rewrite(t.Context(), path, from, opts)
	if err != nil {
		t.Fatal(err)
	}
	return res, path
}

// all are the recordings of other tools, and one with everything in each form.
func all(t testing.TB) map[string]string {
	messages := []spec{{"a", 0, ""}, {"b", 5, "x"}, {"a", 3, "earlier"}, {"c", 9, strings.Repeat("long ", 100)}, {"b", 9, "y"}}
	files := map[string]string{
		"not chunked": foreign(t, &mcap.WriterOptions{}, messages...),
		"lz4":         foreign(t, chunked, messages...),
		"one chunk":   foreign(t, &mcap.WriterOptions{Chunked: true, Compression: mcap.CompressionZSTD}, messages...),
		"no messages": foreign(t, chunked),
	}
	paths, _ := filepath.Glob("../../../shared/data/*.mcap")
	if len(paths) == 0 && os.Getenv("CI") != "" {
		t.Fatal("../shared/data, beside the checkout, holds no recordings")
	}
	for _, p := range paths {
		files[filepath.Base(p)] = p
	}
	return files
}

func TestRewrite_KeepsEverything(t *testing.T) {
	for name, path := range all(t) {
		want := read(t, path)
		for _, o := range []Options{
			{}, {Compression: mcapfile.LZ4, ChunkSize: 300}, {Compression: mcapfile.Uncompressed}, {Compression: mcapfile.Zstd, Level: 9, ChunkSize: 1},
		} {
			res, out := rewrite(t, &o, Source{Path: path})
			if diff := gocmp.Diff(want, read(t, out)); diff != "" || res.Damage != nil {
				t.Errorf("%s as %s: %v %s", name, o.Compression, res.Damage, diff)
			}
			if int(res.Messages) != len(want.Messages) || int(res.Attachments) != len(want.Attachments) || int(res.Metadata) != len(want.Metadata) {
				t.Errorf("%s: %+v", name, res)
			}
		}
	}
}

func TestRewrite_SameInputMakesTheSameFile(t *testing.T) {
	in := foreign(t, chunked, spec{"a", 1, "x"}, spec{"b", 2, strings.Repeat("y", 5000)})
	_, a := rewrite(t, &Options{ChunkSize: 100}, Source{Path: in})
	_, b := rewrite(t, &Options{ChunkSize: 100}, Source{Path: in})
	x, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	if y, err := os.ReadFile(b); err != nil || !bytes.Equal(x, y) {
		t.Errorf("%d and %d bytes, %v", len(x), len(y), err)
	}
}

func topicsAndTimes(d document) (s []string) {
	for _, m := range d.Messages {
		s = append(s, fmt.Sprintf("%s@%d", m.Topic, m.LogTime))
	}
	return s
}

func TestRewrite_Selection(t *testing.T) {
	in := foreign(t, chunked, spec{"arm/a", 100, ""}, spec{"arm/b", 200, ""}, spec{"leg", 300, ""}, spec{"arm/a", 400, ""}, spec{"leg", 500, ""})
	re := regexp.MustCompile
	at := func(ns int64) time.Time { return time.Unix(0, ns) }
	for name, c := range map[string]struct {
		opts Options
		want string
	}{
		"topics":       {Options{Topics: re("^arm/")}, "arm/a@100 arm/b@200 arm/a@400"},
		"exclude":      {Options{Exclude: re("^arm/a")}, "arm/b@200 leg@300 leg@500"},
		"both":         {Options{Topics: re("arm"), Exclude: re("b$")}, "arm/a@100 arm/a@400"},
		"types":        {Options{Types: re("^Tleg$")}, "leg@300 leg@500"},
		"list":         {Options{List: []string{"leg", "arm/b", "none"}}, "arm/b@200 leg@300 leg@500"},
		"start":        {Options{Start: at(200)}, "arm/b@200 leg@300 arm/a@400 leg@500"},
		"end":          {Options{End: at(400)}, "arm/a@100 arm/b@200 leg@300"},
		"elapsed":      {Options{StartElapsed: 100, EndElapsed: 300}, "arm/b@200 leg@300"},
		"of a topic":   {Options{Topics: re("leg"), StartElapsed: 100}, "leg@500"},
		"any year":     {Options{Start: time.Date(1500, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, "arm/a@100 arm/b@200 leg@300 arm/a@400 leg@500"},
		"before 2610":  {Options{End: time.Date(2610, 4, 24, 8, 34, 30, 0, time.UTC)}, "arm/a@100 arm/b@200 leg@300 arm/a@400 leg@500"},
		"nothing left": {Options{Start: at(310), End: at(390)}, ""},
	} {
		res, out := rewrite(t, &c.opts, Source{Path: in})
		d := read(t, out)
		if got := strings.Join(topicsAndTimes(d), " "); got != c.want || int(res.Messages) != len(d.Messages) {
			t.Errorf("%s: %s, want %s; %+v", name, got, c.want, res)
		}
		if len(d.Metadata) != 2 || len(d.Attachments) != 1 {
			t.Errorf("%s: %d metadata records, %d attachments", name, len(d.Metadata), len(d.Attachments))
		}
	}
}

func TestRewrite_LatchedBeforeTheStart(t *testing.T) {
	in := foreign(t, chunked, spec{"latched", 100, "old"}, spec{"a", 150, ""}, spec{"latched", 200, "new"}, spec{"a", 300, ""}, spec{"latched", 400, ""})
	res, out := rewrite(t, &Options{Start: time.Unix(0, 250)}, Source{Path: in})
	d := read(t, out)
	if got := strings.Join(topicsAndTimes(d), " "); got != "latched@250 a@300 latched@400" || res.Latched != 1 || d.Messages[0].Data != "new" || d.Messages[0].PublishTime != 199 {
		t.Errorf("%s, %+v, %+v", got, res, d.Messages)
	}
	_, out = rewrite(t, &Options{Start: time.Unix(0, 250), NoLatched: true}, Source{Path: in})
	if got := strings.Join(topicsAndTimes(read(t, out)), " "); got != "a@300 latched@400" {
		t.Error(got)
	}
}

func TestRewrite_KeysBeforeTheStart(t *testing.T) {
	in := foreign(t, chunked, spec{"latched", 100, "a1"}, spec{"latched", 110, "b2"}, spec{"latched", 120, "a3"}, spec{"latched", 300, "a4"})
	o := Options{Start: time.Unix(0, 250), Key: func(topic string, _ serde.Type) func([]byte) string {
		if topic != "latched" {
			t.Errorf("asked for the keys of %q", topic)
		}
		return func(payload []byte) string { return string(payload[:1]) }
	}}
	res, out := rewrite(t, &o, Source{Path: in})
	var got []string
	for _, m := range read(t, out).Messages {
		got = append(got, m.Data)
	}
	if strings.Join(got, " ") != "b2 a3 a4" || res.Latched != 2 {
		t.Errorf("%q, %+v", got, res)
	}
}

func TestRewrite_Merge(t *testing.T) {
	a := foreign(t, chunked, spec{"a", 100, "1"}, spec{"b", 300, "2"}, spec{"a", 500, "3"})
	b := foreign(t, &mcap.WriterOptions{}, spec{"a", 200, "4"}, spec{"c", 300, "5"}, spec{"c", 50, "6"})
	late := foreign(t, chunked, spec{"a", 1000, "7"}, spec{"d", 1001, "8"})
	for name, c := range map[string]struct {
		from []Source
		want string
	}{
		"overlapping": {[]Source{{Path: a}, {Path: b}}, "c@50 a@100 a@200 b@300 c@300 a@500"},
		"offset":      {[]Source{{Path: a, Offset: -50}, {Path: b, Offset: 200}}, "a@50 b@250 c@250 a@400 a@450 c@500"},
		"one by one":  {[]Source{{Path: late}, {Path: a}}, "a@100 b@300 a@500 a@1000 d@1001"},
		"all":         {[]Source{{Path: late}, {Path: a}, {Path: b}}, "c@50 a@100 a@200 b@300 c@300 a@500 a@1000 d@1001"},
	} {
		_, out := rewrite(t, nil, c.from...)
		d := read(t, out)
		if got := strings.Join(topicsAndTimes(d), " "); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if n := len(slices.Compact(slices.Clone(d.Topics))); n != len(d.Topics) {
			t.Errorf("%s: channels %v", name, d.Topics)
		}
		// The records of the files are the same, and kept once.
		if len(d.Metadata) != 2 || len(d.Attachments) != 1 || d.Profile != "ros2" {
			t.Errorf("%s: %+v, %v, %q", name, d.Metadata, d.Attachments, d.Profile)
		}
	}
	var errs []Source
	for range 40 {
		errs = append(errs, Source{Path: a})
	}
	if _, err := RewriteTo(t.Context(), io.Discard, errs, nil); err == nil || !strings.Contains(err.Error(), "they need 321 MiB of memory, the limit is 256 MiB; allow more (--memory)") {
		t.Errorf("40 at once: %v", err)
	}
}

// A publish time of 0 says that there is none, which an offset does not change.
func TestRewrite_OffsetWithoutPublishTimes(t *testing.T) {
	in := foreign(t, chunked, spec{"latched", 0, "1"}, spec{"a", 300, "2"}) // published 1 ns earlier, but not before 1970
	_, out := rewrite(t, &Options{Start: time.Unix(0, 200)}, Source{in, 50})
	var got []uint64
	for _, m := range read(t, out).Messages {
		got = append(got, m.LogTime, m.PublishTime)
	}
	if !slices.Equal(got, []uint64{200, 0, 350, 349}) {
		t.Errorf("log and publish times %v", got)
	}
}

func TestRewrite_OffsetBefore1970(t *testing.T) {
	a := foreign(t, chunked, spec{"a", 300, "1"}, spec{"b", 100, "2"}) // published 1 ns earlier
	for name, from := range map[string][]Source{"one file": {{a, -100}}, "two files": {{Path: a}, {a, -100}}} {
		_, err := RewriteTo(t.Context(), io.Discard, from, nil)
		var offset *record.OffsetError
		if !errors.As(err, &offset) || *offset != (record.OffsetError{Path: a, Time: 99, Offset: -100}) ||
			!strings.Contains(err.Error(), "first message, of 1970-01-01T00:00:00.000000099Z, before 1970; give one of at least -99ns") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if _, out := rewrite(t, nil, Source{a, -99}); strings.Join(topicsAndTimes(read(t, out)), " ") != "a@201 b@1" {
		t.Errorf("the least offset: %v", topicsAndTimes(read(t, out)))
	}
}

// What the error says is the memory of the options, and suffices.
func TestRewrite_MemoryForALargeMessage(t *testing.T) {
	large := foreign(t, chunked, spec{"a", 1, strings.Repeat("x", 9<<20)})
	for _, from := range [][]Source{{{Path: large}}, {{Path: large}, {Path: foreign(t, chunked, spec{"a", 1, ""}, spec{"a", 2, ""})}}} {
		res, _ := rewrite(t, &Options{Memory: 64 << 20}, from...)
		var limit *mcapfile.MemoryLimitError
		if !errors.As(res.Damage, &limit) || limit.Limit != 64<<20 {
			t.Fatalf("%d files: %v", len(from), res.Damage)
		}
		if res, _ := rewrite(t, &Options{Memory: limit.Size}, from...); res.Damage != nil {
			t.Errorf("%d files, with what the error says: %v", len(from), res.Damage)
		}
	}
}

func TestRewrite_DirectoryOfParts(t *testing.T) {
	dir := t.TempDir()
	for i, path := range []string{foreign(t, chunked, spec{"a", 1, ""}, spec{"b", 5, ""}), foreign(t, chunked, spec{"b", 6, ""})} {
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("part%d.mcap", i)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, out := rewrite(t, nil, Source{Path: dir})
	if got := strings.Join(topicsAndTimes(read(t, out)), " "); got != "a@1 b@5 b@6" {
		t.Error(got)
	}
	if _, err := RewriteTo(t.Context(), io.Discard, []Source{{Path: t.TempDir()}}, nil); err == nil || !strings.Contains(err.Error(), "no file whose name ends in .mcap") {
		t.Errorf("an empty directory: %v", err)
	}
}

// isolated wants a directory to have no other file.
func isolated(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("the directory has %v, want %v", names, want)
	}
}

func TestRewrite_NeverReplaces(t *testing.T) {
	in := foreign(t, chunked, spec{"a", 1, ""})
	dir := t.TempDir()
	path := filepath.Join(dir, "there")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Rewrite(t.Context(), path, []Source{{Path: in}}, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if _, err := Rewrite(t.Context(), in, []Source{{Path: in}}, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("onto itself: %v", err)
	}
	// The file appears while another one is written.
	o, err := create(filepath.Join(dir, "late"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := o.finish(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("at the end: %v", err)
	}
	o.discard()
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	isolated(t, dir, "late", "there")
}

func TestRewrite_ErrorsLeaveNothing(t *testing.T) {
	in := foreign(t, chunked, spec{"a", 1, ""})
	dir := t.TempDir()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no recording"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended, stop := context.WithCancel(t.Context())
	stop()
	for name, c := range map[string]struct {
		ctx  context.Context
		from string
		opts Options
		want string
	}{
		"no recording":     {t.Context(), text, Options{}, "not an MCAP file"},
		"missing":          {t.Context(), text + "2", Options{}, "no such file"},
		"interrupted":      {ended, in, Options{}, "canceled"},
		"compression":      {t.Context(), in, Options{Compression: "rar"}, "there are zstd, lz4 and none"},
		"level":            {t.Context(), in, Options{Level: 23}, "from 1 (fastest) to 22"},
		"times":            {t.Context(), in, Options{StartElapsed: 2, EndElapsed: 2}, "the end must be after the start"},
		"chunk":            {t.Context(), in, Options{ChunkSize: -1}, "a chunk of -1 bytes"},
		"large chunk":      {t.Context(), in, Options{ChunkSize: 17 << 20, Memory: 64 << 20}, "more than a quarter of the memory of 67108864 bytes"},
		"end before times": {t.Context(), in, Options{End: time.Unix(-5, 0)}, "after 1970"},
	} {
		if _, err := Rewrite(c.ctx, filepath.Join(dir, "out"), []Source{{Path: c.from}}, &c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	isolated(t, dir)
}

func TestRewrite_DamagedFiles(t *testing.T) {
	in := foreign(t, &mcap.WriterOptions{Chunked: true, IncludeCRC: true}, spec{"a", 1, "one"}, spec{"a", 2, "two"}, spec{"a", 3, "three"})
	file, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.mcap")
	if err := os.WriteFile(cut, file[:bytes.Index(file, []byte("three"))], 0o600); err != nil {
		t.Fatal(err)
	}
	res, out := rewrite(t, nil, Source{Path: cut})
	var truncated *mcapfile.TruncatedError
	if got := strings.Join(topicsAndTimes(read(t, out)), " "); got != "a@1 a@2" || !errors.As(res.Damage, &truncated) || !strings.Contains(res.Damage.Error(), cut) {
		t.Errorf("%s, %v", got, res.Damage)
	}

	bad := slices.Clone(file)
	bad[bytes.Index(bad, []byte("a: 12"))] ^= 1
	if err := os.WriteFile(cut, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, from := range map[string][]Source{"alone": {{Path: cut}}, "merged": {{Path: cut}, {Path: in, Offset: 1}}} {
		res, out := rewrite(t, nil, from...)
		if d := read(t, out); len(d.Messages) != 3*len(from) || len(d.Attachments) != len(from)-1 || res.Damage == nil || !strings.Contains(res.Damage.Error(), "CRC is wrong") {
			t.Errorf("%s: %d messages, %v, %v", name, len(d.Messages), d.Attachments, res.Damage)
		}
	}
}

func TestRewrite_EveryFlippedByte(t *testing.T) {
	in := foreign(t, chunked, spec{"a", 1, "one"}, spec{"b", 2, "two"})
	file, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	want := read(t, in)
	path := filepath.Join(t.TempDir(), "bad.mcap")
	for at := range file {
		bad := slices.Clone(file)
		bad[at] ^= 0x41
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		res, err := RewriteTo(t.Context(), &out, []Source{{Path: path}}, nil)
		if err != nil {
			if at >= len(mcap.Magic) {
				t.Errorf("byte %d: %v", at, err)
			}
			continue
		}
		got := parse(t, out.Bytes())
		if res.Damage == nil {
			t.Errorf("byte %d: no damage", at)
		}
		for _, m := range got.Messages {
			if !slices.Contains(want.Messages, m) {
				t.Errorf("byte %d: a message that was not written: %+v", at, m)
			}
		}
	}
}

func TestRewrite_Progress(t *testing.T) {
	in := foreign(t, chunked, spec{"a", 1, "one"}, spec{"b", 2, "two"})
	var all []float64
	for _, from := range [][]Source{{{Path: in}}, {{Path: in}, {Path: in}}} {
		all = nil
		rewrite(t, &Options{Progress: func(p float64) { all = append(all, p) }}, from...)
		if n := len(all); n == 0 || !slices.IsSortedFunc(all, cmp.Compare) || all[0] < 0 || all[n-1] > 1 {
			t.Errorf("%v", all)
		}
	}
}
