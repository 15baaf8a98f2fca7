package record

import (
	"crypto/rand"
	"io"
	"os"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
	"github.com/shmbus/shmbus/topic"
)

// lossesOf returns the losses of each topic of a status, and their sum.
func lossesOf(s Status) (of map[string]uint64, all uint64) {
	of = make(map[string]uint64)
	for _, t := range s.Topics {
		of[t.Topic] = t.Lost
		all += t.Lost
	}
	return of, all
}

// eventually waits until a status fulfils a condition.
func eventually(t *testing.T, rec *Recorder, what string, is func(Status) bool) Status {
	t.Helper()
	var s Status
	for range 2000 {
		if s = rec.Status(); is(s) {
			return s
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("never %s: %+v", what, s)
	return s
}

// A recorder whose cache is full takes nothing. What publishers overwrite meanwhile is told at once, of each topic, also of one of which
// nothing was taken yet; it never becomes less, and it is what the recording has at its end.
func TestRecorder_LossesAreToldWhileTheCacheIsFull(t *testing.T) {
	d := domain(t)
	path := pipe(t)
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	p := join(t, d)
	busy := publisher(t, p, "busy", &topic.PublisherOptions[[]byte]{Depth: 8})
	rec, err := Start(t.Context(), join(t, d), path, &RecordOptions{
		Cache: 256 << 10, ChunkSize: 64 << 10, Compression: mcapfile.Uncompressed, Exclude: regexp.MustCompile("excluded"), ExcludeTypes: regexp.MustCompile("unwanted"),
	})
	if err != nil {
		t.Fatal(err)
	}
	published := uint64(0)
	payload := make([]byte, 4<<10)
	eventually(t, rec, "the cache has no room for a chunk", func(s Status) bool {
		for range 100 {
			rand.Read(payload)
			publish(t, busy, payload)
			published++
		}
		return published >= 4000 && s.Queue > (256-64)<<10
	})
	s := eventually(t, rec, "all are received, lost or in the ring", func(s Status) bool {
		of, _ := lossesOf(s)
		return of["busy"]+s.Messages+8+1 >= published
	})
	if s.Lost == 0 || s.Messages+s.Lost > published {
		t.Errorf("%d messages, %d lost", s.Messages, s.Lost)
	}
	for _, name := range []string{"later", "excluded"} {
		pub := publisher(t, p, name, &topic.PublisherOptions[string]{Depth: 8})
		for range 20 {
			publish(t, pub, "x")
		}
	}
	s = eventually(t, rec, "the losses of a later topic are told", func(s Status) bool {
		of, _ := lossesOf(s)
		return of["later"] > 0 // some may be taken in turn with the last of the other topic, until the cache is full
	})
	if of, all := lossesOf(s); of["excluded"] != 0 || all != s.Lost || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
	s = eventually(t, rec, "the verdict is that the recorder loses", func(s Status) bool {
		publish(t, busy, payload)
		published++
		return s.Verdict == Losing
	})

	var reading, watching sync.WaitGroup
	reading.Go(func() { io.Copy(io.Discard, reader) })
	watching.Go(func() {
		for last := s; last.State != RecordEnded; {
			now := rec.Status()
			if now.Lost < last.Lost {
				t.Errorf("%d lost after %d", now.Lost, last.Lost)
			}
			last = now
		}
	})
	eventually(t, rec, "all are received or lost", func(s Status) bool { return s.Messages+s.Lost == published+20 })
	sum := end(t, rec)
	watching.Wait()
	reader.Close()
	reading.Wait()
	for _, s := range sum.Topics {
		want := map[string]uint64{"busy": published, "later": 20}[s.Topic]
		if s.Messages+s.Lost != want {
			t.Errorf("%+v, want %d in all", s, want)
		}
	}
	if final := rec.Status(); final.Lost != sum.Lost {
		t.Errorf("%d were told, %d at the end", final.Lost, sum.Lost)
	}
}

// What was lost before a sample that is not recorded counts for its topic, except what was published in a pause.
func TestRecorder_LossesBeforeASampleThatIsLeft(t *testing.T) {
	d := domain(t)
	sub, err := topic.NewSubscriber[[]byte](t.Context(), join(t, d), "t", nil)
	if err != nil {
		t.Fatal(err)
	}
	pub := publisher(t, join(t, d), "t", &topic.PublisherOptions[string]{Depth: 8})
	r := newSink(t, nil)
	lose := func(want, wantPaused uint64) {
		t.Helper()
		for range 20 {
			publish(t, pub, "x")
		}
		for i := range 8 {
			s, ok, err := sub.TryReceive()
			if !ok || err != nil || (s.Lost() == 12) != (i == 0) {
				t.Fatal(ok, err)
			}
			if err := r.leave(s); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.counts.summaries()[0].Lost; got != want || r.pause.lost != wantPaused {
			t.Errorf("%d lost, and %d in the pause, want %d and %d", got, r.pause.lost, want, wantPaused)
		}
	}
	lose(12, 0)
	r.pause.is.Store(true)
	r.pause.since = r.clock.Now()
	lose(12, 12)
	r.pause.since = r.clock.Now() + int64(time.Hour) // after what is published now
	lose(24, 12)
}
