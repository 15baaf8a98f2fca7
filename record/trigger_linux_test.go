package record

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

func TestRecorder_StampOfTheFutureEndsNoTrigger(t *testing.T) {
	d := domain(t)
	rec := begin(t, join(t, d), filepath.Join(t.TempDir(), "f.mcap"), RecordOptions{Trigger: &TriggerOptions{After: time.Hour}})
	pub := publisher[[]byte](t, join(t, d), "a", nil)
	must(t, rec.Trigger())
	_, err := pub.PublishAt(t.Context(), []byte("of tomorrow"), topic.Stamp(rec.clock.Now()+int64(24*time.Hour)))
	must(t, err)
	publish(t, pub, []byte("of now"))
	received(t, rec, 2)
	rec.mu.Lock()
	open := rec.open
	rec.mu.Unlock()
	if s := end(t, rec); !open || len(s.Files) != 1 || s.Messages != 2 {
		t.Errorf("the part was open: %v; %+v", open, s)
	}
}

// What a latched publisher kept from before the recording says nothing about the time since then.
func TestRecorder_LatchedMessageOfBeforeIsNoTrigger(t *testing.T) {
	d := domain(t)
	p := join(t, d)
	stop := publisher(t, p, "stop", &topic.PublisherOptions[string]{Latched: true})
	pose := publisher[string](t, p, "pose", nil)
	publish(t, stop, "no")
	rec := begin(t, join(t, d), filepath.Join(t.TempDir(), "f.mcap"), RecordOptions{Trigger: &TriggerOptions{Topics: regexp.MustCompile("^stop$"), After: time.Hour}})
	received(t, rec, 1)
	publish(t, pose, "1")
	received(t, rec, 2)
	if s := rec.Status(); s.State != Waiting || s.Part != 0 {
		t.Errorf("before a trigger: %+v", s)
	}
	publish(t, stop, "yes")
	s := end(t, rec)
	if len(s.Files) != 1 || s.TriggerPublishers != 1 {
		t.Fatalf("%+v", s)
	}
	if got := strings.Join(payloads(t, s.Files[0]), " "); got != "no 1 yes" {
		t.Errorf("the part has %s", got)
	}
}

// What is in the part of an earlier trigger is not repeated, and the recording says so.
func TestRecorder_TriggerSoonAfterAnother(t *testing.T) {
	d := domain(t)
	rec := begin(t, join(t, d), filepath.Join(t.TempDir(), "f.mcap"), RecordOptions{Trigger: &TriggerOptions{Before: time.Hour}})
	pub := publisher[string](t, join(t, d), "a", nil)
	publish(t, pub, "1")
	received(t, rec, 1)
	must(t, rec.Trigger())
	for rec.Status().Complete == 0 {
		time.Sleep(time.Millisecond)
	}
	publish(t, pub, "2")
	received(t, rec, 2)
	must(t, rec.Trigger())
	s := end(t, rec)
	if len(s.Files) != 2 || s.Joined != 1 || s.Messages != 2 {
		t.Fatalf("%+v", s)
	}
	for i, want := range []string{"1", "2"} {
		if got := strings.Join(payloads(t, s.Files[i]), " "); got != want {
			t.Errorf("part %d: %s, want %s", i+1, got, want)
		}
	}
	for i, want := range []string{"trigger: command", "trigger: command; the time before it begins in part 1"} {
		f, size, err := openRecording(s.Files[i])
		must(t, err)
		plan, err := mcapfile.NewPlan(f, size, nil, nil)
		must(t, errors.Join(err, f.Close()))
		if got := plan.Stats.Metadata[0].Values["cause"]; got != want {
			t.Errorf("part %d: cause %q, want %q", i+1, got, want)
		}
	}
}
