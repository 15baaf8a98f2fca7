package edit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record"
	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// Parts that repeat the newest message of each key become one file without these.
func TestRewrite_PartsWithKeys(t *testing.T) {
	shm, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(shm)
	p, err := topic.Join(&topic.Options{Dir: shm})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dir := t.TempDir()
	rec, err := record.Start(t.Context(), p, filepath.Join(dir, "f.mcap"), &record.RecordOptions{
		Numbered: true, Key: func(string, serde.Type) func([]byte) string {
			return func(payload []byte) string { return string(payload[:1]) }
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	pub, err := topic.NewPublisher(t.Context(), p, "doors", &topic.PublisherOptions[string]{Key: func(s string) string { return s[:1] }, Depth: 64})
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range []string{"a1 b2 c3 a4", "b5", "c6 a7"} {
		if i > 0 {
			if err := rec.Split(); err != nil {
				t.Fatal(err)
			}
		}
		for value := range strings.FieldsSeq(part) {
			if _, err := pub.Publish(t.Context(), value); err != nil {
				t.Fatal(err)
			}
		}
		for rec.Status().Messages < []uint64{4, 5, 7}[i] {
			time.Sleep(time.Millisecond)
		}
	}
	rec.Stop()
	if _, err := rec.Wait(); err != nil {
		t.Fatal(err)
	}
	res, out := rewrite(t, nil, Source{Path: dir})
	var got []string
	for _, m := range read(t, out).Messages {
		got = append(got, m.Data)
	}
	if strings.Join(got, " ") != "a1 b2 c3 a4 b5 c6 a7" || res.Repeated != 6 {
		t.Errorf("%q, %+v", got, res)
	}
}
