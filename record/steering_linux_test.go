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
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// begin starts a recording that the test steers.
func begin(t *testing.T, p *topic.Participant, path string, o RecordOptions) *Recorder {
	t.Helper()
	o.Lossless = true
	rec, err := Start(t.Context(), p, path, &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		rec.Stop()
		rec.Wait()
	})
	return rec
}

func end(t *testing.T, rec *Recorder) Summary {
	t.Helper()
	rec.Stop()
	s, err := rec.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// must fails the test if a command failed.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// received waits until a recorder has received so many messages.
func received(t *testing.T, rec *Recorder, n uint64) {
	t.Helper()
	for rec.Status().Messages < n {
		time.Sleep(time.Millisecond)
	}
}

// remaining waits until a recorder knows of so many present publishers: that the others are gone was reported.
func remaining(t *testing.T, rec *Recorder, n int) {
	t.Helper()
	present := func() (n int) {
		s := rec.r.sources
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, src := range s.byID {
			if src.ended == 0 {
				n++
			}
		}
		return n
	}
	for present() != n {
		time.Sleep(time.Millisecond)
	}
}

// payloads returns the messages of a file in the order of their log times.
func payloads(t *testing.T, path string) []string {
	t.Helper()
	var all []string
	for _, m := range messages(t, path) {
		all = append(all, string(m.Data))
	}
	return all
}

func TestRecord_LogTimeIsTheOrderOfPublishing(t *testing.T) {
	d := domain(t)
	path := filepath.Join(t.TempDir(), "f.mcap")
	p := join(t, d)
	var pubs []*topic.Publisher[string]
	for i := range 20 {
		pubs = append(pubs, publisher(t, p, fmt.Sprint("topic", i), &topic.PublisherOptions[string]{Latched: i == 7, Depth: 64}))
	}
	publish(t, pubs[7], "from before")
	r := start(t, join(t, d), path, RecordOptions{Lossless: true})
	var want []string
	for i := range 1000 {
		n := i * 7 % len(pubs)
		text := fmt.Sprintf("%d %d", i, n)
		publish(t, pubs[n], text)
		want = append(want, text)
	}
	r.stop()
	got := payloads(t, path)
	if i := slices.Index(got, "from before"); i < 0 || i > 20 {
		t.Errorf("the latched sample is message %d", i)
	} else {
		got = slices.Delete(got, i, i+1)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d messages, and they are not in the order in which they were published", len(got))
	}
}

func TestRecorder_LogTimeOfAStampThatCannotBe(t *testing.T) {
	s := newSink(t, nil)
	s.start -= int64(time.Hour) // it records since an hour
	now := s.clock.Now()
	for i, stamp := range []int64{now - int64(time.Minute), now - int64(time.Second), now + int64(time.Hour), -5, now - int64(time.Second) + 1} {
		s.putAt(raw("a"), publisherID(i), 1, 0, stamp)
	}
	later := s.clock.Now()
	s.close()
	var got []string
	for m := range s.plan().InOrder() {
		got = append(got, strings.Fields(string(m.Data))[0])
		stamp := int64(m.LogTime) - (*s.offsets)[0].NS
		if stamp < now-int64(time.Second) || stamp > later {
			t.Errorf("%s: recorded %v after now", m.Data, time.Duration(stamp-now))
		}
	}
	want := []string{publisherID(1).String(), publisherID(4).String(), publisherID(0).String(), publisherID(2).String(), publisherID(3).String()}
	if !slices.Equal(got, want) {
		t.Errorf("order %v, want %v", got, want)
	}
}

func TestRecord_NothingIsUnderTheNameUntilItIsComplete(t *testing.T) {
	d := domain(t)
	path := filepath.Join(t.TempDir(), "f.mcap")
	rec := begin(t, join(t, d), path, RecordOptions{})
	if _, err := os.Stat(path); err == nil {
		t.Error("the file has its name while it is written")
	}
	if _, err := os.Stat(path + unfinished); err != nil {
		t.Error(err)
	}
	must(t, os.WriteFile(path, []byte("precious"), 0o600))
	rec.Stop()
	if _, err := rec.Wait(); err == nil || !strings.Contains(err.Error(), "appeared while it was recorded; the recording is "+path+unfinished) {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("the file now holds %q", b)
	}
	end(t, begin(t, join(t, d), filepath.Join(filepath.Dir(path), "g.mcap"), RecordOptions{}))
	must(t, os.Remove(path))
	if _, err := Start(t.Context(), join(t, d), path, nil); err == nil || !strings.Contains(err.Error(), "a recorder that was killed left it") {
		t.Errorf("got %v", err)
	}
}

func TestRecord_SelectionByNameAndType(t *testing.T) {
	d := domain(t)
	path := filepath.Join(t.TempDir(), "f.mcap")
	type Pose struct{ X int }
	type Secret struct{ X int }
	rec := begin(t, join(t, d), path, RecordOptions{
		Topics: []string{"one", "three"}, Include: regexp.MustCompile("^t"), Exclude: regexp.MustCompile("wo$"), ExcludeTypes: regexp.MustCompile("Secret"),
	})
	p := join(t, d)
	for _, name := range []string{"one", "two", "three", "four"} {
		publish(t, publisher[Pose](t, p, name, nil), Pose{1})
	}
	publish(t, publisher[Secret](t, p, "t-secret", nil), Secret{1}, Secret{2})
	publish(t, publisher[string](t, p, "t-last", nil), "x")
	s := end(t, rec)
	var topics []string
	for _, topic := range s.Topics {
		topics = append(topics, topic.Topic)
	}
	if strings.Join(topics, " ") != "one t-last three" || s.Messages != 3 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
}

func TestRecorder_SplitPartsAreComplete(t *testing.T) {
	d := domain(t)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "f-0041.mcap"), nil, 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "f-1.mcap"), nil, 0o600)) // not one of ours
	rec := begin(t, join(t, d), filepath.Join(dir, "f.mcap"), RecordOptions{
		Numbered: true, Metadata: map[string]string{"drive": "7"}, Attachments: []mcapfile.Attachment{{Name: "config.yaml", Data: []byte("x: 1")}},
	})
	p := join(t, d)
	state := publisher(t, p, "state", &topic.PublisherOptions[string]{Latched: true})
	gone := publisher(t, join(t, d), "gone", &topic.PublisherOptions[string]{Latched: true})
	pose := publisher[string](t, p, "pose", nil)
	publish(t, state, "on")
	publish(t, gone, "here")
	publish(t, pose, "1", "2")
	received(t, rec, 4)
	must(t, gone.Close())
	remaining(t, rec, 2)
	publish(t, pose, "3") // the recorder notes the end with the next message
	received(t, rec, 5)
	must(t, rec.Split())
	publish(t, pose, "4")
	received(t, rec, 6)
	must(t, rec.Split())
	s := end(t, rec)
	if s.Messages != 6 || s.Lost != 0 || len(s.Files) != 3 || filepath.Base(s.Files[0]) != "f-0042.mcap" {
		t.Errorf("%+v", s)
	}
	for i, want := range []string{"on here 1 2 3", "on 4", "on"} {
		if got := strings.Join(payloads(t, s.Files[i]), " "); got != want {
			t.Errorf("part %d: %s, want %s", i+1, got, want)
		}
		info, err := ReadInfo(s.Files[i])
		if err != nil || info.Damage != "" || !info.Closed || info.SequenceGaps != 0 || *info.Lost != 0 || info.Attachments != 1 ||
			!slices.Contains(info.Metadata, userName) || !slices.Contains(info.Metadata, recordingName) {
			t.Errorf("part %d: %+v, %v", i+1, info, err)
		}
		for _, topic := range info.Topics {
			for _, p := range topic.PublisherList {
				if p.ID == "" || p.Unit == "" {
					t.Errorf("part %d: %s is of an unknown publisher: %+v", i+1, topic.Topic, p)
				}
			}
		}
	}
}

func TestRecorder_SplitBySizeAndDuration(t *testing.T) {
	for name, o := range map[string]RecordOptions{
		"size": {SplitSize: 200_000, ChunkSize: 10_000, Compression: mcapfile.Uncompressed}, "duration": {SplitDuration: 200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			d := domain(t)
			rec := begin(t, join(t, d), filepath.Join(t.TempDir(), "f.mcap"), o)
			pub := publisher[[]byte](t, join(t, d), "a", nil)
			n := 0
			for ; len(rec.Status().Topics) == 0 || rec.Status().Complete < 3; n++ {
				publish(t, pub, make([]byte, 1000))
			}
			s := end(t, rec)
			total := uint64(0)
			for _, f := range s.Files {
				info, err := ReadInfo(f)
				if err != nil || info.Damage != "" || info.SequenceGaps != 0 || o.SplitSize > 0 && info.FileSize > o.SplitSize {
					t.Errorf("%+v, %v", info, err)
				}
				total += info.Messages
			}
			if total != uint64(n) || s.Messages != total || s.Lost != 0 {
				t.Errorf("%d published, %d in the files, %+v", n, total, s)
			}
		})
	}
}

// What waits to be written when a part is split may fill further parts. They come before the one that the split begins.
func TestRecorder_NumbersOfPartsFollowTheirMessages(t *testing.T) {
	const size = 200_000
	d := domain(t)
	dir := t.TempDir()
	rec := begin(t, join(t, d), filepath.Join(dir, "f.mcap"), RecordOptions{
		SplitSize: size, KeepSize: 1 << 40, ChunkSize: 10_000, Compression: mcapfile.Uncompressed,
	})
	pub := publisher[[]byte](t, join(t, d), "a", nil)
	n := uint64(0)
	put := func(bytes int) {
		for range bytes / 1000 {
			publish(t, pub, append(fmt.Appendf(nil, "%06d", n), make([]byte, 994)...))
			n++
		}
		received(t, rec, n)
	}
	rec.parts.keeping.Lock() // the writer waits at the end of the first part
	put(3 * size)
	must(t, rec.Split())
	put(size / 2)
	must(t, rec.Split())
	put(size / 10)
	rec.parts.keeping.Unlock()
	s := end(t, rec)
	if !slices.IsSorted(s.Files) || len(s.Files) < 6 || s.Messages != n || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
	next := uint64(0)
	for _, f := range slices.Sorted(slices.Values(s.Files)) {
		for _, text := range payloads(t, f) {
			if want := fmt.Sprintf("%06d", next); text[:6] != want {
				t.Fatalf("%s has message %s where %s follows", filepath.Base(f), text[:6], want)
			}
			next++
		}
	}
	if info, err := ReadInfo(dir); err != nil || info.SequenceGaps != 0 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestRecorder_KeepSizeHoldsAtTheEnd(t *testing.T) {
	const keep = 100_000
	d := domain(t)
	dir := t.TempDir()
	rec := begin(t, join(t, d), filepath.Join(dir, "f.mcap"), RecordOptions{
		SplitSize: 40_000, KeepSize: keep, ChunkSize: 10_000, Compression: mcapfile.Uncompressed,
	})
	pub := publisher[[]byte](t, join(t, d), "a", nil)
	for range 500 {
		publish(t, pub, make([]byte, 1000))
	}
	s := end(t, rec)
	files, err := os.ReadDir(dir)
	must(t, err)
	size := int64(0)
	for _, f := range files {
		info, err := f.Info()
		must(t, err)
		size += info.Size()
	}
	if size > keep || len(files) < 2 || s.Deleted+len(files) != len(s.Files) || s.Messages != 500 {
		t.Errorf("%d files with %d bytes; of %d parts %d deleted; %d messages", len(files), size, len(s.Files), s.Deleted, s.Messages)
	}
}

// A recorder whose memory is too small for the time before a trigger says so, before the trigger and at the end.
func TestRecorder_TooLittleMemoryBeforeATrigger(t *testing.T) {
	d := domain(t)
	rec := begin(t, join(t, d), filepath.Join(t.TempDir(), "f.mcap"), RecordOptions{
		ChunkSize: 64 << 10, Compression: mcapfile.Uncompressed, Trigger: &TriggerOptions{Before: time.Hour, Bytes: 512 << 10},
	})
	pub := publisher[[]byte](t, join(t, d), "camera", nil)
	for range 40 {
		publish(t, pub, make([]byte, 64<<10))
	}
	for rec.Status().Messages < 40 {
		time.Sleep(time.Millisecond)
	}
	began := time.Now()
	if held := rec.Status().HeldTime; held <= 0 || held > time.Minute {
		t.Errorf("the status says that the memory is for %v", held)
	}
	must(t, rec.Trigger())
	s := end(t, rec)
	if s.Before <= 0 || s.Before > time.Minute+time.Since(began) || s.Messages >= 40 {
		t.Errorf("the end says that the memory was for %v; %d messages", s.Before, s.Messages)
	}
}

func TestRecorder_OnlyWhatIsAroundATriggerIsWritten(t *testing.T) {
	d := domain(t)
	dir := t.TempDir()
	rec := begin(t, join(t, d), filepath.Join(dir, "f.mcap"), RecordOptions{
		ChunkAge: 20 * time.Millisecond, Trigger: &TriggerOptions{Before: 300 * time.Millisecond, After: 2 * time.Second, Topics: regexp.MustCompile("^alarm$")},
	})
	p := join(t, d)
	state := publisher(t, p, "state", &topic.PublisherOptions[string]{Latched: true})
	clock := publisher[string](t, p, "clock", nil)
	alarm := publisher[string](t, p, "alarm", nil)
	publish(t, state, "on")
	var ticks []time.Time
	tick := func(n int) {
		for range n {
			ticks = append(ticks, time.Now())
			publish(t, clock, ticks[len(ticks)-1].Format(time.RFC3339Nano))
			time.Sleep(20 * time.Millisecond)
		}
	}
	tick(1)
	received(t, rec, 2)
	tick(49)
	if files, _ := os.ReadDir(dir); len(files) > 0 || rec.Status().State != Waiting {
		t.Fatalf("%v before a trigger, state %q", files, rec.Status().State)
	}
	if err := rec.Split(); err == nil {
		t.Error("a part was split that there is not")
	}
	must(t, rec.Trigger())
	first := time.Now() // after the trigger, whose time before it does not begin later
	tick(10)
	second := time.Now()
	publish(t, alarm, "fire") // extends the part
	for rec.Status().Complete == 0 {
		tick(1)
	}
	tick(20) // more than the time before a trigger: nothing of it is in the first part
	last := time.Now()
	must(t, rec.Trigger())
	third := time.Now()
	s := end(t, rec)
	if len(s.Files) != 2 || s.Lost != 0 || s.Before != 0 {
		t.Fatalf("%+v", s)
	}
	for i, want := range []struct{ from, to time.Time }{{first.Add(-300 * time.Millisecond), second}, {third.Add(-300 * time.Millisecond), last}} {
		all := payloads(t, s.Files[i])
		if all[0] != "on" || (i == 0) != slices.Contains(all, "fire") {
			t.Errorf("part %d: %v", i+1, all)
		}
		for n, at := range ticks {
			has := slices.Contains(all, at.Format(time.RFC3339Nano))
			if !has && at.After(want.from) && at.Before(want.to) {
				t.Errorf("part %d lacks tick %d", i+1, n)
			}
			if has && (n == 0 || i == 0 && n == len(ticks)-1) {
				t.Errorf("part %d has tick %d, which is far from its triggers", i+1, n)
			}
		}
		info, err := ReadInfo(s.Files[i])
		if err != nil || info.Damage != "" || info.SequenceGaps != 0 {
			t.Errorf("part %d: %+v, %v", i+1, info, err)
		}
	}
}

func TestRecorder_MessagesThatAreNotRecordedAreTriggers(t *testing.T) {
	for name, o := range map[string]RecordOptions{
		"not chosen":      {Include: regexp.MustCompile("^cam")},
		"excluded":        {Exclude: regexp.MustCompile("^stop$")},
		"of another type": {ExcludeTypes: regexp.MustCompile("string")},
		"throttled":       {Throttles: []Throttle{{Topics: regexp.MustCompile("^stop$"), Every: 10}}},
	} {
		t.Run(name, func(t *testing.T) {
			d := domain(t)
			o.Trigger = &TriggerOptions{Topics: regexp.MustCompile("^stop$")}
			rec := begin(t, join(t, d), filepath.Join(t.TempDir(), "f.mcap"), o)
			p := join(t, d)
			camera, stop := publisher[[]byte](t, p, "camera", nil), publisher[string](t, p, "stop", nil)
			for part := range 2 {
				publish(t, camera, []byte{byte(part)})
				received(t, rec, rec.Status().Messages)
				publish(t, stop, "now")
				for rec.Status().Complete == part {
					time.Sleep(time.Millisecond)
				}
			}
			s := end(t, rec)
			if len(s.Files) != 2 || s.Lost != 0 || s.TriggerPublishers != 1 {
				t.Fatalf("%+v", s)
			}
			for part, path := range s.Files {
				if !slices.Contains(payloads(t, path), string([]byte{byte(part)})) {
					t.Errorf("part %d lacks what was before the trigger", part)
				}
			}
		})
	}
}

func TestRecorder_Pause(t *testing.T) {
	d := domain(t)
	path := filepath.Join(t.TempDir(), "f.mcap")
	p := join(t, d)
	state := publisher(t, p, "state", &topic.PublisherOptions[string]{Latched: true})
	pose := publisher[string](t, p, "pose", nil)
	publish(t, state, "early")
	rec := begin(t, join(t, d), path, RecordOptions{Paused: true})
	publish(t, pose, "not recorded")
	publish(t, state, "off")
	if s := rec.Status(); s.State != RecordPaused {
		t.Errorf("%+v", s)
	}
	settle(t, rec, 3)
	must(t, rec.Resume())
	publish(t, pose, "1")
	received(t, rec, 2)
	must(t, rec.Pause())
	publish(t, pose, "not recorded either", "nor this")
	settle(t, rec, 5)
	must(t, rec.Resume())
	publish(t, pose, "2")
	s := end(t, rec)
	if got := strings.Join(payloads(t, path), " "); got != "off 1 2" || s.Lost != 0 {
		t.Errorf("%s, %+v", got, s)
	}
	if info, err := ReadInfo(path); err != nil || info.SequenceGaps != 0 || *info.Lost != 0 {
		t.Errorf("%+v, %v", info, err)
	}
	for _, command := range []func() error{rec.Pause, rec.Resume, rec.Split, rec.Trigger} {
		if err := command(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	}
	if s := rec.Status(); s.State != RecordEnded {
		t.Errorf("%+v", s)
	}
}

// settle waits until a paused recorder has taken so many samples in all pauses.
func settle(t *testing.T, rec *Recorder, n uint64) {
	t.Helper()
	for {
		rec.mu.Lock()
		taken := rec.r.pause.taken
		rec.mu.Unlock()
		if taken == n {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestRecorder_Throttles(t *testing.T) {
	d := domain(t)
	path := filepath.Join(t.TempDir(), "f.mcap")
	rec := begin(t, join(t, d), path, RecordOptions{Throttles: []Throttle{
		{Topics: regexp.MustCompile("^rate$"), MaxRate: 0.001}, {Topics: regexp.MustCompile("^every$"), Every: 3}, {Topics: regexp.MustCompile("^change$"), OnChange: true},
		// Of several, each condition is that of the first that has it.
		{Topics: regexp.MustCompile("^both"), OnChange: true}, {Topics: regexp.MustCompile("^both$"), Every: 3}, {Topics: regexp.MustCompile("^both"), Every: 2},
	}})
	p := join(t, d)
	for _, name := range []string{"rate", "every", "change", "both", "all"} {
		publish(t, publisher[string](t, p, name, nil), name+" 1", name+" 1", name+" 2", name+" 3", name+" 3", name+" 3", name+" 4")
	}
	s := end(t, rec)
	got := make(map[string]string)
	for _, m := range messages(t, path) {
		got[m.Channel.Topic] += strings.Fields(string(m.Data))[1]
		if (m.Channel.Topic == "all") != (m.Channel.Metadata[keyThrottle] == "") {
			t.Errorf("%s: metadata %v", m.Channel.Topic, m.Channel.Metadata)
		}
	}
	if want := "map[all:1123334 both:134 change:1234 every:134 rate:1]"; fmt.Sprint(got) != want || s.Throttled != 17 || s.Lost != 0 {
		t.Errorf("%v, want %s; %+v", got, want, s)
	}
	if info, err := ReadInfo(path); err != nil || info.SequenceGaps != 0 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestRecorder_Redact(t *testing.T) {
	d := domain(t)
	path := filepath.Join(t.TempDir(), "f.mcap")
	rec := begin(t, join(t, d), path, RecordOptions{Redact: func(name string, kind serde.Type, payload []byte) []byte {
		if name == "face" && kind.Name == "string" {
			return []byte("hidden")
		}
		copy(payload, "X")
		return payload
	}})
	p := join(t, d)
	pub := publisher[string](t, p, "face", nil)
	publish(t, pub, "secret", "secret too")
	publish(t, publisher[string](t, p, "other", nil), "plain")
	s := end(t, rec)
	if got := strings.Join(payloads(t, path), " "); got != "hidden hidden Xlain" || s.Bytes != 17 {
		t.Errorf("%s, %+v", got, s)
	}
}

func TestRecorder_WrongOptions(t *testing.T) {
	p := join(t, domain(t))
	for want, o := range map[string]RecordOptions{
		"is negative":                  {SplitSize: -1},
		"let it be split":              {KeepSize: 1},
		"make the parts smaller":       {KeepSize: 10, SplitSize: 6},
		"drops nothing":                {Lossless: true, Overflow: mcapfile.DropOldest},
		"has no condition":             {Throttles: []Throttle{{}}},
		"time or size of a trigger":    {Trigger: &TriggerOptions{Before: -1}},
		"there are zstd, lz4 and none": {Compression: "rar"},
	} {
		dir := t.TempDir()
		_, err := Record(context.Background(), p, filepath.Join(dir, "f.mcap"), &o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", want, err)
		}
		if files, _ := os.ReadDir(dir); len(files) > 0 {
			t.Errorf("%q: left %v", want, files)
		}
	}
}
