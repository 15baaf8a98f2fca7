package record

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// pose is a value with a type name.
type pose struct{ X, Y float64 }

func publish[T any](t testing.TB, pub *topic.Publisher[T], values ...T) {
	t.Helper()
	for _, v := range values {
		if _, err := pub.Publish(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
}

func publisher[T any](t testing.TB, p *topic.Participant, name string, opts *topic.PublisherOptions[T]) *topic.Publisher[T] {
	t.Helper()
	pub, err := topic.NewPublisher(t.Context(), p, name, opts)
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

// messages reads a recording.
func messages(t testing.TB, path string) []mcapfile.Message {
	t.Helper()
	f, size, err := openRecording(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	plan, err := mcapfile.NewPlan(f, size, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Damage != nil {
		t.Fatal(plan.Damage)
	}
	var all []mcapfile.Message
	for m, err := range plan.InOrder() {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

func TestRecord_PublishedSamples(t *testing.T) {
	o := domain(t)
	o.Unit = "the unit"
	sender, p := join(t, o), join(t, o)
	early := publisher[[]byte](t, sender, "early", nil)
	publish(t, early, []byte("before the start"))
	path := filepath.Join(t.TempDir(), "f.mcap")
	before := uint64(time.Now().Add(-time.Second).UnixNano())
	r := start(t, p, path, RecordOptions{Lossless: true})
	publish(t, early, []byte("one"), []byte("two"))
	publish(t, publisher[string](t, sender, "text", nil), "three")
	publish(t, publisher(t, sender, "pose", &topic.PublisherOptions[pose]{Codec: serde.JSON[pose](), Latched: true}), pose{1, 2})
	schema := serde.Type{Name: "std_msgs/msg/String", Encoding: "cdr", SchemaEncoding: "ros2msg", Schema: []byte("string data")}
	publish(t, publisher(t, sender, "/ros", &topic.PublisherOptions[[]byte]{Codec: serde.Opaque(schema)}), []byte("four"), nil)
	s := r.stop()
	after := uint64(time.Now().Add(time.Second).UnixNano())
	publish(t, early, []byte("after the end"))

	if s.Messages != 6 || s.Lost != 0 || len(s.Topics) != 4 || s.Topics[3].Topic != "text" || s.Topics[3].Messages != 1 {
		t.Errorf("%+v", s)
	}
	got := map[string][]string{}
	types := map[string]serde.Type{}
	var last mcapfile.Message
	for _, m := range messages(t, path) {
		ch := m.Channel
		got[ch.Topic] = append(got[ch.Topic], string(m.Data))
		types[ch.Topic] = typeOf(ch)
		if m.PublishTime < before || m.LogTime < m.PublishTime || m.LogTime > after || m.LogTime < last.LogTime {
			t.Errorf("published at %d, recorded at %d, the one before at %d", m.PublishTime, m.LogTime, last.LogTime)
		}
		if ch.Metadata[keyEncoding] != ch.Encoding || (ch.Metadata[keyLatched] == "true") != (ch.Topic == "pose") {
			t.Errorf("%s: metadata %v", ch.Topic, ch.Metadata)
		}
		last = m
	}
	want := map[string][]string{"early": {"one", "two"}, "text": {"three"}, "pose": {`{"X":1,"Y":2}`}, "/ros": {"four", ""}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wantTypes := map[string]serde.Type{"early": {Encoding: "raw"}, "text": {Name: "string", Encoding: "string"}, "pose": {Name: "record.pose", Encoding: "json"}, "/ros": schema}
	if diff := cmp.Diff(wantTypes, types); diff != "" {
		t.Error(diff)
	}
	info, err := ReadInfo(path)
	if err != nil || info.Lost == nil || *info.Lost != 0 || !slices.Equal(info.Metadata, []string{recordingName, publishersName, statsName}) || info.SequenceGaps != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	for _, topic := range info.Topics {
		p := topic.PublisherList[0]
		if exe, _ := os.Executable(); topic.Publishers != 1 || p.Unit != "the unit" || p.Executable != exe || p.PID != os.Getpid() || p.ID == "" || p.Ended != nil {
			t.Errorf("%s: %+v", topic.Topic, p)
		}
	}
}

func TestRecord_FiltersApplyToLaterTopics(t *testing.T) {
	o := domain(t)
	sender, p := join(t, o), join(t, o)
	path := filepath.Join(t.TempDir(), "f.mcap")
	r := start(t, p, path, RecordOptions{Include: regexp.MustCompile("^robot/"), Exclude: regexp.MustCompile("debug$"), Lossless: true})
	for _, name := range []string{"robot/a", "robot/debug", "other", "robot/b"} {
		publish(t, publisher[string](t, sender, name, nil), name)
	}
	s := r.stop()
	if len(s.Topics) != 2 || s.Topics[0].Topic != "robot/a" || s.Topics[1].Topic != "robot/b" || s.Messages != 2 {
		t.Errorf("%+v", s)
	}
}

func TestRecord_LatchedSampleFromBeforeTheStart(t *testing.T) {
	o := domain(t)
	sender, p := join(t, o), join(t, o)
	publish(t, publisher(t, sender, "map", &topic.PublisherOptions[string]{Latched: true}), "old", "new")
	path := filepath.Join(t.TempDir(), "f.mcap")
	start(t, p, path, RecordOptions{}).stop()
	if got := messages(t, path); len(got) != 1 || string(got[0].Data) != "new" {
		t.Errorf("%v", got)
	}
}

// The newest samples of keys are in the recording, and those between them are not missing.
func TestRecord_KeysFromBeforeTheStart(t *testing.T) {
	o := domain(t)
	sender, p := join(t, o), join(t, o)
	pub := publisher(t, sender, "doors", &topic.PublisherOptions[string]{Key: func(s string) string { return s[:1] }, Depth: 4})
	for i := range 50 {
		publish(t, pub, fmt.Sprint("abcdef"[i%6:i%6+1], i))
	}
	for range 100 {
		publish(t, pub, "busy")
	}
	path := filepath.Join(t.TempDir(), "f.mcap")
	r := start(t, p, path, RecordOptions{})
	publish(t, pub, "x", "y")
	r.stop()
	got := ""
	for _, m := range messages(t, path) {
		got += string(m.Data) + " "
	}
	if got != "c44 d45 e46 f47 a48 busy x y " {
		t.Errorf("recorded %q", got)
	}
	info, err := ReadInfo(path)
	if err != nil || info.SequenceGaps != 0 || info.Messages != 8 || info.Topics[0].Publishers != 1 {
		t.Errorf("%d gaps in %d messages of %d publishers, %v", info.SequenceGaps, info.Messages, info.Topics[0].Publishers, err)
	}
}

func TestRecord_EverythingBeforeTheStop(t *testing.T) {
	o := domain(t)
	sender, p := join(t, o), join(t, o)
	pub := publisher(t, sender, "a", &topic.PublisherOptions[string]{Depth: 1024})
	for round := range 20 {
		path := filepath.Join(t.TempDir(), "f.mcap")
		r := start(t, p, path, RecordOptions{})
		for i := range 500 {
			publish(t, pub, fmt.Sprint(round, i))
		}
		if s := r.stop(); s.Messages != 500 || s.Lost != 0 {
			t.Fatalf("round %d: %+v", round, s)
		}
	}
}

func TestRecord_LossCountedToTheLastMessage(t *testing.T) {
	o := domain(t)
	sender, p := join(t, o), join(t, o)
	path := filepath.Join(t.TempDir(), "f.mcap")
	pub := publisher(t, sender, "a", &topic.PublisherOptions[string]{Depth: 2})
	r := start(t, p, path, RecordOptions{})
	const n = 20_000
	for i := range n {
		publish(t, pub, fmt.Sprint(i))
	}
	s := r.stop()
	if s.Messages+s.Lost != n {
		t.Errorf("%d recorded and %d lost of %d", s.Messages, s.Lost, n)
	}
	info, err := ReadInfo(path)
	if err != nil || info.Lost == nil || *info.Lost != s.Lost || info.SequenceGaps > s.Lost {
		t.Errorf("the file says %+v, %v; lost were %d", info, err, s.Lost)
	}
}

func TestRecord_ExistingFile(t *testing.T) {
	p := join(t, domain(t))
	path := filepath.Join(t.TempDir(), "f.mcap")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Record(t.Context(), p, path, nil); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), "--force") {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("the file now holds %q", b)
	}
	start(t, p, path, RecordOptions{Force: true}).stop()
	messages(t, path)
}

func TestRecord_TwoRecordersOfOneFile(t *testing.T) {
	p := join(t, domain(t))
	path := filepath.Join(t.TempDir(), "f.mcap")
	first := start(t, p, path, RecordOptions{})
	if _, err := Record(t.Context(), p, path, &RecordOptions{Force: true}); err == nil || !strings.Contains(err.Error(), "another recorder") {
		t.Errorf("got %v", err)
	}
	first.stop()
	messages(t, path)
	start(t, p, path, RecordOptions{Force: true}).stop()
}

func TestRecord_TwoRecordersOfOneSeriesTakeTurns(t *testing.T) {
	d := domain(t)
	path := filepath.Join(t.TempDir(), "f.mcap")
	first, second := begin(t, join(t, d), path, RecordOptions{Numbered: true}), begin(t, join(t, d), path, RecordOptions{Numbered: true})
	must(t, first.Split()) // its next number is that of the file that the other one writes
	for s := first.Status(); s.Part != 3 && s.State != RecordEnded; s = first.Status() {
		time.Sleep(time.Millisecond)
	}
	must(t, second.Split())
	for _, test := range []struct {
		rec  *Recorder
		want string
	}{{first, "f-0001.mcap f-0003.mcap"}, {second, "f-0002.mcap f-0004.mcap"}} {
		var names []string
		for _, f := range end(t, test.rec).Files {
			names = append(names, filepath.Base(f))
			messages(t, f)
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("the parts are %s, want %s", got, test.want)
		}
	}
}

func TestRecord_FailedStartLeavesNothing(t *testing.T) {
	p := join(t, domain(t))
	if _, err := Record(t.Context(), p, "/dev/full", &RecordOptions{Force: true}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Error(err)
	}
	missing := filepath.Join(t.TempDir(), "no such folder", "f.mcap")
	if _, err := Record(t.Context(), p, missing, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	left := join(t, domain(t))
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "f.mcap")
	if _, err := Record(t.Context(), left, path, nil); err == nil {
		t.Error("recorded in a domain that was left")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file was left: %v", err)
	}
}

func TestRecord_Duration(t *testing.T) {
	p := join(t, domain(t))
	path := filepath.Join(t.TempDir(), "f.mcap")
	if _, err := Record(t.Context(), p, path, &RecordOptions{Duration: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	messages(t, path)
}

// replay plays a file while a lossless recorder runs, and returns the new file.
func replay(t *testing.T, path string, o PlayOptions) (string, Summary) {
	t.Helper()
	d := domain(t)
	p, q := join(t, d), join(t, d)
	again := filepath.Join(t.TempDir(), "again.mcap")
	r := start(t, p, again, RecordOptions{Lossless: true})
	s, err := Play(t.Context(), q, path, &o)
	if err != nil {
		t.Fatal(err)
	}
	if rec := r.stop(); rec.Messages != s.Messages || rec.Lost != 0 {
		t.Errorf("%d messages played, %d recorded, %d lost", s.Messages, rec.Messages, rec.Lost)
	}
	return again, s
}

func TestPlay_RealRecordingsEqual(t *testing.T) {
	paths, _ := filepath.Glob("../../shared/data/*.mcap")
	if len(paths) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("../shared/data, beside the checkout, holds no recordings")
		}
		t.Skip("put MCAP files of other tools into ../shared/data, beside the checkout, to run this test")
	}
	for _, path := range paths {
		for name, o := range map[string]PlayOptions{"max": {Max: true}, "rate 1": {}} {
			t.Run(filepath.Base(path)+" "+name, func(t *testing.T) {
				t.Parallel()
				again, s := replay(t, path, o)
				d, err := Compare(path, again)
				if err != nil || !d.Equal || d.Messages == 0 || s.Messages != d.Messages {
					t.Fatalf("%d played, %+v, %v", s.Messages, d, err)
				}
				t.Logf("%d messages in %v; spacing: sent %+v, recorded %+v", s.Messages, s.Duration, s.Spacing, d.Spacing)
			})
		}
	}
}

func TestPlay_EveryKindOfChannelEqual(t *testing.T) {
	path := file(t,
		spec{0, 10, 0, "1"}, spec{1, 20, 0, ""}, spec{2, 20, 0, "of another publisher"}, spec{3, 20, 0, "of another type"}, spec{4, 30, 0, "with a schema"},
		spec{0, 5, 0, "recorded late"}, spec{0, 30, 0, "2"}, spec{1, 30, 0, strings.Repeat("large", 1<<20)}, spec{5, 40, 0, "x"})
	again, s := replay(t, path, PlayOptions{})
	if d, err := Compare(path, again); err != nil || !d.Equal {
		t.Errorf("%+v, %v", d, err)
	}
	if s.Messages != 9 || len(s.Topics) != 3 || s.Loops != 1 {
		t.Errorf("%+v", s)
	}
}

func TestPlay_ChosenTopics(t *testing.T) {
	path := file(t, spec{0, 1, 0, "x"}, spec{1, 2, 0, "y"}, spec{0, 3, 0, "z"})
	again, _ := replay(t, path, PlayOptions{Topics: regexp.MustCompile("^a$")})
	if got := messages(t, again); len(got) != 2 || got[0].Channel.Topic != "a" {
		t.Errorf("%v", got)
	}
	_, err := Play(t.Context(), join(t, domain(t)), path, &PlayOptions{Topics: regexp.MustCompile("^none$")})
	if none := new(NoTopicError); !errors.As(err, &none) || !slices.Equal(none.Topics, []string{"a", "b"}) {
		t.Errorf("got %v", err)
	}
}

func TestPlay_LoopUntilContextEnds(t *testing.T) {
	path := file(t, spec{0, 1, 0, "x"}, spec{1, 1 + uint64(minPassDuration), 0, "y"})
	d := domain(t)
	p := join(t, d)
	sub, err := topic.NewSubscriber(t.Context(), p, "b", &topic.SubscriberOptions[[]byte]{Lossless: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for n := range 10 {
			s, err := sub.Receive(t.Context())
			if err != nil || s.Sequence() != uint64(n+1) {
				t.Errorf("sample %d: sequence %d, %v", n, s.Sequence(), err)
			}
			s.Release()
		}
		cancel()
		for s, err := range sub.Samples(t.Context()) {
			if err != nil {
				return
			}
			s.Release()
		}
	}()
	s, err := Play(ctx, join(t, d), path, &PlayOptions{Loop: true, WaitSubscribers: 0})
	if !errors.Is(err, context.Canceled) || s.Loops < 9 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestPlay_WaitSubscribers(t *testing.T) {
	path := file(t, spec{1, 1, 0, "x"})
	d := domain(t)
	p := join(t, d)
	_, err := Play(t.Context(), p, path, &PlayOptions{WaitSubscribers: 1, WaitTimeout: time.Millisecond})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait for 1 subscriptions to b, which has 0") {
		t.Errorf("got %v", err)
	}
	played := make(chan error)
	go func() {
		_, err := Play(t.Context(), join(t, d), path, &PlayOptions{WaitSubscribers: 1})
		played <- err
	}()
	sub, err := topic.NewSubscriber[[]byte](t.Context(), p, "b", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	s, err := sub.Receive(t.Context())
	if err != nil || string(s.Bytes()) != "x" {
		t.Errorf("%q, %v", s.Bytes(), err)
	}
	s.Release()
	if err := <-played; err != nil {
		t.Error(err)
	}
}

func TestPlay_DamagedRecording(t *testing.T) {
	path := cut(t, file(t, spec{0, 1, 0, "x"}, spec{1, 2, 0, "y"}), 8)
	again, s := replay(t, path, PlayOptions{})
	var truncated *mcapfile.TruncatedError
	if !errors.As(s.Damage, &truncated) || len(messages(t, again)) != 2 {
		t.Errorf("%+v", s)
	}
}

func TestPlay_InvalidRate(t *testing.T) {
	p := join(t, domain(t))
	for _, rate := range []float64{-1, nan(), inf()} {
		if _, err := Play(t.Context(), p, file(t), &PlayOptions{Rate: rate}); err == nil {
			t.Errorf("played at rate %v", rate)
		}
	}
}

func nan() float64 { return inf() - inf() }
func inf() float64 { x := 0.0; return 1 / x }

func TestGoroutines_NoneLeftRunning(t *testing.T) {
	path := file(t, spec{0, 1, 0, "x"}, spec{1, 2 * second * 3600, 0, "in two hours"})
	d := domain(t)
	p, err := topic.Join(d)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	played := make(chan error)
	go func() {
		_, err := Play(ctx, p, path, nil)
		played <- err
	}()
	cancel()
	if err := <-played; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	goleak.VerifyNone(t)
}

func TestPlay_DepthAndMemoryOfRings(t *testing.T) {
	for _, c := range []struct {
		largest, messages uint64
		rings, want       int
	}{
		{100, 1e6, 1, 1024},
		{100, 1e6, 4096, 1024},
		{16 << 10, 1e6, 1, 1024},
		{16 << 10, 1e6, 512, 64},
		{100, 10, 1, 64},
		{100, 128, 1, 128},
		{0, 0, 1, 64},
		{1 << 20, 1e6, 10, 64},
		{6 << 20, 1e6, 10, 16},
		{256 << 20, 1e6, 10, 4},
	} {
		if got := depthFor(c.largest, c.messages, c.rings); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
