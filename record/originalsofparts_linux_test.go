package record

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// withJumps is a recording of which each message needs a note of its own when it is replayed. Its payloads are as those of ofTwoPublishers.
func withJumps(t *testing.T, n int) string {
	t.Helper()
	stream := &mcapfile.Channel{Topic: "t", Metadata: map[string]string{keyStream: "s.0"}}
	var lines []line
	ranges := make(map[string]string)
	for i := 1; i <= n; i++ {
		lines = append(lines, line{stream, uint64(i), fmt.Sprintf("a.1 %d", 3*i)})
		ranges[fmt.Sprintf("s.0:%d", i)] = fmt.Sprintf(`{"publisher":"a.1","sequence":%d}`, 3*i)
	}
	return fileOf(t, lines, map[string]map[string]string{publishersName: ranges})
}

// Each message of each part has its original, also when the notes of later messages were there when the part began.
func TestRecord_OriginalsOfEachPart(t *testing.T) {
	const messages = 2000
	for name, o := range map[string]RecordOptions{
		"size":    {SplitSize: 80_000},
		"trigger": {Trigger: &TriggerOptions{Before: time.Hour, Bytes: 20_000, After: time.Millisecond}},
	} {
		t.Run(name, func(t *testing.T) {
			d := domain(t)
			o.Lossless, o.ChunkSize, o.Compression = true, 1000, mcapfile.Uncompressed
			rec := begin(t, join(t, d), filepath.Join(t.TempDir(), "f.mcap"), o)
			if _, err := Play(t.Context(), join(t, d), withJumps(t, messages), &PlayOptions{Max: true}); err != nil {
				t.Fatal(err)
			}
			received(t, rec, messages)
			if o.Trigger != nil {
				must(t, rec.Trigger())
			}
			s := end(t, rec)
			if parts := len(s.Files); o.SplitSize > 0 && parts < 5 || o.Trigger != nil && parts != 1 {
				t.Fatalf("%d parts", parts)
			}
			recorded := 0
			for i, path := range s.Files {
				all, known := len(payloads(t, path)), checkOriginals(t, path)
				if recorded += all; known != all || all == 0 {
					t.Errorf("part %d: %d of %d messages have an original", i+1, known, all)
				}
			}
			if o.Trigger == nil && recorded != messages {
				t.Errorf("%d messages", recorded)
			}
		})
	}
}
