package record

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

func firstByte(payload []byte) string { return string(payload[:1]) }

// doors has the keys a, b and c of a topic.
func doors(t *testing.T, p *topic.Participant) *topic.Publisher[string] {
	t.Helper()
	return publisher(t, p, "doors", &topic.PublisherOptions[string]{Key: func(s string) string { return s[:1] }, Depth: 64})
}

func ofDoors(topic string, _ serde.Type) func([]byte) string {
	if topic == "doors" {
		return firstByte
	}
	return nil
}

func TestRecorder_PartsBeginWithEachKey(t *testing.T) {
	d := domain(t)
	rec := begin(t, join(t, d), filepath.Join(t.TempDir(), "f.mcap"), RecordOptions{Numbered: true, Key: ofDoors})
	pub := doors(t, join(t, d))
	publish(t, pub, "a1", "a2", "b3", "c4", "c5", "b6")
	received(t, rec, 6)
	must(t, rec.Split())
	publish(t, pub, "c7", "a8")
	received(t, rec, 8)
	must(t, rec.Split())
	s := end(t, rec)
	for i, want := range []string{"a1 a2 b3 c4 c5 b6", "a2 c5 b6 c7 a8", "b6 c7 a8"} {
		if got := strings.Join(payloads(t, s.Files[i]), " "); got != want {
			t.Errorf("part %d: %s, want %s", i+1, got, want)
		}
		if info, err := ReadInfo(s.Files[i]); err != nil || info.SequenceGaps != 0 || *info.Lost != 0 || info.Topics[0].Publishers != 1 {
			t.Errorf("part %d: %+v, %v", i+1, info, err)
		}
	}
	if got, _ := replay(t, filepath.Dir(s.Files[0]), PlayOptions{Max: true, Key: ofDoors}); strings.Join(payloads(t, got), " ") != "a1 a2 b3 c4 c5 b6 c7 a8" {
		t.Errorf("played together: %s", payloads(t, got))
	}
}

func TestRecorder_PauseKeepsEachKey(t *testing.T) {
	d := domain(t)
	path := filepath.Join(t.TempDir(), "f.mcap")
	rec := begin(t, join(t, d), path, RecordOptions{Paused: true, Key: ofDoors})
	pub := doors(t, join(t, d))
	publish(t, pub, "a1", "b2", "c3", "a4", "b5")
	settle(t, rec, 5)
	must(t, rec.Resume())
	publish(t, pub, "a6")
	end(t, rec)
	if got := strings.Join(payloads(t, path), " "); got != "c3 a4 b5 a6" {
		t.Errorf("recorded %s", got)
	}
	if info, err := ReadInfo(path); err != nil || info.SequenceGaps != 0 || *info.Lost != 0 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestSource_KeysAreBounded(t *testing.T) {
	src := &source{key: func(payload []byte) string { return string(payload) }}
	for i := range maxReplayKeys {
		if key := fmt.Sprint(i); src.keyOf([]byte(key)) != key {
			t.Fatal(i)
		}
	}
	if src.keyOf([]byte("another")) != "" || src.keyOf([]byte("7")) != "7" {
		t.Error("the number of keys is not bounded")
	}
}
