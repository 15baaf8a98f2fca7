package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/registry"
	"github.com/shmbus/shmbus/topic"
)

// A line is a message to be put into a file, on a channel of its own or one that was there.
type line struct {
	channel *mcapfile.Channel
	log     uint64
	data    string
}

// fileOf writes a recording with these messages, and metadata records.
func fileOf(t testing.TB, lines []line, metadata map[string]map[string]string) string {
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
	open, count := map[*mcapfile.Channel]*mcapfile.Channel{}, map[*mcapfile.Channel]uint32{}
	for _, l := range lines {
		ch := open[l.channel]
		if ch == nil {
			if ch, err = w.AddChannel(*l.channel); err != nil {
				t.Fatal(err)
			}
			open[l.channel] = ch
		}
		count[ch]++
		if err := w.Write(&mcapfile.Message{Channel: ch, Sequence: count[ch], LogTime: l.log, PublishTime: l.log, Data: []byte(l.data)}); err != nil {
			t.Fatal(err)
		}
	}
	for name, values := range metadata {
		w.AddMetadata(name, values)
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPlay_NamesThatDoNotFit(t *testing.T) {
	long := strings.Repeat("x", 300)
	names := []string{"//a", "/a", "/a/", "what?", "a/*", "bad\xff", "", long + "1", long + "2", "fits"}
	var lines []line
	for i, name := range names {
		lines = append(lines, line{&mcapfile.Channel{Topic: name, Encoding: "raw"}, uint64(i), name})
	}
	lines = append(lines,
		line{&mcapfile.Channel{Topic: "odd type", SchemaName: "two\nlines", Encoding: "\xff"}, 20, "odd type"},
		line{&mcapfile.Channel{Topic: "long type", SchemaName: strings.Repeat("T", 5000), Encoding: strings.Repeat("e", 5000), SchemaEncoding: strings.Repeat("s", 5000)}, 20, "long type"},
		line{&mcapfile.Channel{Topic: "schema", SchemaName: "T", SchemaEncoding: "s", Schema: make([]byte, registry.MaxSchema+1)}, 20, "schema"})
	path := fileOf(t, lines, nil)
	calls := 0
	again, s := replay(t, path, PlayOptions{Max: true, Mapped: func(m []Mapping) { calls++ }})
	if calls != 1 || len(s.Mapped) != 8+2+3+1 {
		t.Errorf("told %d times: %+v", calls, s.Mapped)
	}
	played := map[string]*mcapfile.Channel{}
	topics := map[string]bool{}
	for _, m := range messages(t, again) {
		played[string(m.Data)] = m.Channel
		topics[m.Channel.Topic] = true
	}
	if len(played) != len(lines) || len(topics) != len(lines) {
		t.Fatalf("%d messages on %d topics, want %d", len(played), len(topics), len(lines))
	}
	for _, name := range names {
		original := played[name].Metadata[keyOriginalTopic]
		switch {
		case registry.CheckTopic(name) == nil:
			if played[name].Topic != name || original != "" {
				t.Errorf("%q was played as %q, original name %q", name, played[name].Topic, original)
			}
		case original != announced(name):
			t.Errorf("the recording says that %q was called %q", played[name].Topic, original)
		}
	}
	if c := played["odd type"]; c.Metadata[keyOriginalType] != `two\nlines` || !strings.HasPrefix(c.SchemaName, "two_lines_") || !strings.HasPrefix(c.Encoding, "__") {
		t.Errorf("%+v", c)
	}
	if c := played["long type"]; !strings.HasPrefix(c.Metadata[keyOriginalType], "TTTT") {
		t.Errorf("%+v", c)
	}
	if c := played["schema"]; c.SchemaName != "T" || len(c.Schema) != 0 {
		t.Errorf("%q with a schema of %d bytes", c.SchemaName, len(c.Schema))
	}
	// A replay of the replay still knows what the topics were called at first.
	third, s := replay(t, again, PlayOptions{Max: true})
	if len(s.Mapped) != 0 {
		t.Errorf("%+v", s.Mapped)
	}
	for _, m := range messages(t, third) {
		if name := string(m.Data); registry.CheckTopic(name) != nil && m.Channel.Metadata[keyOriginalTopic] != announced(name) {
			t.Errorf("%q: %q", name, m.Channel.Metadata)
		}
	}
}

func TestPlay_RenameAndExclude(t *testing.T) {
	path := file(t, spec{0, 1, 0, "x"}, spec{1, 2, 0, "y"}, spec{5, 3, 0, "z"})
	var told []Mapping
	again, s := replay(t, path, PlayOptions{
		Exclude: regexp.MustCompile("^b$"), Rename: map[string]string{"a": "robot/a"}, Mapped: func(m []Mapping) { told = m },
	})
	var got []string
	for _, m := range messages(t, again) {
		got = append(got, m.Channel.Topic+" "+m.Channel.Metadata[keyOriginalTopic])
	}
	slices.Sort(got)
	if !slices.Equal(got, []string{"no encoding ", "robot/a a"}) || len(told) != 1 || told[0].Rule != "" || s.Topics[1].Topic != "robot/a" {
		t.Errorf("%q, %+v, %+v", got, told, s)
	}
	p := join(t, domain(t))
	for want, o := range map[string]PlayOptions{
		`would both be played as "b"`:   {Rename: map[string]string{"a": "b"}},
		`rename "c"`:                    {Rename: map[string]string{"c": "d"}},
		`"b/" is not a valid topic`:     {Rename: map[string]string{"a": "b/"}},
		"is negative":                   {MaxGap: -1},
		`rename "b": there is no messa`: {Exclude: regexp.MustCompile("b"), Rename: map[string]string{"b": "c"}},
	} {
		if _, err := Play(t.Context(), p, path, &o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// late plays a file as far as its first message on "clock", which comes after those that matter, and returns what a subscriber that
// subscribes to a topic then gets at once.
func late(t *testing.T, path string, name string, o PlayOptions) []string {
	t.Helper()
	d := domain(t)
	p := join(t, d)
	clock, err := topic.NewSubscriber(t.Context(), p, "clock", &topic.SubscriberOptions[[]byte]{Lossless: true})
	if err != nil {
		t.Fatal(err)
	}
	defer clock.Close()
	ctx, cancel := context.WithCancel(t.Context())
	played := make(chan error)
	go func() {
		_, err := Play(ctx, join(t, d), path, &o)
		played <- err
	}()
	defer func() {
		cancel()
		if err := <-played; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	s, err := clock.Receive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Release()
	return latchedNow(t, p, name)
}

// latchedNow returns what a new subscriber gets at once.
func latchedNow(t *testing.T, p *topic.Participant, name string) []string {
	t.Helper()
	// A subscriber returns when the publishers that exist are connected, and what they have latched is there then.
	sub, err := topic.NewSubscriber[[]byte](t.Context(), p, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	var got []string
	for {
		s, ok, err := sub.TryReceive()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			slices.Sort(got)
			return got
		}
		got = append(got, string(s.Bytes()))
		s.Release()
	}
}

const hour = 3600 * second

func TestPlay_LatchedByMetadataOfOtherTools(t *testing.T) {
	clock := &mcapfile.Channel{Topic: "clock"}
	static := &mcapfile.Channel{Topic: "/tf_static", Metadata: map[string]string{keyOfferedQoS: "- history: 1\n  durability: 1\n"}}
	plain := &mcapfile.Channel{Topic: "/map", Metadata: map[string]string{keyOfferedQoS: "- history: 1\n  durability: 2\n"}}
	path := fileOf(t, []line{{static, 1, "t"}, {plain, 2, "m"}, {clock, 3, ""}, {clock, hour, ""}}, nil)
	if got := late(t, path, "/tf_static", PlayOptions{}); !slices.Equal(got, []string{"t"}) {
		t.Errorf("got %q of a topic that is transient local", got)
	}
	if got := late(t, path, "/map", PlayOptions{}); len(got) != 0 {
		t.Errorf("got %q of a volatile topic", got)
	}
	if got := late(t, path, "/map", PlayOptions{Latched: regexp.MustCompile("map")}); !slices.Equal(got, []string{"m"}) {
		t.Errorf("got %q of a topic that is to be latched", got)
	}
}

func TestPlay_ReplacedLatchedPublishers(t *testing.T) {
	channel := func(kind string, more ...string) *mcapfile.Channel {
		c := &mcapfile.Channel{Topic: "mode", SchemaName: kind, Encoding: "e", Metadata: map[string]string{keyLatched: "true"}}
		for i := 0; i < len(more); i += 2 {
			c.Metadata[more[i]] = more[i+1]
		}
		return c
	}
	clock := &mcapfile.Channel{Topic: "clock"}
	end := []line{{clock, 10, ""}, {clock, hour, ""}}
	one, two, three := channel("T"), channel("T"), channel("T")
	stream := channel("T", keyStream, "s.0")
	// In a recording of shmrec: two messages of one publisher, one of another.
	ranges := func(ended map[string]string) map[string]map[string]string {
		return map[string]map[string]string{
			publishersName: {"s.0:1": `{"publisher":"p.1","sequence":1}`, "s.0:3": `{"publisher":"p.2","sequence":1}`},
			endedName:      ended,
		}
	}
	ofStream := append([]line{{stream, 1, "1"}, {stream, 2, "2"}, {stream, 5, "3"}, {stream, 6, "4"}}, end...)
	other := channel("T2", keyStream, "s.1")
	otherType := map[string]map[string]string{
		publishersName: {"s.0:1": `{"publisher":"p.1","sequence":1}`, "s.1:1": `{"publisher":"p.2","sequence":1}`},
		endedName:      {"p.1": "5"},
	}
	for name, c := range map[string]struct {
		lines    []line
		metadata map[string]map[string]string
		want     []string
	}{
		"three, one after the other": {lines: append([]line{{one, 1, "1"}, {two, 2, "2"}, {three, 3, "3"}}, end...), want: []string{"3"}},
		"two at the same time":       {lines: append([]line{{one, 1, "1"}, {two, 2, "2"}, {one, 3, "3"}, {two, 4, "4"}}, end...), want: []string{"3", "4"}},
		"two programs": {lines: append([]line{
			{channel("T", keyUnit, "left"), 1, "1"}, {channel("T", keyUnit, "right"), 2, "2"}}, end...), want: []string{"1", "2"}},
		"another type":                    {lines: append([]line{{one, 1, "1"}, {channel("T2"), 2, "2"}}, end...), want: []string{"2"}},
		"a stream, gone before the next":  {lines: ofStream, metadata: ranges(map[string]string{"p.1": "4"}), want: []string{"4"}},
		"a stream, gone later":            {lines: ofStream, metadata: ranges(map[string]string{"p.1": "5"}), want: []string{"4"}},
		"a stream, both there to the end": {lines: ofStream, metadata: ranges(nil), want: []string{"2", "4"}},
		"a stream whose ends are wrong":   {lines: ofStream, metadata: ranges(map[string]string{"p.1": "1", "p.2": "1"}), want: []string{"2", "4"}},
		"streams of two types":            {lines: append([]line{{stream, 1, "1"}, {other, 5, "2"}, {other, 6, "3"}}, end...), metadata: otherType, want: []string{"3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := late(t, fileOf(t, c.lines, c.metadata), "mode", PlayOptions{}); !slices.Equal(got, c.want) {
				t.Errorf("a late subscriber gets %q, want %q", got, c.want)
			}
		})
	}
}

// The second pass begins with the first publisher again, and that of the first pass's end is gone.
func TestPlayer_SecondPassOfReplacedLatchedPublishers(t *testing.T) {
	latched := func(kind string) *mcapfile.Channel {
		return &mcapfile.Channel{Topic: "mode", SchemaName: kind, Encoding: "e", Metadata: map[string]string{keyLatched: "true"}}
	}
	o := new(PlayOptions)
	files, err := openPlayFiles(fileOf(t, []line{{latched("T"), 0, "1"}, {latched("T2"), 1, "2"}}, nil), o)
	if err != nil {
		t.Fatal(err)
	}
	defer files.close()
	names, err := mapNames(topicsOf(files.channels()), nil, "")
	if err != nil {
		t.Fatal(err)
	}
	p := join(t, domain(t))
	pl := newPlayer(p, files, newStreamSet(files.channels(), names, o), o)
	defer pl.close()
	if err := pl.open(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		pl.rewind()
		for m, err := range files.from(0, func(int) bool { return true }) {
			if err != nil {
				t.Fatal(err)
			}
			if _, err := pl.publish(t.Context(), &m); err != nil {
				t.Fatal(err)
			}
			if got := latchedNow(t, p, "mode"); !slices.Equal(got, []string{string(m.Data)}) {
				t.Errorf("behind %q there is %q", m.Data, got)
			}
		}
	}
}

func TestPlay_MorePublishersThanAParticipantCanHave(t *testing.T) {
	const n = registry.MaxEndpoints + 100
	one := func(int) *mcapfile.Channel { return &mcapfile.Channel{Topic: "t", Encoding: "raw"} }
	for name, c := range map[string]struct {
		channel func(i int) *mcapfile.Channel
		again   bool // each channel has a second message
	}{
		"of one topic, one after the other": {one, false},
		"of one topic, at the same time":    {one, true},
		"of one latched topic, of programs of their own": {func(i int) *mcapfile.Channel {
			return &mcapfile.Channel{Topic: "t", Encoding: "raw", Metadata: map[string]string{keyLatched: "true", keyUnit: fmt.Sprint(i)}}
		}, false},
		"of one topic each, one after the other": {func(i int) *mcapfile.Channel { return &mcapfile.Channel{Topic: fmt.Sprint("t/", i)} }, false},
		"of one topic each, all to the end":      {func(i int) *mcapfile.Channel { return &mcapfile.Channel{Topic: fmt.Sprint("t/", i)} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []line
			for i := range n {
				lines = append(lines, line{c.channel(i), uint64(i), fmt.Sprint(i)})
			}
			if c.again {
				for i := range n { // in reverse, so that most publishers are still there
					lines = append(lines, line{lines[n-1-i].channel, uint64(n + i), ""})
				}
			}
			s, err := Play(t.Context(), join(t, domain(t)), fileOf(t, lines, nil), &PlayOptions{Max: true})
			if err != nil || s.Messages != uint64(len(lines)) {
				t.Errorf("%d of %d messages, %.300v", s.Messages, len(lines), err)
			}
		})
	}
}

// What a topic's publishers published one after the other arrives in that order, from one publisher.
func TestPlay_RestartedPublishers(t *testing.T) {
	const n = 20_000
	var channels, stream []line
	one := &mcapfile.Channel{Topic: "t", Encoding: "raw", Metadata: map[string]string{keyStream: "s"}}
	ranges, ended := map[string]string{}, map[string]string{}
	for i := range uint64(n) {
		channels = append(channels, line{&mcapfile.Channel{Topic: "t", Encoding: "raw"}, i, fmt.Sprint(i)})
		stream = append(stream, line{one, i + 1, fmt.Sprint(i)})
		ranges[fmt.Sprint("s:", i+1)] = fmt.Sprintf(`{"publisher":"p.%d","sequence":1}`, i)
		ended[fmt.Sprint("p.", i)] = fmt.Sprint(i + 1)
	}
	for name, path := range map[string]string{
		"with a channel each": fileOf(t, channels, nil),
		"with ranges each":    fileOf(t, stream, map[string]map[string]string{publishersName: ranges, endedName: ended}),
	} {
		t.Run(name, func(t *testing.T) {
			again, s := replay(t, path, PlayOptions{Max: true})
			all := messages(t, again)
			for i, m := range all {
				if string(m.Data) != fmt.Sprint(i) {
					t.Fatalf("message %d is %q", i, m.Data)
				}
			}
			info, err := ReadInfo(again)
			if err != nil || s.Messages != n || info.Topics[0].Publishers != 1 {
				t.Errorf("%d messages of %+v, %v", s.Messages, info.Topics, err)
			}
		})
	}
}

func TestPlay_OneLineOfErrorForAllPublishers(t *testing.T) {
	var lines []line
	for i := range 300 {
		lines = append(lines, line{&mcapfile.Channel{Topic: fmt.Sprint("t/", i)}, uint64(i), ""})
	}
	p, err := topic.Join(domain(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Play(t.Context(), p, fileOf(t, lines, nil), nil)
	if !errors.Is(err, os.ErrClosed) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "and 299 more") {
		t.Errorf("got %.1000v", err)
	}
}

func TestPlay_LongGap(t *testing.T) {
	path := file(t, spec{0, 0, 0, "long ago"}, spec{0, 53 * 365 * 24 * hour, 0, "now"}, spec{0, 53*365*24*hour + 1, 0, "and now"})
	p := join(t, domain(t))
	ctx, cancel := context.WithCancel(t.Context())
	var gaps []time.Duration
	s, err := Play(ctx, p, path, &PlayOptions{LongGap: func(gap time.Duration) {
		gaps = append(gaps, gap)
		cancel()
	}})
	if !errors.Is(err, context.Canceled) || s.Messages != 1 || len(gaps) != 1 || gaps[0] < 52*365*24*time.Hour {
		t.Errorf("%d messages, gaps %v, %v", s.Messages, gaps, err)
	}
	s, err = Play(t.Context(), p, path, &PlayOptions{MaxGap: time.Millisecond, LongGap: func(gap time.Duration) { t.Errorf("a gap of %v", gap) }})
	if err != nil || s.Messages != 3 {
		t.Errorf("%d messages, %v", s.Messages, err)
	}
}

// A pass over one topic of a recording of two minutes takes two minutes: the player waits before it begins again.
func TestPlay_LoopTakesAsLongAsTheRecording(t *testing.T) {
	path := file(t, spec{0, 0, 0, "map"}, spec{1, 120 * second, 0, "pose"})
	ctx, cancel := context.WithCancel(t.Context())
	var gaps []time.Duration
	s, err := Play(ctx, join(t, domain(t)), path, &PlayOptions{
		Loop: true, Topics: regexp.MustCompile("^a$"),
		LongGap: func(gap time.Duration) {
			gaps = append(gaps, gap)
			cancel()
		},
	})
	if !errors.Is(err, context.Canceled) || s.Messages != 1 || len(gaps) != 1 || gaps[0] < longGap || gaps[0] > 2*time.Minute {
		t.Errorf("%d messages, gaps %v, %v", s.Messages, gaps, err)
	}
}
