package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/internal/clock"
	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// playedInOrder plays a file and returns what a lossless recorder gets, in the order of publishing.
func playedInOrder(t *testing.T, path string, o PlayOptions) string {
	t.Helper()
	again, _ := replay(t, path, o)
	all := messages(t, again)
	slices.SortStableFunc(all, func(a, b mcapfile.Message) int { return int(int64(a.PublishTime) - int64(b.PublishTime)) })
	var b strings.Builder
	for _, m := range all {
		b.Write(m.Data)
	}
	return b.String()
}

func TestPlay_Window(t *testing.T) {
	// The file has one message a second, each in a chunk of its own, and another topic before.
	lines := []line{{&mcapfile.Channel{Topic: "other"}, 1 * second, "x"}}
	ch := &mcapfile.Channel{Topic: "t"}
	for i := range uint64(6) {
		lines = append(lines, line{ch, (2 + i) * second, fmt.Sprint(i)})
	}
	path := fileOf(t, lines, nil)
	at := func(s int64) time.Time { return time.Unix(s, 0) }
	for want, o := range map[string]PlayOptions{
		"x012345": {}, "2345": {StartElapsed: 3 * time.Second}, "x01": {EndElapsed: 3 * time.Second}, "23": {Start: at(4), End: at(6)},
		"345": {StartElapsed: 3500 * time.Millisecond}, "12": {Start: at(3), Duration: 2 * time.Second}, "x0": {Duration: 2 * time.Second},
	} {
		for _, order := range []Order{ByLogTime, ByPublishTime} {
			o.Max, o.Order = true, order
			if got := playedInOrder(t, path, o); got != want {
				t.Errorf("%+v plays %q, want %q", o.window(), got, want)
			}
		}
	}
	p := join(t, domain(t))
	for want, o := range map[string]PlayOptions{
		"ends before the start: at 1970-01-01 00:00:07 +0000 UTC, after 6s": {Start: at(100)}, "begins after the end: at ": {End: at(1)},
		"the end must be after the start": {StartElapsed: 2 * time.Second, EndElapsed: time.Second},
	} {
		if _, err := Play(t.Context(), p, path, &o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", o.window(), err)
		}
	}
}

func TestPlay_PublishOrder(t *testing.T) {
	path := file(t, spec{0, 10, 3, "3"}, spec{1, 20, 1, "1"}, spec{1, 30, 3, "4"}, spec{0, 40, 2, "2"})
	if got := playedInOrder(t, path, PlayOptions{Max: true}); got != "3142" {
		t.Errorf("by log time: %s", got)
	}
	if got := playedInOrder(t, path, PlayOptions{Max: true, Order: ByPublishTime}); got != "1234" {
		t.Errorf("by publish time: %s", got)
	}
}

func TestPlay_MessageBeyondTheDefaultMemory(t *testing.T) {
	large := strings.Repeat(" ", mcapfile.DefaultMemory/2+1)
	for size, fits := range map[int]bool{len(large): false, len(large) - 1: true} {
		path := fileOf(t, []line{{&mcapfile.Channel{Topic: "a"}, 10, large[:size]}}, nil)
		files, err := openPlayFiles(path, &PlayOptions{})
		if err != nil || (files.damage == nil) != fits {
			t.Fatalf("%d bytes: %v, %v", size, files.damage, err)
		}
		files.close()
		if fits {
			continue
		}
		_, err = Play(t.Context(), join(t, domain(t)), path, nil)
		var limit *mcapfile.MemoryLimitError
		if !errors.As(err, &limit) || limit.Limit != mcapfile.DefaultMemory || !strings.Contains(err.Error(), "allow more (--memory)") {
			t.Fatalf("got %v", err)
		}
		files, err = openPlayFiles(path, &PlayOptions{Memory: limit.Size})
		if err != nil || files.damage != nil {
			t.Fatalf("with what the error says: %v, %v", files.damage, err)
		}
		files.close()
	}
}

func TestPlay_FilesTogether(t *testing.T) {
	a, b := &mcapfile.Channel{Topic: "a"}, &mcapfile.Channel{Topic: "b"}
	first := fileOf(t, []line{{a, 10, "1"}, {a, 20, "3"}, {a, 30, "5"}}, nil)
	second := fileOf(t, []line{{b, 20, "4"}, {b, 12, "2"}, {b, 40, "6"}}, nil)
	if got := playedInOrder(t, first, PlayOptions{Max: true, Files: []PlayFile{{Path: second}}}); got != "123456" {
		t.Error(got)
	}
	if got := playedInOrder(t, first, PlayOptions{Max: true, Files: []PlayFile{{Path: second, Offset: -11}}}); got != "241365" {
		t.Error(got)
	}
	if got := playedInOrder(t, first, PlayOptions{Max: true, StartElapsed: 10, Files: []PlayFile{{Path: second, Offset: 1}}}); got != "3456" {
		t.Error(got)
	}
	_, err := openPlayFiles(first, &PlayOptions{Files: []PlayFile{{Path: second, Offset: -13}}})
	var offset *OffsetError
	if !errors.As(err, &offset) || *offset != (OffsetError{Path: second, Time: 12, Offset: -13}) {
		t.Errorf("an offset before 1970: %v", err)
	}
	dir := t.TempDir()
	for i, path := range []string{first, second} {
		if err := os.Rename(path, filepath.Join(dir, fmt.Sprintf("part%d.mcap", i))); err != nil {
			t.Fatal(err)
		}
	}
	if got := playedInOrder(t, dir, PlayOptions{Max: true}); got != "123456" {
		t.Error(got)
	}
	if _, err := Play(t.Context(), join(t, domain(t)), t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "no file whose name ends in .mcap") {
		t.Error(err)
	}
}

// A part repeats the newest latched messages of the part before. They are played once, and one publisher publishes all.
func TestPlay_PartsThatRepeatLatchedMessages(t *testing.T) {
	part := func(stream string, from uint64, numbers ...uint64) string {
		ch := &mcapfile.Channel{Topic: "mode", Metadata: map[string]string{keyLatched: "true", keyStream: stream}}
		var lines []line
		ranges := map[string]string{}
		for i, n := range numbers {
			lines = append(lines, line{ch, from + uint64(i), fmt.Sprint(n)})
			ranges[fmt.Sprint(stream, ":", i+1)] = fmt.Sprintf(`{"publisher":"p.1","sequence":%d}`, n)
		}
		return fileOf(t, lines, map[string]map[string]string{publishersName: ranges})
	}
	first, next := part("a", 10, 1, 2, 3), part("b", 20, 3, 4)
	again, _ := replay(t, first, PlayOptions{Max: true, Files: []PlayFile{{Path: next}}})
	var got string
	for _, m := range messages(t, again) {
		got += string(m.Data)
	}
	info, err := ReadInfo(again)
	if err != nil || got != "1234" || info.Topics[0].Publishers != 1 {
		t.Errorf("%s of %d publishers, %v", got, info.Topics[0].Publishers, err)
	}
}

// What latched topics had at the start is there, also of another key, and what came later is not.
func TestPlay_LatchedStateOfTheStart(t *testing.T) {
	mode := &mcapfile.Channel{Topic: "mode", Metadata: map[string]string{keyLatched: "true"}}
	clock := &mcapfile.Channel{Topic: "clock"}
	path := fileOf(t, []line{
		{mode, 1 * second, "a1"}, {mode, 2 * second, "b1"}, {mode, 3 * second, "a2"}, {clock, 4 * second, ""}, {mode, 6 * second, "b2"}, {clock, hour, ""},
	}, nil)
	if got := late(t, path, "mode", PlayOptions{StartElapsed: 2500 * time.Millisecond}); !slices.Equal(got, []string{"a2"}) {
		t.Errorf("%q", got)
	}
	keyed := func(topic string, _ serde.Type) func([]byte) string {
		if topic != "mode" {
			return nil
		}
		return func(b []byte) string { return string(b[:1]) }
	}
	if got := late(t, path, "mode", PlayOptions{StartElapsed: 2500 * time.Millisecond, Key: keyed}); !slices.Equal(got, []string{"a2", "b1"}) {
		t.Errorf("with keys: %q", got)
	}
}

// Two types on one topic would leave subscribers of one of them without it.
func TestPlay_ClockOnAPlayedTopic(t *testing.T) {
	path := fileOf(t, []line{{&mcapfile.Channel{Topic: "load"}, 0, "1"}, {&mcapfile.Channel{Topic: "time"}, 1, "2"}}, nil)
	for clock, o := range map[string]PlayOptions{"load": {}, "x/time": {Prefix: "x/"}, "new": {Rename: map[string]string{"time": "new"}}, "a//b": {}} {
		o.Max, o.Clock = true, clock
		s, err := Play(t.Context(), join(t, domain(t)), path, &o)
		if err == nil || !strings.Contains(err.Error(), "clock") || s.Messages > 0 {
			t.Errorf("the clock %s: %d messages are played, %v", clock, s.Messages, err)
		}
	}
	o := PlayOptions{Max: true, Clock: "load", Exclude: regexp.MustCompile("load")}
	if s, err := Play(t.Context(), join(t, domain(t)), path, &o); err != nil || s.Messages != 1 {
		t.Errorf("the clock of a topic that is left out: %d messages are played, %v", s.Messages, err)
	}
}

// The first message comes after the delay, the next ones as recorded.
func TestPlay_Delay(t *testing.T) {
	const delay = 300 * time.Millisecond
	path := file(t, spec{0, 10 * second, 10 * second, "x"}, spec{0, 10*second + 1, 10*second + 1, "y"})
	d := domain(t)
	sub, err := topic.NewSubscriber(t.Context(), join(t, d), "**", &topic.SubscriberOptions[[]byte]{Lossless: true})
	if err != nil {
		t.Fatal(err)
	}
	p := join(t, d)
	before := clock.Stamp(clock.New().Now())
	if s, err := Play(t.Context(), p, path, &PlayOptions{Delay: delay, WaitSubscribers: 1}); err != nil || s.Messages != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	for range 2 {
		m, ok, err := sub.TryReceive()
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		if since := time.Duration(m.Stamp() - before); since < delay {
			t.Errorf("published after %v, the delay is %v", since, delay)
		}
		m.Release()
	}
}

func TestPlay_StampsPrefixAndClock(t *testing.T) {
	path := file(t, spec{0, 10 * second, 9*second + 7, "x"}, spec{1, 11 * second, 10 * second, "y"})
	d := domain(t)
	sub, err := topic.NewSubscriber(t.Context(), join(t, d), "**", &topic.SubscriberOptions[[]byte]{Lossless: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	before := time.Now()
	s, err := Play(t.Context(), join(t, d), path, &PlayOptions{
		Max: true, Prefix: "replay/", OriginalStamps: true, Clock: "time", WaitSubscribers: 1, Rename: map[string]string{"b": "c"},
	})
	if err != nil || s.Messages != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	var got []string
	for range 4 {
		m, err := sub.Receive(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Topic()+" "+string(m.Bytes()))
		switch wall := m.Time(); m.Topic() {
		case "time":
			if wall.Before(before.Add(-time.Second)) {
				t.Errorf("the clock has the stamp %v", wall)
			}
		case "replay/a":
			if want := time.Unix(9, 7); wall.Sub(want).Abs() > time.Second {
				t.Errorf("%s has the time %v, want %v", m.Topic(), wall, want)
			}
		}
		m.Release()
	}
	slices.Sort(got)
	if want := []string{"c y", "replay/a x", `time {"time":10000000000}`, `time {"time":11000000000}`}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// A recording of a replay has the metadata of the channels of other tools.
func TestPlay_MetadataOfOtherTools(t *testing.T) {
	qos := "- history: 1\n  durability: 2\n"
	ch := &mcapfile.Channel{Topic: "t", Metadata: map[string]string{keyOfferedQoS: qos, "x": "\u00e9\x00", keyUnit: "of this format"}}
	large := &mcapfile.Channel{Topic: "large", Metadata: map[string]string{"y": strings.Repeat("y", 1100)}}
	again, s := replay(t, fileOf(t, []line{{ch, 1, "1"}, {large, 2, "2"}}, nil), PlayOptions{Max: true})
	if len(s.Mapped) != 1 || s.Mapped[0].What != "metadata" || s.Mapped[0].Topic != "large" {
		t.Errorf("%+v", s.Mapped)
	}
	for _, m := range messages(t, again) {
		if got := m.Channel.Metadata; m.Channel.Topic == "t" && (got[keyOfferedQoS] != qos || got["x"] != "\u00e9\x00" || got[keyUnit] != "" || got[keyOriginalMetadata] != "") {
			t.Errorf("%q", got)
		}
	}
}
