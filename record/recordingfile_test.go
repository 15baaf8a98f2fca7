package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// dirOf is a directory with the contents of files under names.
func dirOf(t testing.TB, files map[string][]byte) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func contentOf(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// topicsRead returns the topics and payloads of the messages in order.
func topicsRead(t testing.TB, path string) (got string, damage error) {
	t.Helper()
	s, err := Read(t.Context(), path, nil, func(m *Message) error {
		got += fmt.Sprintf("%s=%s ", m.Topic, m.Payload)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got, s.Damage
}

// A part that is cut off, or has more behind its end, takes nothing from the parts after it.
func TestRead_DamagedPartAmongOthers(t *testing.T) {
	one := contentOf(t, file(t, spec{0, second, 0, "1"}, spec{1, 2 * second, 0, "2"}))
	two := contentOf(t, file(t, spec{2, 3 * second, 0, "3"}, spec{0, 4 * second, 0, "4"}))
	const first, second = "a=1 b=2 ", "a=3 a=4 "
	if got, damage := topicsRead(t, dirOf(t, map[string][]byte{"1.mcap": one, "2.mcap": two})); got != first+second || damage != nil {
		t.Fatalf("%s, %v", got, damage)
	}
	head := []byte{6, 0, 1, 0, 0, 0, 0, 0, 0} // of a chunk of 256 bytes
	for name, part := range map[string][]byte{
		"bytes behind it":       append(one[:len(one):len(one)], "0123456789"...),
		"a record cut off":      append(one[:len(one)-8:len(one)-8], head...),
		"no magic at the end":   one[:len(one)-8],
		"the index is missing":  one[:len(one)-200],
		"no recording":          []byte("no recording"),
		"nothing in it":         {},
		"only the head of it":   one[:20],
		"only the magic":        one[:8],
		"half of the recording": one[:len(one)/2],
	} {
		for _, names := range [][2]string{{"1.mcap", "2.mcap"}, {"2.mcap", "1.mcap"}} {
			dir := dirOf(t, map[string][]byte{names[0]: part, names[1]: two, "0.mcap": one})
			got, damage := topicsRead(t, dir)
			if !strings.HasPrefix(got, "a=1 ") || !strings.HasSuffix(got, second) || damage == nil {
				t.Errorf("%s, in %s: %s, %v", name, names[0], got, damage)
			}
			info, err := ReadInfo(dir)
			if err != nil || info.Damage == "" || info.Messages < 4 || len(info.Topics) != 2 && len(info.Topics) != 3 {
				t.Errorf("%s, in %s: %+v, %v", name, names[0], info, err)
			}
		}
	}
}

// A schema is kept once, however many channels have it.
func TestRead_ChannelsThatShareASchema(t *testing.T) {
	const channels, size = 40, 4 << 20
	path := filepath.Join(t.TempDir(), "schema.mcap")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := mcapfile.NewWriter(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	schema := make([]byte, size)
	for i := range channels {
		ch, err := w.AddChannel(mcapfile.Channel{Topic: fmt.Sprint("t", i), Encoding: "json", SchemaName: "T", SchemaEncoding: "jsonschema", Schema: schema})
		if err == nil {
			err = w.Write(&mcapfile.Message{Channel: ch, Data: []byte("{}")})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	content := contentOf(t, path)
	parts := dirOf(t, map[string][]byte{"1.mcap": content, "2.mcap": content})
	allocated := func(fn func()) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		fn()
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	taken := allocated(func() {
		if info, err := ReadInfo(path); err != nil || info.Damage != "" || len(info.Topics) != channels || info.Topics[0].SchemaSize != size {
			t.Errorf("%d topics, %s, %v", len(info.Topics), info.Damage, err)
		}
	})
	if taken > 12*size {
		t.Errorf("info takes %d times a schema", taken/size)
	}
	taken = allocated(func() {
		if d, err := Compare(parts, parts); err != nil || !d.Equal || d.Messages != 2*channels {
			t.Errorf("%+v, %v", d, err)
		}
	})
	if taken > 40*size {
		t.Errorf("a comparison takes %d times a schema", taken/size)
	}
}
