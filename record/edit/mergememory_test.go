package edit

import (
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/foxglove/mcap/go/mcap"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// The library of the MCAP project compresses with a window of 8 MiB, whatever a chunk holds.
func TestRewrite_MergeOfStreamedChunks(t *testing.T) {
	const files, messages = 5, 8
	random := rand.New(rand.NewPCG(1, 2))
	var from []Source
	for range files {
		var specs []spec
		for i := range messages {
			b := make([]byte, 500_000)
			for k := range b[:len(b)/2] {
				b[k] = byte(random.Uint32())
			}
			specs = append(specs, spec{"a", uint64(100 * i), string(b)})
		}
		streamed := &mcap.WriterOptions{Chunked: true, ChunkSize: 4 << 20, IncludeCRC: true, Compression: mcap.CompressionZSTD}
		from = append(from, Source{Path: foreign(t, streamed, specs...)})
	}
	res, err := RewriteTo(t.Context(), io.Discard, from, nil)
	if err != nil || res.Damage != nil || res.Messages != files*messages {
		t.Errorf("%d messages, %v, %v", res.Messages, res.Damage, err)
	}
	// A window may have an eighth of the memory, as for every reader.
	res, err = RewriteTo(t.Context(), io.Discard, from[:1], &Options{Memory: 64 << 20})
	if err != nil || res.Damage != nil || res.Messages != messages {
		t.Errorf("with 64 MiB: %d messages, %v, %v", res.Messages, res.Damage, err)
	}
	var limit *mcapfile.MemoryLimitError
	res, err = RewriteTo(t.Context(), io.Discard, from[:1], &Options{Memory: 48 << 20})
	if err != nil || !errors.As(res.Damage, &limit) || limit.Size != 64<<20 || limit.Limit != 48<<20 {
		t.Errorf("with 48 MiB: %v, %v", res.Damage, err)
	}
	// What they need together is known before anything is left out.
	_, err = RewriteTo(t.Context(), io.Discard, from, &Options{Memory: 64 << 20})
	if err == nil || !strings.Contains(err.Error(), "the limit is 64 MiB; allow more (--memory), or merge some first") {
		t.Errorf("together with 64 MiB: %v", err)
	}
}

// Messages of up to an eighth of the memory are kept, of however many files.
func TestRewrite_MergeOfLargeMessages(t *testing.T) {
	const memory = 96 << 20
	var from []Source
	for range 3 {
		from = append(from, Source{Path: foreign(t, chunked, spec{"a", 1, strings.Repeat("x", memory/8)}, spec{"a", 2, "small"})})
	}
	res, err := RewriteTo(t.Context(), io.Discard, from[:2], &Options{Memory: memory})
	if err != nil || res.Damage != nil || res.Messages != 4 {
		t.Errorf("two files: %d messages, %v, %v", res.Messages, res.Damage, err)
	}
	_, err = RewriteTo(t.Context(), io.Discard, from, &Options{Memory: memory})
	if err == nil || !strings.Contains(err.Error(), "need 101 MiB of memory, the limit is 96 MiB; allow more (--memory)") {
		t.Errorf("three files: %v", err)
	}
	if res, err := RewriteTo(t.Context(), io.Discard, from, &Options{Memory: 101 << 20}); err != nil || res.Damage != nil || res.Messages != 6 {
		t.Errorf("with what the error says: %d messages, %v, %v", res.Messages, res.Damage, err)
	}
	large := foreign(t, chunked, spec{"a", 1, strings.Repeat("x", memory/8+1)}, spec{"a", 2, "small"})
	res, err = RewriteTo(t.Context(), io.Discard, []Source{from[0], {Path: large}}, &Options{Memory: memory})
	if err != nil || res.Damage == nil || res.Messages != 3 {
		t.Errorf("a larger message: %d messages, %v, %v", res.Messages, res.Damage, err)
	}
}
