package mcapjs

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/serde/cdr"
	"github.com/shmbus/shmbus/topic"
)

// recorded records what publish publishes.
func recorded(t *testing.T, publish func(ctx context.Context, p *topic.Participant)) (path string) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	p, err := topic.Join(&topic.Options{Dir: dir, Domain: "d", Unit: "sender"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	path = filepath.Join(t.TempDir(), "live.mcap")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	started, ended := make(chan struct{}), make(chan error)
	go func() {
		_, err := record.Record(ctx, p, path, &record.RecordOptions{Lossless: true, Started: func() { close(started) }})
		ended <- err
	}()
	select {
	case <-started:
	case err := <-ended:
		t.Fatal(err)
	}
	publish(ctx, p)
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRecordingOfLiveTopics_ReadByTheMCAPLibrary(t *testing.T) {
	type reading struct{ Value int }
	sum := sha256.New()
	const n = 500
	path := recorded(t, func(ctx context.Context, p *topic.Participant) {
		words, err := topic.NewPublisher[string](ctx, p, "words", nil)
		if err != nil {
			t.Fatal(err)
		}
		readings, err := topic.NewPublisher[reading](ctx, p, "readings", nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			word := fmt.Sprint("word ", i)
			sum.Write([]byte(word))
			if _, err := words.Publish(t.Context(), word); err != nil {
				t.Fatal(err)
			}
			if _, err := readings.Publish(t.Context(), reading{i}); err != nil {
				t.Fatal(err)
			}
		}
	})
	r := check(t, path)
	for name, f := range map[string]figures{"stream": r.Stream.figures, "index": r.Index.figures} {
		w, v := f.Topics["words"], f.Topics["readings"]
		if f.Messages != 2*n || w.Messages != n || w.Hash != fmt.Sprintf("%x", sum.Sum(nil)) || w.LastSequence != n || w.Type.Encoding != "string" {
			t.Errorf("%s: %d messages; words: %+v", name, f.Messages, w)
		}
		if v.Messages != n || v.Type.Encoding != "msgpack" || v.Type.Name != "mcapjs.reading" || v.Metadata["shmbus.stream"] == "" {
			t.Errorf("%s: readings: %+v", name, v)
		}
	}
	if p := r.Index.Metadata["shmbus.publishers"]; !strings.Contains(fmt.Sprint(p), `"unit":"sender"`) {
		t.Errorf("shmbus.publishers: %v", p)
	}
	if s := r.Index.Metadata["shmrec.stats"]; s["lost"] != "0" || s["messages"] != fmt.Sprint(2*n) || s["topics"] == "" {
		t.Errorf("shmrec.stats: %v", s)
	}
}

func TestRecordingOfROS2Topics_ReadByFoxglove(t *testing.T) {
	codec, err := cdr.Codec[ros2Root]("test_msgs/msg/Root", ros2RootSchema)
	if err != nil {
		t.Fatal(err)
	}
	const n = 20
	path := recorded(t, func(ctx context.Context, p *topic.Participant) {
		pub, err := topic.NewPublisher(ctx, p, "/robot/root", &topic.PublisherOptions[ros2Root]{Codec: codec})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			if _, err := pub.Publish(ctx, ros2Root{Name: fmt.Sprint("message ", i), Last: uint8(i)}); err != nil {
				t.Fatal(err)
			}
		}
	})
	answers := runFoxglove(t, nil, path)
	if len(answers) != n {
		t.Fatalf("%d messages", len(answers))
	}
	for i, a := range answers {
		var got ros2Root
		if err := codec.Decoder().Decode(a.Written, &got); err != nil || got.Name != fmt.Sprint("message ", i) || got.Last != uint8(i) || a.Rest {
			t.Errorf("message %d: %s (%v)", i, a.Message, err)
		}
	}
}
