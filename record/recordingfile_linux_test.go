package record

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/serde"
	"github.com/shmbus/shmbus/topic"
)

// inParts records six messages, which end with a text, in three parts.
func inParts(t *testing.T, text string) (dir string) {
	t.Helper()
	d, dir := domain(t), t.TempDir()
	rec := begin(t, join(t, d), filepath.Join(dir, "f.mcap"), RecordOptions{Numbered: true})
	p := join(t, d)
	state, pose := publisher(t, p, "state", &topic.PublisherOptions[string]{Latched: true}), publisher[string](t, p, "pose", nil)
	publish(t, state, "on"+text)
	publish(t, pose, "1"+text, "2"+text)
	received(t, rec, 3)
	must(t, rec.Split())
	publish(t, pose, "3"+text)
	received(t, rec, 4)
	must(t, rec.Split())
	publish(t, state, "off"+text)
	publish(t, pose, "4"+text)
	received(t, rec, 6)
	if s := end(t, rec); len(s.Files) != 3 {
		t.Fatalf("%+v", s)
	}
	return dir
}

// The parts in a directory are read as one recording, without what a part repeats of the one before.
func TestRead_PartsInADirectory(t *testing.T) {
	dir := inParts(t, "")
	var got []string
	s, err := Read(t.Context(), dir, nil, func(m *Message) error {
		got = append(got, string(m.Payload))
		return nil
	})
	if order := strings.Join(got, " "); err != nil || s.Damage != nil || order != "on 1 2 3 off 4" {
		t.Errorf("%s: %+v, %v", order, s, err)
	}
	info, err := ReadInfo(dir)
	if err != nil || info.Damage != "" || !info.Closed || info.Recordings != 3 || info.Messages != 6 || info.SequenceGaps != 0 || len(info.Topics) != 2 ||
		info.Topics[0].Publishers != 1 || info.Topics[1].Publishers != 1 || info.Topics[1].Messages != 2 || info.FileSize != s.FileSize {
		t.Errorf("%+v, %v", info, err)
	}
	again, _ := replay(t, dir, PlayOptions{Max: true})
	for _, pair := range [][2]string{{dir, again}, {again, dir}} {
		if d, err := Compare(pair[0], pair[1]); err != nil || !d.Equal || d.Messages != 6 {
			t.Errorf("%+v, %v", d, err)
		}
	}
	// Payloads that differ are read once more, to be compared by their fields.
	decode := func(_ serde.Type, payload []byte) ([]byte, error) {
		return json.Marshal(strings.TrimSuffix(string(payload), "!"))
	}
	if d, err := CompareWithin(dir, inParts(t, "!"), &CompareOptions{Decode: decode}); err != nil || !d.Equal {
		t.Errorf("%+v, %v", d, err)
	}
}
