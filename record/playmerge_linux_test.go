package record

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// filesFrom puts recordings into a directory, and opens it for a replay.
func filesFrom(t *testing.T, o PlayOptions, recordings ...[]spec) (*playFiles, error) {
	t.Helper()
	dir := t.TempDir()
	for i, specs := range recordings {
		if err := os.Rename(file(t, specs...), filepath.Join(dir, fmt.Sprintf("f-%04d.mcap", i+1))); err != nil {
			t.Fatal(err)
		}
	}
	checked, err := o.checked()
	if err != nil {
		t.Fatal(err)
	}
	files, err := openPlayFiles(dir, &checked)
	if err == nil {
		t.Cleanup(files.close)
	}
	return files, err
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Files whose messages follow each other, as the parts of a recording do, take the memory of one.
func TestPlay_MemoryOfManyParts(t *testing.T) {
	const parts, each = 60, 6
	payload := make([]byte, 100_000)
	for i := range payload {
		payload[i] = byte(i * i >> 7)
	}
	for _, o := range []PlayOptions{{}, {Order: ByPublishTime}, {StartElapsed: 1}} {
		var recordings [][]spec
		for i := range parts {
			var specs []spec
			for k := range each {
				specs = append(specs, spec{0, second + uint64(i*each+k), 0, string(payload)})
			}
			recordings = append(recordings, specs)
		}
		files, err := filesFrom(t, o, recordings...)
		if err != nil {
			t.Fatal(err)
		}
		before, n := heapInUse(), 0
		for _, err := range files.from(0, func(int) bool { return true }) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n%(parts/3*each) != 1 {
				continue
			}
			if after := heapInUse(); after > before+16<<20 {
				t.Errorf("%+v: at message %d they take %d MiB", o.window(), n, (after-before)>>20)
			}
		}
		if n != parts*each {
			t.Errorf("%d messages", n)
		}
	}
}

// Messages of one time come by the order of the files, wherever a file begins and ends.
func TestPlay_ManyFilesInOrder(t *testing.T) {
	for range 20 {
		var recordings [][]spec
		type place struct {
			time, publish uint64
			data          string
		}
		var want []place
		for i := range 12 {
			var specs []spec
			begin, width := second+uint64(rand.IntN(50)), 1+rand.IntN(30)
			for k := range rand.IntN(20) {
				s := spec{0, begin + uint64(rand.IntN(width)), begin + uint64(rand.IntN(width)), fmt.Sprintf("%d.%d", i, k)}
				specs = append(specs, s)
				want = append(want, place{s.log, s.publish, s.data})
			}
			recordings = append(recordings, specs)
		}
		for _, order := range []Order{ByLogTime, ByPublishTime} {
			key := func(p place) uint64 {
				if order == ByPublishTime {
					return p.publish
				}
				return p.time
			}
			slices.SortStableFunc(want, func(a, b place) int {
				byFile := cmp.Compare(slices.IndexFunc(recordings, hasPayload(a.data)), slices.IndexFunc(recordings, hasPayload(b.data)))
				return cmp.Or(cmp.Compare(key(a), key(b)), byFile, cmp.Compare(len(a.data), len(b.data)), cmp.Compare(a.data, b.data))
			})
			files, err := filesFrom(t, PlayOptions{Order: order}, recordings...)
			if err != nil {
				t.Fatal(err)
			}
			for _, from := range []uint64{0, second + 30} {
				var got, expected []string
				for m, err := range files.from(from, func(int) bool { return true }) {
					if err != nil {
						t.Fatal(err)
					}
					if m.time >= from {
						got = append(got, string(m.Data))
					}
				}
				for _, p := range want {
					if key(p) >= from {
						expected = append(expected, p.data)
					}
				}
				if !slices.Equal(got, expected) {
					t.Fatalf("order %d from %d: %v, want %v", order, from, got, expected)
				}
			}
		}
	}
}

func hasPayload(data string) func([]spec) bool {
	return func(specs []spec) bool {
		return slices.ContainsFunc(specs, func(s spec) bool { return s.data == data })
	}
}

// What is to be read at once fits into the memory, or is refused with the remedy.
func TestPlay_MemoryOfFilesOfTheSameTime(t *testing.T) {
	recordings := make([][]spec, 20)
	for i := range recordings {
		recordings[i] = []spec{{0, second, 0, "x"}, {0, 2 * second, 0, "y"}}
	}
	for _, start := range []uint64{0, 1} {
		o := PlayOptions{Memory: 64 << 20, StartElapsed: duration(start)}
		if _, err := filesFrom(t, o, recordings...); err == nil || !strings.Contains(err.Error(), "the limit is 64 MiB; allow more (--memory), play fewer, or merge some first") {
			t.Errorf("%v", err)
		}
		if _, err := filesFrom(t, o, recordings[:10]...); err != nil {
			t.Error(err)
		}
		if o.Memory = 0; mcapfile.DefaultMemory >= 128<<20 {
			if _, err := filesFrom(t, o, recordings...); err != nil {
				t.Error(err)
			}
		}
	}
}
