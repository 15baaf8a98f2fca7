package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/foxglove/mcap/go/mcap"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// How many damaged recordings TestMutatedRecordings reads; SHMBUS_TEST_SEED repeats a run.
const (
	mutationsVariable = "SHMBUS_TEST_MUTATIONS"
	mutationsShort    = 300
	mutationsReader   = "SHMBUS_TEST_MUTATIONS_READER" // "COUNT SEED FOLDER", in the process that reads
	mutationsMemory   = 256 << 20
)

// TestMutatedRecordings reads damaged recordings in a process that the kernel gives 256 MiB, and that ends when it wants more. With
// the race detector, which takes memory of its own, the kernel gives it what it wants.
func TestMutatedRecordings(t *testing.T) {
	if args := os.Getenv(mutationsReader); args != "" {
		readMutations(t, args)
		return
	}
	count, seed := mutationsShort, rand.Uint64()
	for name, parse := range map[string]func(string) error{
		mutationsVariable:  func(s string) (err error) { count, err = strconv.Atoi(s); return err },
		"SHMBUS_TEST_SEED": func(s string) (err error) { seed, err = strconv.ParseUint(s, 10, 64); return err },
	} {
		if v := os.Getenv(name); v != "" {
			if err := parse(v); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	t.Logf("SHMBUS_TEST_SEED=%d", seed)
	dir := t.TempDir()
	for i, b := range mutationSources(t) { // here: making them takes more memory than reading them
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("source%02d", i)), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMutatedRecordings$", "-test.v", "-test.timeout=0")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d %d %s", mutationsReader, count, seed, dir))
	out, err := cmd.CombinedOutput()
	t.Logf("%s", bytes.TrimSpace(out))
	if err != nil {
		t.Fatalf("the reader ended with %v", err)
	}
	if !strings.Contains(string(out), fmt.Sprintf("%d recordings read", count)) {
		t.Error("not all recordings were read")
	}
}

// peakMemory returns the most bytes that were resident in this program. The kernel's account of a child process (ru_maxrss) has
// the memory of its parent from before the program was started, too.
func peakMemory(t *testing.T) (bytes int) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(peak, &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes << 10
}

func readMutations(t *testing.T, args string) {
	var count int
	var seed uint64
	var dir string
	if _, err := fmt.Sscan(args, &count, &seed, &dir); err != nil {
		t.Fatal(err)
	}
	var sources [][]byte
	paths, _ := filepath.Glob(filepath.Join(dir, "source*"))
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, b)
	}
	if !raceDetector {
		limit := syscall.Rlimit{Cur: mutationsMemory, Max: mutationsMemory}
		if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &limit); err != nil {
			t.Fatal(err)
		}
	}
	debug.SetMemoryLimit(mutationsMemory) // as the commands do
	rng := rand.New(rand.NewPCG(seed, 1))
	path := filepath.Join(dir, "mutated.mcap")
	var damaged, refused, messages uint64
	for range count {
		b := mutate(rng, sources)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		info, err := ReadInfo(path)
		if err != nil {
			refused++ // without the magic it is no MCAP file
			continue
		}
		if info.Damage != "" {
			damaged++
		}
		// As play reads it, which checks no attachments.
		plan, err := mcapfile.NewPlan(bytes.NewReader(b), int64(len(b)), &mcapfile.Limits{Memory: mutationsMemory}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var n, last uint64
		for m, err := range plan.InOrder() {
			if err != nil {
				t.Fatalf("a plan that cannot be carried out: %v", err)
			}
			if m.LogTime < last {
				t.Fatal("a message is out of order")
			}
			last = m.LogTime
			n++
		}
		if n != plan.Messages || n > info.Messages {
			t.Fatalf("%d messages were played, the plan has %d, the file %d", n, plan.Messages, info.Messages)
		}
		messages += n
	}
	peak := peakMemory(t)
	fmt.Printf("%d recordings read, %d damaged, %d refused, %d messages, %d MiB resident at most\n", count, damaged, refused, messages, peak>>20)
	if peak > mutationsMemory && !raceDetector {
		t.Errorf("%d bytes were resident, want at most %d", peak, mutationsMemory)
	}
}

// mutationSources are the real recordings, where they are there, and some of every form.
func mutationSources(t *testing.T) (sources [][]byte) {
	paths, _ := filepath.Glob("../../shared/data/*.mcap")
	if len(paths) == 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("../shared/data, beside the checkout, holds no recordings")
		}
		t.Log("only made recordings are read: ../shared/data, beside the checkout, holds none of other tools")
	}
	for _, p := range append(paths, file(t, spec{0, 1, 0, "x"}, spec{1, 2, 0, "yy"}, spec{2, 2, 0, "zzz"})) {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, b)
	}
	for _, compression := range []mcap.CompressionFormat{"", mcap.CompressionLZ4, mcap.CompressionZSTD} {
		for _, chunk := range []int64{0, 500, 20_000, 400 << 20} {
			size, n := 100, 100
			if chunk > 1<<20 && compression == mcap.CompressionZSTD {
				size, n = 30<<20, 10 // a few kilobytes that unpack to 300 MiB
			}
			sources = append(sources, madeRecording(t, compression, chunk, size, n))
		}
	}
	return sources
}

func madeRecording(t *testing.T, compression mcap.CompressionFormat, chunk int64, size, n int) []byte {
	var b bytes.Buffer
	w, err := mcap.NewWriter(&b, &mcap.WriterOptions{Chunked: chunk > 0, ChunkSize: chunk, Compression: compression, IncludeCRC: true})
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	check(w.WriteHeader(&mcap.Header{Profile: "p"}))
	for id := range uint16(3) {
		check(w.WriteSchema(&mcap.Schema{ID: id + 1, Name: "s", Encoding: "e", Data: []byte("schema")}))
		check(w.WriteChannel(&mcap.Channel{ID: id, SchemaID: id + 1, Topic: fmt.Sprint("t", id), Metadata: map[string]string{"k": "v"}}))
	}
	check(w.WriteAttachment(&mcap.Attachment{Name: "a", DataSize: 500, Data: bytes.NewReader(make([]byte, 500))}))
	check(w.WriteMetadata(&mcap.Metadata{Name: "m", Metadata: map[string]string{"k": "v", "l": ""}}))
	data := make([]byte, size)
	for i := range n {
		check(w.WriteMessage(&mcap.Message{ChannelID: uint16(i % 3), Sequence: uint32(i), LogTime: uint64(i * 7919 % 101), Data: data}))
	}
	check(w.Close())
	return b.Bytes()
}

// mutate damages one of the sources in one to four ways.
func mutate(rng *rand.Rand, sources [][]byte) []byte {
	b := slices.Clone(sources[rng.IntN(len(sources))])
	for range 1 + rng.IntN(4) {
		heads := recordHeads(b)
		some := func() int { return rng.IntN(len(b) + 1) }
		head := func() int { return heads[rng.IntN(len(heads))] }
		switch rng.IntN(9) {
		case 0: // bits
			for range 1 + rng.IntN(5) {
				if len(b) > 8 {
					b[8+rng.IntN(len(b)-8)] ^= 1 << rng.IntN(8)
				}
			}
		case 1: // the length of a record
			if at := head() + 1; at+8 <= len(b) {
				lengths := []uint64{0, 1, 1 << 20, 1 << 31, 1 << 32, 1<<63 - 1, ^uint64(0), binary.LittleEndian.Uint64(b[at:]) + 1, binary.LittleEndian.Uint64(b[at:]) - 1}
				binary.LittleEndian.PutUint64(b[at:], lengths[rng.IntN(len(lengths))])
			}
		case 2: // a length within a record
			if at := head() + 9 + rng.IntN(60); at+4 <= len(b) {
				binary.LittleEndian.PutUint32(b[at:], []uint32{0, 1, 1 << 16, 1 << 30, 1<<32 - 1}[rng.IntN(5)])
			}
		case 3: // cut
			b = b[:some()]
		case 4: // a record twice
			i := rng.IntN(len(heads))
			if i+1 < len(heads) {
				b = slices.Insert(b, heads[i], slices.Clone(b[heads[i]:heads[i+1]])...)
			}
		case 5: // two records, one for the other
			if len(heads) > 3 {
				i := rng.IntN(len(heads) - 2)
				one, two := slices.Clone(b[heads[i]:heads[i+1]]), slices.Clone(b[heads[i+1]:heads[i+2]])
				copy(b[heads[i]:], slices.Concat(two, one))
			}
		case 6: // a part of another file
			other := sources[rng.IntN(len(sources))]
			from := rng.IntN(len(other))
			part := other[from:min(from+rng.IntN(50_000)+1, len(other))]
			if rng.IntN(4) == 0 {
				part = other
			}
			b = slices.Insert(b, []int{head(), some(), len(b)}[rng.IntN(3)], part...)
		case 7: // zeros
			at := some()
			clear(b[at:min(at+512, len(b))])
		case 8: // an opcode
			if at := head(); at < len(b) {
				b[at] = byte(rng.IntN(20))
			}
		}
		if len(b) < 9 {
			break
		}
	}
	return b
}

// recordHeads returns where the records outside of chunks begin, as far as their lengths lead, and where they end.
func recordHeads(b []byte) (heads []int) {
	at := 8
	for at+9 <= len(b) {
		heads = append(heads, at)
		n := binary.LittleEndian.Uint64(b[at+1:])
		if n > uint64(len(b)-at-9) {
			return heads
		}
		at += 9 + int(n)
	}
	return append(heads, min(at, len(b)))
}
