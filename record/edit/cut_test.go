package edit

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/foxglove/mcap/go/mcap"
)

// cutOff writes messages to a recording of a chunk with the first one, and a chunk with the others, which lacks its end.
func cutOff(t testing.TB, messages ...spec) string {
	t.Helper()
	messages[0].data = strings.Repeat("x", 1000)
	b, err := os.ReadFile(foreign(t, &mcap.WriterOptions{Chunked: true, ChunkSize: 1000}, messages...))
	if err != nil {
		t.Fatal(err)
	}
	at, end := len(mcap.Magic), 0
	for chunks := 0; chunks < 2; at = end {
		if end = at + 9 + int(binary.LittleEndian.Uint64(b[at+1:])); mcap.OpCode(b[at]) == mcap.OpChunk {
			chunks++
		}
	}
	path := filepath.Join(t.TempDir(), "cut.mcap")
	if err := os.WriteFile(path, b[:end-10], 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRewrite_ChunksThatAreCutOff(t *testing.T) {
	a := cutOff(t, spec{"a", 100, "1"}, spec{"latched", 150, "2"}, spec{"a", 300, "3"}, spec{"a", 500, "4"})
	b := cutOff(t, spec{"b", 50, ""}, spec{"b", 200, "5"}, spec{"b", 400, "6"})
	late := cutOff(t, spec{"c", 600, ""}, spec{"c", 700, "7"})
	for name, c := range map[string]struct {
		opts Options
		from []Source
		want string
	}{
		"one":         {Options{}, []Source{{Path: a}}, "a@100 latched@150 a@300 a@500"},
		"cut":         {Options{Start: time.Unix(0, 300), End: time.Unix(0, 500)}, []Source{{Path: a}}, "latched@300 a@300"},
		"overlapping": {Options{}, []Source{{Path: a}, {Path: b}}, "b@50 a@100 latched@150 b@200 a@300 b@400 a@500"},
		"in turn":     {Options{}, []Source{{Path: late}, {Path: a}}, "a@100 latched@150 a@300 a@500 c@600 c@700"},
	} {
		res, out := rewrite(t, &c.opts, c.from...)
		if got := strings.Join(topicsAndTimes(read(t, out)), " "); got != c.want || res.Damage == nil {
			t.Errorf("%s: %s, want %s; %v", name, got, c.want, res.Damage)
		}
	}
}
