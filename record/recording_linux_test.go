package record

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/shmbus/shmbus/serde"
)

// A replay with --original-stamps goes on: each of its samples is older than the end of the recording.
func TestRecord_EndsBesideStampsOfThePast(t *testing.T) {
	const endless = 1_000_000
	d := domain(t)
	pub := publisher[[]byte](t, join(t, d), "replay", nil)
	var published atomic.Int64 // what the recorder takes, it gets through shared memory, which the race detector does not follow
	publishNext := func() {
		published.Add(1)
		if _, err := pub.PublishAt(t.Context(), []byte("x"), 1); err != nil {
			t.Error(err)
		}
	}
	entered := make(chan bool)
	rec, err := Start(t.Context(), join(t, d), filepath.Join(t.TempDir(), "f.mcap"), &RecordOptions{Redact: func(_ string, _ serde.Type, payload []byte) []byte {
		if published.Load() == 1 {
			entered <- true
			<-entered
		}
		if published.Load() < endless {
			publishNext()
		}
		return payload
	}})
	if err != nil {
		t.Fatal(err)
	}
	publishNext()
	<-entered
	rec.Stop()
	entered <- true
	if _, err := rec.Wait(); err != nil || published.Load() == endless {
		t.Errorf("ended only after %d samples, %v", published.Load(), err)
	}
}

func TestRecord_TakesNoNewPublisherAfterTheEnd(t *testing.T) {
	d := domain(t)
	entered, leave := make(chan bool), make(chan bool)
	rec := begin(t, join(t, d), filepath.Join(t.TempDir(), "f.mcap"), RecordOptions{Redact: func(_ string, _ serde.Type, payload []byte) []byte {
		entered <- true
		<-leave
		return payload
	}})
	p := join(t, d)
	before := publisher[string](t, p, "before", nil)
	publish(t, before, "1")
	<-entered
	publish(t, before, "2")
	rec.Stop()
	for !rec.ending.Load() {
		time.Sleep(time.Millisecond)
	}
	if late := publisher[string](t, p, "late", nil); late.Subscribers() != 0 {
		t.Error("the recorder subscribed to a publisher that was created after the end")
	}
	leave <- true
	<-entered
	leave <- true
	if s := end(t, rec); s.Messages != 2 {
		t.Errorf("%d messages recorded, want 2", s.Messages)
	}
}
